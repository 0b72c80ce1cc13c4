"""Whether an adapter still does what it did when its calls were recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from snakebridge.encoding import encode
from snakebridge.testing.plain import from_plain
from snakebridge.testing.recording import RecordedError, Recording, ReplayMismatch, decoded, recorded_error
from snakebridge.testing.runner import ToolRunner

if TYPE_CHECKING:
    import os

    from snakebridge.testing.recording import RecordedCall


def check_recording(path: str | os.PathLike[str], adapter: Any, *, config: Any = None) -> int:
    """Run every recorded call again, with the host as it was then, and compare what comes of it.

    Recordings of a program's own workers become tests in this manner: see `docs/testing.md`.

    Args:
        path: The recording.
        adapter: What `ToolRunner` takes.
        config: The configuration, where `adapter` is a class or a name.

    Returns:
        How many calls there are.

    Raises:
        ReplayMismatch: If calls give something else, or ask something else of the host; it names them all.
        FileNotFoundError: If there is no such file.
    """
    recording = Recording(path, "none")
    differences = []
    with ToolRunner(adapter, config=config, recording=recording) as runner:
        for number, call in enumerate(recording.calls, 1):
            difference = _difference(runner, call)
            if difference is not None:
                differences.append(f"call {number}, `{call.tool}`: {difference}")
    if differences:
        raise ReplayMismatch(f"`{path}`:\n  " + "\n  ".join(differences))
    return len(recording.calls)


def _difference(runner: ToolRunner, call: RecordedCall) -> str | None:
    """What is different about a call now, if anything is."""
    arguments = from_plain(call.arguments)
    positional, named = arguments if isinstance(arguments, list) else ([], arguments)
    result: Any = msgspec.UNSET
    items: list[Any] = []
    error: RecordedError | msgspec.UnsetType = msgspec.UNSET
    try:
        if call.items is msgspec.UNSET:
            result = _plain(runner.call(call.tool, *positional, **named))
        else:
            items.extend(_noted(chunk) for chunk in runner.chunks(call.tool, *positional, **named))
    except ReplayMismatch as mismatch:
        return str(mismatch)
    except Exception as raised:
        error = recorded_error(raised)
    for what, was, now in [
        ("items", call.items, items if call.items is not msgspec.UNSET else msgspec.UNSET),
        ("error", call.error, error),
        ("result", call.result, result),
    ]:
        if was != now:
            return f"{what}: it was {_shown(was)}, and is {_shown(now)}"
    return None


def _noted(chunk: Any) -> Any:
    if chunk.is_final or chunk.metadata is not None:
        return {"$chunk": [_plain(chunk.data), chunk.is_final, _plain(chunk.metadata)]}
    return _plain(chunk.data)


def _plain(value: Any) -> Any:
    return decoded(encode(value))


def _shown(value: Any) -> str:
    if value is msgspec.UNSET:
        return "none"
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 300 else f"{text[:300]}…"
