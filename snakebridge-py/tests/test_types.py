"""The table of types in `docs/types.md`, tried row by row and in both directions."""

import enum
import json
import re
import sys
import types
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import IPv4Address
from pathlib import Path
from typing import (
    Annotated,
    Any,
    AnyStr,
    Generic,
    Literal,
    LiteralString,
    NamedTuple,
    NewType,
    TypedDict,
    TypeVar,
    Union,
)
from uuid import UUID

import msgspec
import numpy
import pydantic
import pytest
from msgspec import Meta
from numpy import dtype, float64, int64, ndarray, uint8
from numpy.typing import NDArray

from calling import call, stream
from snakebridge import AdapterError, InvalidArgument, ToolError, tool
from snakebridge.annotations import json_schema
from snakebridge.decorator import options_of
from snakebridge.definitions import define_tool
from snakebridge.encoding import encode
from snakebridge.extensions import decode
from snakebridge.failures import describe
from snakebridge.host.tools import encode_arguments

TABLE = Path(__file__).parents[2] / "docs/types.md"


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


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


class Model(pydantic.BaseModel):
    n: int


JSON = Union[int, str, list["JSON"]]  # noqa: UP007 - a name inside cannot be joined by `|`

NAMES = (Annotated, Any, Iterator, Literal, Meta)
"""What the table's annotations name besides."""

try:
    from pyarrow import Table
except ImportError:
    Table = None

WAITING = datetime(2024, 2, 29, 12, 30)
AWARE = datetime(2024, 2, 29, 12, 30, 0, 500, UTC)
MATRIX = numpy.array([[0.5, 1.0]])

EXAMPLES = {
    "None": (None, None),
    "bool": (True, True),
    "int": (-(2**100), -(2**100)),
    "float": (0.1, 0.1),
    "complex": (complex(-0.0, 2.5), complex(-0.0, 2.5)),
    "str": ("é", "é"),
    "bytes": (b"\x00\xff", b"\x00\xff"),
    "Any": ([1, {"a": None}], [1, {"a": None}]),
    "int | None": (3, 3),
    "int | str": ("a", "a"),
    'Literal["up", "down"]': ("up", "up"),
    "list[int]": ([1, 2], [1, 2]),
    "tuple[int, str]": ((1, "a"), [1, "a"]),
    "set[int]": ({1}, [1]),
    "dict[str, float]": ({"a": 0.5}, {"a": 0.5}),
    "dict[int, str]": ({1: "a"}, {1: "a"}),
    "deque[int]": (deque([1, 2]), [1, 2]),
    "Counter[str]": (Counter("aab"), {"a": 2, "b": 1}),
    "Color": (Color.RED, "red"),
    "Point": (Point(1, 2), [1, 2]),
    "Options": ({"depth": 3}, {"depth": 3}),
    "Person": (Person("Ada", 36), {"name": "Ada", "age": 36}),
    "Order": (Order(["tea"]), {"items": ["tea"], "paid": False}),
    "Model": (Model(n=1), {"n": 1}),
    "Person | Order": (Order(["tea"]), {"items": ["tea"], "paid": False}),
    "Annotated[int, Meta(ge=1)]": (1, 1),
    "datetime": (AWARE, AWARE),
    "date": (WAITING.date(), "2024-02-29"),
    "time": (WAITING.time(), "12:30:00"),
    "timedelta": (timedelta(days=1), "P1D"),
    "Decimal": (Decimal("1.50"), "1.50"),
    "UUID": (UUID(int=7), "00000000-0000-0000-0000-000000000007"),
    "Path": (Path("/tmp/x"), "/tmp/x"),
    "IPv4Address": (IPv4Address("10.0.0.1"), "10.0.0.1"),
    "JSON": ([1, ["a"]], [1, ["a"]]),
    "NDArray[float64]": (MATRIX, MATRIX),
    "int64": (int64(7), 7),
    "Table": Table and (Table.from_pydict({"a": [1, 2]}), Table.from_pydict({"a": [1, 2]})),
}
"""By annotation: a value, and what travels."""

WIRE = {
    "nil": type(None),
    "bool": bool,
    "int": int,
    "float": float,
    "str": str,
    "bin": bytes,
    "array": list,
    "map": dict,
    "extension": (int, complex, datetime, numpy.ndarray, *filter(None, [Table])),
}


def as_types(kinds):
    return tuple(kind for one in kinds for kind in (one if isinstance(one, tuple) else (one,)))


def every_row():
    skip = pytest.mark.skipif(Table is None, reason="pyarrow is not there")
    marks = {"Table": [skip]}
    return [
        pytest.param(row, id=annotation_of(row[0]), marks=marks.get(annotation_of(row[0]), []))
        for row in rows()
    ]


def rows():
    table, _, _ = TABLE.read_text(encoding="utf-8").partition("\nBesides:\n")
    lines = re.findall(r"^\| `.*$", table, re.MULTILINE)
    cells = [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line.replace(r"\|", "\x00"))[1:-1]] for line in lines
    ]
    return [[cell.replace("\x00", "|") for cell in row] for row in cells]


def annotation_of(cell):
    return re.match(r"`([^`]*)`", cell).group(1)


def tool_taking(annotation, received):
    def take(value):
        received.append(value)
        return value

    # As an annotation that is written into a module is: with the module's names, and as a string.
    take.__annotations__ = {"value": annotation}
    return take


def same(left, right):
    equal = left == right
    return type(left) is type(right) and bool(equal.all() if isinstance(equal, numpy.ndarray) else equal)


def test_the_table_has_an_example_here_for_every_row():
    assert [annotation_of(row[0]) for row in rows()] == list(EXAMPLES)


@pytest.mark.parametrize("row", every_row())
class TestEveryRow:
    def test_the_value_arrives_as_declared_and_leaves_as_it_came(self, row):
        text = annotation_of(row[0])
        value, plain = EXAMPLES[text]
        received = []
        assert same(call(tool_taking(text, received), value=plain), plain)
        assert same(received[0], value)

    def test_it_is_a_default_as_well(self, row):
        text = annotation_of(row[0])
        value, plain = EXAMPLES[text]
        received = []
        take = tool_taking(text, received)
        take.__defaults__ = (value,)
        assert same(call(take), plain)
        assert received[0] is value

    def test_it_is_an_item_of_a_stream_in_both_directions(self, row):
        text = annotation_of(row[0])
        value, plain = EXAMPLES[text]

        def each(values):
            for item in values:
                assert same(item, value)
                yield item

        each.__annotations__ = {"values": f"Iterator[{text}]"}
        assert [same(item, value) for item in stream(each, values=[plain, plain])] == [True, True]

    def test_it_is_an_argument_for_a_tool_of_the_host_and_what_an_error_carries(self, row):
        value, plain = EXAMPLES[annotation_of(row[0])]
        assert same(decode(encode_arguments((), {"value": value}))["value"], plain)
        _, _, body = describe(ToolError("odd", "see the data", data=value))
        assert same(decode(body)["data"], plain)

    def test_what_travels_is_of_the_kind_that_the_table_says(self, row):
        _, plain = EXAMPLES[annotation_of(row[0])]
        kinds = [
            WIRE[word]
            for word in re.findall(r"\w+", row[2].partition(",")[0].partition(";")[0])
            if word in WIRE
        ]
        assert not kinds or isinstance(plain, as_types(kinds))

    def test_the_schema_is_that_of_the_table(self, row):
        annotation = parameter_of(annotation_of(row[0])).annotation
        schema = json_schema(annotation)
        definitions = schema.pop("$defs", {})
        if "$ref" in schema:
            schema = definitions[schema["$ref"].rpartition("/")[2]]
            if annotation_of(row[0]) != "Model":
                schema.pop("title", None)
        schema.pop("description", None)
        assert schema == json.loads(row[1].strip("`"))


def parameter_of(annotation):
    take = tool_taking(annotation, [])
    (parameter,) = define_tool(take, options_of(tool(take))).parameters
    return parameter


# Beside the table

Item = TypeVar("Item")


class Page(msgspec.Struct, Generic[Item]):
    items: list[Item]
    following: "Page[Item] | None" = None


UserId = NewType("UserId", int)


@dataclass
class Measured:
    when: datetime
    impedance: complex


class ModelOfMoments(pydantic.BaseModel):
    when: datetime
    count: int


@dataclass
class Node:
    value: int
    children: "list[Node]" = field(default_factory=list)


@pytest.mark.parametrize(
    ("annotation", "plain", "value"),
    [
        (Page[int], {"items": [1], "following": {"items": []}}, Page([1], Page([]))),
        (Node, {"value": 1, "children": [{"value": 2}]}, Node(1, [Node(2)])),
        (AnyStr, "a", "a"),
        (LiteralString, "a", "a"),
        (Path | int, 3, 3),
        (Path | int, "/tmp", Path("/tmp")),
        (list[Model | Person], [{"n": 1}, {"name": "A", "age": 1}], [Model(n=1), Person("A", 1)]),
        (list[int] | list[str] | None, ["a"], ["a"]),
        (list[int] | set[str] | None, None, None),
        (dict[str, deque[Path]], {"a": ["/x"]}, {"a": deque([Path("/x")])}),
        (frozenset[int], [1], frozenset({1})),
        (Sequence[int], [1], [1]),
        (Mapping[str, int], {"a": 1}, {"a": 1}),
        (OrderedDict[str, int], {"a": 1}, OrderedDict(a=1)),
        (bytearray, b"x", bytearray(b"x")),
        (UserId, 2**70, 2**70),
        (tuple[datetime, ...], [AWARE], (AWARE,)),
        (complex | None, None, None),
        (int | complex, 1j, 1j),
        (datetime | str, AWARE, AWARE),
        (list[Measured], [{"when": AWARE, "impedance": 1j}], [Measured(AWARE, 1j)]),
        (ModelOfMoments, {"when": AWARE, "count": 2**70}, ModelOfMoments(when=AWARE, count=2**70)),
    ],
)
def test_what_is_composed_arrives_as_declared(annotation, plain, value):
    received = []
    call(tool_taking(annotation, received), value=plain)
    assert received == [value]


@pytest.mark.parametrize(
    ("annotation", "plain", "new"),
    [
        (defaultdict[str, int], {"a": 1}, 0),
        (defaultdict[str, list[Path]], {"a": ["/x"]}, []),
        (defaultdict[int, set[int]] | None, {1: [2]}, set()),
    ],
)
def test_a_mapping_with_defaults_makes_values_of_its_type(annotation, plain, new):
    received = []
    assert call(tool_taking(annotation, received), value=plain) == plain
    assert type(received[0]) is defaultdict
    assert received[0]["new"] == new
    assert type(received[0]["new"]) is type(new)


def test_a_mapping_without_a_type_to_make_has_no_defaults():
    received = []
    for annotation in (defaultdict, defaultdict[str, Person], defaultdict[str, Any]):
        assert call(tool_taking(annotation, received), value={}) == {}
        with pytest.raises(KeyError):
            received[-1]["new"]
    with pytest.raises(InvalidArgument) as caught:
        call(tool_taking(defaultdict[str, int], []), value={"a": "x", "b": None})
    assert [str(problem) for problem in caught.value.problems] == [
        "`value.a`: expected `int`, got `str`",
        "`value.b`: expected `int`, got `None`",
    ]
    schema = {"type": "object", "additionalProperties": {"type": "integer"}}
    assert json_schema(defaultdict[str, int]) == schema


def test_an_alias_that_contains_itself_is_checked_at_every_depth():
    assert call(tool_taking("JSON", []), value=[[["a"]]]) == [[["a"]]]
    with pytest.raises(
        InvalidArgument, match=r"`value\[1\]\[0\]`: expected `int \| str \| list\[JSON\]`, got `None`"
    ):
        call(tool_taking("JSON", []), value=[1, [None]])


@pytest.mark.skipif(sys.version_info < (3, 12), reason="`type X = ...` is of Python 3.12")
def test_an_alias_made_by_the_type_statement_is_what_it_means():
    namespace = {}
    exec("type Tree = int | list[Tree]", namespace)
    received = []
    call(tool_taking(namespace["Tree"], received), value=[1, [2]])
    assert received == [[1, [2]]]


@pytest.mark.parametrize("annotation", [range, types.ModuleType, int | range, list[range]])
def test_a_type_that_nobody_can_decode_is_refused_with_the_adapter(annotation):
    with pytest.raises(AdapterError, match=r"has no form in MessagePack|not supported"):
        call(tool_taking(annotation, []), value=1)


# numpy


@pytest.mark.parametrize(
    ("annotation", "plain", "value"),
    [
        (NDArray[float64], [1, 2], numpy.array([1.0, 2.0])),
        (NDArray[uint8], [0, 255], numpy.array([0, 255], dtype=uint8)),
        (NDArray[uint8], b"\x01\xff", numpy.array([1, 255], dtype=uint8)),
        (ndarray, [True, False], numpy.array([True, False])),
        (NDArray[float64], [], numpy.array([], dtype=float64)),
        (ndarray[tuple[int, int], dtype[float64]], [[1.0], [2.0]], numpy.array([[1.0], [2.0]])),
    ],
)
def test_an_array_has_the_dtype_and_shape_that_are_declared(annotation, plain, value):
    received = []
    call(tool_taking(annotation, received), value=plain)
    assert received[0].dtype == value.dtype
    assert numpy.array_equal(received[0], value)


@pytest.mark.parametrize(
    ("annotation", "plain", "message"),
    [
        (NDArray[uint8], [256], "expected `ndarray` of uint8, got a number beyond it"),
        (NDArray[int64], [1.5], "expected `ndarray` of int64, got one of float64"),
        (NDArray[float64], ["1.5"], "of numbers or booleans"),
        (
            NDArray[float64],
            [[1.0], [1.0, 2.0]],
            "expected `ndarray` of numbers, got lists of different lengths",
        ),
        (ndarray, b"\x00", "only where its dtype is declared"),
        (
            ndarray[tuple[int, int], dtype[float64]],
            [1.0],
            "expected `ndarray` of 2 dimensions, got one of 1",
        ),
        (float64, "x", "expected `int` or `float`, got `str`"),
    ],
)
def test_an_array_that_is_not_as_declared_is_refused(annotation, plain, message):
    with pytest.raises(InvalidArgument, match=message):
        call(tool_taking(annotation, []), value=plain)


# pydantic


class Nested(pydantic.BaseModel):
    model: Model
    names: list[str] = pydantic.Field(min_length=1)


def test_all_problems_of_a_model_are_named_by_their_paths():
    with pytest.raises(InvalidArgument) as caught:
        call(tool_taking(list[Nested], []), value=[{"model": {"n": "x"}, "names": []}])
    assert [problem.path for problem in caught.value.problems] == ["value[0].model.n", "value[0].names"]
    assert "valid integer" in caught.value.problems[0].expected


# Tables


def test_a_table_of_pandas_travels_as_its_columns():
    pandas = pytest.importorskip("pandas")
    received = []
    take = tool_taking(pandas.DataFrame, received)
    assert call(take, value={"a": [1, 2]}) == {"a": [1, 2]}
    assert call(take, value=[{"a": 1}, {"a": 2}]) == {"a": [1, 2]}
    assert all(isinstance(table, pandas.DataFrame) for table in received)
    assert call(tool_taking(pandas.Series, []), value=[1, 2]) == [1, 2]
    with pytest.raises(InvalidArgument, match="expected a table"):
        call(take, value=[1])


def test_a_table_of_polars_travels_as_its_columns():
    polars = pytest.importorskip("polars")
    take = tool_taking(polars.DataFrame, [])
    assert call(take, value={"a": [1, 2]}) == call(take, value=[{"a": 1}, {"a": 2}]) == {"a": [1, 2]}
    assert call(tool_taking(polars.Series, []), value=[1, 2]) == [1, 2]


def test_a_table_of_arrow_travels_as_its_stream():
    pyarrow = pytest.importorskip("pyarrow")
    take = tool_taking(pyarrow.Table, [])
    assert decode(encode(pyarrow.chunked_array([[1], [2]]))) == [1, 2]
    table = pyarrow.table({"a": [1, 2]})
    assert call(take, value={"a": [1, 2]}) == call(take, value=[{"a": 1}, {"a": 2}]) == table
    batch = pyarrow.record_batch({"a": [1, 2]})
    received = []
    assert call(tool_taking(pyarrow.RecordBatch, received), value=batch) == table
    assert received == [batch]
    empty = table.schema.empty_table()
    assert call(tool_taking(pyarrow.RecordBatch, []), value=empty) == empty
    with pytest.raises(InvalidArgument, match="expected a stream of Arrow"):
        call(take, value=msgspec.msgpack.Ext(4, b"ARROW1"))


@pytest.mark.parametrize("moment", [time(12), date(2024, 2, 29)])
def test_what_is_no_structure_has_no_parts(moment):
    received = []
    call(tool_taking(type(moment), received), value=moment)
    assert received == [moment]
