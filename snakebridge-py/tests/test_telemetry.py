"""`snakebridge.telemetry`: events with measurements and the correlation id of the call."""

import contextvars

import pytest

from snakebridge import telemetry
from snakebridge.current import set_context
from snakebridge.testing import FakeHost


@pytest.fixture
def events():
    told = []
    detach = telemetry.attach(told.append)
    yield told
    detach()


def test_an_event_carries_what_it_was_told_with(events):
    telemetry.emit("size", {"bytes": 3}, {"tool": "x"}, correlation_id="trace-1")
    assert events == [telemetry.Event("size", {"bytes": 3}, {"tool": "x"}, "trace-1")]


def test_the_correlation_id_is_that_of_the_running_call(events):
    def call():
        set_context(FakeHost().context(correlation_id="trace-2"))
        telemetry.emit("size")
        return telemetry.get_correlation_id()

    assert contextvars.copy_context().run(call) == "trace-2"
    assert events[0].correlation_id == "trace-2"
    assert telemetry.get_correlation_id() is None


def test_a_span_tells_its_beginning_and_its_duration(events):
    with telemetry.span("load", {"model": "small"}, "trace-1"):
        assert [event.name for event in events] == ["load.start"]
    start, stop = events
    assert start.measurements["system_time"] > 0
    assert stop.name == "load.stop"
    assert stop.measurements["duration"] >= 0
    assert {event.correlation_id for event in events} == {"trace-1"}


def test_a_span_tells_the_type_of_an_error_and_lets_it_pass(events):
    with pytest.raises(ValueError, match="secret"), telemetry.span("load"):
        raise ValueError("secret")
    assert events[1].name == "load.exception"
    assert events[1].metadata == {"error_type": "ValueError"}


def test_a_handler_that_raises_is_detached_and_the_others_go_on(events):
    def broken(event):
        raise OSError("disk full")

    telemetry.attach(broken)
    with pytest.warns(RuntimeWarning, match="disk full"):
        telemetry.emit("first")
    telemetry.emit("second")
    assert [event.name for event in events] == ["first", "second"]


def test_without_handlers_nothing_is_made():
    telemetry.emit("unheard", {"n": object()})
