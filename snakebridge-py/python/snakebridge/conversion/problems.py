"""Every problem of a value that does not fit its type, found piece by piece.

msgspec stops at the first. This slower pass is for values that were refused already: it decodes the parts of
the value one by one, each by the rules of the first pass, and goes into those that are refused.
"""

from __future__ import annotations

import collections
import itertools
import typing
from typing import TYPE_CHECKING, Any

import msgspec

from snakebridge.annotations import type_text
from snakebridge.conversion.decoding import decode, decoder, wire_annotation
from snakebridge.conversion.fields import (
    MAPPINGS,
    SEQUENCES,
    Fields,
    fields_of,
    members,
    metas,
    names_of,
    travels_as,
)
from snakebridge.conversion.wording import explain
from snakebridge.encoding import encode as _encode
from snakebridge.errors import Problem
from snakebridge.extensions import decode as decode_any
from snakebridge.suggestions import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PROBLEM_LIMIT = 16
"""Problems of one argument: enough to mend it by, however many there are."""

CHOICE_LIMIT = 16
"""Members of a union that are tried for the one that a value was meant to be."""

_decode_list = msgspec.msgpack.Decoder(list[msgspec.Raw]).decode
_decode_map = msgspec.msgpack.Decoder(dict[Any, msgspec.Raw]).decode


def find_problems(
    parameter: str, annotation: Any, piece: msgspec.Raw, path: str | None = None
) -> list[Problem]:
    """What is wrong with one argument, or with the part of it at `path`; empty where it fits."""
    problems: list[Problem] = []
    for problem in _search(parameter, path or parameter, annotation, piece):
        problems.append(problem)
        if len(problems) == PROBLEM_LIMIT:
            break
    return problems


def _search(parameter: str, path: str, annotation: Any, piece: msgspec.Raw) -> Iterator[Problem]:
    try:
        decode(piece, wire_annotation(annotation))
    except Exception as error:
        found = False
        for problem in _inside(parameter, path, annotation, piece):
            found = True
            yield problem
        if not found:
            yield from explain(parameter, path, annotation, piece, error)


def _inside(parameter: str, path: str, annotation: Any, piece: msgspec.Raw) -> Iterator[Problem]:
    """The problems of the parts of a value, where it has parts."""
    choices = members(annotation)
    if len(choices) > 1:
        choice = _closest(choices, piece)
        if choice is not None:
            yield from _search(parameter, path, choice, piece)
        return
    for kind in choices:
        try:
            yield from _parts(parameter, path, kind, piece)
            yield from _lengths(parameter, path, annotation, piece)
        except (msgspec.DecodeError, TypeError):  # of another kind than the annotation says
            return


def _parts(parameter: str, path: str, annotation: Any, piece: msgspec.Raw) -> Iterator[Problem]:
    origin, arguments = typing.get_origin(annotation) or annotation, typing.get_args(annotation)
    if origin in SEQUENCES:
        (inner,) = arguments or (Any,)
        for index, item in _refused(inner, enumerate(_decode_list(piece))):
            yield from _search(parameter, f"{path}[{index}]", inner, item)
    elif origin is tuple:
        if arguments:
            yield from _tuple(parameter, path, arguments, _decode_list(piece))
    elif origin in MAPPINGS:
        key, inner = arguments if len(arguments) == 2 else (*(arguments or (Any,)), Any)
        if origin is collections.Counter:
            inner = int
        values = _decode_map(piece)
        for name, item in _refused(key, [(name, msgspec.Raw(_encode(name))) for name in values]):
            for problem in _search(parameter, f"{path}[{_shown(name)}]", key, item):
                yield msgspec.structs.replace(problem, expected=f"{problem.expected} as the key")
        for name, item in _refused(inner, values.items()):
            yield from _search(parameter, path + step(name), inner, item)
    elif (fields := fields_of(annotation)) is not None:
        if fields.is_positional:
            yield from _positions(parameter, path, fields, _decode_list(piece))
        else:
            yield from _fields(parameter, path, fields, _decode_map(piece))


def _lengths(parameter: str, path: str, annotation: Any, piece: msgspec.Raw) -> Iterator[Problem]:
    """The problems of a container's own length, which msgspec tells only where its parts fit."""
    value = _opened(piece)
    if value is None:
        return
    name, length = type(value).__name__, len(value)
    for meta in metas(annotation):
        if meta.min_length is not None and length < meta.min_length:
            bound = f">= {meta.min_length}"
        elif meta.max_length is not None and length > meta.max_length:
            bound = f"<= {meta.max_length}"
        else:
            continue
        yield Problem(parameter, "mismatch", path, f"`{name}` of length {bound}", f"length {length}")


def _refused(kind: Any, pieces: Iterable[tuple[Any, msgspec.Raw]]) -> Iterator[tuple[Any, msgspec.Raw]]:
    """The pieces that do not fit at once, which is quickly asked of many."""
    fits = decoder(wire_annotation(kind))
    for place, piece in pieces:
        try:
            fits(piece)
        except Exception:
            yield place, piece


def _tuple(parameter: str, path: str, kinds: tuple[Any, ...], items: list[msgspec.Raw]) -> Iterator[Problem]:
    is_open = kinds[-1] is ...
    for index, (kind, item) in enumerate(
        zip([kinds[0]] * len(items) if is_open else kinds, items, strict=False)
    ):
        yield from _search(parameter, f"{path}[{index}]", kind, item)
    if not is_open and len(items) != len(kinds):
        yield Problem(parameter, "mismatch", path, f"`tuple` of length {len(kinds)}", f"length {len(items)}")


def _positions(parameter: str, path: str, fields: Fields, items: list[msgspec.Raw]) -> Iterator[Problem]:
    """The problems of a structure that travels as an array."""
    offset = 0 if fields.tag is None else 1  # which stands in front
    for index, (kind, is_required) in enumerate(fields.by_name.values(), offset):
        if index < len(items):
            yield from _search(parameter, f"{path}[{index}]", kind, items[index])
        elif is_required:
            yield Problem(parameter, "missing", f"{path}[{index}]", expected=f"`{type_text(kind)}`")


def _fields(parameter: str, path: str, fields: Fields, values: dict[Any, msgspec.Raw]) -> Iterator[Problem]:
    """The problems of a structure's fields."""
    missing = []
    for name, (kind, is_required) in fields.by_name.items():
        if name in values:
            yield from _search(parameter, path + step(name), kind, values[name])
        elif is_required:
            missing.append(name)
            yield Problem(parameter, "missing", path + step(name), expected=f"`{type_text(kind)}`")
    known = [*fields.by_name, *([] if fields.tag is None else [fields.tag[0]])]
    free = [name for name in known if name not in values]
    for name in values:
        if name in known:
            continue
        suggestion = nearest(name, free) if isinstance(name, str) else None
        # Elsewhere other fields are nothing bad, but where one may be what another lacks.
        if fields.is_closed or suggestion in missing:
            there_is = "there is " + ", ".join(f"`{field}`" for field in known[:PROBLEM_LIMIT])
            yield Problem(
                parameter,
                "unknown",
                path + step(name),
                expected=there_is if known else "it has no fields",
                suggestion=suggestion,
            )


def _closest(choices: list[Any], piece: msgspec.Raw) -> Any:
    """The member of a union that a value is most likely meant to be, or None where none is.

    That is the only one of the value's kind; else the one whose tag it has, whose fields it has most of, or
    where least is wrong.
    """
    value = _opened(piece)
    if value is None:
        return None
    fitting = [choice for choice in choices if travels_as(choice) is type(value)]
    if len(fitting) < 2:
        return fitting[0] if fitting else None
    best, best_rank = None, (-1, 0)
    for choice in fitting[:CHOICE_LIMIT]:
        fields = fields_of(choice)
        if fields is not None and fields.tag is not None:
            if _has_tag(value, fields.tag):
                return choice
            continue
        names = names_of(choice)
        common = sum(name in names for name in value) if names else 0
        rank = (common, -_misfits(choice, value))
        if rank > best_rank and (common or names is None):
            best, best_rank = choice, rank
    return best


def _misfits(annotation: Any, value: list[msgspec.Raw] | dict[Any, msgspec.Raw]) -> int:
    """How many parts of a value a type refuses or lacks. Nothing is searched: that would be told in time."""
    arguments, fields = typing.get_args(annotation), fields_of(annotation)
    if isinstance(value, dict):
        if fields is None:
            inner = int if typing.get_origin(annotation) is collections.Counter else (arguments or (Any,))[-1]
            return sum(1 for _ in _refused(inner, value.items()))
        pairs = [(kind, value.get(name)) for name, (kind, required) in fields.by_name.items() if required]
    elif fields is not None:
        pairs = [
            (kind, value[index] if index < len(value) else None)
            for index, (kind, required) in enumerate(fields.by_name.values())
            if required
        ]
    elif typing.get_origin(annotation) is tuple and ... not in arguments:
        pairs = list(itertools.zip_longest(arguments, value))
    else:
        inner = arguments[0] if arguments else Any
        return sum(1 for _ in _refused(inner, enumerate(value)))
    return sum(1 for kind, item in pairs if item is None or not _fits(kind, item))


def _fits(kind: Any, piece: msgspec.Raw) -> bool:
    return next(_refused(kind, [(None, piece)]), None) is None


def _has_tag(value: Any, tag: tuple[str, str | int]) -> bool:
    try:
        return bool(decode_any(value[0] if isinstance(value, list) else value[tag[0]]) == tag[1])
    except Exception:
        return False


def _opened(piece: msgspec.Raw) -> list[msgspec.Raw] | dict[Any, msgspec.Raw] | None:
    for opened in (_decode_list, _decode_map):
        try:
            return opened(piece)
        except (msgspec.DecodeError, TypeError):
            continue
    return None


def step(key: Any) -> str:
    """How one gets from a value to the part under a key."""
    return f".{key}" if isinstance(key, str) and key.isidentifier() and len(key) <= 64 else f"[{_shown(key)}]"


def _shown(key: Any) -> str:
    return repr(key[:64] if isinstance(key, str | bytes) else key)
