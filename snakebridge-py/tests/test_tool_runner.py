"""`snakebridge.testing.ToolRunner` runs tools as a worker would."""

import asyncio
import types
from collections.abc import AsyncIterator, Iterator
from datetime import date

import pytest

from scripted_host import ADAPTERS, READY, ScriptedHost
from snakebridge import (
    AdapterError,
    BaseAdapter,
    Cancelled,
    InvalidArgument,
    SessionContext,
    StreamChunk,
    Unserializable,
    tool,
)
from snakebridge.adapters import showcase
from snakebridge.testing import FakeHost, Recording, ToolRunner


class Adapter(BaseAdapter):
    def __init__(self, config: dict | None = None):
        self.config = config
        self.events = []

    async def initialize(self):
        self.events.append("initialized")

    def cleanup(self):
        self.events.append("cleaned up")

    @tool
    def tomorrow(self, day: date) -> date:
        return day.replace(day=day.day + 1)

    @tool
    async def slowly(self, day: date) -> date:
        await asyncio.sleep(0)
        return await asyncio.to_thread(self.tomorrow, day)

    @tool
    def whose(self, ctx: SessionContext) -> list:
        return [ctx.session_id, self.session_context is ctx, ctx.remaining() is not None]

    @tool
    async def whose_later(self) -> str:
        await asyncio.sleep(0)
        return self.session_context.session_id

    @tool
    def remember(self, value: int) -> int:
        return self.session_context.state.set("value", value)

    @tool
    def count(self, n: int) -> Iterator[StreamChunk]:
        try:
            for number in range(n):
                yield StreamChunk(
                    number, is_final=number == n - 1, metadata={"session": self.session_context.session_id}
                )
        finally:
            self.events.append("closed")

    @tool
    async def count_later(self, n: int) -> AsyncIterator[int]:
        for number in range(n):
            await asyncio.sleep(0)
            yield number

    @tool
    def total(self, numbers: Iterator[int]) -> int:
        return sum(numbers)

    @tool
    def patient(self) -> None:
        self.session_context.check_cancelled()

    @tool
    def broken(self) -> object:
        return object()


@pytest.fixture
def runner():
    return ToolRunner(Adapter())


def test_arguments_and_results_are_those_of_the_wire(runner):
    assert runner.call("tomorrow", day="2024-02-28") == "2024-02-29"
    assert runner.call("tomorrow", date(2024, 2, 28)) == "2024-02-29"
    with pytest.raises(InvalidArgument, match="`day`"):
        runner.call("tomorrow", day="soon")
    with pytest.raises(Unserializable):
        runner.call("broken")


def test_asynchronous_tools_run_to_their_end(runner):
    assert runner.call("slowly", day="2024-02-28") == "2024-02-29"
    assert runner.stream("count_later", n=3) == [0, 1, 2]


def test_a_call_has_its_context_and_nothing_of_it_is_left(runner):
    assert runner.call("whose") == ["test", True, False]
    assert runner.call("whose_later") == "test"
    assert runner.adapter.session_context is None


def test_a_call_can_be_one_of_the_hosts_own(runner):
    call = runner.host.begin_call("session-1", timeout=5)
    assert runner.within(call).call("whose") == ["session-1", True, True]
    call.cancel()
    with pytest.raises(Cancelled):
        runner.within(call).call("patient")


def test_calls_of_a_session_share_its_state(runner):
    assert [runner.call("remember", value=1), runner.call("remember", value=2)] == [1, 2]
    assert runner.host.sessions["test"].values == {"value": 2}


def test_items_come_one_by_one_with_their_envelopes(runner):
    chunks = runner.chunks("count", n=2)
    assert next(chunks) == StreamChunk(0, False, {"session": "test"})
    chunks.close()
    assert runner.adapter.events == ["closed"]
    assert runner.stream("count", n=3) == [0, 1, 2]


def test_a_stream_among_the_arguments_is_a_list(runner):
    assert runner.call("total", numbers=[1, 2]) == 3


def test_hooks_run_around_the_block():
    with ToolRunner(Adapter()) as runner:
        assert runner.adapter.events == ["initialized"]
    assert runner.adapter.events == ["initialized", "cleaned up"]


def test_an_adapter_is_given_as_object_class_or_name():
    assert ToolRunner(Adapter, config={"a": 1}).adapter.config == {"a": 1}
    spec = "snakebridge.adapters.showcase:ShowcaseAdapter"
    assert ToolRunner(spec).call("add", a=1, b=2) == 3


def test_a_module_is_given_as_itself(monkeypatch):
    functions = types.ModuleType("functions")
    exec("from snakebridge import tool\n@tool\ndef add(a: int, b: int) -> int: return a + b", vars(functions))
    runner = ToolRunner(functions)
    assert runner.call("add", a=1, b=2) == 3
    assert runner.adapter is functions
    with runner:
        pass
    assert ToolRunner(showcase).call("add", a=1, b=2) == 3, "and may have an adapter's class instead"
    with pytest.raises(AdapterError, match="module `types` has neither a class"):
        ToolRunner(types)


def test_what_is_no_adapter_is_refused_as_by_a_worker():
    class Plain:
        @tool
        def add(self, a: int) -> int:
            return a

    for given in (Plain, Plain(), 5):
        with pytest.raises(
            AdapterError, match=r"is no adapter: it must inherit from snakebridge\.BaseAdapter$"
        ):
            ToolRunner(given)


def test_the_hosts_tools_are_those_of_the_fake_host():
    def parse_json(json_string: str) -> str:
        return f"parsed {json_string}"

    runner = ToolRunner("snakebridge.adapters.showcase", FakeHost([parse_json]))
    assert runner.call("parse_json_by_host", json_string="1") == "parsed 1"


def test_what_would_keep_a_worker_from_starting_is_raised_at_once():
    class Broken(BaseAdapter):
        @tool
        def take(self, value: range): ...

    with pytest.raises(AdapterError, match="range"):
        ToolRunner(Broken())


def test_a_wrong_name_or_method_is_answered_with_the_right_one(runner):
    with pytest.raises(LookupError, match="did you mean `count`"):
        runner.call("cuont")
    with pytest.raises(TypeError, match="use `stream`"):
        runner.call("count", n=1)
    with pytest.raises(TypeError, match="use `call`"):
        runner.stream("whose")


class Excessive(BaseAdapter):
    @tool
    def many(self) -> list:
        return [0] * 1_000_000  # and the list itself

    @tool
    def deep(self, levels: int) -> list:
        return nested(levels)

    @tool
    async def deep_later(self, levels: int) -> list:
        return nested(levels)

    @tool
    def items(self, levels: list[int]) -> Iterator[list]:
        yield from map(nested, levels)

    @tool
    async def items_later(self, levels: list[int]) -> AsyncIterator[list]:
        for number in levels:
            yield nested(number)

    @tool
    def chunks(self, levels: int) -> Iterator[StreamChunk]:
        yield StreamChunk(1, metadata={"nested": nested(levels - 2)})

    @tool
    def returns(self, levels: int) -> Iterator[int]:
        yield 1
        return nested(levels)


def nested(levels):
    value = []
    for _ in range(levels - 1):
        value = [value]
    return value


@pytest.mark.parametrize("tool", ["deep", "deep_later"])
def test_a_result_that_no_host_looks_into_is_refused_as_by_a_worker(tool):
    runner = ToolRunner(Excessive)
    assert runner.call(tool, levels=64) == nested(64)
    with pytest.raises(Unserializable, match=f"the result of `{tool}` is nested more than 64 levels deep"):
        runner.call(tool, levels=65)
    with pytest.raises(Unserializable, match="the result of `many` has more than 1000000 values in it"):
        runner.call("many")


@pytest.mark.parametrize("tool", ["items", "items_later"])
def test_an_item_that_no_host_looks_into_ends_the_stream(tool):
    chunks = ToolRunner(Excessive).chunks(tool, levels=[64, 65, 1])
    assert next(chunks).data == nested(64)
    with pytest.raises(Unserializable, match="an item of the stream is nested more than 64 levels deep"):
        next(chunks)
    assert list(chunks) == []


def test_metadata_of_items_and_what_a_generator_returns_are_looked_into():
    runner = ToolRunner(Excessive)
    assert runner.stream("chunks", levels=64) == runner.stream("returns", levels=64) == [1]
    with pytest.raises(Unserializable, match="an item of the stream is nested"):
        runner.stream("chunks", levels=65)
    with pytest.raises(Unserializable, match="the value that the generator returned is nested"):
        runner.stream("returns", levels=65)


def test_the_refusal_is_to_the_word_that_of_a_worker(monkeypatch):
    monkeypatch.syspath_prepend(ADAPTERS)
    arguments = {"levels": 65, "where": "result"}
    with ScriptedHost("everyday:Everyday") as host:
        assert host.receive()[0][0] == READY
        _, told = host.ask("nested", arguments)
    with pytest.raises(Unserializable) as refused:
        ToolRunner("everyday:Everyday").call("nested", **arguments)
    assert str(refused.value) == told["message"]


def test_a_runner_shows_what_it_runs(tmp_path):
    runner = ToolRunner(showcase, session_id="s")
    name = "snakebridge.adapters.showcase:ShowcaseAdapter"
    tools = len(runner.adapter.get_tools())
    assert repr(runner) == f"<ToolRunner of {name} with {tools} tools, session 's'>"
    call = runner.host.begin_call("t")
    assert (
        repr(runner.within(call)) == f"<ToolRunner of {name} with {tools} tools, <FakeCall in session 't'>>"
    )
    recorded = ToolRunner(Excessive, recording=Recording(tmp_path / "a.json"))
    assert repr(recorded).endswith(f"Excessive with 7 tools, session 'test', recording '{tmp_path}/a.json'>")
