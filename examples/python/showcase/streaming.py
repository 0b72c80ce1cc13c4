"""Streams out of Python, and into it."""

import time
from collections.abc import Iterator
from typing import Any

from snakebridge import StreamChunk, tool


class Streaming:
    """Generators, and a tool that reads what its caller still makes."""

    @tool
    def stream_progress(self, steps: int = 5, delay_ms: int = 0) -> Iterator[dict[str, Any]]:
        """Tell how far it is."""
        for step in range(1, steps + 1):
            yield {"step": step, "total": steps, "progress": step / steps * 100}
            time.sleep(delay_ms / 1000)

    @tool
    def process_dataset(self, rows: int, chunk_size: int) -> Iterator[StreamChunk]:
        """Work on many rows in pieces; each piece is a chunk with a mark of its own."""
        done = 0
        while done < rows:
            piece = range(done, min(done + chunk_size, rows))
            done = piece.stop
            yield StreamChunk(sum(piece), is_final=done == rows, metadata={"rows": done})

    @tool
    def total(self, values: Iterator[float]) -> float:
        """Add up numbers while they come."""
        return sum(values)
