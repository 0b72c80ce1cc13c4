"""JSON Schemas of annotations: whole, with their definitions at the root and the formats of moments."""

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Annotated, Any, NamedTuple

import msgspec
import numpy
import pydantic
import pytest
from msgspec import Meta
from numpy import dtype, float64, ndarray, uint8
from numpy.typing import NDArray

from snakebridge.annotations import json_schema


class Model(pydantic.BaseModel):
    n: int


class Nested(pydantic.BaseModel):
    model: Model
    names: list[str] = pydantic.Field(min_length=1)


@dataclass
class Person:
    name: str
    age: int


class Holder:
    class Model(pydantic.BaseModel):
        other: str


class Beside(pydantic.BaseModel):
    model: Holder.Model


class Branch(pydantic.BaseModel):
    branches: list["Branch"] = []


@dataclass
class Shelf:
    nested: Nested
    since: datetime
    opens: time | None = None
    moments: dict[str, list[datetime]] = field(default_factory=dict)
    following: "Shelf | None" = None


class Tagged(msgspec.Struct, tag=True):
    since: datetime


class Marked(msgspec.Struct, tag=True, array_like=True):
    opens: time


class Sided(msgspec.Struct, tag=True):
    pair: tuple[int, time]


class Stay(NamedTuple):
    begin: datetime
    end: datetime


def references(schema):
    if isinstance(schema, dict):
        found = [schema["$ref"]] if "$ref" in schema else []
        return found + [name for part in schema.values() for name in references(part)]
    return [name for part in schema for name in references(part)] if isinstance(schema, list) else []


def definitions_inside(schema):
    if isinstance(schema, dict):
        return ("$defs" in schema) + sum(map(definitions_inside, schema.values()))
    return sum(map(definitions_inside, schema)) if isinstance(schema, list) else 0


@pytest.mark.parametrize(
    ("annotation", "names"),
    [
        (Nested, {"Model"}),
        (list[Nested], {"Model"}),
        (deque[Nested], {"Model"}),
        (Shelf, {"Model", "Shelf"}),
        (list[Nested | Person | None], {"Model", "Person"}),
        (dict[str, Branch] | int, {"Branch"}),
        (tuple[Nested, Beside], {"Model", "Model_2"}),
        (tuple[Nested, Beside, Nested, Branch], {"Model", "Model_2", "Branch"}),
    ],
)
def test_definitions_are_at_the_root_and_every_reference_leads_to_one(annotation, names):
    schema = json_schema(annotation)
    assert schema["$defs"].keys() == names
    assert definitions_inside(schema) == 1
    assert {reference.removeprefix("#/$defs/") for reference in references(schema)} == names


def test_definitions_of_one_name_stay_apart():
    first, second = json_schema(tuple[Nested, Beside])["prefixItems"]
    assert first["properties"]["model"] == {"$ref": "#/$defs/Model"}
    assert second["properties"]["model"] == {"$ref": "#/$defs/Model_2"}
    schema = json_schema(tuple[Nested, Beside])
    assert schema["$defs"]["Model_2"]["properties"].keys() == {"other"}


MOMENT, HOUR = {"type": "string", "format": "date-time"}, {"type": "string", "format": "time"}


def test_moments_have_their_format_wherever_they_stand():
    shelf = json_schema(Shelf)["$defs"]["Shelf"]["properties"]
    assert shelf["since"] == MOMENT
    assert shelf["opens"]["anyOf"] == [HOUR, {"type": "null"}]
    moments = {"type": "object", "additionalProperties": {"type": "array", "items": MOMENT}}
    # Later versions of msgspec tell the default as well.
    assert shelf["moments"].items() >= moments.items()
    assert json_schema(datetime | list[time] | None)["anyOf"][:2] == [
        MOMENT,
        {"type": "array", "items": HOUR},
    ]
    assert json_schema(tuple[datetime, ...])["items"] == MOMENT
    assert json_schema(Annotated[datetime, Meta(tz=False)]) == {"type": "string"}
    assert json_schema(Stay)["$defs"]["Stay"]["prefixItems"] == [MOMENT, MOMENT]
    assert json_schema(deque[datetime])["items"] == MOMENT
    definitions = json_schema(list[Tagged | Sided | int | None])["$defs"]
    assert definitions["Tagged"]["properties"]["since"] == MOMENT
    assert definitions["Sided"]["properties"]["pair"]["prefixItems"][1] == HOUR
    assert json_schema(Marked)["$defs"]["Marked"]["prefixItems"][1] == HOUR


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        (ndarray, {"type": "array"}),
        (NDArray[uint8], {"type": "array", "dtype": "uint8"}),
        (
            ndarray[tuple[int, int], dtype[float64]],
            {"type": "array", "dtype": "float64", "items": {"type": "array", "items": {"type": "number"}}},
        ),
        (
            list[ndarray[tuple[int], dtype[numpy.bool_]]],
            {"type": "array", "items": {"type": "array", "dtype": "bool", "items": {"type": "boolean"}}},
        ),
        (ndarray[tuple[int, int], dtype[Any]], {"type": "array", "items": {"type": "array"}}),
        (deque, {"type": "array"}),
        (deque[deque[int]] | None, None),
        (OrderedDict[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}),
        (OrderedDict, {"type": "object"}),
    ],
)
def test_arrays_and_containers_say_what_is_in_them(annotation, schema):
    if schema is None:
        inner = {"type": "array", "items": {"type": "array", "items": {"type": "integer"}}}
        schema = {"anyOf": [inner, {"type": "null"}]}
    assert json_schema(annotation) == schema
