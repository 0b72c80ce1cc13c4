"""Exceptions reach the caller with what helps, cut at limits, whatever they do."""

import os
import sys

import msgspec
import pytest

from calling import trampoline
from snakebridge import (
    Conflict,
    HostToolError,
    InvalidArgument,
    SessionExpired,
    SessionNotFound,
    SessionQuota,
    ToolError,
    Unserializable,
    _native,
)
from snakebridge.current import host_error
from snakebridge.failures import MESSAGE_LIMIT, TRACEBACK_LIMIT, describe


def raised(function, /, **arguments):
    """Code, executed and decoded body of what a tool raises."""
    try:
        trampoline(function)(msgspec.msgpack.encode(arguments))
    except BaseException as error:
        # The native side calls from no Python frame, so this one is taken away.
        code, executed, body = describe(error.with_traceback(error.__traceback__.tb_next))
        return code, executed, msgspec.msgpack.decode(body)
    raise AssertionError("nothing was raised")


def test_an_exception_of_the_tool_has_type_message_and_traceback():
    def divide(a: int):
        secret_local = "not to be seen"
        return a / len(secret_local[:0])

    code, executed, body = raised(divide, a=1)
    assert (code, executed) == ("tool", 2)
    assert body["type"] == "ZeroDivisionError"
    assert body["message"] == "division by zero"
    assert body["traceback"].startswith("Traceback (most recent call last):\n  File ")
    assert "return a / len(secret_local[:0])" in body["traceback"]
    assert body["traceback"].endswith("ZeroDivisionError: division by zero\n")
    assert "not to be seen" not in body["traceback"]


class OutOfStock(ToolError):
    """An adapter's own error."""


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (ToolError("c", "m", data={"secret": 1}), "ToolError('c', 'm')"),
        (OutOfStock("c", "m"), "OutOfStock('c', 'm')"),
        (HostToolError("a", "b"), "HostToolError('a', 'b')"),
        (SessionNotFound("m"), "SessionNotFound('m')"),
        (Conflict("m", {"version": 2}), "Conflict('m')"),
    ],
)
def test_an_error_shows_the_code_that_it_was_made_with(error, shown):
    assert repr(error) == shown


def test_a_missing_variable_of_the_environment_is_explained_and_any_other_key_is_not():
    def read(name: str, source: str):
        return os.environ[name] if source == "environment" else {}[name]

    _, _, body = raised(read, name="MY_TOKEN", source="environment")
    assert body["message"] == "'MY_TOKEN'"
    (hint,) = body["notes"]
    assert '`.pass_env("MY_TOKEN")`' in hint
    assert raised(read, name="MY_TOKEN", source="a map")[2]["notes"] is None


def test_the_traceback_begins_in_the_users_code():
    def fail():
        raise ValueError

    text = raised(fail)[2]["traceback"]
    assert "<snakebridge trampoline>" not in text
    assert text.count("  File ") == 1


def test_a_type_that_is_no_builtin_has_its_module():
    class Custom(Exception): ...

    def fail():
        raise Custom("x")

    assert raised(fail)[2]["type"] == f"{__name__}.{Custom.__qualname__}"


def test_causes_and_contexts_are_listed_the_nearest_first():
    def fail():
        try:
            try:
                raise KeyError("a")
            except KeyError:
                raise TypeError("b")  # noqa: B904
        except TypeError as error:
            raise ValueError("c") from error

    body = raised(fail)[2]
    assert body["causes"] == [{"type": "TypeError", "message": "b"}, {"type": "KeyError", "message": "'a'"}]
    assert body["traceback"].index("KeyError") < body["traceback"].index("TypeError: b")
    assert "direct cause" in body["traceback"]
    assert "During handling" in body["traceback"]


def test_a_suppressed_context_stays_suppressed():
    def fail():
        try:
            raise KeyError("hidden")
        except KeyError:
            raise ValueError("seen") from None

    body = raised(fail)[2]
    assert body["causes"] is None
    assert "hidden" not in body["traceback"]


def test_a_chain_is_cut_after_eight_causes():
    def fail():
        error = ValueError(0)
        for number in range(1, 20):
            following = ValueError(number)
            following.__cause__ = error
            error = following
        raise error

    assert [cause["message"] for cause in raised(fail)[2]["causes"]] == [str(n) for n in range(18, 10, -1)]


def test_a_circular_chain_ends():
    def fail():
        first, second = ValueError("first"), ValueError("second")
        first.__cause__, second.__cause__ = second, first
        raise first

    assert raised(fail)[2]["causes"] == [{"type": "ValueError", "message": "second"}]


def test_notes_are_carried():
    def fail():
        error = ValueError("x")
        error.add_note("while reading row 3")
        raise error

    body = raised(fail)[2]
    assert body["notes"] == ["while reading row 3"]
    assert "while reading row 3" in body["traceback"]


def test_the_members_of_a_group_are_in_the_traceback():
    def fail():
        raise ExceptionGroup("several", [ValueError("one"), TypeError("two")])

    text = raised(fail)[2]["traceback"]
    assert "ValueError: one" in text
    assert "TypeError: two" in text


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), StopIteration(1)])
def test_exceptions_that_would_end_a_program_are_the_tools_errors(error):
    def fail():
        raise error

    code, executed, body = raised(fail)
    assert (code, executed, body["type"]) == ("tool", 2, type(error).__name__)


def test_an_exception_whose_text_raises_is_still_described():
    class Hostile(Exception):
        def __str__(self):
            raise RuntimeError("no text")

        __repr__ = __str__

    def fail():
        raise Hostile

    body = raised(fail)[2]
    assert body["type"].endswith("Hostile")
    assert body["message"] == "<its text cannot be made: RuntimeError>"


def test_notes_that_are_no_texts_are_described():
    def fail():
        error = ValueError("x")
        error.__notes__ = [3, object]
        raise error

    assert raised(fail)[2]["notes"] == ["3", "<class 'object'>"]


def test_a_huge_message_is_cut():
    def fail():
        raise ValueError("ü" * 10_000_000)

    body = raised(fail)[2]
    assert len(body["message"].encode()) <= MESSAGE_LIMIT
    assert body["message"].endswith("ü…")
    assert len(body["traceback"].encode()) <= TRACEBACK_LIMIT


def test_a_message_that_is_not_valid_unicode_is_escaped():
    def fail():
        raise ValueError("\ud800")

    assert raised(fail)[2]["message"] == "\\ud800"


def test_a_runaway_recursion_is_cut():
    def down(n):
        return up(n + 1)

    def up(n):
        return down(n + 1)

    def fail():
        down(0)

    body = raised(fail)[2]
    assert body["type"] == "RecursionError"
    assert len(body["traceback"].encode()) <= TRACEBACK_LIMIT


def test_a_tool_error_carries_its_code_and_data():
    def fail():
        raise ToolError("out_of_stock", "no tea left", data={"item": "tea"}, retryable=True)

    code, executed, body = raised(fail)
    assert (code, executed) == ("tool", 2)
    assert (body["type"], body["message"]) == ("snakebridge.ToolError", "no tea left")
    assert (body["code"], body["data"], body["retryable"]) == ("out_of_stock", {"item": "tea"}, True)


def test_an_error_of_the_host_that_a_tool_lets_pass_keeps_code_and_data():
    def fail():
        raise HostToolError("tool_not_found", "no such tool", {"near": "parse_json"})

    code, _, body = raised(fail)
    assert (code, body["type"]) == ("tool", "snakebridge.HostToolError")
    assert (body["code"], body["data"]) == ("tool_not_found", {"near": "parse_json"})


def test_data_that_cannot_leave_is_replaced_by_a_note():
    def fail():
        raise ToolError("broken", "x", data=object())

    body = raised(fail)[2]
    assert body["data"] is None
    assert "data was left out: object has no form" in body["notes"][0]


def test_refused_arguments_say_that_the_tool_never_ran():
    def add(a: int):
        raise AssertionError("ran")

    code, executed, body = raised(add, a="x")
    assert (code, executed) == ("invalid_argument", 0)
    assert body["data"] == {
        "problems": [
            {"parameter": "a", "problem": "mismatch", "path": "a", "expected": "`int`", "actual": "`str`"}
        ]
    }
    assert body["traceback"] is None


def test_a_tool_that_refuses_an_argument_itself_did_run():
    def check(a: int):
        raise InvalidArgument("a must be prime")

    assert raised(check, a=4)[:2] == ("invalid_argument", 2)


def test_a_result_that_cannot_leave_says_that_the_tool_ran():
    def give():
        return [object()]

    code, executed, body = raised(give)
    assert (code, executed, body["data"]) == ("unserializable", 2, {"path": "$[0]"})


def test_errors_can_be_copied_between_processes():
    import pickle

    for error in (
        ToolError("a", "b", [1], True),
        HostToolError("a", "b", [1], "yes", reported=True),
        Conflict("b", {"version": 3}, "maybe"),
    ):
        copy = pickle.loads(pickle.dumps(error))
        assert type(copy) is type(error)
        assert vars(copy) == vars(error)
        assert str(copy) == f"{error.code}: b"


def test_describing_never_raises():
    class Hostile(Exception):
        @property
        def __notes__(self):
            raise RuntimeError

    code, executed, body = describe(Hostile())
    assert (code, executed) == ("tool", 2)
    assert "Hostile" in msgspec.msgpack.decode(body)["type"]


def test_a_syntax_error_shows_its_line(tmp_path, monkeypatch):
    (tmp_path / "broken_syntax.py").write_text("x = 1\ndef (:\n")
    monkeypatch.syspath_prepend(tmp_path)
    try:
        __import__("broken_syntax")
    except SyntaxError as error:
        body = msgspec.msgpack.decode(describe(error)[2])
    finally:
        sys.modules.pop("broken_syntax", None)
    assert "broken_syntax.py, line 2" in body["message"]
    assert 'broken_syntax.py", line 2' in body["traceback"]


def test_unserializable_arguments_of_a_host_tool_are_the_tools_error():
    def fail():
        raise Unserializable("x")

    assert raised(fail)[:2] == ("unserializable", 2)


@pytest.mark.parametrize(
    ("wire", "body", "code", "reported"),
    [
        ("host_tool", {"type": "malformed", "message": "m", "data": [1]}, "malformed", True),
        ("host_tool", {"type": "error", "message": "m", "data": [1]}, "error", True),
        ("host_tool", {"message": "m", "data": [1]}, "error", True),
        ("host_tool", {"type": "conflict", "message": "m", "data": [1]}, "conflict", True),
        ("host_tool", {"type": "panic", "message": "m", "data": [1]}, "panic", False),
        ("tool_not_found", {"type": "tool_not_found", "message": "m", "data": [1]}, "tool_not_found", False),
        ("queue_full", {"type": "x", "message": "m", "data": [1]}, "queue_full", False),
    ],
)
def test_an_error_of_the_host_has_the_tools_own_code_or_that_of_the_wire(wire, body, code, reported):
    error = host_error(_native.RemoteError(wire, 1, msgspec.msgpack.encode(body)))
    assert type(error) is HostToolError
    assert (error.code, error.message, error.data, error.executed) == (code, "m", [1], "maybe")
    assert error.reported is reported


@pytest.mark.parametrize("kind", [SessionNotFound, SessionExpired, SessionQuota, Conflict])
def test_an_error_of_a_session_has_a_type_of_its_own(kind):
    body = msgspec.msgpack.encode({"message": "m", "data": {"version": 7}})
    error = host_error(_native.RemoteError(kind.wire_code, 0, body))
    assert type(error) is kind
    assert (error.code, error.message, error.executed) == (kind.wire_code, "m", "never")
    if kind is Conflict:
        assert error.current_version == 7


@pytest.mark.parametrize("body", [b"", b"\xc1", b"\x90", b"\x81\xa7message\x01"])
def test_an_error_of_the_host_without_a_readable_body_still_says_its_code(body):
    error = host_error(_native.RemoteError("deadline_exceeded", 1, body))
    assert str(error) == "deadline_exceeded: deadline exceeded"
    assert host_error(_native.RemoteError("conflict", 0, body)).current_version == 0
