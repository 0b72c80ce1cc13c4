"""`SessionContext`: what a call knows of itself."""

import contextvars
import threading
import time

import pytest

from snakebridge import BaseAdapter, SessionContext, tool
from snakebridge.current import _context
from snakebridge.session import CallMetadata


class Call:
    """A call of which everything is said by hand."""

    metadata = CallMetadata()
    deadline = None
    cancelled = False


@pytest.fixture
def host():
    return Call()


@pytest.fixture
def context(host):
    return SessionContext(host, "session-1")


def test_a_call_without_a_session_has_the_empty_session_id(host):
    assert SessionContext(host).session_id == ""


def test_request_metadata_is_what_the_caller_sent(context, host):
    assert context.request_metadata == {}
    assert context.correlation_id is None
    host.metadata = CallMetadata("trace-1", {"user": "ada"})
    assert context.request_metadata == {"user": "ada"}
    assert context.correlation_id == "trace-1"


def test_the_remaining_time_ends_at_zero(context, host):
    assert context.deadline is None
    assert context.remaining() is None
    host.deadline = time.monotonic() + 1000
    assert 990 < context.remaining() <= 1000
    host.deadline = time.monotonic() - 1
    assert context.remaining() == 0.0


class Adapter(BaseAdapter):
    @tool
    def whose(self) -> str:
        return self.session_context.session_id


def test_a_thread_with_its_starters_context_sees_the_call(context):
    seen = []

    def start():
        _context.set(context)
        copied = contextvars.copy_context()
        thread = threading.Thread(target=lambda: seen.append(copied.run(Adapter().whose)))
        thread.start()
        thread.join()

    contextvars.copy_context().run(start)
    assert seen == ["session-1"]
    assert Adapter().session_context is None
