"""Whether an adapter still does what it did when its calls were recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from snakebridge.testing.plain import from_plain
from snakebridge.testing.recorded import noted_item, plain
from snakebridge.testing.recording import BatchedCall, Recording, ReplayMismatch, recorded_error, shown
from snakebridge.testing.runner import ToolRunner

if TYPE_CHECKING:
    import os

    from snakebridge.testing.recording import RecordedCall

_UNSET = msgspec.UNSET


def check_recording(path: str | os.PathLike[str], adapter: Any, *, config: Any = None) -> int:
    """Run every recorded call again, with the host as it was then, and compare what comes of it.

    Recordings of a program's own workers become tests in this manner: see `docs/testing.md`.

    Args:
        path: The recording.
        adapter: What `ToolRunner` takes.
        config: The configuration, where `adapter` is a class or a name.

    Returns:
        How many calls there are, where several ran together each of them.

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
    return sum(map(len, recording.calls))


def _difference(runner: ToolRunner, call: RecordedCall) -> str | None:
    """What is different about a call now, if anything is."""
    now = msgspec.structs.replace(call, result=_UNSET, items=_UNSET, error=_UNSET)
    calls = [] if call.batch is _UNSET else call.batch
    outcomes: list[Any] = []
    try:
        if call.batch is _UNSET:
            _run(runner, call, now)
        else:
            outcomes = runner.batch(call.tool, [from_plain(one.arguments) for one in calls])
    except ReplayMismatch as mismatch:
        return str(mismatch)
    except Exception as raised:
        now.error = recorded_error(raised)
    difference = _first_difference(call, now)
    if difference is not None or now.error is not _UNSET:
        return difference
    for number, (one, outcome) in enumerate(zip(calls, outcomes, strict=True), 1):
        difference = _first_difference(one, _one_of_several(one.arguments, outcome))
        if difference is not None:
            return f"number {number} of {len(calls)} that ran together: {difference}"
    return None


def _run(runner: ToolRunner, call: RecordedCall, now: RecordedCall) -> None:
    """Run one call, and note what comes of it."""
    arguments = from_plain(call.arguments)
    positional, named = arguments if isinstance(arguments, list) else ([], arguments)
    if call.items is _UNSET:
        now.result = plain(runner.call(call.tool, *positional, **named))
        return
    now.items = []
    for chunk in runner.chunks(call.tool, *positional, **named):
        now.items.append(noted_item(chunk))


def _one_of_several(arguments: Any, outcome: Any) -> BatchedCall:
    if isinstance(outcome, Exception):
        return BatchedCall(arguments, error=recorded_error(outcome))
    return BatchedCall(arguments, result=plain(outcome))


def _first_difference(was: RecordedCall | BatchedCall, now: RecordedCall | BatchedCall) -> str | None:
    for what in ("items", "error", "result"):
        before, after = getattr(was, what, _UNSET), getattr(now, what, _UNSET)
        if before != after:
            return f"{what}: it was {shown(before)}, and is {shown(after)}"
    return None
