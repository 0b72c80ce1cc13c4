"""The state of a session: values by key, kept by the host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snakebridge.encoding import encode_checked
from snakebridge.extensions import decode

if TYPE_CHECKING:
    from snakebridge.host.stub import HostStub


class SessionState:
    """Values by key that live in the host as long as the session, whichever worker serves it.

    A worker may be killed at any moment; a write that was answered is kept. Every key has a version, which
    starts at 1 and grows with every write, also over a deletion. Read with the version and write with
    `compare_and_set` where several calls change one key:

        while True:
            version, count = state.get_versioned("count", 0)
            try:
                state.compare_and_set("count", version, count + 1)
                break
            except Conflict:
                continue

    Keys are strings of 1 to 256 bytes without control characters; values are whatever the wire can carry. The
    methods that begin with `a` are the same for asynchronous tools: other calls run while they wait.

    Every method raises:
        SessionNotFound: If the call belongs to no session.
        SessionExpired: If the session was closed while the call was running.
        SessionQuota: If a value, or all of them, would be larger than the host allows.
        HostToolError: With code ``"invalid_argument"``, for a key that is not allowed.
        Unserializable: If a value has no form on the wire.
    """

    def __init__(self, stub: HostStub, session_id: str = "") -> None:
        self._stub = stub
        self._session_id = session_id

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, or `default` where the key is not there."""
        return self.get_versioned(key, default)[1]

    def get_versioned(self, key: str, default: Any = None) -> tuple[int, Any]:
        """The version of a key and its value; 0 and `default` where the key is not there."""
        return _versioned(self._ask("$state.get", key=key), default)

    def set(self, key: str, value: Any) -> int:
        """Write a value, whatever was there, and return its version."""
        return int(self._ask("$state.set", key=key, value=value))

    def delete(self, key: str) -> bool:
        """Remove a key; whether it was there."""
        return bool(self._ask("$state.delete", key=key))

    def compare_and_set(self, key: str, expected: int, value: Any) -> int:
        """Write a value if the key is still at the version `expected`, and return the new version.

        Args:
            key: The key.
            expected: The version that was read; 0 for a key that must not be there yet.
            value: The new value.

        Raises:
            Conflict: If it is at another version, which the error names as `current_version`.
        """
        return int(self._ask("$state.cas", key=key, expected=expected, value=value))

    def keys(self) -> list[str]:
        """All keys, sorted."""
        return list(self._ask("$state.keys"))

    def __contains__(self, key: str) -> bool:
        return self.get_versioned(key)[0] != 0

    async def aget(self, key: str, default: Any = None) -> Any:
        """As `get`."""
        return (await self.aget_versioned(key, default))[1]

    async def aget_versioned(self, key: str, default: Any = None) -> tuple[int, Any]:
        """As `get_versioned`."""
        return _versioned(await self._aask("$state.get", key=key), default)

    async def aset(self, key: str, value: Any) -> int:
        """As `set`."""
        return int(await self._aask("$state.set", key=key, value=value))

    async def adelete(self, key: str) -> bool:
        """As `delete`."""
        return bool(await self._aask("$state.delete", key=key))

    async def acompare_and_set(self, key: str, expected: int, value: Any) -> int:
        """As `compare_and_set`."""
        return int(await self._aask("$state.cas", key=key, expected=expected, value=value))

    async def akeys(self) -> list[str]:
        """As `keys`."""
        return list(await self._aask("$state.keys"))

    def __repr__(self) -> str:
        # The host is not asked for the keys: a debugger may print this at any time.
        return f"<SessionState of session {self._session_id!r}>"

    def _ask(self, target: str, **arguments: Any) -> Any:
        return decode(self._stub.call(target, encode_checked(arguments)))

    async def _aask(self, target: str, **arguments: Any) -> Any:
        return decode(await self._stub.acall(target, encode_checked(arguments)))


def _versioned(read: list[Any] | None, default: Any) -> tuple[int, Any]:
    version, value = (0, default) if read is None else read
    return version, value
