"""Calls as they were: what a tool was asked, what it asked the host, and what came of both, in a file.

A recording is a JSON array with an entry for each call, in the order in which they ended. It is made by hand
as easily as by recording, and read before it is committed: whatever was sent is in it.
"""

from __future__ import annotations

import builtins
import fcntl
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from snakebridge.batches import decode_calls, is_batch
from snakebridge.current import host_exception
from snakebridge.encoding import encode
from snakebridge.errors import (
    Executed,
    HostToolError,
    InvalidArgument,
    InvalidResult,
    ToolError,
    Unserializable,
)
from snakebridge.testing.plain import from_plain, to_plain

if TYPE_CHECKING:
    from collections.abc import Iterator

Mode = Literal["once", "none", "rewrite"]
"""What becomes of calls: ``"once"`` replays a file that is there, and records one that is not; ``"none"``
only replays; ``"rewrite"`` records anew."""

MODES: tuple[Mode, ...] = ("once", "none", "rewrite")

_UNSET = msgspec.UNSET


class ReplayMismatch(AssertionError):
    """What happens is not what was recorded."""


class RecordedFailure(Exception):
    """Stands for a recorded exception whose class is not known here.

    Attributes:
        type: The name of its class.
    """

    def __init__(self, type_name: str, message: str) -> None:
        super().__init__(f"{type_name}: {message}" if message else type_name)
        self.type = type_name


class RecordedError(msgspec.Struct, omit_defaults=True):
    """An error, of a tool or of the host."""

    code: str
    """The stable code; for an error of a tool ``"tool"``."""
    message: str = ""
    type: str = ""
    """The exception's class, where a tool raised it."""
    own_code: str | None = None
    """The code of a `ToolError`."""
    data: Any = None
    executed: Executed = "yes"
    reported: bool = False
    retryable: bool = False


class Exchange(msgspec.Struct, omit_defaults=True):
    """Something that was asked of the host, and its answer: a result, an error, or items and maybe one."""

    target: str
    arguments: Any
    result: Any = _UNSET
    items: Any = _UNSET
    error: RecordedError | msgspec.UnsetType = _UNSET


class BatchedCall(msgspec.Struct, omit_defaults=True):
    """One of several calls that ran together (`Batch`): what was its own."""

    arguments: Any
    correlation_id: str | None = None
    result: Any = _UNSET
    error: RecordedError | msgspec.UnsetType = _UNSET


class RecordedCall(msgspec.Struct, omit_defaults=True):
    """One call of a tool, or several that ran together."""

    tool: str
    arguments: Any = _UNSET
    """A map by name, or ``[positional, by name]``. A stream is ``{"$stream": [item, ...]}``: the items that
    the tool has taken."""
    session: str = ""
    metadata: Any = {}
    correlation_id: str | None = None
    host: list[Exchange] = []
    """What it asked of the host, in order."""
    result: Any = _UNSET
    items: Any = _UNSET
    """Each item, or ``{"$chunk": [data, is_final, metadata]}`` where a `StreamChunk` said more than that."""
    error: RecordedError | msgspec.UnsetType = _UNSET
    """Where several ran together, that of all: what the tool raised."""
    batch: list[BatchedCall] | msgspec.UnsetType = _UNSET
    """The calls, where several ran together: in place of `arguments` and `result`."""

    def __post_init__(self) -> None:
        if (self.arguments is _UNSET) is (self.batch is _UNSET):
            raise ValueError("a call has `arguments`; several that ran together have `batch` in their place")

    def __len__(self) -> int:
        """How many calls it is."""
        return 1 if self.batch is _UNSET else len(self.batch)


class Recording:
    """Calls in a file, and whether they are replayed or recorded.

    Args:
        path: The file. Folders above it are made.
        mode: See `Mode`.
        replays: What the recording stands for when it is replayed: the ``"host"``, so that tools run and are
            answered as they were then; or the ``"tool"``, so that nothing runs, for tools that ask a network.

    Attributes:
        calls: What was recorded so far, or is replayed.

    Raises:
        FileNotFoundError: In the mode ``"none"`` without a file.
        ValueError: For a mode that there is not, or a file that is no recording.
    """

    def __init__(
        self, path: str | os.PathLike[str], mode: Mode = "once", *, replays: Literal["host", "tool"] = "host"
    ) -> None:
        if mode not in MODES:
            raise ValueError(f"mode is {mode!r}: there is " + ", ".join(f'"{known}"' for known in MODES))
        self.path = Path(path)
        self.replays = replays
        exists = self.path.exists()
        if mode == "none" and not exists:
            raise FileNotFoundError(
                f'`{self.path}` is not there, and the mode "none" records nothing: record it with "once"'
            )
        self.is_replayed = mode == "none" or (mode == "once" and exists)
        self.calls: list[RecordedCall] = read_calls(self.path) if self.is_replayed else []
        self._left = [(call, _asked(call)) for call in self.calls]
        self._is_discarded = False

    @property
    def replays_tools(self) -> bool:
        """Whether recorded results are given without running anything."""
        return self.is_replayed and self.replays == "tool"

    def take(self, tool: str, arguments: bytes) -> RecordedCall:
        """The first recorded call with these encoded arguments that was not replayed yet.

        Args:
            tool: The tool's name.
            arguments: The body of a CALL: of one call, or of several that run together.

        Raises:
            ReplayMismatch: If there is none.
        """
        asked = _Asked.of(arguments)
        for index, (call, known) in enumerate(self._left):
            if call.tool == tool and known == asked:
                return self._left.pop(index)[0]
        others = [known for call, known in self._left if call.tool == tool]
        left = f"left of it is {_listed(others)}" if others else f"nothing is left of `{tool}`"
        raise ReplayMismatch(
            f"`{self.path}` has no call `{tool}` with {asked}: {left}; record it anew in the mode "
            '"rewrite" if that is right'
        )

    def keep(self, call: RecordedCall) -> None:
        """Add a call that has ended."""
        self.calls.append(call)

    def listing(self) -> Exchange | None:
        """What the host said about its tools, in whichever call asked first."""
        from snakebridge.host.catalogue import LIST_TARGET

        asked = (exchange for call in self.calls for exchange in call.host)
        return next((exchange for exchange in asked if exchange.target == LIST_TARGET), None)

    def discard(self) -> None:
        """Have nothing saved of what is recorded: the file stays as it is."""
        self._is_discarded = True

    def save(self) -> None:
        """Write what was recorded; does nothing where it was replayed."""
        if not self.is_replayed and not self._is_discarded:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(_array(self.calls))

    def __repr__(self) -> str:
        does = f"replays the {self.replays} of" if self.is_replayed else "records"
        left = f", {len(self._left)} of them left" if self.is_replayed else ""
        calls = f"{len(self.calls)} call" + ("" if len(self.calls) == 1 else "s")
        return f"<Recording {str(self.path)!r}: {does} {calls}{left}>"


def read_calls(path: Path) -> list[RecordedCall]:
    """Read the calls of a recording.

    Raises:
        ValueError: If the file is none.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[RecordedCall])
    except msgspec.DecodeError as error:
        raise ValueError(f"`{path}` is no recording: {error}") from None


def append_call(path: Path, call: RecordedCall) -> None:
    """Add a call to a file that other processes add to as well.

    Raises:
        ValueError: If the file is no recording.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    with open(descriptor, "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # until it is closed
        size = file.seek(0, os.SEEK_END)
        if size == 0:
            file.write(_array([call]).encode())
            return
        file.seek(max(0, size - len(_END)))
        if file.read() != _END.encode():
            raise ValueError(
                f"`{path}` is no recording: expected an array that ends with `]` in a line of its own"
            )
        file.seek(size - len(_END))
        file.write(f",\n{_entry(call)}{_END}".encode())


_END = "\n]\n"


def _array(calls: list[RecordedCall]) -> str:
    return "[\n" + ",\n".join(map(_entry, calls)) + _END if calls else "[]\n"


def _entry(call: RecordedCall) -> str:
    text = msgspec.json.format(msgspec.json.encode(call), indent=2).decode()
    return "  " + text.replace("\n", "\n  ")


class _Asked(msgspec.Struct, frozen=True):
    """What a call was asked, by which it is found again."""

    arguments: Any
    """Of several that ran together, those of each."""
    is_batch: bool

    @classmethod
    def of(cls, body: bytes) -> _Asked:
        """What the body of a CALL asks."""
        if is_batch(body):
            return cls([decoded(arguments) for arguments, _ in decode_calls(body)], True)
        return cls(decoded(body), False)

    def __str__(self) -> str:
        return shown(self.arguments) + (" together" if self.is_batch else "")


def _asked(call: RecordedCall) -> _Asked:
    # Read and written again: a stream is asked for by a list of its items, and people write `Z` for `+00:00`.
    if call.batch is _UNSET:
        return _Asked(to_plain(from_plain(call.arguments)), False)
    return _Asked([to_plain(from_plain(one.arguments)) for one in call.batch], True)


def _listed(others: list[_Asked]) -> str:
    alone = [other.arguments for other in others if not other.is_batch]
    together = [other.arguments for other in others if other.is_batch]
    said = [shown(alone)] if alone else []
    if together:
        said.append(f"{shown(together)}, each of them calls that `ToolRunner.batch` runs together")
    return "; ".join(said)


def shown(value: Any) -> str:
    """A value of a recording for a message."""
    if value is _UNSET:
        return "none"
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 300 else f"{text[:300]}…"


def recorded_error(error: BaseException) -> RecordedError:
    """What a tool raised, as its caller is told, without the traceback."""
    from snakebridge.failures import describe

    return described_error(*describe(error))


def described_error(code: str, executed: int, body: bytes) -> RecordedError:
    """The same from its code, executed and body, as `snakebridge.failures.describe` gives them."""
    parts = msgspec.msgpack.decode(body)
    return RecordedError(
        code=code,
        message=parts["message"],
        type=parts["type"],
        own_code=parts.get("code"),
        data=to_plain(parts.get("data")),
        executed=("never", "maybe", "yes")[executed],
        retryable=parts.get("retryable", False),
    )


def raised(error: RecordedError) -> Exception:
    """The exception that a recorded error of a tool was."""
    if error.type == "snakebridge.HostToolError":
        return HostToolError(error.own_code or "error", error.message, from_plain(error.data))
    if error.own_code is not None:
        return ToolError(error.own_code, error.message, from_plain(error.data), error.retryable)
    if error.code == "invalid_argument":
        refusal = InvalidArgument(error.message)
        refusal.tool_ran = error.executed != "never"
        return refusal
    if error.code == "unserializable":
        return Unserializable(error.message)
    if error.type == "snakebridge.InvalidResult":
        return InvalidResult(error.message)
    kind = getattr(builtins, error.type, None)
    if isinstance(kind, type) and issubclass(kind, Exception):
        try:
            return kind(error.message)
        except TypeError:  # one that is made of more than a message
            pass
    return RecordedFailure(error.type, error.message)


def host_answered(error: HostToolError) -> RecordedError:
    """An error that the host answered with."""
    return RecordedError(
        code=error.code,
        message=error.message,
        data=to_plain(error.data),
        executed=error.executed,
        reported=error.reported,
    )


def host_raised(error: RecordedError) -> HostToolError:
    """The exception that a recorded answer of the host was."""
    return host_exception(error.code, error.message, from_plain(error.data), error.executed, error.reported)


def decoded(body: bytes) -> Any:
    """An encoded value as a recording has it."""
    return to_plain(msgspec.msgpack.decode(body))


def encoded(plain: Any) -> bytes:
    """A value of a recording, encoded."""
    return encode(from_plain(plain))


def encoded_items(exchange: Exchange) -> Iterator[bytes]:
    """The items of a recorded stream, encoded, and the error behind them."""
    for item in exchange.items or ():
        yield encoded(item)
    if exchange.error is not _UNSET:
        raise host_raised(exchange.error)
