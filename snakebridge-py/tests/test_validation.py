"""`@tool(validate=...)`, and how much is said of what does not fit."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, TypedDict
from uuid import UUID

import pydantic
import pytest
from msgspec import Meta

from calling import call, stream, trampoline
from snakebridge import AdapterError, InvalidArgument, InvalidResult, StreamChunk, tool
from snakebridge.conversion.problems import PROBLEM_LIMIT
from snakebridge.encoding import encode
from snakebridge.failures import describe


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


class Number(IntEnum):
    ONE = 1
    TWO = 2


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
        "`rows[2].sizes`: expected `dict`, got `list`",
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


def say(annotation, value):
    def take(value): ...

    take.__annotations__ = {"value": annotation}
    with pytest.raises(InvalidArgument) as caught:
        call(take, value=value)
    (problem,) = caught.value.problems
    return problem.expected, problem.actual


@pytest.mark.parametrize(
    ("annotation", "value", "expected", "actual"),
    [
        (date, "29.2.2024", "`date` as ISO 8601 text, such as '2024-02-29'", "'29.2.2024'"),
        (date, 3, "`date` as ISO 8601 text, such as '2024-02-29'", "`int`"),
        (datetime | None, "soon", "`datetime` as ISO 8601 text, such as", "'soon'"),
        (time, "noon", "`time` as ISO 8601 text, such as '12:30:00'", "'noon'"),
        (timedelta, 3.5, "`timedelta` as ISO 8601 text, such as 'P1DT2H'", "`float`"),
        (UUID, "x" * 100, "`UUID` as text, such as", "'" + "x" * 39 + "…"),
        (Decimal, "1,5", "`Decimal` as text or a number, such as '1.50'", "'1,5'"),
        (Decimal, None, "`Decimal` as text or a number", "`None`"),
        (IPv4Address, "10.0.0.300", "`IPv4Address` as text, such as '192.168.0.1'", "'10.0.0.300'"),
        (IPv6Address, "Expected 4 octets", "`IPv6Address` as text", "'Expected 4 octets'"),
        (Path, 3, "`Path` as text", "`int`"),
        (date | int, "x", "`date` as ISO 8601 text", "'x'"),
        (date | UUID, "x", "`date | UUID`", "`str`"),
        (Annotated[datetime, Meta(tz=True)], "2024-02-29T12:00:00", "`datetime` with a timezone", "'2024-02"),
        (Annotated[int, Meta(ge=3)], 1, "`int` >= 3", "1"),
        (Annotated[int, Meta(ge=3)] | str, 1, "`int` >= 3", "1"),
        (Annotated[int, Meta(le=3)], 2**2000, "`int` <= 3", "an integer of 2001 bits"),
        (Annotated[float, Meta(gt=0)], -0.5, "`float` > 0", "-0.5"),
        (Annotated[int, Meta(multiple_of=3)], 1, "`int` that's a multiple of 3", "1"),
        (Annotated[str, Meta(min_length=8)], "secret", "`str` of length >= 8", "length 6"),
        (Annotated[bytes, Meta(max_length=1)], b"ab", "`bytes` of length <= 1", "length 2"),
        (Annotated[list[int], Meta(min_length=1)], [], "`list` of length >= 1", "length 0"),
        (
            Annotated[dict[str, int], Meta(max_length=1)],
            {"a": 1, "b": 2},
            "`dict` of length <= 1",
            "length 2",
        ),
        (Annotated[str, Meta(pattern="^a")], "b", "`str` matching regex '^a'", "'b'"),
        (Number, 4, "one of 1, 2", "4"),
        (Number, "ONE", "one of 1, 2", "`str`"),
        (Literal["up"] | list[int], "u", "one of 'up'", "'u'"),
        (Literal["up"] | list[int], 3, "`Literal['up'] | list[int]`", "`int`"),
        (int, datetime(2024, 2, 29, tzinfo=UTC), "`int`", "`datetime`"),
        (str, [], "`str`", "`list`"),
        (set[int], 3, "`list`", "`int`"),
        (dict[str, int], [], "`dict`", "`list`"),
        (None, {}, "`None`", "`dict`"),
    ],
)
def test_what_was_expected_and_what_came_are_said_in_words_of_python(annotation, value, expected, actual):
    said = say(annotation, value)
    assert said[0].startswith(expected)
    assert said[1].startswith(actual)


class Guest(pydantic.BaseModel):
    name: str
    age: int
    born: date


def test_what_a_model_refuses_is_told_with_what_came():
    def invite(guest: Guest): ...

    assert problems(invite, guest={"age": "x" * 100, "born": 1.5j}) == [
        "`guest.name`: Field required",
        "`guest.age`: Input should be a valid integer, unable to parse string as an integer, "
        f"got '{'x' * 39}…",
        "`guest.born`: Input should be a valid date, got `complex`",
    ]


def test_a_long_list_of_allowed_words_is_cut():
    (expected, _) = say(Literal[tuple(f"word {number}" for number in range(20))], "x")
    assert expected.endswith("'word 15' and 4 more")


def test_a_flood_of_problems_is_cut():
    def total(numbers: list[int]): ...

    assert len(problems(total, numbers=["x"] * 10_000)) == PROBLEM_LIMIT


def test_all_problems_of_an_item_that_was_sent_are_told_by_their_paths():
    from snakebridge.input_streams import InputReader
    from snakebridge.inputs import input_type

    reader = InputReader("rows", input_type(Iterator[Row]))
    with pytest.raises(InvalidArgument) as caught:
        reader.item(3, encode({"name": 3, "sizes": {"x": "smal"}}))
    assert [problem.path for problem in caught.value.problems] == ["rows[3].name", "rows[3].sizes.x"]
    assert {problem.parameter for problem in caught.value.problems} == {"rows"}


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
