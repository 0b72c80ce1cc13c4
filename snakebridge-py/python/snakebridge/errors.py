"""The exceptions that adapters raise and catch.

Each carries its public name, ``snakebridge.ToolError`` and so on, because that name travels to Rust as the
error's type and must not change when a module moves.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec

Executed: TypeAlias = Literal["never", "maybe", "yes"]
"""Whether a tool ran."""


class AdapterError(Exception):
    """An adapter cannot be used as it is written: the worker that loads it does not start.

    Raised while tools are collected: two tools of one name, a signature that arguments cannot be sent to, an
    adapter that is not there. The message says how to mend it.
    """

    __module__ = "snakebridge"


class ToolError(Exception):
    """An error that a tool reports on purpose, with a code that the caller can match on.

    Args:
        code: A stable name for the failure, such as ``"out_of_stock"``.
        message: What went wrong, for people.
        data: Anything that the wire can carry; the caller gets it beside the message.
        retryable: Whether the same call may succeed if it is made again.

    Example:
        >>> error = ToolError("out_of_stock", "no tea left", data={"item": "tea"}, retryable=True)
        >>> error.code, error.data, error.retryable
        ('out_of_stock', {'item': 'tea'}, True)
    """

    __module__ = "snakebridge"

    def __init__(self, code: str, message: str, data: Any = None, retryable: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data
        self.retryable = retryable

    def __reduce__(self) -> tuple[Any, ...]:
        # BaseException pickles `args` alone, and they are not this constructor's arguments.
        return type(self), (self.code, self.message, self.data, self.retryable)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.code!r}, {self.message!r})"

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class HostToolError(Exception):
    """The host answered a call from Python with an error.

    Attributes:
        code: A stable name for the failure. Where the tool itself failed it is the tool's own, such as
            ``"out_of_stock"`` (``"error"`` where the tool has none, ``"panic"`` where it panicked); else for
            instance ``"tool_not_found"``, ``"invalid_argument"``, ``"deadline_exceeded"`` or
            ``"call_ended"``.
        message: What went wrong, for people.
        data: What the host's tool attached to its error, or None.
        executed: Whether the tool ran: ``"never"``, ``"maybe"`` or ``"yes"``.
        reported: Whether the tool itself gave this error as its answer. It did not where it was not found,
            refused its arguments, was cancelled, took too long or panicked.
    """

    __module__ = "snakebridge"

    def __init__(
        self,
        code: str,
        message: str,
        data: Any = None,
        executed: Executed = "maybe",
        reported: bool = False,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data
        self.executed = executed
        self.reported = reported

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.code, self.message, self.data, self.executed, self.reported)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.code!r}, {self.message!r})"

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class SessionError(HostToolError):
    """The host did not let a call read or change the state of its session, nor use the session's tools."""

    __module__ = "snakebridge"

    wire_code = "session_error"
    """The code by which the host says it."""

    def __init__(self, message: str, data: Any = None, executed: Executed = "never") -> None:
        super().__init__(self.wire_code, message, data, executed)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message, self.data, self.executed)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.message!r})"


class SessionNotFound(SessionError):
    """The call belongs to no session."""

    __module__ = "snakebridge"
    wire_code = "session_not_found"


class SessionExpired(SessionError):
    """The session was closed while the call was running; it does not come back.

    A session does not run out of time while a call runs in it.
    """

    __module__ = "snakebridge"
    wire_code = "session_expired"


class SessionQuota(SessionError):
    """The value, the session's state or that of all sessions would be larger than the host allows."""

    __module__ = "snakebridge"
    wire_code = "session_quota"


class Conflict(SessionError):
    """`compare_and_set` found another version than the expected one: read again and decide anew."""

    __module__ = "snakebridge"
    wire_code = "conflict"

    @property
    def current_version(self) -> int:
        """The version that the key has now; 0 where it is not there."""
        version = self.data.get("version") if isinstance(self.data, dict) else None
        return version if isinstance(version, int) else 0


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that is wrong with the arguments of a call."""

    parameter: str
    """Name of the parameter, or the name that was given where no parameter has it."""
    problem: str
    """``missing``, ``unknown``, ``duplicate``, ``surplus``, ``mismatch`` (of type or constraint),
    ``invalid``."""
    path: str | None = None
    """Where in the argument the problem is, such as ``rows[3].price``."""
    expected: str | None = None
    """What the tool declares; for ``invalid`` the reason."""
    actual: str | None = None
    """What is there: the type where that is wrong, else the value, cut where it is long, or its length."""
    suggestion: str | None = None
    """The name or value that comes nearest to the wrong one."""

    def __str__(self) -> str:
        actual = f", got {self.actual}" if self.actual else ""
        match self.problem:
            case "missing":
                return f"`{self.path or self.parameter}` is missing (expected {self.expected})"
            case "unknown":
                hint = f": did you mean `{self.suggestion}`?" if self.suggestion else f" ({self.expected})"
                what = "parameter" if self.path is None else "field"
                return f"`{self.path or self.parameter}` is not a {what}{hint}"
            case "duplicate":
                return f"`{self.parameter}` is given both by position and by name"
            case "surplus":
                return f"{self.actual} positional arguments are given, {self.expected} expected"
            case "invalid":
                return f"`{self.path or self.parameter}`: {self.expected}{actual}"
            case _:
                hint = f": did you mean {self.suggestion!r}?" if self.suggestion else ""
                return f"`{self.path or self.parameter}`: expected {self.expected}{actual}{hint}"


_WORDS = {
    "array": "list",
    "object": "dict",
    "null": "None",
    "duration": "timedelta",
    "decimal": "Decimal",
    "uuid": "UUID",
}
"""What msgspec calls types, where Python has another name."""


def mismatch(parameter: str, place: str, error: Exception) -> Problem:
    """What msgspec says about a value at `place`, in words and a path, as a problem with its parts."""
    # A conversion inside a conversion has a place inside a place, the inner one first.
    text, *paths = _in_python(str(error)).split(" - at `$")
    where = place + "".join(path.removesuffix("`") for path in reversed(paths))
    expected, _, actual = text.partition(", got ")
    if expected.startswith("Expected "):
        return Problem(parameter, "mismatch", where, expected.removeprefix("Expected "), actual or None)
    return Problem(parameter, "invalid", where, text)


def _in_python(text: str) -> str:
    """A text of msgspec's with Python's words for types, which stand in backticks."""
    parts = text.split("`")
    parts[1::2] = [" | ".join(_WORDS.get(word, word) for word in part.split(" | ")) for part in parts[1::2]]
    return "`".join(parts)


class InvalidArgument(Exception):
    """The arguments of a call do not fit the tool.

    The worker raises it before the tool runs, with every problem listed; the caller is then told that the
    tool was never executed. A tool may raise it as well, to refuse what a type cannot say.

    Attributes:
        problems: What the worker found; empty where a tool raised the exception itself.
    """

    __module__ = "snakebridge"

    tool_ran = True
    """False only on the worker's own refusals: it is the promise that the tool was not entered."""

    def __init__(self, message: str, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems


class ReferenceLost(Exception):
    """An object that an argument refers to is not kept any more; nothing ran."""

    __module__ = "snakebridge"


class InvalidResult(Exception):
    """The result of a tool that declares ``validate="full"`` does not fit the tool's return annotation.

    Attributes:
        problems: What does not fit.
    """

    __module__ = "snakebridge"

    def __init__(self, message: str, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems


class Unserializable(Exception):
    """A value that should leave the worker has no form on the wire.

    Attributes:
        path: Where in the value it is, such as ``$.rows[3].owner``, or None where that is not known.
    """

    __module__ = "snakebridge"

    def __init__(self, message: str, path: str | None = None) -> None:
        super().__init__(message)
        self.path = path
