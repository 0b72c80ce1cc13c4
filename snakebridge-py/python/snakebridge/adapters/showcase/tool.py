"""`Tool`, with which a handler lists its functions, and `StreamChunk`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snakebridge.docstrings import first_paragraph
from snakebridge.streams import StreamChunk

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["StreamChunk", "Tool"]


class Tool:
    """One function of a handler, with its name and description.

    Args:
        func: The function; its first parameter is the session context.
        name: Its name (default: the function's own).
        description: What it does (default: the first paragraph of its docstring).
        **options: What `@tool` takes besides, such as ``idempotent=True``.
    """

    def __init__(
        self,
        func: Callable[..., Any],
        name: str | None = None,
        description: str | None = None,
        **options: Any,
    ) -> None:
        self.func = func
        self.name = func.__name__ if name is None else name
        self.description = first_paragraph(func.__doc__) if description is None else description
        self.options = options

    def __repr__(self) -> str:
        return f"Tool({self.name})"
