"""A real worker process, from its first byte to its last."""

import hashlib

import msgspec
import pytest

from scripted_host import ADAPTERS, CALL, CANCEL, END, ERROR, ITEM, READY, REPLY, ScriptedHost, encode


@pytest.fixture
def host():
    with ScriptedHost("everyday:Everyday", config={"depth": 3}) as host:
        header, names = host.receive()
        assert header[0] == READY
        host.ready = header, names
        yield host


def test_a_worker_announces_its_tools_and_the_hash_of_its_manifest(host):
    header, names = host.ready
    manifest = host.ask("$manifest")
    assert names == [tool["name"] for tool in manifest["tools"]]
    assert header[1] == hashlib.sha256(msgspec.msgpack.encode(manifest, order="deterministic")).hexdigest()
    assert (manifest["adapter"], manifest["description"]) == ("everyday:Everyday", "Everyday tools.")


def test_a_call_is_answered_with_its_result(host):
    assert host.ask("add", {"a": 1}) == 3
    assert host.ask("add", [[1], {"b": 5}]) == 6


def test_the_adapter_was_made_with_its_configuration_and_initialized_before_the_first_call(host):
    assert host.ask("settings") == {"config": {"depth": 3}, "seen": ["initialized"]}


def test_refused_arguments_never_ran(host):
    (kind, _, code, executed, *_), body = host.ask("add", {"a": "x"})
    assert (kind, code, executed) == (ERROR, "invalid_argument", 0)
    assert "`a`: expected `int`, got `str`" in body["message"]


def test_an_exception_reaches_the_caller_and_the_worker_lives_on(host):
    (kind, _, code, executed, *_), body = host.ask("fail")
    assert (kind, code, executed, body["type"]) == (ERROR, "tool", 2, "LookupError")
    assert body["traceback"].count("  File ") == 1
    assert host.ask("leave")[1]["type"] == "SystemExit"
    assert host.ask("add", {"a": 1}) == 3


def test_what_a_tool_prints_is_not_on_the_wire(host):
    assert host.ask("noise") == "quiet"
    host.process.kill()
    assert "to nobody in particular" in host.wait()[1]


def test_a_generator_is_a_stream_with_an_end(host):
    number = host.call("count", {"n": 3}, flags=1)
    frames = [host.receive() for _ in range(4)]
    assert [(header[0], header[3], body) for header, body in frames[:3]] == [(ITEM, i, i) for i in range(3)]
    assert frames[3] == ([END, number, 0, 3], "done")


def test_a_call_carries_session_metadata_and_deadline(host):
    meta = {"correlation_id": "trace-1", "metadata": {"user": "ada"}}
    answer = host.ask("whose", session="demo", remaining=5000, meta=meta)
    assert answer == ["demo", "trace-1", {"user": "ada"}, True]
    session, made_up, metadata, has_deadline = host.ask("whose")
    assert (session, made_up[:12], metadata, has_deadline) == ("", host.nonce[:12], {}, False)


def test_a_tool_of_the_host_is_called_from_inside_a_call(host):
    number = host.call("parse", {"text": "{}"})
    (kind, inner, target, *_), arguments = host.receive()
    assert (kind, inner % 2, target, arguments) == (2, 0, "parse_json", {"json_string": "{}"})
    host.send([REPLY, inner], encode({"success": True}))
    assert host.receive() == ([REPLY, number], {"success": True})


def test_an_error_of_the_host_can_pass_through(host):
    host.call("parse", {"text": "{}"})
    (_, inner, *_), _ = host.receive()
    host.send([ERROR, inner, "tool_not_found", 0], encode({"type": "x", "message": "no such tool"}))
    (_, _, code, executed, *_), body = host.receive()
    assert (code, executed, body["type"], body["code"]) == (
        "tool",
        2,
        "snakebridge.HostToolError",
        "tool_not_found",
    )


def test_the_state_of_the_session_is_asked_of_the_host(host):
    number = host.call("remember", {"key": "a", "value": 7}, session="demo")
    (_, inner, target, *_), arguments = host.receive()
    assert (target, arguments) == ("$state.cas", {"key": "a", "expected": 1, "value": 7})
    host.send([ERROR, inner, "conflict", 0], encode({"message": "changed", "data": {"version": 5}}))
    assert host.receive() == ([REPLY, number], 5)


@pytest.mark.parametrize(("answer", "value"), [([3, "tea"], "tea"), (None, "nothing"), ([1, None], None)])
def test_the_state_can_be_awaited(host, answer, value):
    number = host.call("recall", {"key": "a"}, session="demo")
    (_, inner, target, *_), arguments = host.receive()
    assert (target, arguments) == ("$state.get", {"key": "a"})
    host.send([REPLY, inner], encode(answer))
    assert host.receive() == ([REPLY, number], value)


def test_an_adapter_registers_its_tools_by_their_names(host):
    number = host.call("join", session="demo")
    (_, inner, target, *_), arguments = host.receive()
    assert target == "$tools.register"
    assert {"add", "join", "recall"} <= set(arguments["tools"])
    host.send([REPLY, inner], encode(arguments["tools"]))
    assert host.receive() == ([REPLY, number], arguments["tools"])


@pytest.mark.parametrize(
    ("tool", "seen"),
    [("nap", "cancelled"), ("collect", "cancelled again"), ("slumber", "async cancelled")],
)
def test_a_cancelled_tool_may_clean_up_and_the_worker_lives_on(host, tool, seen):
    number = host.call(tool)
    (_, inner, target, *_), _ = host.receive()
    assert target == "started"
    host.send([REPLY, inner], encode(None))
    host.send([CANCEL, number, "the caller went away"])
    (kind, answered, code, executed, *_), _ = host.receive()
    assert (kind, answered, code, executed) == (ERROR, number, "cancelled", 1)
    assert seen in host.ask("settings")["seen"]


def test_what_is_nested_as_deeply_as_the_host_accepts_leaves_the_worker(host):
    result = host.ask("nested", {"levels": 64, "where": "result"})
    assert str(result) == "[" * 64 + "]" * 64
    number = host.call("nested", {"levels": 63, "where": "argument"})
    (kind, inner, *_), _ = host.receive()
    assert kind == CALL
    host.send([REPLY, inner], encode("arrived"))
    assert host.receive() == ([REPLY, number], "arrived")
    assert host.ask("nested", {"levels": 63, "where": "error"})[1]["data"] is not None


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("nested", {"levels": 65, "where": "result"}, "the result of `nested` is nested more than 64 levels"),
        ("nested", {"levels": 64, "where": "argument"}, "the value is nested too deeply"),
        ("nested", {"levels": 100_000, "where": "result"}, "nested too deeply, or contains itself"),
        ("cyclic", {"where": "result"}, "nested too deeply, or contains itself"),
        ("cyclic", {"where": "argument"}, "nested too deeply, or contains itself"),
    ],
)
def test_what_is_nested_too_deeply_is_refused_and_the_worker_lives(host, tool, arguments, words):
    (kind, _, code, executed, *_), body = host.ask(tool, arguments)
    assert (kind, code, executed) == (ERROR, "unserializable", 2)
    assert (body["type"], words in body["message"]) == ("snakebridge.Unserializable", True), body
    assert host.ask("add", {"a": 1}) == 3


def test_the_data_of_an_error_is_left_out_where_it_is_nested_too_deeply(host):
    (_, _, code, *_), body = host.ask("nested", {"levels": 64, "where": "error"})
    assert (code, body["code"], body["data"]) == ("tool", "deep", None)
    assert "nested too deeply" in body["notes"][0]


def test_an_item_that_is_nested_too_deeply_ends_the_stream_and_the_worker_lives(host):
    number = host.call("nested_items", {"levels": [64, 65]}, flags=1)
    assert host.receive()[0][0] == ITEM
    header, body = host.receive()
    assert header == [ERROR, number, "unserializable", 2]
    assert body["message"] == "an item of the stream is nested more than 64 levels deep"
    assert host.ask("add", {"a": 1}) == 3


def test_a_thread_of_an_asynchronous_tool_sees_the_session_of_its_own_call(host):
    assert host.ask("whose", session="first")[0] == "first"
    assert host.ask("whose_in_a_thread", session="second") == "second"
    assert host.ask("whose_in_a_thread") == ""


def test_closing_the_wire_ends_the_worker_after_its_cleanup(host):
    assert host.ask("add", {"a": 1}) == 3
    code, errors = host.close()
    assert code == 0
    assert "cleaned up" in errors


@pytest.mark.parametrize(
    ("adapter", "code", "why", "kind", "words"),
    [
        (None, 3, "adapter", "snakebridge.AdapterError", "no adapter was given"),
        ("../x", 3, "adapter", "snakebridge.AdapterError", "does not name an adapter"),
        ("no_such_module:A", 3, "import", "ModuleNotFoundError", "was searched in"),
        ("unfinished", 3, "import", "SyntaxError", "unfinished.py, line 1"),
        ("exiting", 3, "import", "SystemExit", "ended the process with exit code 7"),
        ("unlicensed", 3, "import", "SystemExit", "ended the process saying 'no licence' while"),
        ("everyday:Everyone", 3, "adapter", "snakebridge.AdapterError", "did you mean `Everyday`?"),
        ("refusing:Refusing", 4, "init", "ConnectionError", "the database is away"),
    ],
)
def test_a_worker_that_cannot_start_says_why_and_ends(adapter, code, why, kind, words, tmp_path):
    (tmp_path / "unfinished.py").write_text("x = (\n")
    (tmp_path / "exiting.py").write_text("raise SystemExit(7)\n")
    (tmp_path / "unlicensed.py").write_text("raise SystemExit('no licence')\n")
    with ScriptedHost(adapter, python_path=[str(ADAPTERS), str(tmp_path)]) as host:
        header, body = host.receive()
        assert header[:3] == [ERROR, 0, "start_failed"]
        assert (body["why"], body["type"]) == (why, kind)
        assert words in body["message"]
        assert host.wait()[0] == code


def test_a_worker_makes_an_object_for_each_call_where_the_adapter_says_so():
    with ScriptedHost("per_call", config={"start": 10}) as host:
        assert host.receive()[0][0] == READY
        assert [host.ask("number"), host.ask("number"), host.ask("later")] == [11, 12, 13]
        host.call("count", {"n": 2}, flags=1)
        assert [host.receive()[1] for _ in range(3)] == [14, 15, None]
        _, errors = host.close()
    assert [line for line in errors.splitlines() if line] == [f"cleaned up {count}" for count in (1, 2, 3, 4)]
