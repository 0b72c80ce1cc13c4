"""Values of the wire as JSON that people read, and back, without a loss.

What JSON has is written as it is. The rest becomes a map with one key that begins with ``$``: bytes are
``{"$bytes": "..."}`` (base64), what JSON has no number for is ``{"$float": "nan"}``, times are ``{"$time":
"2024-01-01T00:00:00Z"}``, extension types ``{"$ext": [code, base64]}``, a stream among arguments is
``{"$stream": [item, ...]}``. A map whose keys are no strings, or that could be taken for one of these, is
``{"$map": [[key, value], ...]}``.
"""

from __future__ import annotations

import base64
import math
from datetime import datetime
from typing import Any

import msgspec


class Streamed:
    """A stream among the arguments of a recorded call, as what came of it.

    Attributes:
        items: The items that the tool has taken, plain already. More are added while it takes them.
    """

    def __init__(self, items: list[Any]) -> None:
        self.items = items


def to_plain(value: Any) -> Any:
    """A value that was decoded from MessagePack as what JSON can say."""
    match value:
        case dict():
            if all(isinstance(key, str) for key in value) and not _is_marked(value):
                return {key: to_plain(item) for key, item in value.items()}
            return {"$map": [[to_plain(key), to_plain(item)] for key, item in value.items()]}
        case list() | tuple():
            return [to_plain(item) for item in value]
        case bytes():
            return {"$bytes": base64.b64encode(value).decode()}
        case float() if not math.isfinite(value):
            return {"$float": str(value)}
        case datetime():
            return {"$time": value.isoformat()}
        case Streamed():
            return {"$stream": value.items}
        case msgspec.msgpack.Ext():
            return {"$ext": [value.code, base64.b64encode(value.data).decode()]}
        case _:
            return value


def from_plain(value: Any) -> Any:
    """The value that `to_plain` has written; a list in the place of a stream.

    Raises:
        ValueError: For a marked map that is none of those.
    """
    match value:
        case list():
            return [from_plain(item) for item in value]
        case {"$bytes": str(text), **rest} if not rest:
            return base64.b64decode(text)
        case {"$float": str(text), **rest} if not rest:
            return float(text)
        case {"$time": str(text), **rest} if not rest:
            return datetime.fromisoformat(text)
        case {"$ext": [int(code), str(text)], **rest} if not rest:
            return msgspec.msgpack.Ext(code, base64.b64decode(text))
        case {"$stream": list(items), **rest} if not rest:
            return [from_plain(item) for item in items]
        case {"$map": list(entries), **rest} if not rest:
            return {_key(from_plain(key)): from_plain(item) for key, item in entries}
        case dict() if _is_marked(value):
            (mark,) = value
            raise ValueError(
                f"`{mark}` marks no value: expected `$bytes`, `$float`, `$time`, `$ext`, `$stream` or `$map`"
            )
        case dict():
            return {key: from_plain(item) for key, item in value.items()}
        case _:
            return value


def _is_marked(value: dict[Any, Any]) -> bool:
    return len(value) == 1 and next(iter(value), "")[:1] == "$"


def _key(key: Any) -> Any:
    return tuple(key) if isinstance(key, list) else key
