"""Constraints in the words of pydantic and annotated_types are checked, or refused with the adapter."""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Callable, NamedTuple, NewType, TypedDict  # noqa: UP035 - under test

import annotated_types as at
import msgspec
import pydantic
import pytest
from pydantic import Field

from calling import call, stream, trampoline
from snakebridge import AdapterError, InvalidArgument, InvalidResult, tool
from snakebridge.annotations import json_schema
from snakebridge.decorator import options_of
from snakebridge.definitions import define_tool


def taking(annotation):
    def take(value):
        return value

    take.__annotations__ = {"value": annotation}
    return take


def parameter_of(function):
    (parameter,) = define_tool(function, options_of(tool(function))).parameters
    return parameter


def schema_of(annotation):
    return json_schema(parameter_of(taking(annotation)).annotation)


Amount = NewType("Amount", Annotated[int, at.Ge(3)])


@pytest.mark.parametrize(
    ("annotation", "good", "bad", "schema"),
    [
        (Annotated[int, at.Ge(3)], 3, 2, {"type": "integer", "minimum": 3}),
        (Annotated[int, Field(ge=3)], 3, 2, {"type": "integer", "minimum": 3}),
        (Annotated[int, at.Gt(3)], 4, 3, {"type": "integer", "exclusiveMinimum": 3}),
        (Annotated[float, at.Le(3)], 3.0, 3.5, {"type": "number", "maximum": 3}),
        (Annotated[float, Field(lt=3)], 2.5, 3.0, {"type": "number", "exclusiveMaximum": 3}),
        (
            Annotated[int, at.Interval(ge=1, lt=5)],
            4,
            5,
            {"type": "integer", "minimum": 1, "exclusiveMaximum": 5},
        ),
        (Annotated[int, at.MultipleOf(5)], 10, 11, {"type": "integer", "multipleOf": 5}),
        (Annotated[str, at.MinLen(2)], "ab", "a", {"type": "string", "minLength": 2}),
        (Annotated[bytes, at.MaxLen(2)], b"ab", b"abc", None),
        (
            Annotated[list[int], at.Len(1, 2)],
            [1],
            [],
            {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 2},
        ),
        (Annotated[str, Field(pattern="^a", max_length=3)], "abc", "bc", None),
        (Annotated[str, Field(pattern=re.compile("^a"))], "abc", "bc", {"type": "string", "pattern": "^a"}),
        (
            Annotated[str, pydantic.StringConstraints(min_length=2, strict=True)],
            "ab",
            "a",
            {"type": "string", "minLength": 2},
        ),
        (pydantic.PositiveInt, 1, 0, {"type": "integer", "exclusiveMinimum": 0}),
        (
            Annotated[pydantic.PositiveInt, at.Ge(5), at.Ge(4)],
            5,
            4,
            {"type": "integer", "minimum": 5},
        ),
        (Annotated[pydantic.NonNegativeInt, at.Gt(0)], 1, 0, {"type": "integer", "exclusiveMinimum": 0}),
        (pydantic.conint(ge=3, multiple_of=2), 4, 2, {"type": "integer", "minimum": 3, "multipleOf": 2}),
        (pydantic.conlist(int, min_length=1), [1], [], None),
        (Annotated[int | None, at.Ge(3)], None, 2, None),
        (list[Annotated[int, at.Ge(3)]], [3], [3, 2], {"type": "array", "items": schema_of(Amount)}),
        (dict[str, list[Annotated[int, Field(ge=3)]]], {"a": [3]}, {"a": [2]}, None),
        (Annotated[list[Annotated[int, at.Ge(3)]], msgspec.Meta(min_length=1)], [3], [], None),
        (Amount, 3, 2, {"type": "integer", "minimum": 3}),
        ("Annotated[int, at.Ge(3)]", 3, 2, {"type": "integer", "minimum": 3}),
    ],
)
def test_a_foreign_constraint_is_checked_and_in_the_schema(annotation, good, bad, schema):
    assert call(taking(annotation), value=good) == good
    with pytest.raises(InvalidArgument, match="`value"):
        call(taking(annotation), value=bad)
    assert schema is None or schema_of(annotation) == schema


def test_a_foreign_constraint_holds_for_optional_parameters_and_items_of_streams():
    def optional(value: Annotated[int, Field(ge=3)] = None): ...

    def each(values: Iterator[Annotated[int, at.Ge(3)]]):
        yield from values

    with pytest.raises(InvalidArgument, match="expected `int` >= 3"):
        call(optional, value=2)
    with pytest.raises(InvalidArgument, match=r"`values\[1\]`: expected `int` >= 3"):
        stream(each, values=[3, 2])


def test_a_foreign_constraint_holds_for_a_checked_result():
    @tool(validate="full")
    def give() -> Annotated[int, at.Ge(3)]:
        return 2

    with pytest.raises(InvalidResult, match="expected `int` >= 3"):
        call(give)


def test_what_a_field_of_pydantic_tells_is_description_and_schema():
    def take(value: Annotated[int, Field(description="how many", title="Count", examples=[3])]): ...

    parameter = parameter_of(take)
    assert parameter.description == "how many"
    schema = {"type": "integer", "description": "how many", "title": "Count", "examples": [3]}
    assert json_schema(parameter.annotation) == schema

    def optional(value: Annotated[int, Field(description="how many")] = None): ...

    assert parameter_of(optional).description == "how many"


def refused(function):
    with pytest.raises(AdapterError) as caught:
        trampoline(function)
    return str(caught.value)


def test_a_constraint_that_cannot_be_translated_names_what_to_write():
    message = refused(taking(list[Annotated[str, at.Predicate(str.islower)]]))
    assert "parameter `value`: `Predicate(" in message
    assert "of annotated_types cannot be checked" in message
    assert "check it in the tool, and raise `snakebridge.InvalidArgument`" in message


@pytest.mark.parametrize(
    ("annotation", "named"),
    [
        (Annotated[date, at.Ge(date(2024, 1, 1))], "Ge(ge=datetime.date(2024, 1, 1))"),
        (Annotated[Decimal, Field(max_digits=3)], "max_digits"),
        (Annotated[Decimal, at.Ge(3)], "Ge(ge=3)"),
        (Annotated[str, Field(pattern=re.compile("a", re.IGNORECASE))], "flags of a pattern"),
        (Annotated[str, at.Timezone(...)], "Timezone"),
        (Annotated[str, at.Not(str.islower)], "Not"),
        (Annotated[int, at.MultipleOf(2), at.MultipleOf(3)], "a second `multiple_of`"),
        (Annotated[int, pydantic.AfterValidator(abs)], "AfterValidator"),
        (Annotated[int, pydantic.Strict(False)], "Strict(strict=False)"),
        (Annotated[str, pydantic.StringConstraints(to_upper=True)], "to_upper"),
        (pydantic.FiniteFloat, "AllowInfNan"),
        (pydantic.FilePath, "PathType"),
        (Annotated[int, Field(default=3)], "write it behind the annotation"),
    ],
)
def test_what_nobody_would_check_is_refused_with_the_adapter(annotation, named):
    assert named in refused(taking(annotation))


def test_a_field_of_pydantic_as_a_default_is_refused():
    def take(value: int = Field(3, ge=1)): ...

    assert "`value: Annotated[int, Field(ge=1)] = 3`" in refused(take)


def test_a_result_that_is_not_checked_may_say_what_it_wants():
    def give() -> Annotated[int, pydantic.AfterValidator(abs)]:
        return -1

    assert call(give) == -1
    assert "AfterValidator" in refused(tool(validate="full")(give))


@dataclass
class Row:
    size: Annotated[int, at.Ge(3)]


class Options(TypedDict):
    sizes: list[Annotated[int, Field(ge=3)]]


class Pair(NamedTuple):
    row: Row


class Order(msgspec.Struct):
    row: dict[str, Row]


@pytest.mark.parametrize("annotation", [Row, list[Row], Options, Pair, Order])
def test_a_field_that_msgspec_reads_by_itself_says_what_to_write(annotation):
    assert re.search(
        r"field `sizes?` of `(Row|Options)`: .* write `msgspec.Meta\(ge=3\)` instead",
        refused(taking(annotation)),
    )


@dataclass
class Described:
    size: Annotated[int, msgspec.Meta(ge=3), Field(description="how large")]
    following: "Described | None" = None


class Model(pydantic.BaseModel):
    size: Annotated[int, at.Predicate(lambda size: size > 2)]


def test_structures_whose_constraints_are_checked_are_taken():
    assert call(taking(Described), value={"size": 3})["size"] == 3
    assert call(taking(Model), value={"size": 3}) == {"size": 3}
    with pytest.raises(InvalidArgument):
        call(taking(Model), value={"size": 2})


JSON = int | Annotated[str, at.MinLen(1)] | list["JSON"]


def test_an_alias_that_contains_itself_is_checked_at_every_depth():
    assert call(taking("JSON"), value=[["a"]]) == [["a"]]
    with pytest.raises(InvalidArgument):
        call(taking("JSON"), value=[[""]])


@pytest.mark.skipif(sys.version_info < (3, 12), reason="`type X = ...` is of Python 3.12")
def test_an_alias_of_the_type_statement_is_what_it_means():
    namespace = {"Annotated": Annotated, "at": at}
    exec("type Size = Annotated[int, at.Ge(3)]\ntype Tree = Size | list[Tree]", namespace)
    exec("type Many[T] = Annotated[list[T], at.MinLen(1)]", namespace)
    for annotation, bad in [(namespace["Size"], 2), (namespace["Many"][int], [])]:
        with pytest.raises(InvalidArgument, match=r"expected `(int` >= 3|list` of length >= 1)"):
            call(taking(annotation), value=bad)
    assert "write `msgspec.Meta` instead" in refused(taking(namespace["Tree"]))


def test_what_a_function_of_the_host_gives_is_checked_by_a_foreign_constraint():
    from snakebridge.inputs import callback_type

    parameter = parameter_of(taking(Callable[[int], Annotated[int, Field(ge=3)]]))
    assert callback_type(parameter.annotation) == callback_type(
        Callable[[int], Annotated[int, msgspec.Meta(ge=3)]]
    )


def test_what_takes_functions_or_says_nothing_is_as_it_was():
    plain = [
        Any,
        list[int],
        Callable[[int], str],
        Annotated[int, "a note"],
        Annotated[Path, pydantic.Tag("x")],
    ]
    for annotation in plain:
        trampoline(taking(annotation))


def test_values_for_tests_are_made_within_the_constraints():
    from hypothesis import given

    from snakebridge.testing.strategies import arguments_of

    @given(arguments_of(taking(Annotated[int, Field(ge=3, le=9)])))
    def check(arguments):
        assert 3 <= arguments["value"] <= 9

    check()


def test_neither_library_is_imported():
    program = (
        f"import sys; sys.path[:0] = {sys.path!r}\n"
        "from typing import Annotated\nfrom msgspec import Meta\n"
        "from snakebridge.signature import read_signature\n"
        "def take(value: list[Annotated[int, Meta(ge=3)]]): ...\n"
        "read_signature(take, 'take')\n"
        "print(*({'pydantic', 'annotated_types', 'snakebridge.conversion.constraints'} & set(sys.modules)))"
    )
    output = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    assert output.stdout.split() == []
