"""Strategies from signatures make arguments that the tool accepts, whatever is inside them."""

import collections
import collections.abc
import re
import sys
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    NamedTuple,
    NewType,
    NotRequired,
    Optional,
    TypedDict,
    TypeVar,
)
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st
from msgspec import Meta

from calling import call
from snakebridge import AdapterError
from snakebridge.testing.strategies import arguments_of

Code = Annotated[str, Meta(pattern="^[A-Z]{3}-[0-9]{4}$")]
T = TypeVar("T")
UserId = NewType("UserId", int)
JSON = int | str | list["JSON"] | dict[str, "JSON"]


class Color(Enum):
    RED = "red"


@dataclass
class Part:
    code: Code
    share: Annotated[float, Meta(ge=0, lt=1)]
    sizes: Annotated[list[Annotated[int, Meta(ge=1, multiple_of=5)]], Meta(min_length=1, max_length=3)] = (
        field(default_factory=lambda: [5])
    )
    spare: Optional["Part"] = None


@dataclass
class Even:
    n: int

    def __post_init__(self):
        if self.n % 2:
            raise ValueError("odd")


@dataclass
class Page(Generic[T]):
    items: list[T]
    first: T


class Order(msgspec.Struct, rename="camel", forbid_unknown_fields=True, tag=True):
    order_code: Code
    part_list: list[Part] = []


class Refund(msgspec.Struct, tag=True):
    amount: Annotated[Decimal, Meta(description="what is paid back")]


class Options(TypedDict):
    code: Code
    depth: NotRequired[Annotated[int, Meta(gt=100, lt=105)]]


class Point(NamedTuple):
    x: Annotated[int, Meta(ge=0)]
    code: Code = "ABC-1234"


class Numbered(msgspec.Struct, Generic[T]):
    number: Annotated[int, Meta(ge=1_000_000)]
    value: T


def written(value):
    return "" if isinstance(value, types.FunctionType) else str(value)


def parts_fit(part):
    while part is not None:
        assert isinstance(part, Part)
        assert all(size % 5 == 0 and size >= 1 for size in part.sizes)
        assert 0 <= part.share < 1
        part = part.spare
    return True


def is_code(value):
    return re.search("^[A-Z]{3}-[0-9]{4}$", value) is not None


def check(annotation, fits):
    """Whether a tool with such a parameter accepts what is made, and what it gets fits."""

    def tool(value: annotation):
        assert fits(value)
        return True

    @given(arguments_of(tool))
    @settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow], database=None)
    def run(arguments):
        assert call(tool, **arguments) is True

    run()


@pytest.mark.parametrize(
    ("annotation", "fits"),
    [
        (Part, parts_fit),
        (Iterator[Part], lambda parts: all(map(parts_fit, parts))),
        (Order, lambda order: is_code(order.order_code) and all(map(parts_fit, order.part_list))),
        (Options, lambda options: is_code(options["code"]) and options.get("depth", 101) in range(101, 105)),
        (Point, lambda point: point.x >= 0 and is_code(point.code)),
        (Page[Code], lambda page: is_code(page.first) and all(map(is_code, page.items))),
        (Numbered[Code], lambda numbered: numbered.number >= 1_000_000 and is_code(numbered.value)),
        (Order | Refund, lambda either: isinstance(either, Order | Refund)),
        (Even, lambda even: even.n % 2 == 0),
        (dict[Code, list[Point]], lambda by_code: all(map(is_code, by_code))),
        (Optional[Code], lambda code: code is None or is_code(code)),
        (tuple[Code, ...], lambda codes: all(map(is_code, codes))),
        (Sequence[Code], lambda codes: all(map(is_code, codes))),
        (Mapping[str, Code], lambda codes: all(map(is_code, codes.values()))),
    ],
    ids=written,
)
def test_constraints_hold_inside_of_structures(annotation, fits):
    check(annotation, fits)


@pytest.mark.parametrize(
    ("annotation", "fits"),
    [
        (Annotated[datetime, Meta(tz=True)], lambda moment: moment.tzinfo is not None),
        (Annotated[datetime, Meta(tz=False)], lambda moment: moment.tzinfo is None),
        (Annotated[bytes, Meta(min_length=2, max_length=3)], lambda data: len(data) in (2, 3)),
        (Annotated[str, Meta(min_length=3, pattern="^[a-z]*$")], lambda text: len(text) >= 3),
        (Annotated[float, Meta(multiple_of=0.5, ge=1)], lambda share: share >= 1 and share % 0.5 == 0),
        (Annotated[dict[str, int], Meta(min_length=1)], lambda numbers: numbers != {}),
        (Annotated[set[int], Meta(max_length=1)], lambda numbers: len(numbers) <= 1),
        (Annotated[Annotated[int, Meta(ge=3)], Meta(le=4)], lambda number: number in (3, 4)),
    ],
    ids=written,
)
def test_constraints_hold_on_all_that_can_have_some(annotation, fits):
    check(annotation, fits)


@pytest.mark.parametrize(
    "annotation",
    [
        None,
        bool,
        tuple[int, str],
        set[int],
        frozenset[str],
        collections.abc.Set[int],
        collections.deque[int],
        Color,
        Literal[1, "a"],
        datetime,
        date,
        time,
        timedelta,
        Decimal,
        UUID,
        UserId,
        JSON,
        bytes,
        complex,
        list,
        dict,
        set,
        tuple,
        Path,
    ],
    ids=written,
)
def test_values_of_all_usual_types_are_made(annotation):
    check(annotation, lambda value: True)


def test_what_contains_itself_is_made_with_something_in_it():
    def tool(part: Part, json: JSON): ...

    arguments = arguments_of(tool)
    assert find(arguments, lambda given: given["part"].spare is not None)
    assert find(arguments, lambda given: isinstance(given["json"], list) and given["json"] != [])


def test_fields_with_defaults_are_sometimes_left_out():
    def tool(options: Options, part: Part): ...

    arguments = arguments_of(tool)
    assert find(arguments, lambda given: "depth" in given["options"])
    assert find(arguments, lambda given: "depth" not in given["options"])
    assert find(arguments, lambda given: given["part"].sizes == [5])
    assert find(arguments, lambda given: given["part"].sizes != [5])


def test_a_function_of_the_host_cannot_be_made_up():
    def tool(progress: Callable[[int], None]): ...

    def optional(n: int, progress: Callable[[int], None] | None = None): ...

    with pytest.raises(
        TypeError, match=r"tool `tool`: .* parameter `progress` of type Callable\[.*: it takes a f"
    ):
        arguments_of(tool)
    assert set(find(arguments_of(optional), lambda _: True)) == {"n"}


class Picky(msgspec.Struct):
    n: int

    def __post_init__(self):
        raise ValueError("nothing is right")


@pytest.mark.parametrize(
    ("annotation", "reason"),
    [
        (Picky, "100 were drawn, and none fits"),
        (Annotated[str, Meta(pattern="^a$", min_length=3)], "100 were drawn, and none fits"),
        (Annotated[list[int], Meta(min_length=3, max_length=2)], "min_size"),
    ],
)
def test_where_no_values_can_be_made_tool_and_parameter_are_named(annotation, reason):
    def tool(n: int, wrong: annotation): ...

    with pytest.raises(
        TypeError, match=f"tool `tool`: no values can be made for parameter `wrong` .*{reason}"
    ):
        given(arguments_of(tool))(lambda arguments: None)()


def test_values_may_be_given_for_a_parameter_and_are_left_as_they_are():
    def tool(n: int, word: str = "a", *, wrong: Picky): ...

    arguments = arguments_of(tool, wrong=st.just({"n": 1}), word=st.just(5))
    drawn = find(arguments, lambda made: "word" in made)
    assert (drawn["wrong"], drawn["word"]) == ({"n": 1}, 5)
    assert find(arguments, lambda made: "word" not in made)
    with pytest.raises(TypeError, match="tool `tool` has no parameter `wrog`: did you mean `wrong`"):
        arguments_of(tool, wrog=st.none())


@pytest.mark.skipif(sys.version_info < (3, 12), reason="`type` statements came with Python 3.12")
def test_an_alias_of_a_type_statement_is_what_it_means():
    namespace: dict[str, Any] = {"Code": Code}
    exec(
        "type Codes = list[Code]\ntype Tree = int | list[Tree]\ndef tool(codes: Codes, tree: Tree): ...",
        namespace,
    )
    arguments = arguments_of(namespace["tool"])
    assert all(map(is_code, find(arguments, lambda made: made["codes"] != [])["codes"]))
    assert find(arguments, lambda made: isinstance(made["tree"], list) and made["tree"] != [])


def test_what_cannot_be_a_tool_has_no_strategy():
    def tool(value: typing.IO): ...

    with pytest.raises(AdapterError, match="value"):
        arguments_of(tool)
