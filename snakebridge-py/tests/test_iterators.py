"""Tools that return iterators instead of yielding: what streams, and what a call gets of what may."""

import functools
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import pytest

from calling import call, stream, trampoline
from scripted_host import END, ERROR, ITEM, READY, REPLY, ScriptedHost
from snakebridge import AdapterError, BaseAdapter, StreamChunk, Unserializable, gathering, tool
from snakebridge.decorator import options_of
from snakebridge.definitions import define_tool, tools_of_instance
from snakebridge.testing import ToolRunner

if TYPE_CHECKING:
    from decimal import Decimal as NotThere


def giving(make, **options):
    """A tool that says nothing and returns what `make` makes."""

    def numbers():
        return make()

    return tool(**options)(numbers)


class Annotating(BaseAdapter):
    def numbers(self, n):
        yield from range(n)

    async def later(self, n):
        for i in range(n):
            yield i

    @tool
    def expression(self, n: int) -> Iterator[int]:
        return (i for i in range(n))

    @tool
    def delegating(self, n: int) -> Generator[int, None, None]:
        return self.numbers(n)

    @tool
    def of_a_list(self, n: int) -> Annotated[Iterator[int], "made of a list"]:
        return iter(list(range(n)))

    @tool
    def asynchronous(self, n: int) -> AsyncIterator[int]:
        return self.later(n)

    @tool
    async def awaited(self, n: int) -> AsyncGenerator[int, None]:
        return self.later(n)

    @tool
    def unresolved(self, n: int) -> "Iterator[NotThere]":
        return iter(range(n))


@pytest.mark.parametrize(
    "name", ["expression", "delegating", "of_a_list", "asynchronous", "awaited", "unresolved"]
)
def test_a_function_that_says_it_returns_an_iterator_streams(name):
    runner = ToolRunner(Annotating)
    (registration,) = (spec for spec in runner.adapter.get_tools() if spec.name == name)
    assert registration.supports_streaming
    assert runner.stream(name, n=3) == [0, 1, 2]


@pytest.mark.parametrize("returns", [Iterable[int], list[int], "NotThere", "Iterators[NotThere]", int, Any])
def test_no_other_annotation_makes_a_stream(returns):
    def numbers(): ...

    numbers.__annotations__["return"] = returns
    assert not define_tool(numbers, options_of(tool(numbers))).streams


def test_who_says_that_it_does_not_stream_is_believed():
    def collected(function):
        @functools.wraps(function)
        def wrapper():
            return list(function())

        return wrapper

    def numbers() -> Iterator[int]:
        return iter([1, 2])

    assert call(tool(supports_streaming=False)(collected(numbers))) == [1, 2]


def test_what_an_annotated_iterator_gives_cannot_be_kept():
    @tool(cache="1m")
    def numbers() -> Iterator[int]:
        return iter([1])

    with pytest.raises(AdapterError, match="streams, and its items cannot be kept"):
        trampoline(numbers)


def test_a_call_for_one_value_gets_a_list_of_the_items():
    closed = []

    def generator():
        try:
            yield 1
            yield StreamChunk({"a": 2}, is_final=True, metadata={"lost": True})
            return "lost"
        finally:
            closed.append(True)

    async def later():
        yield 3

    assert call(giving(generator)) == [1, {"a": 2}]
    assert closed == [True]
    assert call(giving(lambda: iter([1, 2]))) == call(giving(lambda: map(int, "12"))) == [1, 2]
    assert call(giving(later)) == [3]

    async def awaited():
        return later()

    async def awaited_generator():
        return generator()

    assert call(awaited) == [3]
    assert call(awaited_generator) == [1, {"a": 2}]


@pytest.mark.parametrize("policy", ["refuse", "type", "repr"])
def test_a_list_of_items_is_made_whatever_becomes_of_other_objects(policy):
    @tool(unserializable=policy)
    def numbers():
        return (i for i in range(2))

    assert call(numbers) == [0, 1]


class Hooked(BaseAdapter):
    """What says nothing of streaming, between hooks."""

    def __init__(self):
        self.hooks = []

    def before_call(self, name, context):
        self.hooks.append("before")

    def after_call(self, name, context, error):
        self.hooks.append("after")

    @tool
    def either(self, n):
        return iter(range(n))


def test_the_runner_of_tests_asks_either_way_and_hooks_run_once_for_each():
    runner = ToolRunner(Hooked)
    assert runner.call("either", n=3) == runner.stream("either", n=3) == [0, 1, 2]
    assert runner.adapter.hooks == ["before", "after"] * 2


def test_more_items_than_one_body_carries_are_refused_and_the_generator_is_closed(monkeypatch):
    monkeypatch.setattr(gathering, "TOLIST_LIMIT", 3)
    closed = []

    def numbers():
        try:
            while True:
                yield 0
        finally:
            closed.append(True)

    async def later():
        try:
            while True:
                yield 0
        finally:
            closed.append(True)

    async def awaited():
        return later()

    for unending in (giving(numbers), giving(later), awaited):
        with pytest.raises(Unserializable, match=r"gives more than 3 items, .* call it for a stream"):
            call(unending)
    assert closed == [True] * 3
    assert call(giving(lambda: iter([1, 2, 3]))) == [1, 2, 3]


def test_what_fails_between_items_fails_the_call():
    def numbers():
        yield 1
        raise LookupError("no second")

    with pytest.raises(LookupError, match="no second"):
        call(giving(numbers))


@pytest.mark.parametrize("iterator", [iter([1]), map(str, []), (i for i in [1])])
def test_an_iterator_where_a_value_was_promised_is_refused_with_the_way_out(iterator):
    def numbers() -> list[int]:
        return iterator

    for refused in (numbers, giving(lambda: iterator, supports_streaming=False)):
        with pytest.raises(Unserializable, match="supports_streaming=True, or return a list"):
            call(refused)


def test_a_declared_stream_of_a_synchronous_tool_may_be_asynchronous():
    closed = []

    async def later():
        try:
            yield 1
            yield 2
        finally:
            closed.append(True)

    declared = giving(later, supports_streaming=True)
    assert stream(declared) == [1, 2]
    items = trampoline(declared)(b"\x80")
    assert next(items) == 1
    items.close()
    assert closed == [True, True]


def test_only_what_says_nothing_answers_both_ways():
    class Adapter(BaseAdapter):
        @tool
        def nothing(self): ...

        @tool(supports_streaming=False)
        def declared(self): ...

        @tool
        def annotated(self) -> int: ...

        @tool
        def generator(self):
            yield

        @tool(cache="1m")
        def kept(self): ...

    assert [one.name for one in tools_of_instance(Adapter()) if one.answers_both] == ["nothing"]


# In a worker


@pytest.fixture(params=[("Undeclared", 0), ("Undeclared", 2), ("Hooked", 0)], ids=str)
def host(request):
    adapter, threads = request.param
    with ScriptedHost(f"undeclared:{adapter}", threads=threads) as host:
        header, host.names = host.receive()
        assert header[0] == READY
        yield host


def streamed(host, target, arguments=None, **options):
    """The items of a stream with their flags, and the frame that ended it."""
    host.call(target, arguments, flags=1, **options)
    items = []
    while (frame := host.receive())[0][0] == ITEM:
        header, body = frame
        items.append((body, header[4] if len(header) > 4 else None))
    return items, frame


@pytest.mark.parametrize("target", ["passed_on", "driven", "awaited"])
def test_a_worker_answers_as_it_is_asked(host, target):
    for _ in range(2):  # what a stream needs is made once
        items, (header, _) = streamed(host, target, {"n": 3})
        assert ([body for body, _ in items], header[0]) == ([0, 1, 2], END)
        assert host.ask(target, {"n": 3}) == [0, 1, 2]


def test_chunks_keep_their_marks_in_a_stream(host):
    for target in ("driven", "awaited", "annotated_later"):
        items, _ = streamed(host, target, {"n": 2})
        assert [bool(flags) for _, flags in items] == [False, True]


def test_the_items_belong_to_the_call(host):
    assert host.ask("sessions", session="demo") == ["demo", "demo"]
    assert [body for body, _ in streamed(host, "sessions", session="demo")[0]] == ["demo", "demo"]


def test_a_stream_of_what_is_one_value_fails(host):
    items, ((kind, _, code, executed, *_), body) = streamed(host, "plain")
    assert (items, kind, code, executed) == ([], ERROR, "tool", 2)
    assert "`plain` was called for a stream and returned dict" in body["message"]
    assert host.ask("plain") == {"a": 1}


def test_what_says_how_it_answers_is_refused_otherwise_before_it_runs(host):
    for target, flags in (("whole", 1), ("annotated", 0)):
        (kind, _, code, executed, *_), _ = host.ask(target, {"n": 1}, flags=flags)
        assert (kind, code, executed) == (ERROR, "invalid_argument", 0)
    assert [body for body, _ in streamed(host, "annotated", {"n": 2})[0]] == [0, 1]


def test_the_manifest_lists_a_tool_once(host):
    tools = {entry["name"]: entry["streaming"] for entry in host.ask("$manifest")["tools"]}
    assert host.names == list(tools)
    assert len(tools) == 8
    assert [name for name, streams in tools.items() if streams] == ["annotated", "annotated_later"]
    number = host.call("$manifest")
    assert host.receive()[0] == [REPLY, number]
