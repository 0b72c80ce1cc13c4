"""What carries requests to the host, and what it sends while a tool runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from snakebridge.progress import Progress
    from snakebridge.session import CallMetadata


class HostStub(Protocol):
    """A way to send something to the host. Arguments and results are encoded.

    Every method raises `HostToolError` if the host answers with an error.
    """

    @property
    def tools_generation(self) -> int:
        """Generation of the host's tools, which with the session's id names a catalogue; 0 if unknown."""

    def call(self, target: str, arguments: bytes) -> bytes:
        """Call a target of the host and wait for the result."""

    async def acall(self, target: str, arguments: bytes) -> bytes:
        """The same as `call`; other coroutines run meanwhile."""

    def stream(self, target: str, arguments: bytes) -> Iterator[bytes]:
        """Call a streaming target of the host; closing or dropping the iterator cancels the call."""

    def astream(self, target: str, arguments: bytes) -> AsyncIterator[bytes]:
        """The same as `stream`; other coroutines run while it waits for an item."""


class SessionStub(HostStub, Protocol):
    """What a `SessionContext` stands on: the call that runs, and a way to send something to the host."""

    @property
    def metadata(self) -> CallMetadata:
        """What the caller sent beside the arguments."""

    @property
    def deadline(self) -> float | None:
        """When the caller stops waiting, on the clock of `time.monotonic`."""

    @property
    def cancelled(self) -> bool:
        """Whether the caller no longer wants the result."""

    def progress(self, progress: Progress) -> None:
        """Tell the caller how far the call is."""

    def check_cancelled(self) -> None:
        """Raise the cancellation if there is one and no shield."""

    def begin_shield(self) -> None:
        """Hold the cancellation back."""

    def end_shield(self) -> None:
        """Raise the cancellation that was held back, if this was the outermost shield."""


class InputSource(Protocol):
    """Where streams among the arguments of the call that runs come from."""

    def next_input(self, number: int) -> bytes | None:
        """The next encoded item of stream `number`, or None at its end. Waits for it."""

    async def anext_input(self, number: int) -> bytes | None:
        """The same as `next_input`; other coroutines run meanwhile."""
