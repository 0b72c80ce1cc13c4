"""Types of the host's tools as Python's annotations."""

from __future__ import annotations

import functools
import re
from datetime import datetime
from typing import Any

_TYPES: dict[str, Any] = {
    "any": Any,
    "Any": Any,
    "Value": Any,
    **dict.fromkeys(("str", "String", "string", "char"), str),
    **dict.fromkeys(("bool", "boolean"), bool),
    **dict.fromkeys(("int", "integer"), int),
    **dict.fromkeys([f"{sign}{bits}" for sign in "iu" for bits in (8, 16, 32, 64, 128, "size")], int),
    "BigInt": int,
    **dict.fromkeys(("float", "number", "f32", "f64"), float),
    **dict.fromkeys(("complex", "Complex"), complex),
    **dict.fromkeys(("datetime", "Timestamp"), datetime),
    **dict.fromkeys(("bytes", "binary", "Bytes"), bytes),
    **dict.fromkeys(("list", "array"), list),
    **dict.fromkeys(("dict", "object", "map"), dict),
    **dict.fromkeys(("None", "null", "()"), None),
}
_GENERICS: dict[str, Any] = {
    **dict.fromkeys(("list", "Vec", "VecDeque"), list),
    **dict.fromkeys(("set", "HashSet", "BTreeSet"), set),
    **dict.fromkeys(("dict", "HashMap", "BTreeMap"), dict),
}
_TOKEN = re.compile(r"\(\)|[\w:]+|[<>\[\],|&]")


def annotation_of(text: str) -> Any:
    """The annotation that a type's text means, in Rust's words or Python's; the text itself where none does.

    Example:
        >>> annotation_of("HashMap<String, Vec<Option<f64>>>")
        dict[str, list[float | None]]
        >>> annotation_of("Report")
        'Report'
    """
    bare = text.replace("'static ", "")
    tokens = _TOKEN.findall(bare)
    if "".join(tokens) != bare.replace(" ", ""):
        return text
    try:
        annotation = _union(tokens)
    except (LookupError, TypeError, ValueError):
        return text
    return text if tokens else annotation


def _union(tokens: list[str]) -> Any:
    """The alternatives at the front of `tokens`, which are taken away."""
    members = [_one(tokens)]
    while tokens and tokens[0] == "|":
        del tokens[0]
        members.append(_one(tokens))
    return functools.reduce(lambda left, right: left | right, members)


def _one(tokens: list[str]) -> Any:
    while tokens[0] == "&":
        del tokens[0]
    name = tokens.pop(0).rpartition("::")[2]
    if not tokens or tokens[0] not in ("<", "["):
        return _TYPES[name]
    closing = {"<": ">", "[": "]"}[tokens.pop(0)]
    arguments = [_union(tokens)]
    while (token := tokens.pop(0)) != closing:
        if token != ",":
            raise ValueError(token)
        arguments.append(_union(tokens))
    if name in ("Option", "Optional"):
        (member,) = arguments
        return member | None
    return _GENERICS[name][tuple(arguments)]
