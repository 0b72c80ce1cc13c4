"""Calls and their answers."""

import time

import pytest
from wire_host import STREAM, Host

import scripted_host
from scripted_host import CALL, ERROR, PART, PATIENCE, REPLY, encode


def test_a_thousand_pipelined_calls_are_answered_in_order_with_their_own_results(host):
    numbers = range(1, 2001, 2)
    host.write(b"".join(host.frame([CALL, n, "add"], encode({"a": n, "b": 1})) for n in numbers))
    assert [host.receive() for _ in numbers] == [([REPLY, n], n + 1) for n in numbers]


def test_a_frame_that_arrives_byte_by_byte_is_a_frame(host):
    for byte in host.frame([CALL, 1, "add"], encode({"a": 1, "b": 2})):
        host.write(bytes([byte]))
    assert host.receive() == ([REPLY, 1], 3)


def test_large_arguments_and_results_travel_whole(host):
    assert host.ask("length", {"data": bytes(1_000_000)}) == 1_000_000
    assert host.ask("blob", {"size": 1_000_000}) == bytes(1_000_000)


def test_a_result_over_the_hosts_limit_is_an_error_with_both_sizes_and_the_worker_lives(monkeypatch):
    monkeypatch.setitem(scripted_host.LIMITS, "body", 1 << 20)
    with Host() as host:
        host.ready()
        header, body = host.ask("blob", {"size": 2_000_000})
        assert header[2:] == ["payload_too_large", 2]
        assert body["data"] == {"size": 2_000_005, "limit": 1 << 20}
        assert host.ask("ping") == "pong"


def test_small_calls_are_answered_between_the_fragments_of_a_large_reply(host):
    large = host.call("blob", {"size": 8 << 20})
    header, _ = host.receive_frame()
    assert header[:2] == [REPLY, large]
    # The pipe holds one fragment or two: the rest waits until it is read.
    small = [host.call("ping") for _ in range(3)]
    fragments, answers = 0, []
    while len(answers) < 3:
        header, _ = host.receive_frame()
        if header[0] == REPLY:
            answers.append(header[1])
        else:
            fragments += 1
            # The pipe is full meanwhile: nobody gets ahead of a main thread that waits for a core.
            time.sleep(0.002)
    assert answers == small
    assert fragments < 64, "of 129"


def test_large_arguments_are_read_while_a_large_reply_is_written(host):
    first = host.call("blob", {"size": 8 << 20})
    second = host.call("length", {"data": bytes(8 << 20)})
    answers = {header[1]: body for header, body in (host.receive(), host.receive())}
    assert answers == {first: bytes(8 << 20), second: 8 << 20}


def test_a_large_reply_goes_on_while_the_next_call_runs_long(host):
    """All in one batch: the watcher helps since the first call, and nobody waits in between."""
    host.write(
        host.frame([CALL, 1, "work"], encode({"how": "loop", "seconds": 0.05}))
        + host.frame([CALL, 3, "blob"], encode({"size": 8 << 20}))
        + host.frame([CALL, 5, "work"], encode({"how": "gil", "seconds": 2 * PATIENCE}))
    )
    assert host.receive() == ([REPLY, 1], "loop")
    header, body = host.receive()
    assert (header, len(body)) == ([REPLY, 3], 8 << 20)
    host.until_running(5)


def test_a_call_that_is_cancelled_before_its_arguments_have_come_never_ran(host):
    host.send([CALL, 1, "length", 0, None, None, None, None, 1 << 20])
    host.send([PART, 1, 0], bytes(1000))
    host.cancel(1)
    assert host.receive()[0] == [ERROR, 1, "cancelled", 0]


def test_a_result_of_more_values_than_the_host_accepts_is_an_error_and_the_worker_lives(monkeypatch):
    monkeypatch.setitem(scripted_host.LIMITS, "items", 100)
    with Host() as host:
        host.ready()
        assert host.ask("numbers", {"n": 99}) == list(range(99))
        header, body = host.ask("numbers", {"n": 100})
        assert header[2:] == ["unserializable", 2]
        assert body["message"] == "the result of `numbers` has more than 100 values in it"
        assert host.ask("ping") == "pong"


def test_both_sides_may_write_megabytes_before_they_read(host):
    numbers = range(1, 81, 2)
    data = encode({"data": bytes(500_000)})
    host.write(b"".join(host.frame([CALL, n, "length"], data) for n in numbers))
    replies = [host.frame([CALL, n, "blob"], encode({"size": 500_000})) for n in range(81, 161, 2)]
    host.write(b"".join(replies))
    host.write(b"".join(host.frame([CALL, n, "length"], data) for n in range(161, 241, 2)))
    answers = [host.receive() for _ in range(120)]
    assert sorted(header for header, _ in answers) == [[REPLY, n] for n in range(1, 241, 2)]
    assert sum(body if isinstance(body, int) else len(body) for _, body in answers) == 120 * 500_000


def test_an_unknown_tool_never_ran_and_the_nearest_name_is_suggested(host):
    header, body = host.ask("pnig")
    assert header[2:] == ["tool_not_found", 0]
    assert body["message"].startswith("no tool `pnig`; did you mean `ping`? (known: `add`,")


@pytest.mark.parametrize(
    ("target", "flags", "message"),
    [
        ("ping", STREAM, "call it for a single reply"),
        ("count", 0, "call it for a stream"),
        ("$manifest", STREAM, "single"),
    ],
)
def test_a_call_in_the_wrong_manner_never_ran_and_is_told_the_right_one(host, target, flags, message):
    header, body = host.ask(target, {"n": 1}, flags=flags)
    assert header[2:] == ["invalid_argument", 0]
    assert message in body["message"]


@pytest.mark.parametrize("name", ["SystemExit", "KeyboardInterrupt", "GeneratorExit", "StopIteration"])
def test_no_exception_of_a_tool_ends_the_worker(host, name):
    header, body = host.ask("raise_it", {"name": name})
    assert header[2:] == ["tool", 2]
    assert (body["type"], body["message"]) == (name, "on purpose")
    assert host.ask("ping") == "pong"


def test_a_tool_knows_its_call(host):
    meta = {"correlation_id": "c", "metadata": {"user": 7}}
    known = host.ask("identity", remaining=5000, session="s", meta=meta, tools=1 << 40)
    number, session, metadata, left, cancelled, tools = known
    assert (number, session, metadata, cancelled, tools) == (1, "s", encode(meta), False, 1 << 40)
    assert 4.0 < left <= 5.0
    assert host.ask("identity")[1:] == [None, None, None, False, 0]


def test_a_call_object_that_outlives_its_call_has_ended_and_cannot_call_the_host(host):
    assert host.ask("outlive") is False
    assert host.ask("ended") == [True, "call_ended", 0]


def test_a_finished_reply_does_not_wait_for_the_slow_call_behind_it(host):
    host.write(
        host.frame([CALL, 1, "ping"], encode({}))
        + host.frame([CALL, 3, "work"], encode({"how": "gil", "seconds": 2 * PATIENCE}))
    )
    assert host.receive() == ([REPLY, 1], "pong"), "or nothing, for as long as the host has patience"
