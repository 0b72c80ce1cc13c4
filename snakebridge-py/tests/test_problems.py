"""Every problem inside an argument is found, whatever structures and unions it is in."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Generic, Literal, NamedTuple, NotRequired, Required, TypedDict, TypeVar

import msgspec
import pydantic
import pytest
from msgspec import Meta

from calling import call
from snakebridge import InvalidArgument

T = TypeVar("T")
K = TypeVar("K")


def problems(annotation, value):
    def take(value): ...

    take.__annotations__ = {"value": annotation}
    with pytest.raises(InvalidArgument) as caught:
        call(take, value=value)
    return [str(problem) for problem in caught.value.problems]


# Structures. The annotations of this module are texts.


class Options(TypedDict):
    depth: int
    strict: NotRequired[bool]


class Loose(TypedDict, total=False):
    depth: Required[int]
    width: int


class Wider(Loose):
    height: int


def test_keys_of_a_typed_dict_are_missing_where_they_are_required_and_only_there():
    assert problems(Options, {"depth": "x"}) == ["`value.depth`: expected `int`, got `str`"]
    assert problems(Options, {"strict": 1}) == [
        "`value.depth` is missing (expected `int`)",
        "`value.strict`: expected `bool`, got `int`",
    ]
    assert problems(Loose, {"width": "x"}) == [
        "`value.depth` is missing (expected `int`)",
        "`value.width`: expected `int`, got `str`",
    ]
    assert problems(Wider, {"width": "x"}) == [
        "`value.depth` is missing (expected `int`)",
        "`value.width`: expected `int`, got `str`",
        "`value.height` is missing (expected `int`)",
    ]


@dataclass
class Row:
    someName: str  # noqa: N815 - as it travels
    price: float = 0.0


@dataclass
class Page(Generic[T]):
    items: list[T]
    total: int


@dataclass
class Indexed(Page[Row], Generic[T]):
    index: dict[str, T]


class RowPage(Page[Row]):
    """Without fields of its own."""


class Envelope(TypedDict, Generic[T]):
    body: T
    tags: list[str]


class Rows(Envelope[Row]):
    count: int


class Pair(NamedTuple, Generic[K, T]):
    first: K
    second: T


class Box(msgspec.Struct, Generic[T]):
    inside: T


def test_all_problems_of_a_generic_structure_are_found():
    bad = [{"someName": 1}, {"someName": "a", "price": "x"}]
    inside = [
        "`value.items[0].someName`: expected `str`, got `int`",
        "`value.items[1].price`: expected `float`, got `str`",
    ]
    assert problems(Page[Row], {"items": bad, "total": "x"}) == [
        *inside,
        "`value.total`: expected `int`, got `str`",
    ]
    assert problems(RowPage, {"items": bad, "total": 1}) == inside
    assert problems(Indexed[int], {"items": bad, "total": 1, "index": {"a": "x"}}) == [
        *inside,
        "`value.index.a`: expected `int`, got `str`",
    ]
    assert problems(Envelope[Page[int]], {"body": {"items": ["x"], "total": 1}, "tags": [1]}) == [
        "`value.body.items[0]`: expected `int`, got `str`",
        "`value.tags[0]`: expected `str`, got `int`",
    ]
    assert problems(Rows, {"body": {}, "tags": 1, "count": "x"}) == [
        "`value.body.someName` is missing (expected `str`)",
        "`value.tags`: expected `list`, got `int`",
        "`value.count`: expected `int`, got `str`",
    ]
    assert problems(Box[list[T]], {"inside": 3}) == ["`value.inside`: expected `list`, got `int`"]
    assert problems(Box[Box[int]], {"inside": {"inside": "x"}}) == [
        "`value.inside.inside`: expected `int`, got `str`"
    ]


def test_all_problems_of_a_named_tuple_are_found():
    assert problems(Pair[int, list[str]], ["x", [1]]) == [
        "`value[0]`: expected `int`, got `str`",
        "`value[1][0]`: expected `str`, got `int`",
    ]
    assert problems(Pair[int, str], ["x"]) == [
        "`value[0]`: expected `int`, got `str`",
        "`value[1]` is missing (expected `str`)",
    ]


@dataclass
class Filled:
    name: str
    count: int = field(init=False, default=7)


def test_a_field_that_the_constructor_does_not_take_is_checked_where_it_is_given():
    assert problems(Filled, {"count": "x"}) == [
        "`value.name` is missing (expected `str`)",
        "`value.count`: expected `int`, got `str`",
    ]


class Line(msgspec.Struct, array_like=True, tag="line"):
    start: int
    end: int


def test_all_problems_of_a_structure_in_an_array_are_found():
    assert problems(Line, ["line", "x"]) == [
        "`value[1]`: expected `int`, got `str`",
        "`value[2]` is missing (expected `int`)",
    ]


# Names


class Strict(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    some_name: str = ""
    size: int = 0


def test_a_field_that_is_written_wrongly_is_answered_with_the_nearest():
    assert problems(Row, {"someNam": "a", "more": 1}) == [
        "`value.someName` is missing (expected `str`)",
        "`value.someNam` is not a field: did you mean `someName`?",
    ]


def test_unknown_fields_of_a_structure_that_forbids_them_are_all_named():
    assert problems(Strict, {"someNam": "a", "some thing": 1, "size": "x"}) == [
        "`value.size`: expected `int`, got `str`",
        "`value.someNam` is not a field: did you mean `someName`?",
        "`value['some thing']` is not a field (there is `someName`, `size`)",
    ]
    assert problems(dict[str, Strict], {"a": {"x": 1}}) == [
        "`value.a.x` is not a field (there is `someName`, `size`)"
    ]


# Containers


@pytest.mark.parametrize(
    "annotation",
    [
        dict[int, int],
        Mapping[int, int],
        OrderedDict[int, int],
        Annotated[dict[int, int], Meta(min_length=1)],
        dict[int, int] | None,
    ],
)
def test_all_keys_and_values_that_do_not_fit_are_named(annotation):
    assert problems(annotation, {"a": 1, 2: "x", None: 3}) == [
        "`value['a']`: expected `int` as the key, got `str`",
        "`value[None]`: expected `int` as the key, got `None`",
        "`value[2]`: expected `int`, got `str`",
    ]


def test_counts_are_integers():
    assert problems(Counter[str], {"a": "x", "b": 1, "c": None}) == [
        "`value.a`: expected `int`, got `str`",
        "`value.c`: expected `int`, got `None`",
    ]


@pytest.mark.parametrize("annotation", [deque[int], Sequence[int], set[int], frozenset[int], tuple[int, ...]])
def test_all_items_that_do_not_fit_are_named(annotation):
    assert problems(annotation, ["a", 1, None]) == [
        "`value[0]`: expected `int`, got `str`",
        "`value[2]`: expected `int`, got `None`",
    ]


def test_a_tuple_of_the_wrong_length_is_told_beside_its_items():
    assert problems(tuple[int, str], [1, 2, 3]) == [
        "`value[1]`: expected `str`, got `int`",
        "`value`: expected `tuple` of length 2, got length 3",
    ]


def test_the_length_of_a_container_is_told_beside_its_items():
    for annotation in (
        Annotated[list[int], Meta(min_length=3)],
        Annotated[list[int], Meta(min_length=3)] | None,
    ):
        assert problems(annotation, ["x", 1]) == [
            "`value[0]`: expected `int`, got `str`",
            "`value`: expected `list` of length >= 3, got length 2",
        ]
    assert problems(Annotated[dict[str, int], Meta(max_length=1)], {"a": "x", "b": 1}) == [
        "`value.a`: expected `int`, got `str`",
        "`value`: expected `dict` of length <= 1, got length 2",
    ]


def test_many_items_are_searched_quickly():
    start = time.monotonic()
    assert len(problems(list[Page[Row]], [{"items": [], "total": 1}] * 50_000 + [{}])) == 2
    assert time.monotonic() - start < 20  # with a decoder for each it would be minutes


# Unions


@dataclass
class Person:
    name: str
    age: int


@dataclass
class Order:
    items: list[str]
    paid: bool


class Circle(msgspec.Struct, tag="circle"):
    radius: float


class Square(msgspec.Struct, tag="square"):
    side: float


class Guest(pydantic.BaseModel):
    name: str


class Room(pydantic.BaseModel):
    number: int = pydantic.Field(alias="roomNumber")
    beds: int


Tree = Literal["leaf"] | list["Tree"] | dict[str, "Tree"]


@pytest.mark.parametrize(
    ("annotation", "value", "said"),
    [
        (
            int | list[int],
            ["x", 1, "y"],
            ["[0]`: expected `int`, got `str`", "[2]`: expected `int`, got `str`"],
        ),
        (int | Person, {"name": 1, "age": "x"}, [".name`: expected `str`", ".age`: expected `int`"]),
        (
            Person | Order,
            {"items": [1], "paid": 1},
            [".items[0]`: expected `str`", ".paid`: expected `bool`"],
        ),
        (Person | Order, {"name": 1}, [".name`: expected `str`", ".age` is missing"]),
        (list[Person | Order | None], [None, {"age": "x"}], ["[1].name` is missing", "[1].age`: expected"]),
        (list[int] | list[str], [1, 2, "x"], ["[2]`: expected `int`, got `str`"]),
        (list[int] | tuple[str, int], ["a", "b"], ["[1]`: expected `int`, got `str`"]),
        (dict[str, int] | Person, {"a": "x"}, [".a`: expected `int`, got `str`"]),
        (dict[str, int] | Person, {"name": 1, "x": "y"}, [".name`: expected `str`", ".age` is missing"]),
        (Circle | Square, {"type": "square", "side": "x"}, [".side`: expected `float`, got `str`"]),
        (Circle | int, {"type": "circle"}, [".radius` is missing"]),
        (Guest | Room, {"roomNumber": "x", "beds": 1}, [".roomNumber`: Input should be a valid integer"]),
        (Guest | Room | Person, {"name": 1, "age": "x"}, [".name`: expected `str`", ".age`: expected `int`"]),
        (dict[str, int | list[bool]], {"a": [1, 2]}, [".a[0]`: expected `bool`", ".a[1]`: expected `bool`"]),
        (
            "Tree",
            {"a": ["leaf", {"b": ["lef"]}]},
            [".a[1].b[0]`: expected one of 'leaf', got 'lef': did you mean"],
        ),
    ],
)
def test_the_problems_in_a_union_are_those_of_the_nearest_member(annotation, value, said):
    found = problems(annotation, value)
    assert len(found) == len(said)
    for problem, text in zip(found, said, strict=True):
        assert problem.startswith(f"`value{text}"), found


def test_what_no_member_of_a_union_comes_near_is_told_as_a_whole():
    (problem,) = problems(Person | Order, {"x": 1})
    assert problem.startswith("`value`: expected `Person | Order`")
    (problem,) = problems(int | list[int], "x")
    assert problem.startswith("`value`: expected `int | ")
