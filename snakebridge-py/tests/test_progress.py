"""`context.progress`: what is told, in the form in which the host gets it."""

import pytest

from snakebridge import BaseAdapter, SessionContext, tool
from snakebridge.testing import FakeHost, Progress, ToolRunner


@pytest.fixture
def host():
    return FakeHost()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (0.25, Progress(fraction=0.25)),
        (1, Progress(fraction=1.0)),
        (1.0000001, Progress(fraction=1.0)),
        ((3, 12), Progress(done=3.0, total=12.0)),
        ((3, None), Progress(done=3.0)),
    ],
)
def test_a_number_is_a_fraction_and_a_pair_is_done_and_total(host, given, told):
    host.context().progress(given)
    assert host.progress == [told]


def test_a_message_is_for_people_and_short(host):
    host.context().progress(0.5, "x" * 10_000)
    assert len(host.progress[0].message) == 1024


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        (7, ValueError, r"write \(7, total\)"),
        (-0.5, ValueError, "no fraction"),
        (float("nan"), ValueError, "not finite"),
        ("half", TypeError, "not str"),
        ((1, 2, 3), TypeError, "a pair"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_would(host, given, error, text):
    with pytest.raises(error, match=text):
        host.context().progress(given)


def test_a_runner_keeps_what_tools_tell(host):
    class Adapter(BaseAdapter):
        @tool
        def work(self, context: SessionContext) -> None:
            context.progress((1, 2), "half")

        @tool
        async def work_asynchronously(self, context: SessionContext) -> None:
            context.progress(1.0)

    runner = ToolRunner(Adapter(), host)
    runner.call("work")
    runner.call("work_asynchronously")
    assert [told.fraction for told in host.progress] == [None, 1.0]
    assert host.progress[0] == Progress(done=1.0, total=2.0, message="half")


def test_the_logger_of_a_context_lets_all_levels_pass(host):
    log = host.context().log
    assert log.name == "snakebridge.tool"
    assert log.isEnabledFor(5)


def test_the_span_of_the_callers_trace_is_there(host):
    assert host.context().traceparent is None
    span = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    assert host.context(traceparent=span).traceparent == span
