"""The native half of a worker: the wire, the signals and the watcher.

Everything here is for the package's own Python; adapters meet `Cancelled` only.
"""

from collections.abc import Callable, Coroutine, Generator
from typing import Any, Literal, NoReturn, TypeAlias, TypedDict, final

__version__: str
"""Version of the wheel, equal to the crate's."""

PROTOCOL_VERSION: int
"""Version of the wire protocol that is spoken."""

class Cancelled(BaseException):
    """The call was cancelled.

    Raised once inside a synchronous tool; catch it to clean up, then let it pass. Asynchronous tools get
    `asyncio.CancelledError`.
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
    def name(self) -> str:
        """What the call is known by, where its caller gave it no correlation id."""

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
    def tools_generation(self) -> int:
        """Generation of the host's tools that the call may use: with the session it names a catalogue.

        0 where the host named none.
        """

    @property
    def cancelled(self) -> bool:
        """Whether the host has cancelled the call."""

    @property
    def ended(self) -> bool:
        """Whether the call has been answered, so that nothing can be asked in its name any more."""

    def check_cancelled(self) -> None:
        """Raise the cancellation if the call is cancelled and outside of every shield.

        Raises:
            Cancelled: On any thread, and in any tool, but
            asyncio.CancelledError: on the event loop.
        """

    def begin_shield(self) -> None:
        """Enter a section that must finish: no cancellation is raised in it."""

    def end_shield(self) -> None:
        """Leave a section that must finish: leaving the outermost one raises what `check_cancelled` does."""

    @property
    def has_credit(self) -> bool:
        """Whether the stream that answers the call may send an item."""

    def next_input(self, number: int) -> bytes | None:
        """The next item of stream `number` among the arguments, or None at its end. Waits without the GIL.

        Raises:
            RuntimeError: If the call has ended.
            Cancelled: If the call is cancelled meanwhile; on the event loop `asyncio.CancelledError`.
        """

    def take_input(self, number: int) -> tuple[bool, bytes | None]:
        """Whether the next item, or the end, is here; and what `next_input` gives. Does not wait.

        `LoopServer` wakes the call's id when something has come.
        """

    context: Any
    """What the Python half keeps with the call; dropped when that ends."""

@final
class CallCoroutine(Coroutine[Any, None, None]):
    """The coroutine of a call, to be run as a task. It answers the call itself and never fails."""

    def attach(self, task: Any) -> None:
        """Say which task runs it: the one that a cancellation of the call cancels."""

    def __await__(self) -> Generator[Any]: ...
    def send(self, value: None) -> Any: ...
    def throw(self, kind: Any, value: Any = None, traceback: Any = None) -> Any: ...
    def close(self) -> None: ...

@final
class LoopServer:
    """Serves from inside an event loop that polls the wire.

    Args:
        spawn: Makes a task of a call's coroutine.
        wake: Wakes what waits for credit of a call, or for the answer to a call of ours, by the call's id.
    """

    input: int
    """The descriptor that the host writes to."""
    output: int
    """The descriptor that the host reads from."""
    wakeup: int
    """Readable when `turn` is due though nothing was written."""

    def __init__(self, spawn: Callable[[CallCoroutine, Call], None], wake: Callable[[int], None]) -> None: ...
    def begin_poll(self) -> tuple[bool, bool]:
        """Say that the loop is about to poll.

        Returns:
            Whether it must not wait, because there is something to do; and whether everything is written. If
            not, it has to come back when `output` has room.
        """

    def end_poll(self) -> bool:
        """Say that the loop is back. Returns whether somebody has left something to do."""

    def turn(self) -> bool:
        """Read and run what is there.

        Returns False when the host has closed the wire, or when the worker was asked to end and has answered
        everything.
        """

    def end(self) -> None:
        """Close the streams that nobody reads any more."""

def start() -> bytes:
    """Make the wire private, arm the parent-death signal, exchange HELLOs; returns the body of the host's."""

def harden(parent: int) -> None:
    """Tie this process's life to that of its parent, which must be this one; give up what no tool needs."""

def fail(exit_code: int, body: bytes) -> NoReturn:
    """Tell the host why this worker cannot start, and end the process."""

def stacks_descriptor() -> int | None:
    """Where the host wants the stacks of all threads; None where it has made no room for them."""

class Functions(TypedDict):
    """What the native half needs of the Python half."""

    encode: Callable[[Any], bytes]
    """Encodes a stream item, or a generator's return value."""
    encode_rest: Callable[[Any, Exception], bytes]
    """Encodes a value for which `encode` has raised something, or raises what to tell the caller."""
    chunk_type: type
    """`StreamChunk`."""
    encode_chunk: Callable[[Any], tuple[int, bytes]]
    """Item flags and body of a chunk; flag 1: final, flag 2: the body is ``[data, metadata]``."""
    describe: Callable[[BaseException], tuple[str, int, bytes]]
    """Error code, executed and error body of what a tool raised."""
    coroutine_type: type
    """`types.CoroutineType`."""
    set_context: Callable[[Any], None]
    """Sets the context variable of the calling thread to the `context` of a call, or to None."""

ToolEntry: TypeAlias = tuple[str, bool, Literal["main", "thread", "loop"], Callable[[bytes], Any]]
"""``(name, streams, place, run)`` of a tool. ``run(arguments)`` returns the encoded result, or, where the
tool streams, an iterator of values; or a coroutine as on the loop, to which the call then moves. On the loop
it returns a coroutine, which gives the encoded result, or sends the items itself and gives what a generator
returned. A tool that answers with a value or a stream, as it is asked, is there twice, one entry after the
other."""

def ready(manifest: bytes, tools: list[ToolEntry], functions: Functions) -> None:
    """Announce READY."""

def serve() -> bool:
    """Read, run and answer calls on this thread until the host closes the wire, or a loop has to.

    Returns:
        Whether a call waits for an event loop, which is to serve from now on.
    """

def run_executor() -> None:
    """Run calls of the tools that run on threads on this one, until the host closes the wire."""

def send_item(item: Any) -> Literal["more", "pause", "room", "credit", "over"]:
    """Send an item of the stream that the running coroutine answers with.

    Returns:
        What has to come before the next item: nothing; a pause, because others wait; room in the pipe;
        credit. Or that none may follow.
    """

def current_call() -> Call | None:
    """The call that runs on the calling thread, None where none does."""

def current_id() -> int:
    """The id of the call that runs on the calling thread, 0 where none does."""

def is_worker() -> bool:
    """Whether this process is a worker, and not one that a worker has forked."""

def tell(kind: int, number: int, body: bytes) -> bool:
    """Send an EVENT: ``kind`` is 0 for a log, 1 for telemetry, 2 for progress; `number` is the call, or 0.

    Never waits and never raises. Returns whether it was sent: not where too much is told, the host is slow to
    read, or this process is no worker.
    """

def host_call(
    call: Call, target: str, body: bytes, timeout: float | None, meta: bytes | None = None
) -> bytes:
    """Call a tool of the host inside `call` and wait for its reply without the GIL.

    `meta` is a MessagePack map with any of correlation_id, traceparent and metadata.

    What that tool calls here runs on this thread meanwhile, or where it would run anyway.

    Raises:
        RemoteError: If the host answers with an error.
        Cancelled: If the call is cancelled meanwhile; on the event loop `asyncio.CancelledError`.
    """

def begin_host_call(call: Call, target: str, body: bytes, meta: bytes | None = None) -> int:
    """Call a tool of the host inside `call` without waiting, and return the id of the call.

    `LoopServer` wakes that id when the answer has come.
    """

def take_answer(number: int) -> bytes:
    """The reply to a call that `begin_host_call` made, once it has come.

    Raises:
        RemoteError: If the host answered with an error.
    """

def abandon_host_call(number: int) -> None:
    """Say that nobody waits any more for the answer to a call that `begin_host_call` made."""

@final
class HostStream:
    """What a streaming tool of the host answers with, called inside `call`.

    Dropping it tells the host that nobody wants the rest.

    Raises:
        RemoteError: If the call cannot be sent.
    """

    def __init__(self, call: Call, target: str, body: bytes, meta: bytes | None = None) -> None: ...
    @property
    def id(self) -> int:
        """Number of the call; what `LoopServer` wakes when something has come."""

    def next(self) -> bytes | None:
        """The next item, or None at the end. Waits without the GIL, and runs nested calls meanwhile.

        Raises:
            RemoteError: If the host ended it with an error.
            Cancelled: If the call is cancelled meanwhile; on the event loop `asyncio.CancelledError`.
        """

    def take(self) -> tuple[bool, bytes | None]:
        """Whether the next item, or the end, is here; and what `next` gives. Does not wait."""

    def close(self) -> None:
        """Say that nobody wants the rest."""

def on_cancel_signal(signum: int, frame: Any) -> None:
    """Handle SIGURG: raise the cancellation if the call that runs is the one that was cancelled."""

def rearm_cancel() -> bool:
    """Say that a raised cancellation was swallowed by Python, so that it is raised again.

    Returns False when the running call is not cancelled.
    """

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

def decode_value(data: bytes) -> Any:
    """One MessagePack document as the host's decoder reads it; for tests that compare decoders.

    Raises:
        ValueError: If it is refused; the message is the kind of violation, or `value`, or `extension` for
            one that means something but is no integer.
        TypeError: If a map has a key that Python cannot hash.
    """

def recode_value(data: bytes) -> bytes:
    """One MessagePack document, decoded and encoded again by the host, for tests.

    Raises:
        ValueError: If it is refused.
    """
