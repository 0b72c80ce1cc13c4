"""Testing adapters without Rust: a host and a worker in the test's own process."""

from snakebridge.progress import Progress
from snakebridge.testing.call import DeadlineExceeded, FakeCall
from snakebridge.testing.checking import check_recording
from snakebridge.testing.host import FakeHost, HostCall
from snakebridge.testing.recording import RecordedFailure, Recording, ReplayMismatch
from snakebridge.testing.runner import ToolRunner

__all__ = [
    "DeadlineExceeded",
    "FakeCall",
    "FakeHost",
    "HostCall",
    "Progress",
    "RecordedFailure",
    "Recording",
    "ReplayMismatch",
    "ToolRunner",
    "check_recording",
]
