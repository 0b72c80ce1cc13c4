"""What a worker tells beside its answers: EVENT frames, and that nothing waits for them."""

import time

import pytest
from wire_host import Host

from scripted_host import EVENT, REPLY

LOG, TELEMETRY, PROGRESS = range(3)


@pytest.fixture
def host():
    with Host("telling_adapter:Telling") as host:
        yield host.ready()


def test_what_is_told_in_a_call_names_it_and_comes_before_its_answer(host):
    number = host.call("say", {"text": "hello"})
    assert host.receive()[0] == [REPLY, number]
    assert [header for header, _ in host.events] == [[EVENT, LOG, number]]
    (body,) = [body for _, body in host.events]
    assert body.pop("time") == pytest.approx(time.time(), abs=60)
    assert body == {"level": 20, "logger": "stdout", "output": True, "message": "hello"}


def test_logging_is_taken_over_when_somebody_imports_it(host):
    assert host.ask("has_logging") is False
    host.ask("log", {"text": "from now on"})
    assert [body["message"] for _, body in host.events] == ["from now on"]
    assert host.events[0][1]["level"] == 30


def test_a_host_that_does_not_read_holds_up_no_tool_and_hears_how_much_it_missed(host):
    began = time.monotonic()
    number = host.call("flood", {"lines": 20_000})
    time.sleep(0.2)  # it fills the pipe and goes on
    assert host.receive()[0] == [REPLY, number]
    assert time.monotonic() - began < 10
    told = [header for header, body in host.events if body]
    dropped = sum(header[3] for header, _ in host.events if len(header) > 3)
    assert len(told) + dropped == 20_000
    assert 0 < len(told) < 20_000


def test_progress_that_had_no_room_comes_with_the_answer(host):
    number = host.call("come_on", {"steps": 20_000})
    time.sleep(0.2)
    assert host.receive()[0] == [REPLY, number]
    header, body = host.events[-1]
    assert header[:3] == [EVENT, PROGRESS, number]
    assert body == {"done": 20_000.0, "total": 20_000.0}
    assert len(host.events) < 1_100


def test_texts_are_cut_and_what_cannot_travel_is_named_by_its_type(host):
    host.ask("log_oddly")
    long, surrogate, fields, arguments = [body for _, body in host.events]
    assert len(long["message"].encode()) <= 8 << 10
    assert long["message"].endswith("…")
    assert surrogate["message"] == "\\ud800"
    assert "fields" not in fields, "a megabyte of them"
    assert arguments["message"] == "%d (the arguments do not fit: TypeError)"


def test_what_a_line_does_not_end_is_told_when_another_call_prints_or_it_is_flushed(host):
    first = host.call("begin_a_line")
    host.receive()
    host.ask("say", {"text": "other"})
    assert [(header[2], body["message"]) for header, body in host.events] == [
        (first, "unfinished"),
        (first + 2, "other"),
    ]
    host.events.clear()
    host.ask("begin_a_line", {"flush": True})
    assert [body["message"] for _, body in host.events] == ["unfinished"]


def test_standard_streams_are_what_libraries_expect(host):
    assert host.ask("describe_streams") == ["utf-8", False, "<stdout>", True, 1]
