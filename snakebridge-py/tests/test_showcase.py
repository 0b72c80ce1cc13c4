"""The showcase does what its descriptions promise, called as a worker calls it."""

import hashlib
import time

import msgspec
import pytest

from snakebridge import InvalidArgument, ToolError, telemetry
from snakebridge.adapters import showcase
from snakebridge.adapters.showcase import ShowcaseAdapter, showcase_adapter
from snakebridge.adapters.showcase.handlers import BasicOpsHandler
from snakebridge.adapters.showcase.tool import Tool
from snakebridge.loading import find_adapter
from snakebridge.testing import FakeHost, ToolRunner

STORED = {}


def parse_json(json_string: str) -> dict:
    data = msgspec.json.decode(json_string)
    return {"success": True, "data": data, "keys": list(data)}


def store_variable(key: str, value: object) -> str:
    STORED[key] = value
    return "stored"


def validate_schema(schema: dict) -> list:
    return sorted(schema)


@pytest.fixture
def runner():
    return ToolRunner(
        ShowcaseAdapter, FakeHost([parse_json, store_variable, validate_schema]), session_id="demo"
    )


def test_it_is_found_under_both_names_and_without_a_class():
    assert showcase_adapter.ShowcaseAdapter is ShowcaseAdapter
    assert find_adapter(showcase, None).target is ShowcaseAdapter


def test_every_tool_is_described():
    for registration in ShowcaseAdapter().get_tools():
        assert registration.description, registration.name


# Basic values


def test_ping_answers_with_the_message_and_the_time(runner):
    answer = runner.call("ping")
    assert answer["message"] == "pong"
    assert float(answer["timestamp"]) > 0
    assert runner.call("ping", message="hello")["message"] == "hello"


def test_echo_returns_whatever_it_is_given(runner):
    assert runner.call("echo", message="hi", n=[1, None], ctx=1) == {
        "echoed": {"message": "hi", "n": [1, None], "ctx": 1}
    }


def test_add_keeps_whole_numbers_whole(runner):
    assert repr(runner.call("add", a=2, b=2)) == "4"
    assert repr(runner.call("add", a=2, b=0.5)) == "2.5"


@pytest.mark.parametrize(
    ("operation", "result"), [("upper", "ABC"), ("lower", "abc"), ("reverse", "cbA"), ("length", 3)]
)
def test_process_text_does_what_is_asked_for(runner, operation, result):
    assert runner.call("process_text", text="Abc", operation=operation)["result"] == result


def test_process_text_names_the_operations_that_there_are(runner):
    with pytest.raises(InvalidArgument, match="one of 'upper', 'lower', 'reverse', 'length', got 'uper'"):
        runner.call("process_text", text="", operation="uper")


def test_adapter_info_names_adapter_version_and_tools(runner):
    info = runner.call("adapter_info")
    assert (info["adapter_name"], info["version"]) == ("ShowcaseAdapter", "2.0.0")
    assert "stream_progress" in info["tools"]
    alone = BasicOpsHandler().adapter_info(None)
    assert (alone["adapter_name"], alone["version"]) == ("BasicOpsHandler", None)
    assert "ping" in alone["tools"]


def test_safe_operation_reports_errors_as_results(runner):
    assert runner.call("safe_operation", data={"value": 9}) == {"success": True, "result": 3.0}
    assert runner.call("safe_operation", data={"value": -1}) == {
        "success": False,
        "error": "Invalid input",
        "error_type": "ValueError",
        "details": "-1 has no real square root",
    }
    assert runner.call("safe_operation", data={})["error_type"] == "KeyError"


@pytest.mark.parametrize(
    ("kind", "error"),
    [("value", ValueError), ("runtime", RuntimeError), ("chained", RuntimeError), ("tool", ToolError)],
)
def test_error_demo_raises_what_is_asked_for(runner, kind, error):
    with pytest.raises(error, match=r"demonstration|lookup failed"):
        runner.call("error_demo", error_type=kind)


# Binary data


def test_the_checksum_is_that_of_the_bytes(runner):
    data = bytes(range(256))
    assert runner.call("checksum", data=data) == {
        "checksum": hashlib.sha256(data).hexdigest(),
        "algorithm": "sha256",
        "size": 256,
    }
    md5 = hashlib.md5(data).hexdigest()
    assert runner.call("checksum", data=data, algorithm="md5")["checksum"] == md5
    with pytest.raises(InvalidArgument, match="one of md5"):
        runner.call("checksum", data=data, algorithm="crc")


def test_process_binary_returns_bytes_as_bytes(runner):
    assert runner.call("process_binary", data=b"\x00\xff", operation="reverse")["result"] == b"\xff\x00"
    assert runner.call("process_binary", data=b"aab")["result"] == {"distinct_bytes": 2, "first": b"aab"}


@pytest.mark.parametrize(
    ("data", "kind"), [(b"\x89PNG\r\n\x1a\n...", "png"), (b"\xff\xd8\xff\xe0", "jpeg"), (b"BM", "unknown")]
)
def test_an_image_is_known_by_its_beginning(runner, data, kind):
    assert runner.call("process_image", data=data) == {"format": kind, "original_size": len(data)}
    checksum = runner.call("process_image", data=data, operation="checksum")["checksum"]
    assert checksum == hashlib.md5(data).hexdigest()


# Streams


def test_stream_progress_yields_one_chunk_a_step(runner):
    chunks = list(runner.chunks("stream_progress", steps=4, delay_ms=0))
    assert [chunk.data["progress"] for chunk in chunks] == [25.0, 50.0, 75.0, 100.0]
    assert [chunk.is_final for chunk in chunks] == [False, False, False, True]
    last = chunks[-1].data
    assert sorted(last) == ["elapsed_ms", "is_final", "message", "progress", "step", "total"]
    assert (last["step"], last["total"], last["message"]) == (4, 4, "Processing step 4/4")


def test_a_dataset_is_processed_in_pieces_of_which_the_last_may_be_short(runner):
    chunks = list(runner.chunks("process_dataset", total_rows=5, chunk_size=2))
    assert [chunk.data["processed_rows"] for chunk in chunks] == [2, 4, 5]
    assert sum(chunk.data["chunk_result"] for chunk in chunks) == sum(range(5))
    assert [chunk.is_final for chunk in chunks] == [False, False, True]


def test_a_stream_is_answered_by_a_stream(runner):
    assert runner.stream("running_total", values=[1, 2, 3]) == [1.0, 3.0, 6.0]


# Concurrency


def test_tasks_of_a_tool_run_at_the_same_time(runner):
    began = time.monotonic()
    report = runner.call("concurrent_demo", task_count=20, delay_ms=50)
    assert time.monotonic() - began < 20 * 0.05
    assert [result["square"] for result in report["results"]] == [number**2 for number in range(20)]
    assert report["elapsed_ms"] >= 50


def test_waiting_takes_as_long_as_it_says(runner):
    assert runner.call("wait", delay_ms=1) == 1


# Sessions and tools of the host


def test_session_tools_use_the_context_of_the_call(runner):
    call = runner.host.begin_call("demo", metadata={"user": "ada"})
    assert runner.within(call).call("get_session_info") == {
        "session_id": "demo",
        "request_metadata": {"user": "ada"},
        "available_elixir_tools": ["parse_json", "store_variable", "validate_schema"],
    }


def test_tools_of_the_host_are_called(runner):
    assert runner.call("parse_json_by_host", json_string='{"test": true}') == {
        "success": True,
        "data": {"test": True},
        "keys": ["test"],
    }
    assert runner.call("store", key="a", value=[1]) == "stored"
    assert STORED == {"a": [1]}
    mixed = runner.call("hybrid_processing", data={"b": 1, "a": 2, "c": None})
    assert mixed == {"python": {"b": 1, "a": 2}, "elixir": ["a", "b"]}


def test_visits_of_a_session_are_counted_in_its_state(runner):
    assert [runner.call("count_visits") for _ in range(3)] == [1, 2, 3]
    assert runner.within(runner.host.begin_call("other")).call("count_visits") == 1


# Text analysis


def test_a_text_is_analysed(runner):
    analysis = runner.call("ml_analyze_text", text="Tea is great. I love tea!")
    assert (analysis["word_count"], analysis["sentence_count"], analysis["sentiment"]) == (6, 2, "positive")
    assert analysis["common_words"][0] == ["tea", 2]
    assert runner.call("ml_analyze_text", text="awful")["sentiment"] == "negative"
    assert runner.call("ml_analyze_text", text="")["average_word_length"] == 0.0


def test_a_computation_tells_of_itself(runner):
    events = []
    detach = telemetry.attach(events.append)
    assert runner.call("compute_heavy_task", data=[1, 2, 3]) == {"mean": 2.0, "variance": 2 / 3}
    assert runner.call("compute_heavy_task", data=[])["mean"] == 0.0
    detach()
    assert [event.name.rpartition(".")[2] for event in events[:3]] == ["start", "input_size", "stop"]


def test_a_handlers_function_is_a_tool_by_its_name_and_docstring():
    def reverse(ctx, text):
        """Turn a text round.

        Slowly.
        """
        return text[::-1]

    tool = Tool(reverse)
    assert (tool.func, tool.name, tool.description) == (reverse, "reverse", "Turn a text round.")
    assert Tool(reverse, name="mirror", description="x").name == "mirror"
    assert Tool(reverse, idempotent=True).options == {"idempotent": True}
