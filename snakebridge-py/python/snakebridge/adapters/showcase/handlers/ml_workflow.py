"""Text analysis and a computation with telemetry: the shape of machine-learning tools, without a model."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from snakebridge import telemetry
from snakebridge.adapters.showcase.tool import Tool

if TYPE_CHECKING:
    from snakebridge.session import SessionContext

POSITIVE = frozenset({"excellent", "good", "great", "happy", "love", "wonderful"})
NEGATIVE = frozenset({"awful", "bad", "hate", "poor", "sad", "terrible"})


class MLWorkflowHandler:
    """Analysis of a text, and a computation that tells of itself."""

    def get_tools(self) -> dict[str, Tool]:
        """The functions of this handler by tool name."""
        return {
            "ml_analyze_text": Tool(self.ml_analyze_text, idempotent=True),
            "compute_heavy_task": Tool(self.compute_heavy_task),
        }

    def ml_analyze_text(self, ctx: SessionContext | None, text: str) -> dict[str, Any]:  # noqa: ARG002
        """Analyse a text: its size, its commonest words, and whether it sounds good or bad."""
        words = re.findall(r"\w+", text.lower())
        score = sum(word in POSITIVE for word in words) - sum(word in NEGATIVE for word in words)
        sentiment = "positive" if score > 0 else "negative" if score < 0 else "neutral"
        return {
            "word_count": len(words),
            "character_count": len(text),
            "sentence_count": len(re.findall(r"\w[^.!?]*", text)),
            "average_word_length": sum(map(len, words)) / len(words) if words else 0.0,
            "common_words": Counter(words).most_common(5),
            "sentiment": sentiment,
        }

    def compute_heavy_task(self, ctx: SessionContext | None, data: list[float]) -> dict[str, float]:  # noqa: ARG002
        """Compute mean and variance, and tell how long it took and how much it was."""
        with telemetry.span("heavy.computation", {"dataset_size": len(data)}):
            mean = sum(data) / len(data) if data else 0.0
            variance = sum((value - mean) ** 2 for value in data) / len(data) if data else 0.0
            telemetry.emit("computation.input_size", {"items": len(data)}, {"tool": "compute_heavy_task"})
        return {"mean": mean, "variance": variance}
