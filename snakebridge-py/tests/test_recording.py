"""Calls that are recorded with what they asked of the host, and replayed without one."""

import json
import math
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recorded_shop import Shop, outcome, price, record, replay
from snakebridge import InvalidArgument, SessionExpired, tool
from snakebridge.testing import (
    FakeHost,
    RecordedFailure,
    Recording,
    ReplayMismatch,
    ToolRunner,
    check_recording,
)
from snakebridge.testing.plain import from_plain, to_plain
from snakebridge.testing.recording import append_call, read_calls, recorded_error


@pytest.fixture
def path(tmp_path):
    return tmp_path / "below" / "recording.json"


EVERYTHING = [
    lambda runner: runner.call("total", basket={"tea": 2, "jam": 1}),
    lambda runner: runner.call("total_later", articles=["tea", "jam"]),
    lambda runner: list(runner.chunks("counted", upto=2)),
    lambda runner: runner.stream("counted_later", upto=2),
    lambda runner: runner.call("forgiving", article="toast"),
    lambda runner: [runner.call("remember", value=b"\x00\xff"), runner.call("remember", value=b"")],
    outcome(lambda runner: runner.stream("counted", upto=3)),
    outcome(lambda runner: runner.stream("counted_later", upto=3)),
    outcome(lambda runner: runner.call("fails", how="own")),
    outcome(lambda runner: runner.call("fails", how="value")),
    outcome(lambda runner: runner.call("total", basket={"tea": "x"})),
]


@pytest.mark.parametrize("replays", ["host", "tool"])
def test_what_was_recorded_is_what_is_replayed_without_a_host(path, replays):
    recorded = record(path, *EVERYTHING)
    before = Shop.runs
    assert replay(path, *EVERYTHING, replays=replays) == recorded
    assert (Shop.runs > before) is (replays == "host"), "nothing runs where the tool is what is replayed"
    assert check_recording(path, Shop) == len(recorded) + 1


def test_the_file_reads_like_what_happened(path):
    record(path, EVERYTHING[0], EVERYTHING[4])
    first, second = json.loads(path.read_text())
    assert (first["tool"], first["arguments"], first["result"]) == (
        "total",
        {"basket": {"tea": 2, "jam": 1}},
        10,
    )
    assert [exchange["target"] for exchange in first["host"]] == ["$tools.list", "price", "price"]
    assert first["host"][1] == {"target": "price", "arguments": [["tea"], {"pieces": 2}], "result": 6}
    assert second["host"][-1]["error"]["data"] == {"nearest": "tea"}
    assert path.read_text().startswith('[\n  {\n    "tool": "total",\n')


def test_a_stranger_among_exceptions_keeps_its_name(path):
    made = outcome(lambda runner: runner.call("fails", how="stranger"))
    record(path, made)
    runner = ToolRunner(Shop, recording=Recording(path, replays="tool"))
    with pytest.raises(RecordedFailure, match="Stranger: hello"):
        runner.call("fails", how="stranger")


def test_a_recording_shows_what_becomes_of_its_calls(path):
    calls = EVERYTHING[0], EVERYTHING[4]
    recording = Recording(path)
    with ToolRunner(Shop, FakeHost([price]), recording=recording) as runner:
        assert repr(recording) == f"<Recording '{path}': records 0 calls>"
        calls[0](runner)
        assert repr(recording) == f"<Recording '{path}': records 1 call>"
        calls[1](runner)
    replayed = Recording(path, replays="tool")
    calls[0](ToolRunner(Shop, recording=replayed))
    assert repr(replayed) == f"<Recording '{path}': replays the tool of 2 calls, 1 of them left>"


def test_session_and_metadata_are_those_of_then(path):
    host = FakeHost()
    call = host.begin_call("of-then", metadata={"tenant": "t"}, correlation_id="trace")
    record(path, lambda runner: runner.within(call).call("about"), host=host)
    assert replay(path, lambda runner: runner.call("about")) == [["of-then", {"tenant": "t"}, "trace"]]


def test_a_tool_that_asks_something_else_is_told_apart_even_if_it_catches_that(path):
    record(path, EVERYTHING[0], EVERYTHING[4])

    class Changed(Shop):
        @tool
        def total(self, basket: dict[str, int]) -> int:
            return 10

        @tool
        def forgiving(self, article: str) -> str:
            try:
                self.session_context.tools.price(article, pieces=7)
            except AssertionError:
                return "caught"

    with ToolRunner(Changed, recording=Recording(path, "none")) as runner:
        with pytest.raises(ReplayMismatch, match=r'it did not ask `price` with .*"pieces":2'):
            runner.call("total", basket={"tea": 2, "jam": 1})
        with pytest.raises(ReplayMismatch, match=r'it asked `price` with .*"pieces":7'):
            runner.call("forgiving", article="toast")
    with pytest.raises(ReplayMismatch, match=r"call 1, `total`(.|\n)*call 2, `forgiving`"):
        check_recording(path, Changed)


def test_another_result_is_a_difference(path):
    record(path, lambda runner: runner.call("about"))
    before, _, behind = path.read_text().rpartition('"test"')
    path.write_text(f'{before}"other"{behind}')
    with pytest.raises(ReplayMismatch, match="result: it was"):
        check_recording(path, Shop)


def test_a_call_that_was_not_recorded_is_refused_with_those_that_were(path):
    record(path, EVERYTHING[0])
    with ToolRunner(Shop, recording=Recording(path)) as runner:
        with pytest.raises(
            ReplayMismatch, match=r'no call `total` with {"basket":{}}: left of it is \[{"basket"'
        ):
            runner.call("total", basket={})
        runner.call("total", basket={"tea": 2, "jam": 1})
        with pytest.raises(ReplayMismatch, match="nothing is left of `total`"):
            runner.call("total", basket={"tea": 2, "jam": 1})


def test_the_modes_are_those_of_a_cassette(path):
    with pytest.raises(FileNotFoundError, match='record it with "once"'):
        Recording(path, "none")
    record(path, EVERYTHING[0])
    written = path.read_text()
    for mode, replayed in [("once", True), ("none", True), ("rewrite", False)]:
        assert Recording(path, mode).is_replayed is replayed
    with ToolRunner(Shop, FakeHost([price]), recording=Recording(path, "rewrite")) as runner:
        runner.call("total", basket={"jam": 1})
    assert path.read_text() != written
    assert len(read_calls(path)) == 1
    with pytest.raises(ValueError, match='there is "once"'):
        Recording(path, "always")
    path.write_text("{}")
    with pytest.raises(ValueError, match="is no recording"):
        Recording(path, "once")


def test_a_recording_of_nothing_is_one(path):
    record(path)
    assert path.read_text() == "[]\n"
    assert check_recording(path, Shop) == 0


def test_several_processes_may_add_to_a_file(path, tmp_path):
    record(path, EVERYTHING[0], EVERYTHING[4])
    other = tmp_path / "other.json"
    for call in read_calls(path):
        append_call(other, call)
    assert other.read_text() == path.read_text()
    other.write_text("{}")
    with pytest.raises(ValueError, match="is no recording"):
        append_call(other, read_calls(path)[0])


def test_errors_of_sessions_are_replayed_as_what_they_are(path):
    class Careful(Shop):
        @tool
        def remember(self, value: bytes) -> str:
            try:
                self.session_context.state.set("value", value)
            except SessionExpired:
                return "expired"

    host = FakeHost()
    call = host.begin_call("s")
    host.sessions["s"].is_over = True
    with ToolRunner(Careful, host, recording=Recording(path)) as runner:
        assert runner.within(call).call("remember", value=b"") == "expired"
    assert check_recording(path, Careful) == 1


def test_an_error_is_noted_without_its_traceback():
    try:
        raise InvalidArgument("no")
    except InvalidArgument as error:
        noted = recorded_error(error)
    assert (noted.code, noted.executed, noted.message) == ("invalid_argument", "yes", "no")
    assert "traceback" not in msgspec.to_builtins(noted)


def test_what_json_has_no_form_for_is_marked_and_a_mark_is_escaped():
    moment = datetime(2024, 1, 1, tzinfo=UTC)
    values = [
        b"\x00",
        math.inf,
        moment,
        {1: 2},
        {"$bytes": "x"},
        {"$": 1},
        msgspec.msgpack.Ext(5, b"x"),
        {(1, 2): 3},
    ]
    assert from_plain(json.loads(json.dumps(to_plain(values)))) == values
    assert math.isnan(from_plain(to_plain(math.nan)))
    with pytest.raises(ValueError, match=r"\$what"):
        from_plain({"$what": 1})


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
)


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.recursive(
        scalars,
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.text() | st.sampled_from(["$bytes", "$map"]), inner)
            | st.dictionaries(st.integers(0, 9), inner)
        ),
        max_leaves=8,
    )
)
def test_every_value_is_read_back_as_it_was(value):
    assert from_plain(msgspec.json.decode(msgspec.json.encode(to_plain(value)))) == value
