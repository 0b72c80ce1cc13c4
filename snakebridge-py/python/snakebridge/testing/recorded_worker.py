"""Recording what a worker does: its host asks for it by the variable ``SNAKEBRIDGE_RECORD``, a file's path.

All workers of a program may add to one file. A call is in it when it has ended. Calls that have come together
(`Batch`) are one entry; of streams among the arguments an entry has the items that the tool has taken.
"""

from __future__ import annotations

import sys
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snakebridge import _native
from snakebridge.current import RunningCall, set_context
from snakebridge.session import SessionContext
from snakebridge.testing.recorded import Written
from snakebridge.testing.recording import append_call
from snakebridge.trampoline import build_trampoline

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from snakebridge.definitions import ToolDefinition
    from snakebridge.marks import Policy

_written: ContextVar[Written] = ContextVar("snakebridge_written")


def recording_trampoline(
    definition: ToolDefinition, path: str, unserializable: Policy = "refuse"
) -> Callable[[bytes], Any]:
    """The trampoline of a tool whose calls are added to a file."""
    file = Path(path)
    if definition.signature.is_async:
        return _asynchronous(definition, file, unserializable)
    run = build_trampoline(definition, unserializable=unserializable)
    return _stream(definition, run, file) if definition.streams else _unary(definition, run, file)


def _unary(definition: ToolDefinition, run: Callable[[bytes], Any], file: Path) -> Callable[[bytes], Any]:
    def recorded(body: bytes) -> Any:
        written = _begin(definition, body)
        try:
            return written.returned(run(body))
        except BaseException as error:
            written.raised(error)
            raise
        finally:
            _add(file, written)

    return recorded


def _stream(definition: ToolDefinition, run: Callable[[bytes], Any], file: Path) -> Callable[[bytes], Any]:
    def recorded(body: bytes) -> Any:
        written = _begin(definition, body)
        try:
            items = run(body)
        except BaseException as error:
            written.raised(error)
            _add(file, written)
            raise
        return pass_on(items, written)

    def pass_on(items: Any, written: Written) -> Generator[Any, Any, Any]:
        try:
            return (yield from written.through(items))
        finally:
            _add(file, written)

    return recorded


def _asynchronous(definition: ToolDefinition, file: Path, unserializable: Policy) -> Callable[[bytes], Any]:
    from snakebridge import asynchronous  # an asynchronous tool needs it anyway

    async def send_all(items: Any) -> Any:
        return await asynchronous.send_all(_written.get().through_later(items))

    run = build_trampoline(definition, send_all, unserializable)

    async def recorded(body: bytes) -> Any:
        written = _begin(definition, body)
        _written.set(written)
        try:
            result = await run(body)
            return result if definition.streams else written.returned(result)
        except BaseException as error:
            written.raised(error)
            raise
        finally:
            _add(file, written)

    return recorded


def _begin(definition: ToolDefinition, body: bytes) -> Written:
    """Give the call that runs a context that writes down what is asked through it."""
    call = _native.current_call()
    assert call is not None
    session_id = call.session_id or ""
    written = Written(definition.name, body, RunningCall(call), session_id)
    call.context = SessionContext(written.stub, session_id)
    set_context(call.context)
    return written


def _add(file: Path, written: Written) -> None:
    try:
        append_call(file, written.call)
    except (OSError, ValueError) as error:  # the call is not harmed by it
        print(f"snakebridge: a call of `{written.call.tool}` was not recorded: {error}", file=sys.stderr)
