"""Calls that ran together, and calls with streams among their arguments, recorded and replayed."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Iterator, Sequence

import msgspec
import pytest

from recorded_shop import outcome, record, replay
from snakebridge import BaseAdapter, Batch, InvalidArgument, ToolError, tool
from snakebridge.encoding import encode
from snakebridge.extensions import STREAM
from snakebridge.testing import FakeHost, Recording, ReplayMismatch, ToolRunner, check_recording


@pytest.fixture
def path(tmp_path):
    return tmp_path / "recording.json"


class Market(BaseAdapter):
    @tool(batch=Batch())
    def cost(self, article: list[str], pieces: Sequence[int] = (1,)) -> list[int | ToolError]:
        price = self.session_context.tools.price
        if "tea set" in article:
            raise LookupError("not alone, and not with others")
        return [
            ToolError("none", "nothing to pay for", data=[one]) if count < 1 else price(one, pieces=count)
            for one, count in zip(article, pieces, strict=True)
        ]

    @tool(batch=Batch())
    async def cost_later(self, article: list[str]) -> list[list[object]]:
        await asyncio.sleep(0)
        return [[one, *self.session_context.correlation_ids] for one in article]

    @tool
    def first(self, numbers: Iterator[int], count: int) -> list[int]:
        return list(itertools.islice(numbers, count))

    @tool
    async def doubled(self, numbers: AsyncIterator[int], names: AsyncIterator[str]) -> AsyncIterator[object]:
        async for number in numbers:
            yield 2 * number
        yield [name async for name in names]


BATCHES = [
    lambda runner: of_batch(
        runner,
        "cost",
        {"article": "tea"},
        {"article": 7},
        {"article": "jam", "pieces": 0},
        {"article": "tea"},
    ),
    outcome(lambda runner: of_batch(runner, "cost", {"article": "tea"}, {"article": "tea set"})),
    lambda runner: of_batch(runner, "cost_later", {"article": "tea"}, {"article": "jam"}),
    lambda runner: runner.call("cost", article="jam", pieces=2),
]


def of_batch(runner, tool, *calls):
    outcomes = runner.batch(tool, calls)
    return [(type(one), str(one)) if isinstance(one, Exception) else one for one in outcomes]


@pytest.mark.parametrize("replays", ["host", "tool"])
def test_calls_that_ran_together_are_replayed_together(path, replays):
    recorded = record(path, *BATCHES, adapter=Market)
    assert recorded[0][0] == recorded[0][3] == 3
    assert recorded[1] == (LookupError, "not alone, and not with others")
    assert replay(path, *BATCHES, replays=replays, adapter=Market) == recorded
    assert check_recording(path, Market) == 9, "each call counts"


def test_of_calls_that_ran_together_each_has_its_own_in_the_file(path):
    record(path, *BATCHES[:2], adapter=Market)
    together, failed = json.loads(path.read_text())
    assert "arguments" not in together
    tea, number, none, again = together["batch"]
    assert (tea, again) == ({"arguments": {"article": "tea"}, "result": 3},) * 2
    assert (number["error"]["code"], number["error"]["executed"]) == ("invalid_argument", "never")
    assert (none["error"]["own_code"], none["error"]["data"]) == ("none", ["jam"])
    assert [exchange["target"] for exchange in together["host"]] == ["$tools.list", "price", "price"]
    assert failed["error"]["type"] == "LookupError"
    assert failed["batch"] == [{"arguments": {"article": name}} for name in ("tea", "tea set")]


def test_calls_that_ran_together_have_their_correlation_ids_of_then(path):
    record(path, BATCHES[2], adapter=Market)
    path.write_text(
        path.read_text().replace(
            '{\n          "article": "jam"\n        }', '{"article": "jam"}, "correlation_id": "x"'
        )
    )
    assert replay(path, BATCHES[2], adapter=Market) == [[["tea", None, "x"], ["jam", None, "x"]]]


def test_a_call_of_several_that_gives_something_else_is_named(path):
    record(path, *BATCHES[:2], adapter=Market)
    before, _, behind = path.read_text().rpartition('"result": 3')
    path.write_text(f'{before}"result": 4{behind}')
    with pytest.raises(
        ReplayMismatch, match="call 1, `cost`: number 4 of 4 that ran together: result: it was 4, and is 3"
    ):
        check_recording(path, Market)

    class Mended(Market):
        @tool(batch=Batch())
        def cost(self, article: list[str]) -> list[int]:
            return [3 for _ in article]

    with pytest.raises(ReplayMismatch, match=r"call 2, `cost`: error: it was {.*LookupError.*}, and is none"):
        check_recording(path, Mended)


def test_calls_that_ran_together_are_not_taken_for_one_alone_nor_in_another_order(path):
    record(path, BATCHES[2], adapter=Market)
    with ToolRunner(Market, recording=Recording(path)) as runner:
        with pytest.raises(
            ReplayMismatch, match=r"no call `cost_later` with {.*}: left of it is .* `ToolRunner.batch`"
        ):
            runner.call("cost_later", article="tea")
        with pytest.raises(ReplayMismatch, match=r'with \[{"article":"jam"},{"article":"tea"}\] together'):
            runner.batch("cost_later", [{"article": "jam"}, {"article": "tea"}])


def test_a_call_has_either_arguments_or_a_batch(path):
    for text in ('[{"tool": "cost"}]', '[{"tool": "cost", "arguments": {}, "batch": []}]'):
        path.write_text(text)
        with pytest.raises(ValueError, match=r"is no recording: a call has `arguments`; several .* `batch`"):
            Recording(path)


def test_one_that_takes_one_call_at_a_time_is_not_recorded_as_many(path):
    with pytest.raises(TypeError, match="takes one call"):
        ToolRunner(Market, recording=Recording(path)).batch("first", [])


class Sending(FakeHost):
    """Sends streams while a tool runs, as a worker's host does."""

    def begin(self, **streams):
        call = self.begin_call("s")
        sources = {number: map(encode, items) for number, items in enumerate(streams.values(), 1)}
        numbers = {name: msgspec.msgpack.Ext(STREAM, encode(n)) for n, name in enumerate(streams, 1)}

        async def later(number):
            return call.next_input(number)

        call.next_input = lambda number: next(sources[number], None)
        call.anext_input = later
        return call, numbers


def record_with_streams(path, tool, streams, **others):
    """Record a call whose streams are sent while it runs; gives what came of it."""
    call, numbers = Sending().begin(**streams)
    runner = ToolRunner(Market, recording=Recording(path, "rewrite")).within(call)
    with runner:
        run = runner.stream if tool == "doubled" else runner.call
        return outcome(lambda _: run(tool, **numbers, **others))(runner)


def test_of_a_stream_the_items_are_recorded_that_the_tool_has_taken(path):
    endless = itertools.count(1)
    assert record_with_streams(path, "first", {"numbers": endless}, count=3) == [1, 2, 3]
    (call,) = json.loads(path.read_text())
    assert call["arguments"] == {"numbers": {"$stream": [1, 2, 3]}, "count": 3}
    assert next(endless) == 4
    assert check_recording(path, Market) == 1
    for replays in ("host", "tool"):
        given = lambda runner: runner.call("first", numbers=[1, 2, 3], count=3)  # noqa: E731
        assert replay(path, given, replays=replays, adapter=Market) == [[1, 2, 3]]
    with pytest.raises(ReplayMismatch, match=r'left of it is \[{"numbers":\[1,2,3\],"count":3}\]'):
        replay(path, lambda runner: runner.call("first", numbers=[1, 2], count=3), adapter=Market)


def test_streams_are_replayed_as_the_iterators_that_the_parameters_ask_for(path):
    streams = {"numbers": [1, 2], "names": ["a", "b"]}
    assert record_with_streams(path, "doubled", streams) == [2, 4, ["a", "b"]]
    (call,) = json.loads(path.read_text())
    assert call["arguments"] == {"numbers": {"$stream": [1, 2]}, "names": {"$stream": ["a", "b"]}}
    assert replay(path, lambda runner: runner.stream("doubled", **streams), adapter=Market) == [
        [2, 4, ["a", "b"]]
    ]
    assert check_recording(path, Market) == 1


def test_an_item_that_does_not_fit_is_refused_in_the_replay_where_it_was(path):
    kind, text = record_with_streams(path, "first", {"numbers": [1, "two", 3]}, count=3)
    assert (kind, "`numbers[1]`" in text) == (InvalidArgument, True)
    (call,) = json.loads(path.read_text())
    assert call["arguments"]["numbers"] == {"$stream": [1, "two"]}
    assert "executed" not in call["error"], "it is yes where nothing else is said"
    assert check_recording(path, Market) == 1


def test_a_recording_without_batches_and_streams_reads_as_before(path):
    path.write_text(
        '[{"tool": "first", "arguments": [[[1, 2]], {"count": 1}], "session": "s", "result": [1]}]'
    )
    assert check_recording(path, Market) == 1
