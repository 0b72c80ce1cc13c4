"""`snakebridge.testing.FakeHost` has the manners of the real host."""

import asyncio

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
