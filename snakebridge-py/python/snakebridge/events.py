"""What a worker tells the host beside its answers: records of logs, measurements, progress.

Telling never waits and never fails. Where the host is slow to read, or too much is told, what is told is
dropped, and counted by the native side.
"""

from __future__ import annotations

from typing import Any

from snakebridge import _native
from snakebridge.current import running_call
from snakebridge.encoding import encode_checked
from snakebridge.errors import Unserializable

LOG, TELEMETRY = 0, 1
"""Classes of EVENT frames."""

BODY_LIMIT = 16 * 1024
"""Bytes of an event, as the protocol has it."""
TEXT_LIMIT = 8 * 1024
"""Bytes of the longest text in it."""
NAME_LIMIT = 256


def tell(kind: int, body: dict[str, Any], loose: tuple[str, ...] = (), call: int | None = None) -> bool:
    """Send one event.

    Args:
        kind: `LOG` or `TELEMETRY`.
        body: What is told, texts within their limits. Entries that are None are left out.
        loose: Entries with values of any kind, which are left out, the last first, where the body would be
            too large; what the wire cannot carry in them becomes its type's name.
        call: The id of the call inside which it is told (default: the one that runs here).

    Returns:
        Whether it was sent.
    """
    body = {key: value for key, value in body.items() if value is not None}
    for key in loose:
        if key in body:
            body[key] = _portable(body[key])
    encoded = encode_checked(body)
    for key in reversed(loose):
        if len(encoded) <= BODY_LIMIT:
            break
        body.pop(key, None)
        encoded = encode_checked(body)
    return _native.tell(kind, running_call() if call is None else call, encoded[: BODY_LIMIT + 1])


def cut(text: str, limit: int = TEXT_LIMIT) -> str:
    """A text of at most `limit` bytes that UTF-8 can say."""
    encoded = text[:limit].encode("utf-8", "backslashreplace")
    if len(encoded) <= limit and len(text) <= limit:
        return encoded.decode()
    return encoded[: limit - 4].decode("utf-8", "ignore") + "…"


def _portable(value: Any) -> Any:
    """A value that the wire carries; of what it cannot carry, the type's name."""
    try:
        encode_checked(value)
        return value
    except Unserializable:
        pass
    if isinstance(value, dict):
        return {str(key): _portable_entry(entry) for key, entry in value.items()}
    return f"<{type(value).__qualname__}>"


def _portable_entry(value: Any) -> Any:
    try:
        encode_checked(value)
    except Unserializable:
        return f"<{type(value).__qualname__}>"
    return value
