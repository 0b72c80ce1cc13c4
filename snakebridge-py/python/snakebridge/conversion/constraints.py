"""Constraints that are written with pydantic or annotated_types, as those of msgspec, which checks them.

Metadata of the two libraries are read by the names of their classes, so that neither is imported. What they
say and msgspec cannot check is an error when the adapter is loaded: a constraint that nobody looks at is
worse than none.
"""

from __future__ import annotations

import dataclasses
import functools
import operator
import types
import typing
from typing import TYPE_CHECKING, Any

import msgspec

from snakebridge.errors import AdapterError

if TYPE_CHECKING:
    from collections.abc import Iterator

_LIBRARIES = frozenset({"annotated_types", "pydantic", "pydantic_core"})

_CONSTRAINTS = frozenset({"ge", "gt", "le", "lt", "multiple_of", "min_length", "max_length", "pattern"})
"""What msgspec calls by the same names."""

_TEXTS = ("title", "description", "examples")

_SAY_NOTHING = frozenset(
    {"Discriminator", "PlainSerializer", "SerializeAsAny", "Tag", "Unit", "WithJsonSchema", "WrapSerializer"}
)
"""Classes of metadata that refuse no value."""

_TIGHTER: dict[str, Any] = {"ge": max, "gt": max, "min_length": max, "le": min, "lt": min, "max_length": min}

CHECK_IT_IN_THE_TOOL = "check it in the tool, and raise `snakebridge.InvalidArgument`"


def translate(annotation: Any, owner: str) -> Any:
    """An annotation with `msgspec.Meta` in the place of foreign constraints, at every depth.

    Args:
        annotation: Any annotation whose names are resolved.
        owner: Whose annotation it is, for error messages.

    Raises:
        AdapterError: If a constraint cannot be translated, or stands at a field of a structure, which
            msgspec reads by itself.
    """
    _check_fields(annotation, owner, set())
    return _translate(annotation, owner)


def _translate(annotation: Any, owner: str, opened: tuple[Any, ...] = ()) -> Any:
    """The same without a look at fields, inside of the aliases that are `opened`."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if type(annotation).__name__ == "TypeAliasType":  # `type X = ...`, from Python 3.12 on
        return _alias(annotation, owner, opened)
    if type(origin).__name__ == "TypeAliasType":
        meant = _alias(origin, owner, opened)
        if meant is not origin:
            return meant[arguments]
    if isinstance(annotation, typing.NewType):
        meant = _translate(annotation.__supertype__, owner, opened)
        return annotation if meant is annotation.__supertype__ else meant
    if origin is None or origin is typing.Literal or not arguments:
        return annotation
    if origin is typing.Annotated:
        inner = _translate(arguments[0], owner, opened)
        foreign = [extra for extra in arguments[1:] if is_foreign(extra)]
        if not foreign:
            return annotation if inner is arguments[0] else typing.Annotated[(inner, *arguments[1:])]
        kept = [extra for extra in arguments[1:] if not is_foreign(extra) and extra is not None]
        made = _constrained(inner, foreign, owner)
        return typing.Annotated[(made, *kept)] if kept else made
    inner = tuple(
        [_translate(item, owner, opened) for item in argument]  # the parameters of a function
        if isinstance(argument, list)
        else argument
        if argument is ...
        else _translate(argument, owner, opened)
        for argument in arguments
    )
    if inner == arguments:
        return annotation
    if origin in (typing.Union, types.UnionType):
        return functools.reduce(operator.or_, inner)
    return origin[inner]


def _alias(alias: Any, owner: str, opened: tuple[Any, ...]) -> Any:
    if alias in opened:  # it contains itself
        return alias
    meant = _translate(alias.__value__, owner, (*opened, alias))
    if meant == alias.__value__:
        return alias
    if alias.__name__ in _names(meant):
        raise AdapterError(
            f"{owner}: constraints of pydantic and annotated_types are not seen in `{alias.__name__}`, "
            "an alias that contains itself: write `msgspec.Meta` instead"
        )
    return meant


def _names(annotation: Any) -> Iterator[str]:
    yield getattr(annotation, "__name__", "")
    for argument in typing.get_args(annotation):
        yield from _names(argument)


def is_foreign(extra: Any) -> bool:
    """Whether metadata of an annotation are of one of the two libraries."""
    return type(extra).__module__.partition(".")[0] in _LIBRARIES


def _constrained(kind: Any, foreign: list[Any], owner: str) -> Any:
    """A type with the constraints and texts of foreign metadata."""
    constraints: dict[str, Any] = {}
    texts: dict[str, Any] = {}
    for extra in foreign:
        for name, value in _said(extra):
            if name in _TEXTS:
                texts[name] = value
            elif name == "default":
                raise AdapterError(
                    f"{owner}: a default inside of `Annotated` is not seen: write it behind the annotation, "
                    "as in `x: Annotated[int, Field(ge=1)] = 3`"
                )
            elif name in _CONSTRAINTS:
                _add(constraints, name, value, extra, owner)
            else:
                raise _refusal(extra, owner, name)
    made = kind
    if constraints:
        made = _distributed(kind, constraints)
        if made is None:
            said = " and ".join(f"`{extra!r}`" for extra in foreign)
            raise AdapterError(
                f"{owner}: {said} cannot be checked for values of {_name(kind)}: {CHECK_IT_IN_THE_TOOL}"
            )
    return typing.Annotated[made, msgspec.Meta(**texts)] if texts else made


def _said(extra: Any) -> Iterator[tuple[str, Any]]:
    """What one piece of metadata says, by the names that msgspec has where it has one.

    What it has no name for is given by a name that nothing knows.
    """
    kind = type(extra)
    if kind.__name__ in _SAY_NOTHING:
        return
    if kind.__name__ == "FieldInfo":
        for inner in extra.metadata:
            yield from _said(inner)
        for name in _TEXTS:
            if getattr(extra, name, None):
                yield name, getattr(extra, name)
        if type(extra.default).__name__ not in ("PydanticUndefinedType", "ellipsis") or extra.default_factory:
            yield "default", extra.default
        return
    if kind.__name__ == "DocInfo":
        yield "description", extra.documentation
        return
    fields = (
        {field.name: getattr(extra, field.name) for field in dataclasses.fields(extra)}
        if dataclasses.is_dataclass(extra)
        else getattr(extra, "__dict__", {})
    )
    if not fields:
        yield kind.__name__, extra
    for name, value in fields.items():
        if name == "strict" and value is not False:
            continue  # everything is strict here
        if name == "pattern" and hasattr(value, "pattern"):  # compiled
            yield (name, value.pattern) if value.flags in (0, 32) else ("flags of a pattern", value)
        elif value is not None and not (name == "min_length" and value == 0):
            yield name, value


def _add(constraints: dict[str, Any], name: str, value: Any, extra: Any, owner: str) -> None:
    """Add a constraint to others: of two that say the same kind of thing the tighter one stays."""
    if name in constraints:
        if name not in _TIGHTER and constraints[name] != value:
            raise _refusal(extra, owner, f"a second `{name}`")
        value = _TIGHTER[name](constraints[name], value) if name in _TIGHTER else value
    constraints[name] = value
    for loose, strict, is_tighter in (("ge", "gt", operator.gt), ("le", "lt", operator.lt)):
        if loose in constraints and strict in constraints:  # msgspec takes one of the two
            del constraints[strict if is_tighter(constraints[loose], constraints[strict]) else loose]


def _distributed(kind: Any, constraints: dict[str, Any]) -> Any:
    """A type with constraints; those of a union are its members'. None where msgspec cannot check them."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        members = typing.get_args(kind)
        parts = [
            member if member is types.NoneType else _distributed(member, constraints) for member in members
        ]
        return None if None in parts else functools.reduce(operator.or_, parts)
    try:
        made: Any = typing.Annotated[kind, msgspec.Meta(**constraints)]
        msgspec.inspect.type_info(made)
    except Exception:
        return None
    return made


def _refusal(extra: Any, owner: str, what: str) -> AdapterError:
    library = type(extra).__module__.partition(".")[0]
    said = "" if what == type(extra).__name__ else f" (`{what}`)"
    return AdapterError(
        f"{owner}: `{extra!r}`{said} of {library} cannot be checked while arguments are decoded: "
        f"{CHECK_IT_IN_THE_TOOL}; what can is `msgspec.Meta`, and bounds, lengths and patterns of {library}"
    )


def _check_fields(annotation: Any, owner: str, seen: set[int]) -> None:
    """See that no structure inside has foreign constraints at its fields.

    msgspec reads structures by itself, and would not see them. Models of pydantic see to theirs.
    """
    if id(annotation) in seen:
        return
    seen.add(id(annotation))
    for argument in typing.get_args(annotation):
        _check_fields(argument, owner, seen)
    kind = typing.get_origin(annotation) or annotation
    if not isinstance(kind, type) or not _is_structure(kind):
        return
    try:
        hints = typing.get_type_hints(kind, include_extras=True)
    except Exception:  # a name that is not there, of which msgspec tells better
        return
    for name, hint in hints.items():
        place = f"{owner}: field `{name}` of `{kind.__qualname__}`"
        if (metas := _metas(_translate(hint, place))) != _metas(hint):
            raise AdapterError(
                f"{place}: constraints of pydantic and annotated_types are not seen inside of structures, "
                f"only by models of pydantic: write `{metas}` instead"
            )
        _check_fields(hint, owner, seen)


def _is_structure(kind: type) -> bool:
    return (
        issubclass(kind, msgspec.Struct)
        or dataclasses.is_dataclass(kind)
        or typing.is_typeddict(kind)
        or (issubclass(kind, tuple) and hasattr(kind, "_fields"))
        or hasattr(kind, "__attrs_attrs__")
    )


def _metas(annotation: Any) -> str:
    """The constraints of msgspec in an annotation, as one writes them; texts are no constraints."""
    found: list[str] = []
    for extra in getattr(annotation, "__metadata__", ()):
        if isinstance(extra, msgspec.Meta):
            said = [f"{name}={getattr(extra, name)!r}" for name in sorted(_CONSTRAINTS)]
            said = [text for text in said if not text.endswith("=None")]
            found += [f"msgspec.Meta({', '.join(said)})"] if said else []
    inside = typing.get_args(annotation)[: 1 if found or hasattr(annotation, "__metadata__") else None]
    return ", ".join([*found, *filter(None, map(_metas, inside))])


def _name(kind: Any) -> str:
    from snakebridge.annotations import type_text  # which reads annotations by way of this

    return f"`{type_text(kind)}`"
