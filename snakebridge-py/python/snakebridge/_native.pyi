"""The native half of a worker: the wire, the signals and the watcher.

Everything here is for the package's own Python; adapters meet `Cancelled` only.
"""

from collections.abc import Callable
from typing import Any, NoReturn, final

__version__: str
"""Version of the wheel, equal to the crate's."""

PROTOCOL_VERSION: int
"""Version of the wire protocol that is spoken."""

class Cancelled(BaseException):
    """The call was cancelled.

    Raised once inside a synchronous tool; catch it to clean up, then let it pass.
    """

class RemoteError(Exception):
    """The host answered a call with ERROR. ``args`` are ``(code, executed, body)``."""

    code: str
    """Stable error code in snake case."""
    executed: int
    """Whether the host's tool ran: 0 never, 1 maybe, 2 yes."""
    body: bytes
    """MessagePack map of type, message, traceback, causes and data, each of which may be missing."""

@final
class Call:
    """One call that this worker was asked to run. It is alive while it runs."""

    @property
    def id(self) -> int:
        """Number of the call on this connection, never used twice."""

    @property
    def session_id(self) -> str | None:
        """The caller's session."""

    @property
    def metadata(self) -> bytes | None:
        """MessagePack map of the CALL header: correlation_id, traceparent, metadata."""

    @property
    def deadline(self) -> float | None:
        """When the caller stops waiting, in seconds on the clock of `time.monotonic`."""

    @property
    def cancelled(self) -> bool:
        """Whether the host has cancelled the call."""

    @property
    def ended(self) -> bool:
        """Whether the call has been answered, so that nothing can be asked in its name any more."""

def start() -> bytes:
    """Make the wire private, arm the parent-death signal, exchange HELLOs; returns the body of the host's."""

def fail(exit_code: int, body: bytes) -> NoReturn:
    """Tell the host why this worker cannot start, and end the process."""

def ready(manifest: bytes, tools: list[tuple[str, bool, Callable[[bytes], Any]]]) -> None:
    """Announce READY with ``(name, streams, run)`` of every tool.

    ``run(arguments)`` returns the encoded result, or, where the tool streams, an iterator of values.
    """

def serve(
    encode: Callable[[Any], bytes],
    refuse: Callable[[Any, Exception], NoReturn],
    chunk_type: type,
    encode_chunk: Callable[[Any], tuple[int, bytes]],
    describe: Callable[[BaseException], tuple[str, int, bytes]],
) -> None:
    """Read, run and answer calls on this thread until the host closes the wire.

    Args:
        encode: Encodes a stream item, or a generator's return value.
        refuse: Raises what to tell the caller for a value and what `encode` raised for it.
        chunk_type: `StreamChunk`.
        encode_chunk: Item flags and body of a chunk; flag 1: final, flag 2: the body is ``[data, metadata]``.
        describe: Error code, executed and error body of what a tool raised.
    """

def current_call() -> Call | None:
    """The call that runs on the main thread, asked from the main thread; elsewhere None."""

def host_call(call: Call, target: str, body: bytes, timeout: float | None) -> bytes:
    """Call a tool of the host inside `call` and wait for its reply without the GIL.

    Raises:
        RemoteError: If the host answers with an error.
        Cancelled: If the call is cancelled meanwhile.
    """

def on_cancel_signal(signum: int, frame: Any) -> None:
    """Handle SIGURG: raise `Cancelled` if the call that runs is the one that was cancelled."""

def rearm_cancel() -> None:
    """Say that a raised `Cancelled` was swallowed by Python, so that it is raised again."""

def before_fork() -> None:
    """Stop the watcher, so that the child finds one thread and free locks."""

def after_fork_in_parent() -> None:
    """Start the watcher again."""

def after_fork_in_child() -> None:
    """Give up the wire: the child is no worker."""

def decode_frame(data: bytes) -> tuple[list[Any], bytes]:
    """Header elements and body of one whole frame, length prefix included.

    Raises:
        ValueError: If the protocol forbids it; the message is the kind of violation.
    """

def encode_frame(header: list[Any], body: bytes) -> bytes:
    """One whole frame, length prefix included."""

def check_value(data: bytes) -> None:
    """Check one MessagePack document against the limits.

    Raises:
        ValueError: If it is not exactly one document within them; the message is the kind of violation.
    """
