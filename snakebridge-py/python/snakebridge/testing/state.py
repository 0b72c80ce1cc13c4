"""Sessions of a fake host, with the rules of the real one."""

from __future__ import annotations

from typing import Any

from snakebridge.encoding import encode
from snakebridge.errors import Conflict, HostToolError, SessionExpired, SessionQuota
from snakebridge.extensions import decode

KEY_LIMIT = 256
"""Bytes of a key."""
VALUE_LIMIT = 1024 * 1024
"""Bytes of a value, encoded, as the real host has it by default."""


class FakeSession:
    """The state of one session, and whether the session still lives."""

    def __init__(self) -> None:
        self.is_over = False
        self._values: dict[str, tuple[int, Any]] = {}
        self._versions: dict[str, int] = {}

    @property
    def values(self) -> dict[str, Any]:
        """What is kept, by key."""
        return {key: value for key, (_, value) in sorted(self._values.items())}

    def __repr__(self) -> str:
        kept = ", ".join(
            f"{key}={value!r:.60} (version {self._versions[key]})" for key, value in self.values.items()
        )
        return f"<FakeSession with {kept or 'nothing in it'}{', which is over' if self.is_over else ''}>"

    def answer(self, target: str, arguments: dict[str, Any]) -> Any:
        """What the host answers to a `$state` target.

        Raises:
            HostToolError: Where the real host refuses.
        """
        if self.is_over:
            raise SessionExpired("the session has expired, or was closed")
        if target == "$state.keys":
            return sorted(self._values)
        key = _checked_key(arguments["key"])
        match target:
            case "$state.get":
                return self._values.get(key)
            case "$state.set":
                return self._write(key, arguments["value"])
            case "$state.delete":
                return self._values.pop(key, None) is not None
            case "$state.cas":
                current = self._values.get(key, (0, None))[0]
                if current != arguments["expected"]:
                    message = f"the key {key!r} is at version {current}, not {arguments['expected']}"
                    raise Conflict(message, {"version": current})
                return self._write(key, arguments["value"])
        raise HostToolError("tool_not_found", f"no system target `{target}`", executed="never")

    def _write(self, key: str, value: Any) -> int:
        size = len(encode(value))
        if size > VALUE_LIMIT:
            raise SessionQuota(f"the value takes {size} bytes, and at most {VALUE_LIMIT} are allowed")
        version = self._versions[key] = self._versions.get(key, 0) + 1
        self._values[key] = version, decode(encode(value))
        return version


def _checked_key(key: Any) -> str:
    if isinstance(key, str) and 1 <= len(key.encode()) <= KEY_LIMIT and not any(map(_is_control, key)):
        return key
    raise HostToolError(
        "invalid_argument",
        f"{key!r} is no key: strings of 1 to {KEY_LIMIT} bytes without control characters are",
        executed="never",
    )


def _is_control(character: str) -> bool:
    return ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0
