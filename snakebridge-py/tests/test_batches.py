"""Tools that take many calls at once: what one call of them is, and what becomes of each."""

import asyncio
import contextvars
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from snakebridge import (
    AdapterError,
    BaseAdapter,
    Batch,
    InvalidArgument,
    InvalidResult,
    SessionContext,
    ToolError,
    Unserializable,
    tool,
)
from snakebridge.batches import encode_calls
from snakebridge.current import set_context
from snakebridge.decorator import ToolOptions, options_of
from snakebridge.definitions import define_tool, tools_of_instance
from snakebridge.encoding import encode
from snakebridge.manifest import describe_tool
from snakebridge.testing import ToolRunner
from snakebridge.testing.strategies import arguments_of
from snakebridge.trampoline import build_trampoline


class Adapter(BaseAdapter):
    def __init__(self):
        self.runs = []

    @tool(batch=Batch(max_size=4, max_wait_ms=1.5), examples=[{"n": 1}])
    def scale(self, n: list[int], by: Sequence[int] = (2,)) -> list[int | ToolError]:
        """Scale numbers."""
        self.runs.append((n, by))
        return [
            ToolError("thirteen", "no luck") if number == 13 else number * factor
            for number, factor in zip(n, by, strict=True)
        ]

    @tool(batch=Batch())
    async def later(
        self, n: list[Annotated[int, msgspec.Meta(ge=0)]], *, context: SessionContext
    ) -> tuple[Any, ...]:
        await asyncio.sleep(0)
        self.runs.append(context.correlation_ids)
        return tuple(n)

    @tool(batch=Batch(), validate="full")
    def promised(self, n: list[Any]) -> list[int]:
        return n

    @tool(batch=Batch())
    def anything(self, value):
        return [object() if item == "object" else item for item in value]

    @tool(batch=Batch())
    def wrong(self, n: list[int]) -> list[int]:
        return {0: n[:-1], 1: [*n, 1], 2: "n", 3: {1: 1}, 4: None}[n[0]]

    @tool
    def single(self) -> None: ...


@pytest.fixture
def runner():
    return ToolRunner(Adapter())


def test_a_function_gets_a_list_for_each_parameter_and_each_call_its_own_result(runner):
    assert runner.batch("scale", [{"n": 1}, {"n": 2, "by": 5}]) == [2, 10]
    assert runner.adapter.runs == [([1, 2], [2, 5])]
    assert runner.adapter.scale([3], [3]) == [9], "it stays what it was"


def test_a_single_call_is_a_run_of_one(runner):
    assert runner.call("scale", n=4) == 8
    assert runner.call("scale", 4, by=3) == 12
    assert asyncio.iscoroutinefunction(runner.adapter.later)
    assert runner.call("later", n=5) == 5
    with pytest.raises(ToolError, match="no luck"):
        runner.call("scale", n=13)
    with pytest.raises(InvalidArgument, match="`n` is missing"):
        runner.call("scale")


def test_who_fails_fails_alone(runner):
    good, bad, failed, more = runner.batch("scale", [{"n": 1}, {"n": "x"}, {"n": 13}, {"n": 2}])
    assert (good, more, failed.code) == (2, 4, "thirteen")
    assert isinstance(bad, InvalidArgument)
    assert not bad.tool_ran
    assert runner.adapter.runs == [([1, 13, 2], [2, 2, 2])], "what does not fit is not there"
    assert [type(one) for one in runner.batch("anything", [{"value": "object"}, {"value": 1}])] == [
        Unserializable,
        int,
    ]
    assert [type(one) for one in runner.batch("promised", [{"n": 1}, {"n": "x"}])] == [int, InvalidResult]


def test_where_nothing_fits_nothing_runs(runner):
    assert all(isinstance(one, InvalidArgument) for one in runner.batch("scale", [{}, {"m": 1}]))
    assert runner.adapter.runs == []
    (negative,) = runner.batch("later", [{"n": -1}])
    assert "expected `int` >= 0" in str(negative)


@pytest.mark.parametrize("how", range(5))
def test_what_is_no_list_of_one_result_for_each_is_everybodys_error(runner, how):
    with pytest.raises(InvalidResult, match="for each"):
        runner.batch("wrong", [{"n": how}, {"n": 7}])


def test_the_context_knows_the_correlation_ids_of_those_that_run(runner):
    definition = next(each for each in tools_of_instance(runner.adapter) if each.name == "later")
    call = runner.host.begin_call("s", correlation_id="all")
    calls = [(encode({"n": n}), name) for n, name in [(1, "one"), ("x", "bad"), (2, None)]]

    async def run():
        return await build_trampoline(definition)(encode_calls(calls))

    variables = contextvars.copy_context()
    variables.run(set_context, SessionContext(call, "s"))
    variables.run(asyncio.run, run())
    assert runner.adapter.runs == [["one", "all"]]
    runner.within(call).call("later", n=1)
    assert runner.adapter.runs[-1] == ["all"]


def test_the_manifest_is_about_one_call(runner):
    described = {each.name: describe_tool(each) for each in tools_of_instance(runner.adapter)}
    scale = described["scale"]
    assert scale["batch"] == {"max_size": 4, "max_wait_ms": 1.5}
    assert "batch" not in described["single"]
    assert [(each["name"], each["type"], each["default"]) for each in scale["parameters"]] == [
        ("n", "int", None),
        ("by", "int", 2),
    ]
    assert scale["returns"] == {"type": "int", "schema": {"type": "integer"}}
    assert described["later"]["returns"]["type"] == "any"
    assert described["anything"]["parameters"][0]["type"] == "any"


def test_strategies_are_of_one_call(runner):
    @settings(deadline=None, max_examples=20, suppress_health_check=list(HealthCheck))
    @given(arguments_of(runner.adapter.scale))
    def check(arguments):
        assert isinstance(arguments["n"], int)
        assert isinstance(arguments.get("by", 1), int)

    check()


def test_arrays_are_made_of_what_calls_give():
    numpy = pytest.importorskip("numpy")
    typing = pytest.importorskip("numpy.typing")

    def norm(
        x: typing.NDArray[numpy.float64], small: typing.NDArray[numpy.int8]
    ) -> typing.NDArray[numpy.float64]:
        assert x.dtype == numpy.float64
        assert small.dtype == numpy.int8
        return x + small

    def rows(n: list[int]) -> numpy.ndarray:
        return numpy.ones((len(n), 2))

    def vague(x: numpy.ndarray) -> list[int]: ...

    class Arrays(BaseAdapter):
        add = staticmethod(tool(batch=Batch(), name="norm")(norm))
        make = staticmethod(tool(batch=Batch())(rows))

    runner = ToolRunner(Arrays)
    good, large = runner.batch("norm", [{"x": 1, "small": 2}, {"x": 1.5, "small": 300}])
    assert good == 3.0
    assert "expected `int` <= 127" in str(large)
    assert runner.batch("rows", [{"n": 1}, {"n": 2}]) == [[1.0, 1.0], [1.0, 1.0]]
    with pytest.raises(AdapterError, match="NDArray"):
        define_tool(vague, ToolOptions(batch=Batch()))


def test_a_function_that_cannot_take_many_is_refused_with_the_way_to_mend_it():
    def one(n: int) -> list[int]: ...
    def pair(n: tuple[int, int]) -> list[int]: ...
    def any_names(**names: int) -> list[int]: ...
    def defaulted(n: list[int] = 1) -> list[int]: ...  # type: ignore[assignment]
    def returns_one(n: list[int]) -> int: ...
    def streams(n: list[int]):
        yield n

    for function, hint in [
        (one, "annotate it as `list"),
        (pair, "annotate it as `list"),
        (any_names, "name its parameters"),
        (defaulted, "a sequence of one"),
        (returns_one, "annotate it as `list"),
        (streams, "it returns a list"),
    ]:
        with pytest.raises(AdapterError, match=hint):
            define_tool(function, ToolOptions(batch=Batch()))


def test_what_makes_no_sense_is_refused_where_it_is_written():
    for said in [{"max_size": 1}, {"max_size": 5000}, {"max_wait_ms": -1}, {"max_wait_ms": 10**6}]:
        with pytest.raises(ValueError, match="max_"):
            Batch(**said)
    with pytest.raises(ValueError, match="one by one"):
        tool(batch=Batch(), session="exclusive")(lambda n: n)
    with pytest.raises(TypeError, match="batch"):
        tool(batch=32)(lambda n: n)
    assert options_of(Adapter.scale).batch == Batch(4, 1.5)


def test_one_that_takes_one_call_at_a_time_is_not_given_many(runner):
    with pytest.raises(TypeError, match="use `call`"):
        runner.batch("single", [{}])
