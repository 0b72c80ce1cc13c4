"""What annotations mean and which fields structures have, for the search for problems.

msgspec knows all of this, but keeps it to itself: what it tells of a type has no annotations in it that parts
of a value could be decoded into.
"""

from __future__ import annotations

import collections
import collections.abc
import dataclasses
import types
import typing
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from snakebridge.conversion.decoding import Deferred

if TYPE_CHECKING:
    from collections.abc import Iterator

SEQUENCES = frozenset(
    {
        *(list, set, frozenset, collections.deque),
        *(collections.abc.Collection, collections.abc.Sequence, collections.abc.MutableSequence),
        *(collections.abc.Set, collections.abc.MutableSet),
    }
)
MAPPINGS = frozenset(
    {
        *(dict, collections.OrderedDict, collections.defaultdict, collections.Counter),
        *(collections.abc.Mapping, collections.abc.MutableMapping),
    }
)

_WRAPPERS = frozenset({"Required", "NotRequired", "ReadOnly"})
"""What stands around the annotation of a field of a TypedDict."""


class Fields(NamedTuple):
    """The fields of a structure by their names on the wire: annotation, and whether it is required."""

    by_name: dict[str, tuple[Any, bool]]
    is_positional: bool = False
    """Whether it travels as an array."""
    is_closed: bool = False
    """Whether other fields are refused."""
    tag: tuple[str, str | int] | None = None
    """The field that tells it from others, and what stands there."""


def members(annotation: Any) -> list[Any]:
    """What an annotation says of values that are not None: one type, or those of a union.

    They are bare: without metadata, and aliases and type variables are what they stand for.
    """
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is types.NoneType or annotation is None:
        return []
    if origin is typing.Annotated or _name_of(origin) in _WRAPPERS:
        return members(arguments[0])
    if isinstance(annotation, typing.NewType):
        return members(annotation.__supertype__)
    if isinstance(annotation, typing.TypeVar):
        choices = annotation.__constraints__ or (annotation.__bound__ or Any,)
        return [member for choice in choices for member in members(choice)]
    if type(annotation).__name__ == "TypeAliasType":  # `type X = ...`, from Python 3.12 on
        return members(annotation.__value__)
    if type(origin).__name__ == "TypeAliasType":
        return members(_put_in(origin.__value__, dict(zip(origin.__type_params__, arguments, strict=False))))
    if isinstance(annotation, Deferred):
        return [member for choice in annotation.alternatives() for member in members(choice)]
    if origin in (typing.Union, types.UnionType):
        return [member for choice in arguments for member in members(choice)]
    return [annotation]


def metas(annotation: Any) -> Iterator[msgspec.Meta]:
    """The constraints of an annotation, or of the one type that it may be beside None."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        yield from (extra for extra in arguments[1:] if isinstance(extra, msgspec.Meta))
        yield from metas(arguments[0])
    elif origin in (typing.Union, types.UnionType):
        present = [argument for argument in arguments if argument is not types.NoneType]
        if len(present) == 1:
            yield from metas(present[0])


def names_of(annotation: Any) -> set[str] | None:
    """The names of a structure's fields on the wire, or of those of a model; None where it has none."""
    kind = typing.get_origin(annotation) or annotation
    models = getattr(kind, "__pydantic_fields__", None)
    if models is not None:
        return {name for own, field in models.items() for name in (own, field.alias) if name}
    fields = fields_of(annotation)
    return None if fields is None or fields.is_positional else set(fields.by_name)


def fields_of(annotation: Any) -> Fields | None:
    """The fields of a bare type; None where it is no structure that msgspec decodes."""
    kind = typing.get_origin(annotation) or annotation
    if not isinstance(kind, type):
        return None
    if issubclass(kind, msgspec.Struct):
        config = kind.__struct_config__
        described = msgspec.structs.fields(annotation)
        return Fields(
            {field.encode_name: (field.type, field.required) for field in described},
            config.array_like,
            config.forbid_unknown_fields,
            None if config.tag is None else (config.tag_field or "type", config.tag),
        )
    if dataclasses.is_dataclass(kind):
        hints = _hints(annotation)
        missing = dataclasses.MISSING
        return Fields(
            {
                field.name: (
                    hints[field.name],
                    field.init and field.default is missing and field.default_factory is missing,
                )
                for field in dataclasses.fields(kind)
            }
        )
    if hasattr(kind, "__total__") and issubclass(kind, dict):
        return Fields(
            {name: (_bare(hint), _is_required(kind, name, hint)) for name, hint in _hints(annotation).items()}
        )
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        hints = _hints(annotation)
        named: Any = kind
        return Fields(
            {name: (hints.get(name, Any), name not in named._field_defaults) for name in named._fields},
            is_positional=True,
        )
    return None


def travels_as(annotation: Any) -> type | None:
    """Whether values of a bare type travel as arrays (list) or maps (dict); None where they are neither."""
    origin = typing.get_origin(annotation) or annotation
    if origin in SEQUENCES or origin is tuple:
        return list
    if origin in MAPPINGS or hasattr(origin, "__pydantic_fields__"):
        return dict
    fields = fields_of(annotation)
    return None if fields is None else list if fields.is_positional else dict


def _is_required(kind: Any, name: str, hint: Any) -> bool:
    # `__required_keys__` has seen no more than the texts of annotations where those are texts; it knows
    # `total` of the class that a key is from.
    match _name_of(typing.get_origin(hint)):
        case "Required":
            return True
        case "NotRequired":
            return False
        case _:
            return name in kind.__required_keys__


def _bare(hint: Any) -> Any:
    while _name_of(typing.get_origin(hint)) in _WRAPPERS:
        (hint,) = typing.get_args(hint)
    return hint


def _name_of(origin: Any) -> str:
    """The name of a special form such as `typing.Required`, some of which are not in every Python."""
    return getattr(origin, "_name", None) or "" if origin is not None else ""


def _hints(annotation: Any) -> dict[str, Any]:
    """The annotations of a class, with type arguments in the place of type variables.

    A class with type arguments hands them on to its generic base classes, each of which has variables of
    its own, though they may have the same name.
    """
    kind: Any = typing.get_origin(annotation) or annotation
    given = dict(zip(getattr(kind, "__parameters__", ()), typing.get_args(annotation), strict=False))
    resolved = typing.get_type_hints(kind, include_extras=True)
    # Asked of the class itself; from Python 3.14 on it makes them when they are asked for.
    has_own = not {"__annotations__", "__annotate_func__"}.isdisjoint(vars(kind))
    own = kind.__annotations__ if has_own else {}
    hints: dict[str, Any] = {}
    for base in reversed(vars(kind).get("__orig_bases__", kind.__bases__)):
        origin = typing.get_origin(base) or base
        if isinstance(origin, type) and origin not in (object, dict, tuple, typing.Generic):
            hints.update(_hints(base))
    is_typeddict = hasattr(kind, "__total__")
    for name, hint in resolved.items():
        # A TypedDict repeats the annotations of those that it extends.
        if name not in hints or (name in own and not is_typeddict):
            hints[name] = hint
    return {name: _put_in(hint, given) for name, hint in hints.items()}


def _put_in(annotation: Any, given: dict[Any, Any]) -> Any:
    """An annotation with types in the place of type variables."""
    if isinstance(annotation, typing.TypeVar):
        return given.get(annotation, annotation)
    variables = getattr(annotation, "__parameters__", ())
    if not given or not variables or isinstance(annotation, type):
        return annotation
    return annotation[tuple(given.get(variable, variable) for variable in variables)]
