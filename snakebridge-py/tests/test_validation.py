"""`@tool(validate=...)`, and how much is said of what does not fit."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, NotRequired, TypedDict

import pytest

from calling import call, stream, trampoline
from snakebridge import AdapterError, InvalidArgument, InvalidResult, StreamChunk, tool
from snakebridge.conversion.problems import PROBLEM_LIMIT
from snakebridge.failures import describe


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


class Options(TypedDict):
    depth: int
    strict: NotRequired[bool]


@dataclass
class Row:
    name: str
    sizes: dict[str, Size]
    options: Options | None = None


def problems(function, **arguments):
    with pytest.raises(InvalidArgument) as caught:
        call(function, **arguments)
    return [str(problem) for problem in caught.value.problems]


def take(rows: list[Row], pair: tuple[int, str] = (0, "")): ...


# What is said


def test_every_problem_inside_the_arguments_is_named_by_its_path():
    rows = [
        {"name": "a", "sizes": {"x": "small"}},
        {"name": 5, "sizes": {"x": "smal", "y y": "large", "z": None}, "options": {"strict": "no"}},
        {"sizes": []},
    ]
    assert problems(take, rows=rows, pair=[1, 2]) == [
        "`rows[1].name`: expected `str`, got `int`",
        "`rows[1].sizes.x`: expected one of 'small', 'large', got 'smal': did you mean 'small'?",
        "`rows[1].sizes.z`: expected one of 'small', 'large', got `None`",
        "`rows[1].options.depth` is missing (expected `int`)",
        "`rows[1].options.strict`: expected `bool`, got `str`",
        "`rows[2].name` is missing (expected `str`)",
        "`rows[2].sizes`: expected `object`, got `array`",
        "`pair[1]`: expected `str`, got `int`",
    ]


def test_a_key_that_is_no_name_is_quoted_in_the_path():
    (problem,) = problems(take, rows=[{"name": "a", "sizes": {"y y": 1}}])
    assert problem.startswith("`rows[0].sizes['y y']`: expected one of")


def test_a_wrong_word_is_answered_with_the_nearest():
    def order(size: Size, colour: Literal["red", "green", 3]): ...

    assert problems(order, size="lagre", colour="geren") == [
        "`size`: expected one of 'small', 'large', got 'lagre': did you mean 'large'?",
        "`colour`: expected one of 'red', 'green', 3, got 'geren': did you mean 'green'?",
    ]


def test_a_flood_of_problems_is_cut():
    def total(numbers: list[int]): ...

    assert len(problems(total, numbers=["x"] * 10_000)) == PROBLEM_LIMIT


# Results


def full(function):
    return tool(validate="full")(function)


def test_a_result_that_fits_is_the_result():
    @full
    def row() -> Row:
        return Row("a", {"x": Size.SMALL})

    assert call(row) == {"name": "a", "sizes": {"x": "small"}, "options": None}


def test_a_result_that_does_not_fit_is_an_error_of_the_tool_with_its_problems():
    @full
    def row() -> list[Row]:
        return [{"name": "a", "sizes": {"x": 3}}]

    with pytest.raises(
        InvalidResult, match=r"`result\[0\].sizes.x`: expected one of 'small', 'large'"
    ) as caught:
        call(row)
    code, executed, body = describe(caught.value)
    assert (code, executed) == ("tool", 2)
    assert b"problems" in body


def test_the_result_of_an_asynchronous_tool_is_checked_as_well():
    @full
    async def number() -> int:
        await asyncio.sleep(0)
        return "three"

    with pytest.raises(InvalidResult, match="`result`: expected `int`, got `str`"):
        call(number)


def test_items_are_checked_one_by_one():
    closed = []

    @full
    def numbers() -> Iterator[int]:
        try:
            yield 1
            yield StreamChunk(2)
            yield "three"
        finally:
            closed.append(True)

    items = trampoline(numbers)(b"\x80")
    assert next(items) == 1
    assert next(items) == StreamChunk(2)
    with pytest.raises(InvalidResult, match=r"`items\[2\]`: expected `int`, got `str`"):
        next(items)
    assert closed == [True]


def test_what_a_checked_generator_returns_is_kept():
    @full
    def numbers() -> Iterator[int]:
        yield 1
        return "done"

    items = trampoline(numbers)(b"\x80")
    next(items)
    with pytest.raises(StopIteration) as end:
        next(items)
    assert end.value.value == "done"


def test_items_of_an_asynchronous_stream_are_checked():
    from snakebridge.decorator import options_of
    from snakebridge.definitions import define_tool
    from snakebridge.trampoline import build_trampoline

    @full
    async def numbers() -> AsyncIterator[int]:
        yield 1
        yield "two"

    sent = []

    async def send_all(items):
        async for item in items:
            sent.append(item)  # noqa: PERF401 - what came before the error counts

    run = build_trampoline(define_tool(numbers, options_of(numbers)), send_all)
    with pytest.raises(InvalidResult, match=r"`items\[1\]`"):
        asyncio.run(run(b"\x80"))
    assert sent == [1]


@pytest.mark.parametrize("annotation", [Any, "Nowhere.Type", range])
def test_a_result_that_cannot_be_checked_is_refused_with_the_adapter_or_unchecked(annotation):
    def give():
        return 1

    give.__annotations__ = {"return": annotation}
    if annotation is Any:
        assert call(full(give)) == 1
        return
    with pytest.raises(AdapterError, match="cannot be checked against"):
        trampoline(full(give))


def test_a_stream_of_chunks_is_not_checked_but_for_its_kind():
    @full
    def numbers() -> Iterator[StreamChunk]:
        yield StreamChunk("anything")

    assert stream(numbers) == [StreamChunk("anything")]


# No checks


def test_unchecked_arguments_come_as_they_are():
    @tool(validate="off")
    def kind(value: int, row: Row = None) -> str:
        return f"{type(value).__name__} {type(row).__name__}"

    assert call(kind, value="x", row={"a": 1}) == "str dict"
    assert call(kind, "x") == "str NoneType"


def test_names_are_checked_even_then():
    @tool(validate="off")
    def kind(value: int): ...

    assert problems(kind, vlaue=1) == [
        "`value` is missing (expected `any`)",
        "`vlaue` is not a parameter: did you mean `value`?",
    ]


def test_a_mode_that_is_none_is_refused_where_it_is_written():
    with pytest.raises(TypeError, match="validate"):
        tool(validate="maybe")
