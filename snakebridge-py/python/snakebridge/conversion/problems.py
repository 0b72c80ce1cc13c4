"""Every problem of a value that does not fit its type, found piece by piece.

msgspec stops at the first. This slower pass is for values that were refused already: it decodes the parts of
the value one by one, each by the rules of the first pass, and goes into those that are refused.
"""

from __future__ import annotations

import dataclasses
import enum
import types
import typing
from typing import TYPE_CHECKING, Any

import msgspec

from snakebridge.annotations import type_text
from snakebridge.conversion.decoding import decode, wire_annotation
from snakebridge.errors import Problem, mismatch
from snakebridge.suggestions import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

PROBLEM_LIMIT = 16
"""Problems of one argument: enough to mend it by, however many there are."""

_decode_list = msgspec.msgpack.Decoder(list[msgspec.Raw]).decode
_decode_map = msgspec.msgpack.Decoder(dict[Any, msgspec.Raw]).decode


def find_problems(parameter: str, annotation: Any, piece: msgspec.Raw) -> list[Problem]:
    """What is wrong with one argument; empty where it fits."""
    problems: list[Problem] = []
    for problem in _search(parameter, parameter, annotation, piece):
        problems.append(problem)
        if len(problems) == PROBLEM_LIMIT:
            break
    return problems


def _search(parameter: str, path: str, annotation: Any, piece: msgspec.Raw) -> Iterator[Problem]:
    try:
        decode(piece, wire_annotation(annotation))
    except Exception as error:
        found = False
        for problem in _inside(parameter, path, _present(annotation), piece):
            found = True
            yield problem
        if not found:
            yield from _explain(parameter, path, annotation, error)


def _inside(parameter: str, path: str, annotation: Any, piece: msgspec.Raw) -> Iterator[Problem]:
    """The problems of the parts of a value, where it has parts."""
    origin, arguments = typing.get_origin(annotation) or annotation, typing.get_args(annotation)
    try:
        if origin in (list, set, frozenset) and arguments:
            for index, item in enumerate(_decode_list(piece)):
                yield from _search(parameter, f"{path}[{index}]", arguments[0], item)
        elif origin is tuple and arguments:
            items = _decode_list(piece)
            kinds = [arguments[0]] * len(items) if arguments[-1] is ... else arguments
            for index, (kind, item) in enumerate(zip(kinds, items, strict=False)):
                yield from _search(parameter, f"{path}[{index}]", kind, item)
        elif origin is dict and arguments:
            for key, item in _decode_map(piece).items():
                step = f".{key}" if isinstance(key, str) and key.isidentifier() else f"[{key!r}]"
                yield from _search(parameter, path + step, arguments[1], item)
        else:
            yield from _fields(parameter, path, annotation, piece)
    except (msgspec.DecodeError, TypeError):  # of another kind than the annotation says
        return


def _fields(parameter: str, path: str, annotation: Any, piece: msgspec.Raw) -> Iterator[Problem]:
    """The problems of a structure's fields."""
    fields = _fields_of(annotation)
    if fields is None:
        return
    values = _decode_map(piece)
    for name, (kind, is_required) in fields.items():
        if name in values:
            yield from _search(parameter, f"{path}.{name}", kind, values[name])
        elif is_required:
            yield Problem(parameter, "missing", f"{path}.{name}", expected=f"`{type_text(kind)}`")


def _fields_of(annotation: Any) -> dict[str, tuple[Any, bool]] | None:
    """The fields of a type by their names on the wire: annotation, and whether it is required."""
    kind = typing.get_origin(annotation) or annotation
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        if kind.__struct_config__.array_like:
            return None
        return {
            field.encode_name: (field.type, field.required) for field in msgspec.structs.fields(annotation)
        }
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind, include_extras=True)
        return {
            field.name: (
                hints[field.name],
                field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING,
            )
            for field in dataclasses.fields(kind)
            if field.init
        }
    if typing.is_typeddict(kind):
        hints = typing.get_type_hints(kind, include_extras=True)
        return {name: (_bare(hint), name in kind.__required_keys__) for name, hint in hints.items()}
    return None


def _bare(hint: Any) -> Any:
    """A field's annotation without ``Required`` and ``NotRequired``."""
    return (
        typing.get_args(hint)[0] if typing.get_origin(hint) in (typing.Required, typing.NotRequired) else hint
    )


def _present(annotation: Any) -> Any:
    """What an annotation says of values that are not None, where that is one thing."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _present(arguments[0])
    if origin in (typing.Union, types.UnionType):
        members = [argument for argument in arguments if argument is not types.NoneType]
        return _present(members[0]) if len(members) == 1 else annotation
    return annotation


def _explain(parameter: str, path: str, annotation: Any, error: Exception) -> Iterator[Problem]:
    """The problem of a value without parts, or of its parts where a library lists them."""
    details = getattr(error.__cause__, "errors", None)
    if callable(details):  # pydantic's
        for detail in details():
            steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in detail["loc"])
            yield Problem(parameter, "invalid", path + "".join(steps), detail["msg"])
        return
    problem = mismatch(parameter, path, error)
    choices = _choices(_present(annotation))
    if choices:
        said = [repr(choice) for choice in choices]
        wrong = problem.expected or ""
        actual = wrong.partition("enum value ")[2] if problem.problem == "invalid" else problem.actual
        texts = [choice for choice in choices if isinstance(choice, str)]
        problem = Problem(
            parameter,
            "mismatch",
            problem.path,
            f"one of {', '.join(said[:PROBLEM_LIMIT])}",
            actual or None,
            nearest(actual.strip("'\""), texts) if actual else None,
        )
    yield problem


def _choices(annotation: Any) -> list[Any]:
    """The values that a literal or an enumeration allows."""
    if typing.get_origin(annotation) is typing.Literal:
        return list(typing.get_args(annotation))
    if (
        isinstance(annotation, type)
        and issubclass(annotation, enum.Enum)
        and not issubclass(annotation, enum.Flag)
    ):
        return [member.value for member in annotation]
    return []
