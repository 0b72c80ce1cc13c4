"""Streams: items reach the caller while the tool still runs."""

from __future__ import annotations

import time
from collections.abc import Iterator  # noqa: TC003 - annotations of parameters are read at run time
from typing import TYPE_CHECKING

from snakebridge.adapters.showcase.tool import StreamChunk, Tool

if TYPE_CHECKING:
    from snakebridge.session import SessionContext


class StreamingOpsHandler:
    """Progress reports, a dataset in pieces, and a stream that answers a stream."""

    def get_tools(self) -> dict[str, Tool]:
        """The functions of this handler by tool name."""
        return {
            "stream_progress": Tool(self.stream_progress, description="Stream progress updates"),
            "process_dataset": Tool(self.process_dataset),
            "running_total": Tool(self.running_total),
        }

    def stream_progress(
        self,
        ctx: SessionContext | None,  # noqa: ARG002
        steps: int = 5,
        delay_ms: int = 500,
    ) -> Iterator[StreamChunk]:
        """Yield one chunk a step, with a pause between steps."""
        started = time.monotonic()
        for step in range(1, steps + 1):
            if step > 1:
                time.sleep(delay_ms / 1000)
            is_final = step == steps
            yield StreamChunk(
                {
                    "step": step,
                    "total": steps,
                    "progress": step / steps * 100,
                    "message": f"Processing step {step}/{steps}",
                    "elapsed_ms": (time.monotonic() - started) * 1000,
                    "is_final": is_final,
                },
                is_final=is_final,
            )

    def process_dataset(
        self,
        ctx: SessionContext | None,  # noqa: ARG002
        total_rows: int = 10_000,
        chunk_size: int = 1000,
    ) -> Iterator[StreamChunk]:
        """Process a dataset of so many rows piece by piece.

        Args:
            ctx: The call.
            total_rows: Rows of the dataset.
            chunk_size: Rows of a piece.
        """
        for start in range(0, total_rows, chunk_size):
            processed = min(start + chunk_size, total_rows)
            yield StreamChunk(
                {
                    "processed_rows": processed,
                    "total_rows": total_rows,
                    "progress": processed / total_rows * 100,
                    "chunk_result": sum(range(start, processed)),
                },
                is_final=processed == total_rows,
            )

    def running_total(self, ctx: SessionContext | None, values: Iterator[float]) -> Iterator[float]:  # noqa: ARG002
        """Answer each value of a stream with the sum so far."""
        total = 0.0
        for value in values:
            total += value
            yield total
