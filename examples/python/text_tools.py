"""The Python side of the example `typed_client`."""

from collections.abc import Iterator
from typing import TypedDict

from snakebridge import BaseAdapter, tool


class Line(TypedDict):
    """One line's measure."""

    number: int
    length: int


class TextAdapter(BaseAdapter):
    """Tools that read text."""

    @tool
    def count_words(self, text: str, lowercase: bool = True) -> dict[str, int]:
        """Count how often each word occurs."""
        counts: dict[str, int] = {}
        for word in (text.lower() if lowercase else text).split():
            counts[word] = counts.get(word, 0) + 1
        return counts

    @tool
    def measure(self, text: str) -> Iterator[Line]:
        """Measure a text line by line."""
        for number, line in enumerate(text.splitlines(), start=1):
            yield {"number": number, "length": len(line)}
