"""Profile a table in batches: the Python side of the demonstration."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

from snakebridge import BaseAdapter, StreamChunk, tool

MOST_DISTINCT = 100
"""Different values that are told apart in a column: enough for a profile, and it keeps messages small."""


@dataclass
class Column:
    """What is known of one column of a batch. A column of text has no sums and no limits."""

    name: str
    count: int
    distinct: list[str]
    sum: float | None = None
    squares: float = 0.0
    min: float = math.inf
    max: float = -math.inf


def profile_column(name: str, texts: list[str]) -> Column:
    """Count the values of a column, and measure them if all of them are numbers."""
    distinct = list(dict.fromkeys(texts))[:MOST_DISTINCT]
    try:
        values = [float(text) for text in texts]
    except ValueError:
        return Column(name, len(texts), distinct)
    if not all(map(math.isfinite, values)):
        return Column(
            name, len(texts), distinct
        )  # "nan" and "inf" mark what is missing; they are no measures
    squares = sum(value * value for value in values)
    return Column(name, len(texts), distinct, sum(values), squares, min(values), max(values))


def merge_columns(parts: list[Column]) -> dict[str, object]:
    """Put the profiles of one column's batches together."""
    count = sum(part.count for part in parts)
    distinct = {text for part in parts for text in part.distinct}
    shown = str(len(distinct)) if len(distinct) < MOST_DISTINCT else f"{MOST_DISTINCT}+"
    row: dict[str, object] = {"name": parts[0].name, "count": count, "distinct": shown}
    sums = [part.sum for part in parts if part.sum is not None]
    if len(sums) < len(parts):
        return row  # text, in one batch at least
    mean = sum(sums) / count
    variance = sum(part.squares for part in parts) / count - mean * mean
    low, high = min(part.min for part in parts), max(part.max for part in parts)
    return row | {"mean": mean, "deviation": math.sqrt(max(variance, 0.0)), "min": low, "max": high}


class TableAdapter(BaseAdapter):
    """Reads tables."""

    @tool(idempotent=True)
    def profile(self, batch: int, header: list[str], rows: list[list[str]]) -> list[Column]:
        """Profile one batch of rows, after the host has checked it."""
        self.session_context.tools.check_batch(batch=batch, widths=[len(row) for row in rows])
        time.sleep(0.03)  # so that a reader sees four workers at work, and a kill finds one of them busy
        return [profile_column(name, [row[i] for row in rows]) for i, name in enumerate(header)]

    @tool
    def merge(self, batches: list[list[Column]]) -> Iterator[StreamChunk]:
        """Put the batches together, one column after the other."""
        columns = list(zip(*batches, strict=True))
        for done, parts in enumerate(columns, start=1):
            report = {"progress": 100 * done / len(columns), "column": merge_columns(list(parts))}
            yield StreamChunk(report, is_final=done == len(columns))

    @tool
    def ping(self) -> str:
        """Answer, as fast as an answer can be."""
        return "pong"
