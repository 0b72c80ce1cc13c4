"""`snakebridge.testing.FakeHost` has the manners of the real host."""

import asyncio
import re

import pytest

from snakebridge import Cancelled, HostToolError
from snakebridge.testing import FakeHost


async def slow_double(n: int) -> int:
    """Double a number after a while."""
    await asyncio.sleep(0)
    if n < 0:
        raise ValueError("below zero")
    return 2 * n


def test_an_asynchronous_function_may_stand_for_a_tool():
    context = FakeHost([slow_double]).context()
    assert context.tools.slow_double(n=1) == 2
    assert asyncio.run(context.acall_tool("slow_double", n=2)) == 4
    with pytest.raises(HostToolError, match="below zero"):
        context.tools.slow_double(n=-1)


def test_a_cancelled_call_gets_nothing_more_of_the_host():
    call = (host := FakeHost([slow_double])).begin_call("session-1")
    context = type(host.context())(call, "session-1")
    call.cancel()
    assert context.cancelled
    with pytest.raises(Cancelled):
        context.tools.slow_double(n=1)
    with pytest.raises(Cancelled):
        context.check_cancelled()


def test_a_shield_holds_the_cancellation_back():
    call = FakeHost().begin_call()
    call.begin_shield()
    call.cancel()
    call.check_cancelled()
    with pytest.raises(Cancelled):
        call.end_shield()


def test_a_call_has_what_it_was_given():
    context = FakeHost().context("s", metadata={"user": "ada"}, correlation_id="trace-1", timeout=60)
    assert context.request_metadata == {"user": "ada"}
    assert context.correlation_id == "trace-1"
    assert 59 < context.remaining() <= 60


def test_a_host_its_calls_and_its_sessions_show_what_matters_of_them():
    host = FakeHost([slow_double])
    assert repr(FakeHost()) == "<FakeHost with no tools, 0 sessions, asked 0 times>"
    host.add_tool(lambda: 1, "s", name="own")
    context = host.context("s", correlation_id="trace-1")
    context.state.set("seen", [True])
    assert repr(host) == "<FakeHost with tools own (of session 's'), slow_double, 1 session, asked 1 time>"
    assert repr(host.sessions["s"]) == "<FakeSession with seen=[True] (version 1)>"
    host.sessions["s"].is_over = True
    assert repr(host.sessions) == "{'s': <FakeSession with seen=[True] (version 1), which is over>}"
    assert repr(context.state) == "<SessionState of session 's'>"
    assert len(host.calls) == 1, "and nobody is asked for it"
    assert repr(context.stub) == "<FakeCall in session 's', correlation id 'trace-1'>"
    context.stub.cancel()
    assert repr(context.stub) == "<FakeCall in session 's', correlation id 'trace-1', cancelled>"
    assert repr(host.begin_call()) == "<FakeCall without a session>"
    assert re.fullmatch(
        r"<FakeCall without a session, 59\.\d+ s left>|.*, 60 s left>", repr(host.begin_call(timeout=60))
    )
    assert repr(host.begin_call(timeout=0)) == "<FakeCall without a session, its deadline of 0 s has passed>"
