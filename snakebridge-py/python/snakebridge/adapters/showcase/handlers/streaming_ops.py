"""Streams: items reach the caller while the tool still runs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from snakebridge.adapters.showcase.tool import StreamChunk, Tool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from snakebridge.session import SessionContext


class StreamingOpsHandler:
    """Progress reports."""

    def get_tools(self) -> dict[str, Tool]:
        """The functions of this handler by tool name."""
        return {"stream_progress": Tool(self.stream_progress)}

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
