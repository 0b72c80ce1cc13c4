"""Exceptions as the bodies of ERROR frames.

A body carries the type, the message, the traceback with source lines but never with locals, the chain of
causes, the notes, and what a `ToolError` attached. Everything is cut at limits, because exceptions come from
anywhere: a message may be 100 MB, `str()` may raise, a chain of causes may be a circle.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from snakebridge.encoding import encode, encode_checked
from snakebridge.errors import HostToolError, InvalidArgument, InvalidResult, ToolError, Unserializable
from snakebridge.marks import encode_as_noted
from snakebridge.trampoline import FILE_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

NEVER, MAYBE, YES = 0, 1, 2
"""Whether the tool ran, as ERROR frames say it."""

MESSAGE_LIMIT = 64 * 1024
TRACEBACK_LIMIT = 256 * 1024
CAUSE_LIMIT = 8
DETAIL_LIMIT = 8 * 1024
"""Bytes of one cause's message or one note: all of them together stay well below a frame."""
NOTE_LIMIT = 16
FRAME_LIMIT = 100
"""Frames of one traceback, from the end; a runaway recursion has a thousand alike."""

_PACKAGE = os.path.dirname(__file__) + os.sep
_ADAPTERS = os.path.join(_PACKAGE, "adapters") + os.sep


def describe(error: BaseException) -> tuple[str, int, bytes]:
    """Say what a tool raised: error code, whether the tool ran, body of the ERROR frame.

    It never raises itself.
    """
    code, executed = _classify(error)
    try:
        return code, executed, error_body(error)
    except Exception:  # hostile exceptions: the type's name is what cannot fail
        return code, executed, encode({"type": type(error).__name__, "message": "", "traceback": None})


def error_body(error: BaseException) -> bytes:
    """The body of an ERROR frame for an exception."""
    return _with_data(error_parts(error), error)


def error_parts(error: BaseException) -> dict[str, Any]:
    """Type, message, traceback, causes and notes of an exception, within the limits."""
    chain = list(_chain(error))
    for link in chain:
        _explain_environment(link)
    return {
        "type": type_name(error),
        "message": _message(error, MESSAGE_LIMIT),
        "traceback": _traceback(chain),
        "causes": [
            {"type": type_name(cause), "message": _message(cause, DETAIL_LIMIT)} for cause in chain[1:]
        ]
        or None,
        "notes": _notes(error) or None,
        "data": None,
    }


def _explain_environment(error: BaseException) -> None:
    """Say why a variable that the host has may be missing in `os.environ`.

    What the host has is not known here, and its names are nobody's business in a worker.
    """
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    if (
        isinstance(error, KeyError)
        and frame is not None
        and frame.tb_frame.f_code is type(os.environ).__getitem__.__code__
    ):
        name = error.args[0]
        hint = (
            f"a worker gets few of its host's variables; the host's program passes `{name}` on with "
            f'`.pass_env("{name}")`, or sets it with `.env("{name}", ..)`'
        )
        if hint not in getattr(error, "__notes__", ()):  # an exception may be raised again
            error.add_note(hint)


def type_name(error: BaseException) -> str:
    """The qualified name of an exception's type; a builtin's has no module in front."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _classify(error: BaseException) -> tuple[str, int]:
    if isinstance(error, InvalidArgument):
        return "invalid_argument", YES if error.tool_ran else NEVER
    if isinstance(error, Unserializable):
        return "unserializable", YES
    native = sys.modules.get("snakebridge._native")
    if native is not None and isinstance(error, native.Cancelled):
        return "cancelled", MAYBE
    return "tool", YES


def _with_data(parts: dict[str, Any], error: BaseException) -> bytes:
    """Encode the parts with what the exception carries besides; its data may be impossible to encode."""
    if isinstance(error, ToolError | HostToolError):
        parts.update(message=_text(lambda: error.message, MESSAGE_LIMIT), code=error.code, data=error.data)
        if isinstance(error, ToolError):
            parts["retryable"] = error.retryable
    elif isinstance(error, InvalidArgument | InvalidResult) and error.problems:
        parts["data"] = {"problems": error.problems}
    elif isinstance(error, Unserializable) and error.path:
        parts["data"] = {"path": error.path}
    try:
        if parts["data"] is None:
            return encode(parts)
        return encode_as_noted(error, lambda: encode_checked(parts))
    except Unserializable as refusal:
        parts["data"] = None
        parts["notes"] = [*(parts["notes"] or []), f"the error's data was left out: {refusal}"]
        return encode(parts)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exception and what caused it, the nearest first, as Python itself would print them."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen and len(seen) <= CAUSE_LIMIT:
        seen.add(id(current))
        yield current
        if current.__cause__ is not None:
            current = current.__cause__
        else:
            current = None if current.__suppress_context__ else current.__context__


def _traceback(chain: list[BaseException]) -> str | None:
    """The tracebacks of a chain, the root cause first; None where all frames are the package's own."""
    error = chain[0]
    if len(chain) == 1 and _users_part(error.__traceback__) is None and not isinstance(error, SyntaxError):
        return None
    try:
        return _render_chain(chain)
    except OSError:
        return None  # where a tool has used up all descriptors, what renders it cannot be loaded


def _render_chain(chain: list[BaseException]) -> str:
    parts = []
    for position, link in reversed(list(enumerate(chain))):
        parts += _render(link, "")
        if position:
            direct = chain[position - 1].__cause__ is link
            parts.append(
                "\nThe above exception was the direct cause of the following exception:\n\n"
                if direct
                else "\nDuring handling of the above exception, another exception occurred:\n\n"
            )
    return _cut_middle("".join(parts), TRACEBACK_LIMIT)


def _render(error: BaseException, indent: str) -> list[str]:
    import traceback  # a worker that never fails never loads it

    lines = []
    frames = _users_part(error.__traceback__)
    if frames is not None:
        lines.append("Traceback (most recent call last):\n")
        lines += traceback.format_tb(frames, limit=-FRAME_LIMIT)
    if isinstance(error, SyntaxError):  # its file, line and caret are made only there
        lines += traceback.format_exception_only(error)
    else:
        message = _message(error, DETAIL_LIMIT)
        lines.append(f"{type_name(error)}: {message}\n" if message else f"{type_name(error)}\n")
        lines += [f"{note}\n" for note in _notes(error)]
    if isinstance(error, BaseExceptionGroup) and len(indent) < 12:  # deeper groups are not read by anybody
        for number, member in enumerate(error.exceptions[:CAUSE_LIMIT], 1):
            lines.append(f"  ---- {number} of {len(error.exceptions)} ----\n")
            lines += _render(member, indent + "    ")
    return [indent + line.replace("\n", "\n" + indent).rstrip(" ") for line in lines] if indent else lines


def _users_part(frames: TracebackType | None) -> TracebackType | None:
    """A traceback without the leading frames that led into the user's code."""
    machinery = [FILE_NAME, "<frozen importlib", _PACKAGE]
    for name in ("importlib", "asyncio"):
        module = sys.modules.get(name)
        if module is not None and module.__file__:
            machinery.append(os.path.dirname(module.__file__) + os.sep)
    while frames is not None:
        file = frames.tb_frame.f_code.co_filename
        if file.startswith(_ADAPTERS) or not file.startswith(tuple(machinery)):
            break
        frames = frames.tb_next
    return frames


def _message(error: BaseException, limit: int) -> str:
    return _text(lambda: str(error), limit)


def _notes(error: BaseException) -> list[str]:
    notes = getattr(error, "__notes__", None)
    if not isinstance(notes, list | tuple):
        return []
    return [_text(lambda note=note: str(note), DETAIL_LIMIT) for note in notes[:NOTE_LIMIT]]  # type: ignore[misc]


def _text(make: Callable[[], object], limit: int) -> str:
    """A text of at most `limit` bytes of valid UTF-8, whatever makes it."""
    try:
        text = make()
    except Exception as failure:
        return f"<its text cannot be made: {type(failure).__name__}>"
    if not isinstance(text, str):
        return f"<{type(text).__name__} instead of a text>"
    encoded = text[:limit].encode("utf-8", "backslashreplace")
    if len(encoded) <= limit and len(text) <= limit:
        return encoded.decode()
    return encoded[: limit - 4].decode("utf-8", "ignore") + "…"


def _cut_middle(text: str, limit: int) -> str:
    """Shorten a traceback where it says least: between where it began and where it failed."""
    encoded = text.encode("utf-8", "backslashreplace")
    if len(encoded) <= limit:
        return encoded.decode()
    head, tail = limit // 4, limit - limit // 4 - 64
    first, last = encoded[:head].decode("utf-8", "ignore"), encoded[-tail:].decode("utf-8", "ignore")
    return f"{first}\n  ... cut ...\n{last}"


def failure_report(why: str, error: BaseException, module: str | None) -> dict[str, Any]:
    """Why the adapter cannot be loaded, as the host reads it.

    Args:
        why: What failed: ``import``, ``adapter`` or ``init``.
        error: What was raised.
        module: The adapter's module.
    """
    parts = error_parts(error)
    message = "\n".join([parts["message"], *(parts["notes"] or [])])
    if isinstance(error, SystemExit):
        # `sys.exit` takes a code or something to say.
        is_code = error.code is None or isinstance(error.code, int)
        how = f"with exit code {error.code or 0}" if is_code else f"saying {message!r}"
        message = f"the adapter ended the process {how} while it was loaded"
    return {
        "why": why,
        "type": parts["type"],
        "message": message,
        "traceback": parts["traceback"],
        "module": (error.name if isinstance(error, ImportError) else None) or module,
    }
