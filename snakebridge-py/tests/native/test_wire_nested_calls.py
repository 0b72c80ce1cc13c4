"""Calls of the host inside calls to it: run by the thread that waits, and told of nothing but their own."""

import pytest
from wire_host import STREAM, WINDOW, Host, items_until_end

from scripted_host import CALL, CANCEL, CREDIT, END, ERROR, ITEM, REPLY


def ask(host, tool="ask", **arguments):
    """Call a tool that asks the host; its id, and the header of what it asks."""
    number = host.call(tool, arguments)
    header, _ = host.receive()
    assert (header[0], header[6]) == (CALL, number)
    return number, header


def test_a_nested_call_runs_on_the_thread_that_waits_ahead_of_what_is_queued(host):
    number, asked = ask(host)
    queued = host.call("ping")
    nested = host.call("add", {"a": 1, "b": 2}, parent=asked[1])
    assert host.receive() == ([REPLY, nested], 3)
    host.answer(asked)
    assert host.receive() == ([REPLY, number], 42)
    assert host.receive() == ([REPLY, queued], "pong")


def test_calls_nest_in_nested_ones(host):
    chain = [ask(host)]
    for _ in range(5):
        nested = host.call("ask", parent=chain[-1][1][1])
        header, _ = host.receive()
        assert (header[0], header[6]) == (CALL, nested)
        chain.append((nested, header))
    for number, asked in reversed(chain):
        host.answer(asked, b"\x07")
        assert host.receive() == ([REPLY, number], 7)


def test_a_parent_that_is_answered_or_was_never_asked_makes_a_call_like_any_other(host):
    number, asked = ask(host)
    host.answer(asked)
    assert host.receive() == ([REPLY, number], 42)
    for parent in (asked[1], 1 << 40):
        nested = host.call("ping", parent=parent)
        assert host.receive() == ([REPLY, nested], "pong")


def test_a_nested_call_that_crosses_the_answer_runs_afterwards(host):
    number, asked = ask(host)
    host.write(
        host.frame([REPLY, asked[1]], b"\x2a")
        + host.frame([CALL, number + 2, "ping", 0, None, None, asked[1]], b"\x80")
    )
    assert host.receive() == ([REPLY, number], 42)
    assert host.receive() == ([REPLY, number + 2], "pong")


def test_an_exception_in_a_nested_call_is_the_answer_to_that_alone(host):
    number, asked = ask(host)
    nested = host.call("raise_it", {"name": "SystemExit"}, parent=asked[1])
    header, body = host.receive()
    assert (header, body["type"]) == ([ERROR, nested, "tool", 2], "SystemExit")
    host.answer(asked)
    assert host.receive() == ([REPLY, number], 42)


# ---- cancellation


@pytest.mark.parametrize("how", ["sleep", "loop"])
def test_a_cancelled_nested_call_leaves_the_outer_one_alone(host, how):
    number, asked = ask(host)
    nested = host.call("work", {"how": how, "seconds": 60}, parent=asked[1])
    host.until_running(number)  # the one that has run for longest
    host.cancel(nested)
    assert host.receive()[0] == [ERROR, nested, "cancelled", 1]
    host.answer(asked)
    assert host.receive() == ([REPLY, number], 42)


def test_a_cancelled_outer_call_is_told_when_the_inner_one_has_ended(host):
    number, asked = ask(host)
    nested = host.call("work", {"how": "sleep", "seconds": 0.3}, parent=asked[1])
    host.until_running(number)
    host.cancel(number)
    assert host.receive() == ([REPLY, nested], "sleep")
    assert host.receive()[0] == [CANCEL, asked[1], "cancelled"]
    assert host.receive()[0] == [ERROR, number, "cancelled", 1]
    assert host.ask("ping") == "pong"


def test_a_nested_call_that_waits_for_its_thread_is_withdrawn(host):
    _, asked = ask(host)
    running = host.call("work", {"how": "sleep", "seconds": 60}, parent=asked[1])
    waiting = host.call("ping", parent=asked[1])
    host.cancel(waiting)
    assert host.receive()[0] == [ERROR, waiting, "cancelled", 0]
    host.cancel(running)
    assert host.receive()[0] == [ERROR, running, "cancelled", 1]


# ---- streams


def test_a_nested_stream_has_its_turns_while_the_thread_waits(host):
    number, asked = ask(host)
    nested = host.call("count", {"n": 10_000}, flags=STREAM, parent=asked[1])
    items, (header, body) = items_until_end(host, nested)
    assert (items, header[:3], body) == (list(range(10_000)), [END, nested, 0], "done")
    host.answer(asked)
    assert host.receive() == ([REPLY, number], 42)
    assert host.ask("closed") == ["count"]


def test_a_nested_stream_without_credit_is_cancelled_at_rest(host):
    number, asked = ask(host)
    nested = host.call("count", {"n": 1_000_000}, flags=STREAM, parent=asked[1])
    items, rest = 0, None
    while items < WINDOW // 64:
        header, rest = host.receive()
        assert header[0] == ITEM
        items += 1
    assert rest == items - 1
    host.cancel(nested)
    assert host.receive()[0] == [ERROR, nested, "cancelled", 1]
    host.answer(asked)
    assert host.receive() == ([REPLY, number], 42)


def test_what_is_left_of_a_nested_stream_is_pulled_when_the_wait_is_over(host):
    number, asked = ask(host)
    nested = host.call("count", {"n": 5000}, flags=STREAM, parent=asked[1])
    for expected in range(WINDOW // 64):
        assert host.receive()[1] == expected
    host.answer(asked)
    assert host.receive() == ([REPLY, number], 42)
    host.send([CREDIT, nested, 0, WINDOW])
    rest = [host.receive() for _ in range(5000 - WINDOW // 64)]
    assert [body for _, body in rest] == list(range(WINDOW // 64, 5000))
    assert host.receive()[0][:2] == [END, nested]


# ---- other places


def test_an_executor_thread_that_waits_runs_what_is_nested_in_it():
    with Host("concurrent_adapter:Threads", threads=1) as host:
        host.ready()
        number, asked = ask(host)
        nested = host.call("thread", parent=asked[1])
        assert host.receive() == ([REPLY, nested], "snakebridge-0")
        on_main = host.call("main", parent=asked[1])
        assert host.receive() == ([REPLY, on_main], True)
        host.answer(asked)
        assert host.receive() == ([REPLY, number], 42)


def test_the_loop_runs_what_is_nested_in_a_coroutine():
    with Host("concurrent_adapter:Async") as host:
        host.ready()
        number, asked = ask(host)
        nested = [host.call("add", {"a": 1, "b": n}, parent=asked[1]) for n in range(3)]
        nested.append(host.call("ping", parent=asked[1]))
        answers = {header[1]: body for header, body in (host.receive() for _ in nested)}
        assert answers == dict(zip(nested, [1, 2, 3, "pong"], strict=True))
        host.answer(asked)
        assert host.receive() == ([REPLY, number], 42)


def test_a_coroutine_that_needs_the_loop_which_its_caller_blocks_is_refused_at_once():
    with Host("concurrent_adapter:Async") as host:
        host.ready()
        number, asked = ask(host, "ask_blocking")
        nested = host.call("add", {"a": 1, "b": 2}, parent=asked[1])
        header, body = host.receive()
        assert header == [ERROR, nested, "would_deadlock", 0]
        assert "acall_tool" in body["message"]
        assert host.call("ping", parent=asked[1])
        assert host.receive()[1] == "pong"
        host.answer(asked)
        assert host.receive() == ([REPLY, number], 42)
