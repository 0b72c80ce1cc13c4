"""What the trampoline of an `async def` tool gives: a coroutine of the encoded result.

How worker and loop run it is in `native/test_async_tools.py`.
"""

import asyncio
import functools

import pytest

from calling import call, trampoline
from snakebridge import AdapterError, InvalidArgument, tool


def test_an_async_tool_gives_its_result():
    async def add(a: int, b: int) -> int:
        await asyncio.sleep(0)
        return a + b

    assert call(add, a=1, b=2) == 3


def test_an_async_tool_may_return_at_once():
    async def answer():
        return 42

    assert call(answer) == 42


def test_an_exception_of_an_async_tool_passes_through():
    async def fail():
        await asyncio.sleep(0)
        raise LookupError("nothing there")

    with pytest.raises(LookupError, match="nothing there"):
        call(fail)


def test_arguments_of_an_async_tool_are_checked_before_it_runs():
    async def add(a: int):
        raise AssertionError("it must not run")

    with pytest.raises(InvalidArgument, match="`a`: expected `int`"):
        call(add, a="x")


def test_nothing_of_an_async_tool_runs_before_the_loop_steps_it():
    ran = []

    async def note():
        ran.append(True)

    coroutine = trampoline(note)(b"\x80")
    assert ran == []
    coroutine.close()


def test_a_decorator_may_run_the_coroutine_itself():
    def blocking(function):
        @functools.wraps(function)
        def wrapper(*args):
            coroutine = function(*args)
            with pytest.raises(StopIteration) as end:
                coroutine.send(None)
            return end.value.value

        return wrapper

    @blocking
    async def answer():
        return 42

    assert call(answer) == 42


@pytest.mark.parametrize("place", ["main", "thread"])
def test_an_async_tool_runs_on_the_loop_and_nowhere_else(place):
    @tool(run_on=place)
    async def answer():
        return 42

    with pytest.raises(AdapterError, match=f'asynchronous and cannot run on "{place}": write run_on="loop"'):
        trampoline(answer)


def test_a_synchronous_tool_cannot_run_on_the_loop():
    @tool(run_on="loop")
    def answer():
        return 42

    with pytest.raises(AdapterError, match='synchronous and cannot run on "loop": write run_on="main" or'):
        trampoline(answer)


def test_a_place_that_is_none_is_refused_where_it_is_written():
    with pytest.raises(TypeError, match="run_on"):
        tool(run_on="gpu")
