"""Annotations as text, as JSON Schema, and whether arguments can be decoded into them."""

from __future__ import annotations

import types
import typing
from typing import Any

import msgspec

from snakebridge.conversion.decoding import Deferred, can_convert, wire_annotation


def type_text(annotation: Any) -> str:
    """An annotation as a reader writes it, such as ``dict[str, any] | None``; ``any`` where there is none.

    Example:
        >>> type_text(typing.Optional[typing.Dict[str, Any]])
        'dict[str, any] | None'
    """
    if annotation is Any:
        return "any"
    if annotation is None or annotation is types.NoneType:
        return "None"
    if isinstance(annotation, str):
        return annotation
    if isinstance(annotation, list):  # the parameters of a function
        return f"[{', '.join(map(type_text, annotation))}]"
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return type_text(arguments[0])
    if origin in (typing.Union, types.UnionType):
        return " | ".join(type_text(argument) for argument in arguments)
    if origin is typing.Literal:
        return f"Literal[{', '.join(repr(argument) for argument in arguments)}]"
    if origin is not None:
        inner = ", ".join("..." if argument is ... else type_text(argument) for argument in arguments)
        name = getattr(origin, "__name__", str(origin))
        return f"{name}[{inner}]" if inner else name
    return str(getattr(annotation, "__name__", annotation))


def description_of(annotation: Any) -> str:
    """The description in ``Annotated[..., msgspec.Meta(description=...)]``, else an empty text."""
    for extra in getattr(annotation, "__metadata__", ()):
        if isinstance(extra, msgspec.Meta) and extra.description:
            return extra.description
    members = typing.get_args(annotation)
    if types.NoneType in members:  # a default of None has made the type optional
        return next(filter(None, map(description_of, members)), "")
    return ""


def json_schema(annotation: Any) -> dict[str, Any] | None:
    """The JSON Schema of an annotation, or None where JSON Schema cannot say it."""
    if isinstance(annotation, str):
        return None
    try:
        if _is_plain(annotation):
            return msgspec.json.schema(annotation)
        from snakebridge.conversion.schemas import make_schema  # many tools take what msgspec says all of

        return make_schema(wire_annotation(annotation))
    except Exception:  # the schema informs; the tool works without it
        return None


_PLAIN = (Any, bool, int, float, str, bytes, list, dict, tuple, set, None, types.NoneType)


def _is_plain(annotation: Any) -> bool:
    """Whether msgspec says by itself all that a schema can say of an annotation."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _is_plain(arguments[0])
    if origin is typing.Literal:
        return True
    is_union = origin in (typing.Union, types.UnionType)
    if not arguments or not (is_union or origin in _PLAIN):
        return annotation in _PLAIN
    return all(argument is ... or _is_plain(argument) for argument in arguments)


def undecodable(annotation: Any) -> str | None:
    """Why arguments cannot be decoded into an annotation, or None where they can."""
    try:
        info = msgspec.inspect.type_info(annotation)
    except Exception as error:
        return str(error)
    return _refusal(info, set())


def _refusal(info: Any, seen: set[int]) -> str | None:
    """Why nobody decodes the first of the types inside that msgspec leaves to the program.

    It is found by a walk over msgspec's own description.
    """
    if isinstance(info, msgspec.inspect.CustomType):
        if isinstance(info.cls, Deferred):
            return next(filter(None, map(undecodable, info.cls.members)), None)
        # msgspec checks such a value by isinstance, and everything is an object.
        is_known = info.cls is object or can_convert(info.cls)
        name = f"{info.cls.__module__}.{info.cls.__qualname__}"
        return None if is_known else f"`{name}` has no form in MessagePack"
    if id(info) in seen:
        return None
    seen.add(id(info))
    children: list[Any] = []
    if isinstance(info, msgspec.Struct):
        children = [getattr(info, field) for field in info.__struct_fields__]
    elif isinstance(info, tuple):
        children = list(info)
    return next((found for child in children if (found := _refusal(child, seen))), None)
