"""What a value should have been, and what it is, in Python's words.

msgspec says what is wrong, but often not with what: its texts have no values in them, and the types in them
are those of JSON.
"""

from __future__ import annotations

import enum
import typing
from typing import TYPE_CHECKING, Any

import msgspec

from snakebridge.annotations import type_text
from snakebridge.conversion.decoding import Deferred
from snakebridge.conversion.fields import members, travels_as
from snakebridge.errors import Problem, mismatch
from snakebridge.extensions import decode as decode_any
from snakebridge.suggestions import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TEXT_LIMIT = 40
"""Characters of a value that are shown."""

CHOICE_LIMIT = 16
"""Allowed values that are listed."""

_FORMS = {
    ("datetime", "datetime"): "as ISO 8601 text, such as '2024-02-29T12:30:00Z', or as a moment",
    ("datetime", "date"): "as ISO 8601 text, such as '2024-02-29'",
    ("datetime", "time"): "as ISO 8601 text, such as '12:30:00'",
    ("datetime", "timedelta"): "as ISO 8601 text, such as 'P1DT2H' for a day and two hours",
    ("uuid", "UUID"): "as text, such as '12345678-1234-5678-1234-567812345678'",
    ("decimal", "Decimal"): "as text or a number, such as '1.50'",
    ("ipaddress", "IPv4Address"): "as text, such as '192.168.0.1'",
    ("ipaddress", "IPv6Address"): "as text, such as '2001:db8::1'",
    ("pathlib", "PurePath"): "as text, such as '/tmp/x'",
}
"""By top-level module and name of a class: in which form its values travel."""

_UNREADABLE = object()


def explain(
    parameter: str, path: str, annotation: Any, piece: msgspec.Raw, error: Exception
) -> Iterator[Problem]:
    """The problem of a value without parts, or those of its parts where a library lists them.

    Args:
        parameter: The parameter's name.
        path: Where in the argument the value is.
        annotation: What it should have been.
        piece: The value.
        error: What decoding it has raised.
    """
    details = getattr(error.__cause__, "errors", None)
    if callable(details):
        yield from _of_pydantic(parameter, path, details)
        return
    problem = mismatch(parameter, path, error)
    try:
        value = decode_any(piece)
    except Exception:
        value = _UNREADABLE
    if value is _UNREADABLE or problem.path != path:  # it is about a part, which is not at hand
        yield problem
        return
    kinds = members(annotation)
    likely = [kind for kind in kinds if _may_be(kind, value)] if len(kinds) > 1 else kinds
    choices = _choices(likely)
    if choices:
        yield _choice(parameter, path, choices, value)
    elif len(likely) == 1 and (form := _form(likely[0])) and not _is_constraint(problem):
        text = f"`{type_text(likely[0])}` {form}"
        yield Problem(
            parameter, "mismatch", path, text, shown(value) if type(value) is str else kind_of(value)
        )
    elif problem.problem == "invalid":
        yield problem
    elif problem.actual is None:
        is_sized = " of length " in (problem.expected or "")
        actual = f"length {len(value)}" if is_sized else shown(value)
        yield msgspec.structs.replace(problem, actual=actual)
    elif problem.actual.startswith("`"):  # a type; or words of a converter
        expected = f"`{_union_text(annotation, kinds)}`" if len(kinds) > 1 else problem.expected
        yield msgspec.structs.replace(problem, expected=expected, actual=kind_of(value))
    else:
        yield problem


def shown(value: Any) -> str:
    """A value as Python writes it, cut where it is long; of what has parts no more than the type."""
    if isinstance(value, str | bytes):
        text = repr(value[: TEXT_LIMIT + 1])
        return text if len(text) <= TEXT_LIMIT + 2 else f"{text[:TEXT_LIMIT]}…"
    if isinstance(value, int) and value.bit_length() > 128:
        return f"an integer of {value.bit_length()} bits"
    if value is None or isinstance(value, bool | int | float | complex):
        return repr(value)
    return kind_of(value)


def kind_of(value: Any) -> str:
    """The type of a value, as it is named in messages."""
    return "`None`" if value is None else f"`{type(value).__name__}`"


def _union_text(annotation: Any, kinds: list[Any]) -> str:
    # An alias that contains itself is known by no more than its name.
    return " | ".join(map(type_text, kinds)) if isinstance(annotation, Deferred) else type_text(annotation)


def _of_pydantic(parameter: str, path: str, details: Callable[[], Any]) -> Iterator[Problem]:
    from snakebridge.conversion.problems import step  # which asks here for words

    for detail in details():
        where = path + "".join(f"[{part}]" if isinstance(part, int) else step(part) for part in detail["loc"])
        actual = None  # of what is missing pydantic gives what it is missing in
        if detail["type"] != "missing":
            is_type = detail["type"].endswith("_type")
            actual = kind_of(detail["input"]) if is_type else shown(detail["input"])
        yield Problem(parameter, "invalid", where, detail["msg"], actual)


def _may_be(kind: Any, value: Any) -> bool:
    """Whether a value that a member of a union has refused may have been meant for it."""
    container = travels_as(kind)
    if container is not None or isinstance(value, list | dict):
        return container is type(value)
    choices = _choices([kind])
    if choices:
        return any(type(value) is type(choice) for choice in choices)
    if kind in (bool, int, float, str, bytes, bytearray):
        return type(value) is kind or (kind is float and type(value) is int)
    return isinstance(value, str) if _form(kind) else True


def _is_constraint(problem: Problem) -> bool:
    return problem.problem == "mismatch" and problem.actual is None


def _form(kind: Any) -> str | None:
    """In which form values of a class travel, where that is no form of their own."""
    for base in getattr(kind, "__mro__", ()):
        form = _FORMS.get((base.__module__.partition(".")[0], base.__qualname__))
        if form is not None:
            return form
    return None


def _choice(parameter: str, path: str, choices: list[Any], value: Any) -> Problem:
    """The problem of a value that is none of those that are allowed."""
    said = [repr(choice) for choice in choices]
    more = f" and {len(said) - CHOICE_LIMIT} more" if len(said) > CHOICE_LIMIT else ""
    is_like_them = any(type(value) is type(choice) for choice in choices)
    texts = [choice for choice in choices if isinstance(choice, str)]
    return Problem(
        parameter,
        "mismatch",
        path,
        f"one of {', '.join(said[:CHOICE_LIMIT])}{more}",
        shown(value) if is_like_them else kind_of(value),
        nearest(value, texts) if isinstance(value, str) else None,
    )


def _choices(kinds: list[Any]) -> list[Any]:
    """The values that literals and enumerations allow; none where something else is among them."""
    found: list[Any] = []
    for kind in kinds:
        if typing.get_origin(kind) is typing.Literal:
            found += typing.get_args(kind)
        elif isinstance(kind, type) and issubclass(kind, enum.Enum) and not issubclass(kind, enum.Flag):
            found += [member.value for member in kind]
        else:
            return []
    return found
