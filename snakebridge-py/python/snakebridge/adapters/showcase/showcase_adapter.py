"""`ShowcaseAdapter`: an adapter that is put together from handlers."""

from __future__ import annotations

from snakebridge.adapters.showcase.handlers import (
    BasicOpsHandler,
    BinaryOpsHandler,
    ConcurrentOpsHandler,
    MLWorkflowHandler,
    SessionOpsHandler,
    StreamingOpsHandler,
)
from snakebridge.base_adapter import BaseAdapter


class ShowcaseAdapter(BaseAdapter):
    """Basic values, binary data, streams, concurrency, sessions, text analysis and tools of the host."""

    __version__ = "2.0.0"

    def __init__(self) -> None:
        super().__init__()
        self.handlers = {
            "basic": BasicOpsHandler(self),
            "binary": BinaryOpsHandler(),
            "streaming": StreamingOpsHandler(),
            "concurrent": ConcurrentOpsHandler(),
            "session": SessionOpsHandler(),
            "ml": MLWorkflowHandler(),
        }
        for handler in self.handlers.values():
            self.include(handler)
