"""Arguments are decoded and checked before the tool runs, and every problem is named."""

import datetime
import enum
import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, Optional, TypedDict

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calling import call, trampoline
from snakebridge import InvalidArgument


class Color(enum.Enum):
    RED = "red"


class Point(NamedTuple):
    x: int
    y: int


class Options(TypedDict, total=False):
    depth: int


@dataclass
class Person:
    name: str
    age: int


class Order(msgspec.Struct):
    items: list[str]
    paid: bool = False


def refusal(function, /, *positional, **named):
    with pytest.raises(InvalidArgument) as caught:
        call(function, *positional, **named)
    assert caught.value.tool_ran is False
    return caught.value


def add(a: int, b: float = 2.0):
    return a + b


def test_a_whole_number_is_accepted_where_a_float_is_declared():
    assert call(add, a=1, b=2) == 3.0


def test_whole_numbers_stay_whole_where_both_are_declared():
    def keep(n: int | float):
        return n

    assert repr(call(keep, n=2)) == "2"
    assert repr(call(keep, n=2.0)) == "2.0"


def test_a_bool_is_no_int():
    assert "`a`: expected `int`, got `bool`" in str(refusal(add, a=True))


def test_arguments_come_by_name_by_position_or_both():
    assert call(add, a=1, b=1.0) == call(add, 1, 1.0) == call(add, 1, b=1.0) == 2.0


def test_a_default_is_the_very_object_of_the_signature():
    marker = [1]

    def same(value: list = marker):
        return value is marker

    assert call(same) is True


def test_a_default_of_none_makes_the_type_optional():
    def count(items: list = None):
        return -1 if items is None else len(items)

    assert [call(count), call(count, items=None), call(count, items=[1])] == [-1, -1, 1]


def test_a_parameter_without_annotation_takes_anything():
    def anything(value):
        return type(value).__name__

    assert call(anything, value=None) == "NoneType"
    assert call(anything, value=b"x") == "bytes"
    assert call(anything, value={1: 2}) == "dict"


def test_a_tool_without_parameters_takes_an_empty_map_or_array():
    def nothing():
        return "done"

    run = trampoline(nothing)
    assert run(b"\x80") == run(b"\x92\x90\x80") == msgspec.msgpack.encode("done")


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (bytes, b"\x00\xff"),
        (Optional[str], None),
        (list[int], [1, 2]),
        (tuple[int, str], (1, "a")),
        (set[int], {1, 2}),
        (dict[int, str], {1: "a"}),
        (Literal["a", "b"], "b"),
        (Color, Color.RED),
        (Point, Point(1, 2)),
        (Options, {"depth": 3}),
        (Person, Person("Ada", 36)),
        (Order, Order(["tea"], True)),
        (datetime.datetime, datetime.datetime(2024, 2, 29, 12, tzinfo=datetime.UTC)),
        (datetime.date, datetime.date(2024, 2, 29)),
        (Decimal, Decimal("1.50")),
        (uuid.UUID, uuid.UUID(int=7)),
        (Annotated[int, msgspec.Meta(ge=1)], 1),
    ],
)
def test_what_a_signature_can_declare_arrives_as_declared(annotation, value):
    received = []

    def take(value):
        received.append(value)

    take.__annotations__ = {"value": annotation}
    call(take, value=value)
    assert received == [value]
    assert type(received[0]) is type(value)


def test_every_problem_is_reported_at_once():
    def order(item: str, amount: int, price: float): ...

    error = refusal(order, item=3, price="x", amonut=1)
    assert [(problem.parameter, problem.problem) for problem in error.problems] == [
        ("item", "mismatch"),
        ("amount", "missing"),
        ("price", "mismatch"),
        ("amonut", "unknown"),
    ]
    assert str(error) == (
        "the arguments do not fit (4 problems): "
        "`item`: expected `str`, got `int`; `amount` is missing (expected `int`); "
        "`price`: expected `float`, got `str`; `amonut` is not a parameter: did you mean `amount`?"
    )


def test_a_problem_deep_inside_an_argument_is_named_by_its_path():
    def place(orders: list[Order]): ...

    (problem,) = refusal(place, orders=[{"items": ["a"]}, {"items": ["a", 5]}]).problems
    assert problem.path == "orders[1].items[1]"
    assert (problem.expected, problem.actual) == ("`str`", "`int`")


def test_a_missing_field_inside_an_argument_is_named():
    def greet(person: Person): ...

    assert "`person.age` is missing (expected `int`)" in str(refusal(greet, person={"name": "Ada"}))


def test_a_constraint_is_part_of_the_type():
    def take(count: Annotated[int, msgspec.Meta(ge=1)]): ...

    assert "`count`: expected `int` >= 1" in str(refusal(take, count=0))


def test_a_name_that_is_near_nothing_is_answered_with_the_parameters():
    assert "`zzz` is not a parameter (there is `a`, `b`)" in str(refusal(add, a=1, zzz=1))


def test_too_many_positional_arguments_are_counted():
    assert "3 positional arguments are given, at most 2 expected" in str(refusal(add, 1, 2, 3))


def test_an_argument_given_twice_is_refused():
    assert "`a` is given both by position and by name" in str(refusal(add, 1, a=1))


def test_a_keyword_only_parameter_is_not_filled_by_position():
    def scale(value: int, *, factor: int = 1): ...

    assert "2 positional arguments are given, at most 1 expected" in str(refusal(scale, 1, 2))


@pytest.mark.parametrize(
    "body", [b"", b"\x81", b"\xc1", b"\x01", b"\x81\x01\x01", b"\x80\x80", b"\x91\x90", b"\x81\xa1\xff\x01"]
)
def test_a_body_that_is_no_map_of_names_is_refused(body):
    def closed(a: int): ...

    def opened(a: int, **others): ...

    for target in (closed, opened):
        with pytest.raises(InvalidArgument) as caught:
            trampoline(target)(body)
        assert caught.value.tool_ran is False


def test_a_validation_error_of_the_tool_itself_is_not_taken_for_a_bad_argument():
    def convert(a: int):
        return msgspec.convert("x", int)

    with pytest.raises(msgspec.ValidationError):
        call(convert, a=1)
    with pytest.raises(msgspec.ValidationError):
        call(convert, 1)


def test_an_error_in_a_users_own_type_is_reported_as_a_bad_argument():
    class Even(msgspec.Struct):
        n: int

        def __post_init__(self):
            if self.n % 2:
                raise ValueError(f"{self.n} is odd")

    def take(value): ...

    take.__annotations__ = {"value": Even}
    assert "3 is odd" in str(refusal(take, value={"n": 3}))


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(scalars, inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_any_value_comes_back_as_it_was_sent(value):
    def echo(value):
        return value

    assert call(echo, value=value) == value
    assert call(echo, value) == value


@given(st.dictionaries(st.text(), values, max_size=5))
def test_open_keywords_may_have_any_name(arguments):
    def echo(**kwargs):
        return kwargs

    encoded = trampoline(echo)(msgspec.msgpack.encode(arguments))
    assert msgspec.msgpack.decode(encoded) == arguments


@given(st.lists(scalars, min_size=4, max_size=4), st.integers(0, 4))
def test_the_array_form_means_the_same_as_the_map_wherever_it_is_split(arguments, split):
    def collect(a: Any, b: Any, c: Any, d: Any):
        return [a, b, c, d]

    names = dict(zip("abcd", arguments, strict=True))
    by_position = arguments[:split]
    by_name = dict(list(names.items())[split:])
    body = msgspec.msgpack.encode([by_position, by_name])
    assert trampoline(collect)(body) == trampoline(collect)(msgspec.msgpack.encode(names))


@given(st.binary(max_size=64))
def test_no_body_reaches_the_tool_in_a_form_that_it_does_not_declare(body):
    def take(a: int, b: str = ""):
        assert type(a) is int
        assert type(b) is str

    try:
        trampoline(take)(body)
    except InvalidArgument as error:
        assert error.problems
