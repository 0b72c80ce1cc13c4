"""Tools with types of every kind, for clients that are compared with them."""

from collections.abc import Iterator
from typing import Any

import msgspec

from snakebridge import BaseAdapter, tool


class Report(msgspec.Struct):
    """What is said about a text."""

    words: int
    longest: str | None = None


class TypedAdapter(BaseAdapter):
    """Does little, with types."""

    @tool
    def scaleAll(self, values: list[float], by: float) -> list[float]:  # noqa: N802 (as some adapters write names)
        """Scale all values."""
        return [value * by for value in values]

    @tool
    def described(self, text: str, **about: Any) -> dict[str, Any]:
        """Give back what came as keyword arguments."""
        return {"text": text, **about}

    @tool
    def report(self, text: str) -> Report:
        """Report on a text."""
        words = text.split()
        return Report(len(words), max(words, key=len, default=None))

    @tool
    def summed(self, reports: list[Report]) -> int:
        """Count the words of all reports."""
        return sum(report.words for report in reports)

    @tool
    def reversed(self, data: bytes) -> bytes:
        """Reverse bytes."""
        return data[::-1]

    @tool
    def joined(self, words: Iterator[str], separator: str = " ") -> str:
        """Join words while they come."""
        return separator.join(words)

    @tool
    def letters(self, text: str) -> Iterator[str]:
        """Give one letter after the other."""
        yield from text
