"""Handlers of the showcase, one per domain; each lists its functions by `get_tools`."""

from snakebridge.adapters.showcase.handlers.basic_ops import BasicOpsHandler
from snakebridge.adapters.showcase.handlers.binary_ops import BinaryOpsHandler
from snakebridge.adapters.showcase.handlers.concurrent_ops import ConcurrentOpsHandler
from snakebridge.adapters.showcase.handlers.ml_workflow import MLWorkflowHandler
from snakebridge.adapters.showcase.handlers.session_ops import SessionOpsHandler
from snakebridge.adapters.showcase.handlers.streaming_ops import StreamingOpsHandler

__all__ = [
    "BasicOpsHandler",
    "BinaryOpsHandler",
    "ConcurrentOpsHandler",
    "MLWorkflowHandler",
    "SessionOpsHandler",
    "StreamingOpsHandler",
]
