"""What a streaming tool yields."""

from __future__ import annotations

from typing import Any

import msgspec


class StreamChunk(msgspec.Struct):
    """One item of a stream, where the item needs more than its value.

    A streaming tool may yield plain values; a chunk adds the final mark and metadata.

    Args:
        data: The item's value.
        is_final: Whether the tool knows that no item follows.
        metadata: What belongs to the item without being part of its value.

    Example:
        >>> StreamChunk({"step": 1}, is_final=True).is_final
        True
    """

    data: Any
    is_final: bool = False
    metadata: dict[str, Any] | None = None
