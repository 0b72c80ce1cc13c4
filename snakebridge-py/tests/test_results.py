"""Results leave without loss, objects are converted in one order, the rest is named by its place."""

import math
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import msgspec
import numpy
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calling import call
from snakebridge import InvalidArgument, Unserializable, tool
from snakebridge.encoding import CONVERSIONS, encode
from snakebridge.extensions import decode


def sent(value):
    return decode(encode(value))


def refused(value):
    with pytest.raises(Unserializable) as caught:
        encode(value)
    return caught.value


class Secret:
    def __repr__(self):
        raise AssertionError("repr was called")


def test_none_is_nil_and_bytes_are_binary():
    assert encode(None) == b"\xc0"
    assert encode(b"\x00") == b"\xc4\x01\x00"
    assert encode(bytearray(b"\x00")) == encode(memoryview(b"\x00")) == b"\xc4\x01\x00"


def test_tuples_and_sets_are_arrays():
    class Point(NamedTuple):
        x: int

    assert sent((1, 2)) == [1, 2]
    assert sent({1}) == sent(Point(1)) == [1]


def test_floats_keep_every_bit():
    assert math.isnan(sent(math.nan))
    assert sent(-math.inf) == -math.inf
    assert math.copysign(1, sent(-0.0)) == -1


@pytest.mark.parametrize("number", [2**63, 2**64 - 1, -(2**63)])
def test_integers_of_64_bits_are_exact(number):
    assert sent(number) == number


def test_subclasses_of_plain_values_are_plain_values():
    for kind, value in ((str, "a"), (int, 3), (float, 1.5), (bytes, b"x"), (dict, {"a": 1}), (list, [1])):
        subclass = type("Subclass", (kind,), {})
        assert sent(subclass(value)) == value
    assert sent(OrderedDict(a=1)) == {"a": 1}


@pytest.mark.parametrize("name", CONVERSIONS)
def test_an_object_is_converted_by_its_own_method(name):
    kind = type("Object", (), {name: lambda self: [name]})
    assert sent({"object": kind()}) == {"object": [name]}


@pytest.mark.parametrize("position", range(len(CONVERSIONS) - 1))
def test_an_earlier_conversion_wins(position):
    first, second = CONVERSIONS[position : position + 2]
    kind = type("Object", (), {second: lambda self: "second", first: lambda self: "first"})
    assert sent(kind()) == "first"


def test_what_a_conversion_gives_is_converted_in_turn():
    class Inner:
        def isoformat(self):
            return "2024"

    class Outer:
        def to_dict(self):
            return {"inner": Inner()}

    assert sent(Outer()) == {"inner": "2024"}


def test_a_large_array_is_refused_before_it_is_turned_into_a_list():
    class Array:
        size = 1_000_001

        def tolist(self):
            raise AssertionError("tolist was called")

    assert "1000001 elements" in str(refused(Array()))
    Array.size = 1_000_000
    Array.tolist = lambda self: [1]
    assert sent(Array()) == [1]


def test_an_object_that_answers_to_any_attribute_is_not_converted():
    class Proxy:
        def __getattr__(self, name):
            return lambda: "whatever"

    assert refused([Proxy()]).path == "$[0]"


def test_what_has_no_form_is_named_by_type_and_place_without_its_repr():
    error = refused({"a": [1, 2, 3, {"owner": Secret()}]})
    assert error.path == "$.a[3].owner"
    assert "Secret has no form on the wire" in str(error)
    assert str(error).endswith("(at $.a[3].owner)")


def test_the_place_is_found_inside_objects_and_conversions():
    @dataclass
    class Row:
        cell: object

    class Table:
        def to_dict(self):
            return {"rows": [Row(1), Row(Secret())]}

    assert refused([Table()]).path == "$[0].rows[1].cell"


def test_a_field_that_the_constructor_does_not_take_leaves_as_soon_as_it_is_set():
    @dataclass
    class Row:
        name: str
        made: int = field(init=False, default_factory=lambda: 7)
        later: int = field(init=False)
        of_the_class: int = field(init=False, default=7)

        def __post_init__(self):
            self.later = 8

    row = Row("a")
    assert sent(row) == {"name": "a", "made": 7, "later": 8}  # as `docs/types.md` says
    row.of_the_class = 9
    assert sent(row)["of_the_class"] == 9


def test_the_place_of_a_bad_key_is_the_map():
    assert refused({"a": {Secret(): 1}}).path == "a key of $.a"


def test_integers_beyond_64_bits_leave_exactly_wherever_they_stand():
    @dataclass
    class Row:
        number: int
        rest: object = None

    class Tagged(msgspec.Struct, tag="t", rename={"number": "n"}, omit_defaults=True):
        number: int
        rest: object = None

    class Converted:
        def to_dict(self):
            return {"number": 2**64}

    numbers = [2**64, -(2**63) - 1, 2**1000, -(2**1000)]
    assert sent({"n": [*numbers, (2**64, {2**65})]}) == {"n": [*numbers, [2**64, [2**65]]]}
    assert sent({2**64: 1, "x": 2**64}) == {2**64: 1, "x": 2**64}
    assert sent([Row(2**64, Tagged(2**65))]) == [{"number": 2**64, "rest": {"type": "t", "n": 2**65}}]
    subclass = type("Subclass", (int,), {})
    moment = datetime(2024, 2, 29, tzinfo=UTC)
    besides = [Converted(), subclass(2**70), b"x", moment, 1j, math.inf, Path("/x"), None]
    assert sent(besides) == [{"number": 2**64}, 2**70, b"x", moment, 1j, math.inf, "/x", None]


def test_what_is_wrong_beside_an_integer_beyond_64_bits_is_named_by_its_place():
    error = refused({"n": [2**64, {"owner": Secret()}]})
    assert error.path == "$.n[1].owner"
    error = refused({"n": [1, 1 << 40_000]})
    assert error.path == "$.n[1]"
    assert "40001 bits" in str(error)
    cycle = [2**64]
    cycle.append(cycle)
    assert "contains itself" in str(refused(cycle))


def test_a_lone_surrogate_is_refused_by_name():
    assert "lone surrogate" in str(refused({"text": "\ud800"}))


def test_a_value_that_contains_itself_is_refused():
    cycle = []
    cycle.append(cycle)
    assert "contains itself" in str(refused(cycle))


def test_a_generator_as_a_plain_result_is_answered_with_the_way_out():
    assert "supports_streaming=True" in str(refused(number for number in [1]))


def test_an_object_without_any_form_is_answered_with_the_way_out():
    assert "give it a `to_dict` method" in str(refused(Secret()))


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (deque([1, 2]), [1, 2]),
        (range(3), [0, 1, 2]),
        ({"a": 1}.keys(), ["a"]),
        ({"a": 1}.values(), [1]),
        (MappingProxyType({"a": 1}), {"a": 1}),
        (Counter("aab"), {"a": 2, "b": 1}),
        (Path("/tmp/x"), "/tmp/x"),
        (IPv4Address("10.0.0.1"), "10.0.0.1"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_containers_and_texts_of_the_standard_library_leave_as_plain_ones(value, plain):
    assert sent(value) == plain


def test_a_long_range_is_refused_before_it_is_turned_into_a_list():
    assert "1000000000 elements" in str(refused(range(10**9)))


def test_an_exception_in_a_conversion_is_the_cause():
    class Broken:
        def to_dict(self):
            raise LookupError("no such row")

    error = refused([Broken()])
    assert isinstance(error.__cause__, LookupError)
    assert error.path == "$[0]"


def test_an_exception_in_a_conversion_is_told_with_the_conversion_and_its_place():
    class Raises:
        def to_dict(self):
            raise ValueError("boom")

    error = refused({"a": [Raises()]})
    name = f"{__name__}.{Raises.__qualname__}"
    assert str(error) == f"`{name}.to_dict()` raised ValueError: boom (at $.a[0])"
    assert str(error.__cause__) == "boom"

    class Unspeakable(Exception):
        def __str__(self):
            raise AssertionError("str was called")

    Raises.to_dict = lambda self: (_ for _ in ()).throw(Unspeakable)
    assert str(refused(Raises())) == f"`{name}.to_dict()` raised Unspeakable"
    Raises.to_dict = lambda self: [self]
    assert "nested too deeply, or contains itself" in str(refused(Raises()))


def test_a_conversion_that_gives_the_same_type_again_is_refused_by_its_type():
    class Again:
        def tolist(self):
            return Again()

    assert f"{Again.__qualname__} has no form on the wire: its `tolist()` gives one of" in str(
        refused(Again())
    )
    error = refused({"a": numpy.array([[1]], dtype=numpy.longdouble)})
    assert "numpy.longdouble has no form on the wire" in str(error)
    assert error.path == "$.a[0][0]"
    assert "numpy.longdouble" in str(refused(numpy.longdouble(1)))


# pydantic


class Inner(pydantic.BaseModel):
    count: int = pydantic.Field(alias="theCount")


class Outer(pydantic.BaseModel):
    inner: Inner = pydantic.Field(alias="in")
    page: pydantic.HttpUrl | None = None
    size: int = pydantic.Field(1, validation_alias="givenSize", serialization_alias="givenSize")


@pytest.mark.parametrize("validate", ["args", "full"])
def test_a_model_leaves_under_the_names_that_it_is_read_by(validate):
    @tool(validate=validate)
    def same(value: Outer) -> Outer:
        return value

    plain = {"in": {"theCount": 3}, "page": "http://a.b/c", "givenSize": 2}
    assert call(same, value=plain) == plain
    assert sent({"x": [Inner(theCount=1)]}) == {"x": [{"theCount": 1}]}


def test_a_model_that_has_a_dump_of_its_own_leaves_by_it():
    class Own(Inner):
        def model_dump(self):
            return {"own": super().model_dump(by_alias=True)}

    class Passing(Inner):
        def model_dump(self, **options):
            return {"own": super().model_dump(**options)}

    assert sent(Own(theCount=1)) == sent(Passing(theCount=1)) == {"own": {"theCount": 1}}


def test_urls_of_pydantic_are_their_texts_in_both_directions():
    class Page(pydantic.AnyUrl):
        pass

    for kind, text in [
        (pydantic.HttpUrl, "https://a.b/c?d"),
        (Page, "ftp://a.b/c"),
        (pydantic.PostgresDsn, "postgres://a.b,c.d/e"),
    ]:
        received = []

        def take(value):
            received.append(value)  # noqa: B023 - called at once
            return value

        take.__annotations__ = {"value": kind}
        assert call(take, value=text) == text
        assert type(received[0]) is kind
        with pytest.raises(InvalidArgument, match=r"`value`: .*, got 'x'"):
            call(take, value="x")
    assert sent(pydantic.TypeAdapter(pydantic.HttpUrl).validate_python("http://a.b")) == "http://a.b/"


@pytest.mark.parametrize(
    "secret", [pydantic.SecretStr("x"), pydantic.SecretBytes(b"x"), pydantic.Secret[int](3)]
)
def test_a_secret_stays_and_the_error_tells_how_it_may_leave(secret):
    error = refused({"key": secret})
    assert "where the secret may leave, return what its `get_secret_value()` gives (at $.key)" in str(error)


def test_a_result_that_cannot_leave_is_not_a_bad_argument():
    def give():
        return Secret()

    with pytest.raises(Unserializable):
        call(give)


@given(
    st.recursive(
        st.none() | st.integers() | st.text() | st.binary() | st.floats() | st.builds(object),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.tuples(inner)
            | st.dictionaries(st.text() | st.integers(), inner, max_size=4)
        ),
        max_leaves=20,
    )
)
def test_any_value_is_encoded_or_refused_with_a_place(value):
    try:
        encode(value)
    except Unserializable as error:
        assert error.path is not None
