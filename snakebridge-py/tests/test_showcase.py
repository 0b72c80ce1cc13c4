"""The showcase does what its descriptions promise, called as a worker calls it."""

import hashlib

import msgspec
import pytest

from calling import call, stream
from snakebridge import InvalidArgument, StreamChunk, ToolError
from snakebridge.adapters import showcase
from snakebridge.adapters.showcase import ShowcaseAdapter, showcase_adapter
from snakebridge.adapters.showcase.tool import Tool
from snakebridge.loading import find_adapter
from snakebridge.testing import FakeHost


@pytest.fixture
def adapter():
    return ShowcaseAdapter()


def test_it_is_found_under_both_names_and_without_a_class():
    assert showcase_adapter.ShowcaseAdapter is ShowcaseAdapter
    assert find_adapter(showcase, None).target is ShowcaseAdapter


def test_ping_answers_with_the_message_and_the_time(adapter):
    answer = call(adapter.ping)
    assert answer["message"] == "pong"
    assert float(answer["timestamp"]) > 0
    assert call(adapter.ping, message="hello")["message"] == "hello"


def test_echo_returns_whatever_it_is_given(adapter):
    assert call(adapter.echo, message="hi", n=[1, None], ctx=1) == {
        "echoed": {"message": "hi", "n": [1, None], "ctx": 1}
    }


def test_add_keeps_whole_numbers_whole(adapter):
    assert repr(call(adapter.add, a=2, b=2)) == "4"
    assert repr(call(adapter.add, a=2, b=0.5)) == "2.5"


def test_adapter_info_names_adapter_version_and_tools(adapter):
    info = call(adapter.adapter_info)
    assert (info["adapter_name"], info["version"]) == ("ShowcaseAdapter", "2.0.0")
    assert "stream_progress" in info["tools"]


def test_safe_operation_reports_errors_as_results(adapter):
    assert call(adapter.safe_operation, data={"value": 9}) == {"success": True, "result": 3.0}
    assert call(adapter.safe_operation, data={"value": -1}) == {
        "success": False,
        "error": "Invalid input",
        "error_type": "ValueError",
        "details": "-1 has no real square root",
    }
    assert call(adapter.safe_operation, data={})["error_type"] == "KeyError"


@pytest.mark.parametrize(
    ("kind", "error"),
    [("value", ValueError), ("runtime", RuntimeError), ("chained", RuntimeError), ("tool", ToolError)],
)
def test_error_demo_raises_what_is_asked_for(adapter, kind, error):
    with pytest.raises(error, match=r"demonstration|lookup failed"):
        call(adapter.error_demo, error_type=kind)


def test_the_checksum_is_that_of_the_bytes(adapter):
    data = bytes(range(256))
    assert call(adapter.checksum, data=data) == {
        "checksum": hashlib.sha256(data).hexdigest(),
        "algorithm": "sha256",
        "size": 256,
    }
    assert call(adapter.checksum, data=data, algorithm="md5")["checksum"] == hashlib.md5(data).hexdigest()
    with pytest.raises(InvalidArgument, match="one of md5"):
        call(adapter.checksum, data=data, algorithm="crc")


def test_process_binary_returns_bytes_as_bytes(adapter):
    assert call(adapter.process_binary, data=b"\x00\xff", operation="reverse")["result"] == b"\xff\x00"
    assert call(adapter.process_binary, data=b"aab")["result"] == {"distinct_bytes": 2, "first": b"aab"}


def test_stream_progress_yields_one_chunk_a_step(adapter):
    chunks = stream(adapter.stream_progress, steps=4, delay_ms=0)
    assert all(isinstance(chunk, StreamChunk) for chunk in chunks)
    assert [chunk.data["progress"] for chunk in chunks] == [25.0, 50.0, 75.0, 100.0]
    assert [chunk.is_final for chunk in chunks] == [False, False, False, True]
    last = chunks[-1].data
    assert sorted(last) == ["elapsed_ms", "is_final", "message", "progress", "step", "total"]
    assert (last["step"], last["total"], last["message"]) == (4, 4, "Processing step 4/4")


def parse_json(json_string: str) -> dict:
    data = msgspec.json.decode(json_string)
    return {"success": True, "data": data, "keys": list(data)}


def test_session_tools_use_the_context_of_the_call(adapter):
    adapter.session_context = FakeHost([parse_json]).context("demo", metadata={"user": "ada"})
    assert call(adapter.get_session_info) == {
        "session_id": "demo",
        "request_metadata": {"user": "ada"},
        "available_elixir_tools": ["parse_json"],
    }
    assert call(adapter.parse_json_by_host, json_string='{"test": true}') == {
        "success": True,
        "data": {"test": True},
        "keys": ["test"],
    }


def test_a_handlers_function_is_a_tool_by_its_name_and_docstring():
    def reverse(ctx, text):
        """Turn a text round.

        Slowly.
        """
        return text[::-1]

    tool = Tool(reverse)
    assert (tool.func, tool.name, tool.description) == (reverse, "reverse", "Turn a text round.")
    assert Tool(reverse, name="mirror", description="x").name == "mirror"
