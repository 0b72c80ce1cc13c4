"""Testing adapters without Rust: a host and a worker in the test's own process."""

from snakebridge.progress import Progress
from snakebridge.testing.host import FakeCall, FakeHost, HostCall
from snakebridge.testing.runner import ToolRunner

__all__ = ["FakeCall", "FakeHost", "HostCall", "Progress", "ToolRunner"]
