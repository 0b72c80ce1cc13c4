"""How far a call is."""

from __future__ import annotations

import math
from typing import Any

import msgspec

MESSAGE_LIMIT = 1024


class Progress(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far a call is, as its tool tells it."""

    fraction: float | None = None
    """How much of the work is done, from 0 to 1."""
    done: float | None = None
    """How much is done, in units of the tool's own."""
    total: float | None = None
    """How much there is in all, where that is known."""
    message: str | None = None


def progress_of(progress: float | tuple[float, float | None], message: str | None) -> Progress:
    """What a tool told, checked.

    Raises:
        TypeError: If it is neither a number nor a pair of them.
        ValueError: If a fraction is not from 0 to 1, or a number is not finite.
    """
    message = None if message is None else str(message)[:MESSAGE_LIMIT]
    if isinstance(progress, tuple):
        if len(progress) != 2:
            raise TypeError(f"a pair of what is done and how much there is was expected, got {progress!r}")
        done, total = progress
        return Progress(None, _number(done), None if total is None else _number(total), message)
    fraction = _number(progress)
    if not -1e-6 <= fraction <= 1 + 1e-6:  # sums of fractions may be a little off
        raise ValueError(
            f"progress {fraction:g} is no fraction from 0 to 1: write ({fraction:g}, total), or "
            f"({fraction:g}, None) where the total is not known"
        )
    return Progress(min(max(fraction, 0.0), 1.0), None, None, message)


def _number(value: Any) -> float:
    try:
        number = float(value)  # numpy's numbers too
    except (TypeError, ValueError):
        raise TypeError(f"progress is a number, or a pair of numbers, not {type(value).__name__}") from None
    if not math.isfinite(number):
        raise ValueError(f"progress {number} is not finite")
    return number
