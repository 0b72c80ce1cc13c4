"""JSON Schemas made whole: what msgspec leaves open, and the definitions of parts at the root.

msgspec says no format of a moment, because one without a time zone is none by RFC 3339; to a reader
`date-time` says more than nothing. Schemas of pydantic's models bring definitions of their own, to which
their references lead from the root, so that is where these have to be.
"""

from __future__ import annotations

import functools
import operator
import types
import typing
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import inspect

from snakebridge.annotations import json_schema, type_text
from snakebridge.conversion.decoding import Deferred, can_convert
from snakebridge.conversion.libraries import schema_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_REFERENCE = "#/$defs/"

Schema = dict[str, Any]


def make_schema(annotation: Any) -> Schema:
    """The JSON Schema of an annotation, which `wire_annotation` has given.

    Raises:
        Exception: Whatever msgspec or a library raises where JSON Schema cannot say it.
    """
    annotation = _described(annotation)
    schema = msgspec.json.schema(annotation, schema_hook=_schema_of)
    _add_formats(msgspec.inspect.type_info(annotation), schema, schema.get("$defs", {}), set())
    return _lifted(schema)


def _described(annotation: Any) -> Any:
    """An annotation with the schemas of generic types that msgspec leaves to the program.

    It asks for those of types without their arguments.
    """
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return typing.Annotated[(_described(arguments[0]), *arguments[1:])]
    if origin is None or origin is typing.Literal or not arguments:
        return annotation
    if can_convert(origin):
        return typing.Annotated[annotation, msgspec.Meta(extra_json_schema=schema_of(annotation))]
    inner = tuple(argument if argument is ... else _described(argument) for argument in arguments)
    if inner == arguments:
        return annotation
    if origin in (typing.Union, types.UnionType):
        return functools.reduce(operator.or_, inner)
    return types.GenericAlias(origin, inner)


def _schema_of(kind: Any) -> Schema:
    """The schema of a type that msgspec leaves to the program."""
    if not isinstance(kind, Deferred):
        return schema_of(kind)
    if not kind.members:
        return {"title": kind.__name__}
    return {"anyOf": [_member(member) for member in kind.members]}


def _member(annotation: Any) -> Schema:
    schema = json_schema(annotation)
    return {"title": type_text(annotation)} if schema is None else schema


def _add_formats(info: Any, schema: Schema, definitions: dict[str, Schema], seen: set[str]) -> None:
    """Say the format of moments, by a walk through msgspec's description of a type and its schema at once."""
    while isinstance(info, inspect.Metadata):
        info = info.type
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(_REFERENCE)
        if name in seen or name not in definitions:
            return
        seen.add(name)
        schema = definitions[name]
    if isinstance(info, inspect.DateTimeType):
        if info.tz is not False:
            schema.setdefault("format", "date-time")
    elif isinstance(info, inspect.TimeType):
        schema.setdefault("format", "time")
    else:
        for part, part_schema in _parts(info, schema):
            _add_formats(part, part_schema, definitions, seen)


def _parts(info: Any, schema: Schema) -> Iterator[tuple[Any, Schema]]:
    """The parts of a type, each with its schema."""
    if isinstance(info, inspect.UnionType):
        yield from _members(info, schema.get("anyOf", []))
    elif isinstance(info, inspect.TupleType):
        yield from zip(info.item_types, schema.get("prefixItems", []), strict=False)
    elif hasattr(info, "item_type") and "items" in schema:
        yield info.item_type, schema["items"]
    elif hasattr(info, "value_type") and "additionalProperties" in schema:
        yield info.value_type, schema["additionalProperties"]
    elif hasattr(info, "fields"):
        positions = schema.get("prefixItems")
        if positions is not None:  # the tag stands in front
            fields = [field.type for field in info.fields]
            yield from zip(fields, positions[len(positions) - len(fields) :], strict=False)
        else:
            properties = schema.get("properties", {})
            yield from (
                (field.type, properties[field.encode_name])
                for field in info.fields
                if field.encode_name in properties
            )


def _members(union: Any, choices: list[Schema]) -> Iterator[tuple[Any, Schema]]:
    """The members of a union with their schemas: msgspec puts structures last, several into one choice."""
    structures = [member for member in union.types if _is_structure(member)]
    others = [
        member
        for member in union.types
        if member not in structures and not isinstance(member, inspect.NoneType)
    ]
    yield from zip(others, choices, strict=False)
    behind = choices[len(others) :]
    if behind and "discriminator" in behind[0]:
        behind = behind[0]["anyOf"]
    yield from zip(structures, behind, strict=False)


def _is_structure(member: Any) -> bool:
    while isinstance(member, inspect.Metadata):
        member = member.type
    return isinstance(member, inspect.StructType) and not member.array_like


def _lifted(schema: Schema) -> Schema:
    """A schema with the definitions of its parts at its root."""
    found: dict[str, Schema] = {}
    root = _without_definitions(schema, found)
    return {**root, "$defs": found} if found else root


def _without_definitions(schema: Any, found: dict[str, Schema]) -> Any:
    """A schema without definitions; those are added to `found`, under other names where theirs are taken."""
    if isinstance(schema, list):
        return [_without_definitions(part, found) for part in schema]
    if not isinstance(schema, dict):
        return schema
    own = schema.get("$defs")
    if not own:
        return {name: _without_definitions(part, found) for name, part in schema.items() if name != "$defs"}
    inside: dict[str, Any] = dict.fromkeys(own)  # names that are not free for parts
    own = {name: _without_definitions(definition, inside) for name, definition in own.items()}
    rest = _without_definitions({name: part for name, part in schema.items() if name != "$defs"}, inside)
    own = {**inside, **own}
    if any(found.get(name, definition) != definition for name, definition in own.items()):
        # They may refer to each other, so that none of them is the one that is known by its name.
        names = {name: _free(name, found, own) for name in own}
        own = {names[name]: _renamed(definition, names) for name, definition in own.items()}
        rest = _renamed(rest, names)
    found.update(own)
    return rest


def _free(name: str, taken: dict[str, Schema], own: dict[str, Schema]) -> str:
    """A name that is not taken, made of one that may be."""
    if name not in taken:
        return name
    number = 2
    while f"{name}_{number}" in {**taken, **own}:
        number += 1
    return f"{name}_{number}"


def _renamed(schema: Any, names: dict[str, str]) -> Any:
    """A schema whose references lead to other names."""
    if isinstance(schema, list):
        return [_renamed(part, names) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _renamed(part, names) for key, part in schema.items()}
    reference = made.get("$ref")
    if isinstance(reference, str) and (name := names.get(reference.removeprefix(_REFERENCE))):
        made["$ref"] = _REFERENCE + name
    match made.get("discriminator"):
        case {"mapping": dict(mapping)}:
            for tag, target in mapping.items():
                bare = target.removeprefix(_REFERENCE)
                mapping[tag] = _REFERENCE + names.get(bare, bare)
    return made
