"""The Python of the seed document runs unchanged: `seed/snippets.md`, each block with what it lacks.

What a preamble adds is what the document leaves out: imports, the names that a snippet uses without defining
them, and for the parts that show a base class's inside the messages of its protocol.
"""

import asyncio
import hashlib
import inspect
import json
import logging
import sys
import time
import types
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Optional
from unittest.mock import Mock

import msgspec
import pytest

from seed_snippets import HASHES, SNIPPETS
from snakebridge import BaseAdapter, SessionContext, StreamChunk, telemetry, tool
from snakebridge.adapters.showcase.tool import Tool
from snakebridge.compat import snakepit
from snakebridge.definitions import tools_of_instance
from snakebridge.encoding import encode
from snakebridge.testing import FakeHost, ToolRunner
from snakebridge.trampoline import build_trampoline

TYPING = {"Any": Any, "Dict": dict, "List": list, "Optional": Optional}
"""Imports that most snippets leave out."""
OURS = {"BaseAdapter": BaseAdapter, "tool": tool, "StreamChunk": StreamChunk, **TYPING}


@pytest.fixture(autouse=True)
def _snakepit():
    """The document's adapters import `snakepit_bridge`, but for its template."""
    snakepit.install()
    yield
    snakepit.uninstall()


def run(section, package=None, /, **preamble):
    """Run a snippet in a module of its own, whose names are the preamble, and return what it defines."""
    module = types.ModuleType("seed")
    module.__package__ = package
    vars(module).update(preamble)
    exec(compile(SNIPPETS[section], f"seed, section {section}", "exec"), vars(module))
    return SimpleNamespace(**vars(module))


def adapter_of(functions, **helpers):
    """An adapter class of the decorated functions that a snippet defines outside of any class."""
    return type("Adapter", (BaseAdapter,), {**vars(functions), **helpers})


def mock_stub():
    """The stub of remote procedures that the document leaves to the reader."""
    parse_json = SimpleNamespace(
        name="parse_json", description="Parse a JSON string", parameters={"json_string": "string"}
    )
    stub = Mock()
    stub.GetExposedElixirTools.return_value = SimpleNamespace(tools=[parse_json])
    stub.ExecuteElixirTool.side_effect = lambda request: SimpleNamespace(
        success=True, result={"success": True, "data": json.loads(request.parameters["json_string"])}
    )
    stub.RegisterTools.side_effect = lambda request: SimpleNamespace(
        success=True, tool_ids={spec.name: str(number) for number, spec in enumerate(request.tools)}
    )
    return stub


def test_every_snippet_has_a_test():
    source = Path(__file__).read_text(encoding="utf-8")
    assert [section for section in SNIPPETS if f'"{section}"' not in source] == []
    assert len(SNIPPETS) == 24


@pytest.mark.parametrize("section", HASHES)
def test_a_snippet_is_what_the_document_says_to_the_byte(section):
    assert hashlib.sha256(SNIPPETS[section].encode()).hexdigest() == HASHES[section]


def test_every_snippet_has_a_hash():
    assert list(SNIPPETS) == list(HASHES)


# 2. Examples


def test_2_2_tools_of_the_host_are_discovered_and_called(capsys):
    seen = run("2.2", stub=mock_stub(), session_id="session-1", SessionContext=SessionContext)
    assert capsys.readouterr().out == "Available Elixir tools: ['parse_json']\n"
    assert seen.result == {"success": True, "data": {"name": "test"}}


# 3. The adapter pattern


def test_3_1_the_core_pattern():
    runner = ToolRunner(run("3.1", time=time).MyAdapter)
    assert runner.call("process_text", text="abc", operation="reverse")["result"] == "cba"
    assert runner.call("add", a=1, b=2) == 3.0
    assert [item["progress"] for item in runner.stream("stream_progress", steps=2, delay_ms=0)] == [
        50.0,
        100.0,
    ]


def test_3_2_state_lives_in_the_host():
    stored = {}

    def store_variable(key: str, value: Any) -> None:
        stored[key] = value

    adapters = run("3.2 state", **OURS)
    ToolRunner(adapters.GoodAdapter, FakeHost([store_variable])).call("store", key="a", value=[1])
    assert stored == {"a": [1]}
    runner = ToolRunner(adapters.BadAdapter)
    runner.call("store", key="a", value=1)
    assert runner.adapter.user_data == {"a": 1}, "it works, until the worker is replaced"


def test_3_2_tools_are_discovered():
    tools = run("3.2 discovery", MyAdapter=run("3.1").MyAdapter).tools
    process_text = next(spec for spec in tools if spec.name == "process_text")
    assert process_text.description == "Process text with various operations"
    assert (process_text.parameters[0].name, process_text.parameters[0].type) == ("text", "str")
    assert process_text.parameters[0].required
    assert not process_text.supports_streaming
    assert process_text.metadata["adapter_class"] == "MyAdapter"


def parameter_spec(**fields):
    return SimpleNamespace(**fields)


def test_3_2_what_it_reads_from_a_parameter_is_what_we_read():
    read = run("3.2 introspection", inspect=inspect, ParameterSpec=parameter_spec)._create_parameter_spec

    def example(text: str, count: int = 3): ...

    parameters = inspect.signature(example).parameters
    theirs = [read(None, name, parameter) for name, parameter in parameters.items()]
    ours = adapter_of(SimpleNamespace(example=tool(staticmethod(example))))().get_tools()[0].parameters
    assert [(spec.name, spec.required) for spec in theirs] == [(spec.name, spec.required) for spec in ours]
    assert theirs[1].default_value == json.loads(ours[1].default)


def handlers():
    return run("3.3 handler", "snakebridge.adapters.showcase.handlers", Dict=dict, time=time)


def test_3_3_an_adapter_delegates_to_handlers():
    adapter = run("3.3 adapter", "snakebridge.adapters.showcase", **OURS).ShowcaseAdapter
    assert [chunk.data["step"] for chunk in adapter().stream_progress(steps=1)] == [1]
    # It returns a generator and does not say that it streams: a call for one value gets the items as a list.
    runner = ToolRunner(adapter)
    assert [item["step"] for item in runner.call("stream_progress", steps=2)] == [1, 2]
    # A worker that is called for a stream sends them, by what it makes of the tool then.
    (progress,) = (tool for tool in tools_of_instance(runner.adapter) if tool.name == "stream_progress")
    assert progress.answers_both
    streaming = build_trampoline(msgspec.structs.replace(progress, streams=True))
    items = list(streaming(encode({"steps": 2})))
    assert [(item.data["step"], item.is_final) for item in items] == [(1, False), (2, True)]


def test_3_3_a_handler_lists_its_functions():
    # The snippet lists `echo`, and leaves its definition out.
    kind = handlers().BasicOpsHandler
    kind.echo = lambda self, ctx, **kwargs: {"echoed": kwargs}
    tools = kind().get_tools()
    assert isinstance(tools["ping"], Tool)
    assert tools["ping"].func(None)["message"] == "pong"
    assert tools["add"].func(None, a=1, b=2) == 3

    class Including(BaseAdapter):
        def __init__(self):
            self.include(kind())

    assert ToolRunner(Including).call("add", a=1, b=2) == 3.0


# 4. Usage patterns


def test_4_1_the_session_context_is_there():
    def validate_schema(schema: dict) -> str:
        return f"valid {schema['n']}"

    adapter = run("4.1", **OURS).MyAdapter
    adapter._process_locally = lambda self, data: {"n": data["n"] + 1}
    runner = ToolRunner(adapter, FakeHost([validate_schema]), session_id="demo")
    assert runner.call("get_session_info") == {
        "session_id": "demo",
        "request_metadata": {},
        "available_elixir_tools": ["validate_schema"],
    }
    assert runner.call("hybrid_processing", data={"n": 1}) == {"python": {"n": 2}, "elixir": "valid 2"}


def test_4_2_binary_data_arrives_as_bytes():
    functions = run("4.2", tool=tool)
    runner = ToolRunner(adapter_of(functions))
    assert runner.call("process_image", data=b"\xff\xd8")["original_size"] == 2
    assert len(runner.call("process_image", data=b"", operation="checksum")["checksum"]) == 32


def test_4_3_results_stream_as_they_complete():
    functions = run("4.3", tool=tool)
    runner = ToolRunner(adapter_of(functions, _process_chunk=lambda self, path, start, count: [path, start]))
    chunks = list(runner.chunks("process_dataset", file_path="x.csv", chunk_size=4000))
    assert [chunk.data["processed_rows"] for chunk in chunks] == [4000, 8000, 10000]
    assert [chunk.is_final for chunk in chunks] == [False, False, True]


def test_4_4_telemetry_tells_of_the_work():
    events = []
    detach = telemetry.attach(events.append)
    functions = run("4.4", tool=tool, time=time)
    runner = ToolRunner(adapter_of(functions, _do_computation=lambda self, data: [data]))
    call = runner.host.begin_call("demo", correlation_id="trace-1")
    assert runner.within(call).call("compute_heavy_task", data={"a": 1}) == [{"a": 1}]
    detach()
    assert [event.name for event in events] == [
        "tool.execution.start",
        "heavy.computation.start",
        "computation.result_size",
        "heavy.computation.stop",
    ]
    assert {event.correlation_id for event in events} == {"trace-1"}


def test_4_5_errors_can_be_results():
    def risky(self, data):
        raise data_errors[data["kind"]]

    data_errors = {"value": ValueError("too small"), "other": KeyError("x")}
    functions = run("4.5", tool=tool, logger=logging.getLogger("seed"))
    runner = ToolRunner(adapter_of(functions, _risky_operation=risky))
    assert runner.call("safe_operation", data={"kind": "value"})["details"] == "too small"
    assert runner.call("safe_operation", data={"kind": "other"})["error_type"] == "KeyError"


# 5. Introspection


def test_5_1_its_own_discovery_finds_the_tools_of_an_adapter():
    discovery = run("5.1", List=list, ToolRegistration=SimpleNamespace, inspect=inspect)

    class Adapter(snakepit.BaseAdapter):
        _tools_cache = None
        get_tools = discovery.get_tools

        def _create_tool_registration(self, name, method):
            return SimpleNamespace(name=name, description=method._tool_metadata.description)

        @snakepit.tool(description="Echo back text")
        def echo(self, text: str) -> str:
            return text

    adapter = Adapter()
    assert [(spec.name, spec.description) for spec in adapter.get_tools()] == [("echo", "Echo back text")]
    assert adapter.get_tools() is adapter.get_tools()


def test_5_2_the_example_is_read_as_it_says():
    read = run(
        "5.2 introspection", inspect=inspect, json=json, ParameterSpec=parameter_spec
    )._create_parameter_spec
    functions = run("5.2 example", tool=tool)
    adapter = adapter_of(functions)
    ours = adapter().get_tools()[0].parameters
    assert [(spec.name, spec.required, spec.default) for spec in ours] == [
        ("required_str", True, None),
        ("optional_int", False, "42"),
        ("optional_list", False, "null"),
    ]
    parameters = list(inspect.signature(adapter().example_tool).parameters.values())
    theirs = [read(None, parameter.name, parameter) for parameter in parameters]
    assert [(spec.name, spec.required, spec.default_value) for spec in theirs] == [
        (spec.name, spec.required, spec.default) for spec in ours
    ]
    # The list may be None as well, which is all that the two say differently.
    assert [spec.type for spec in theirs] == [spec.type.removesuffix(" | None") for spec in ours]


def test_5_3_its_own_loading_finds_what_ours_finds():
    loading = run("5.3 loading", GetExposedElixirToolsRequest=SimpleNamespace, Dict=dict, Any=Any)
    theirs = type(
        "Context",
        (),
        {
            "_elixir_tools": None,
            "stub": mock_stub(),
            "session_id": "session-1",
            "elixir_tools": loading.elixir_tools,
            "_load_elixir_tools": loading._load_elixir_tools,
        },
    )()
    ours = SessionContext(mock_stub(), "session-1").elixir_tools
    assert list(theirs.elixir_tools) == list(ours)
    assert list(theirs.elixir_tools["parse_json"]) == list(ours["parse_json"])


def test_5_3_a_proxy_is_a_mapping_and_callable():
    seen = run("5.3 usage", stub=mock_stub(), session_id="session-1", SessionContext=SessionContext)
    assert seen.result == {"success": True, "data": {"test": True}}
    assert seen.available_tools["parse_json"]["name"] == "parse_json"


@tool
def ping(self):
    return "pong"


def registering(**members):
    return adapter_of(SimpleNamespace(**members), ping=ping)


REGISTRATION = {"RegisterToolsRequest": SimpleNamespace, "List": list, "logger": logging.getLogger("seed")}


def test_5_4_its_own_registration_registers_our_tools():
    own = run("5.4 sync", **REGISTRATION)
    adapter = registering(register_with_session=own.register_with_session)()
    assert adapter.register_with_session("session-1", mock_stub()) == ["ping"]
    assert registering()().register_with_session("session-1", mock_stub()) == ["ping"]


def test_5_4_its_own_asynchronous_registration_registers_our_tools():
    async def await_response(self, response):
        return response

    own = run("5.4 async", **REGISTRATION)
    members = {
        "register_with_session_async": own.register_with_session_async,
        "_await_stub_response": await_response,
    }
    for adapter in (registering(**members)(), registering()()):
        assert asyncio.run(adapter.register_with_session_async("session-1", mock_stub())) == ["ping"]


# 6. Tests


def test_6_1_its_own_test_passes():
    asyncio.run(run("6.1", mock_stub=mock_stub()).test_register_with_session_async())


# 7. What is to be preserved


def in_a_function(section, arguments, is_async=False):
    """A snippet that is the inside of a function."""
    lines = "\n".join("    " + line for line in SNIPPETS[section].splitlines())
    namespace = {}
    exec(f"{'async ' if is_async else ''}def inside({arguments}):\n{lines}\n    return locals()", namespace)
    return namespace["inside"]


def test_7_3_the_session_context_pattern():
    def tool_name(a: int) -> int:
        return a + 1

    adapter = BaseAdapter()
    adapter.session_context = FakeHost([tool_name]).context("demo")
    seen = in_a_function("7.3 context", "self, kwargs")(adapter, {"a": 1})
    assert (seen["session_id"], seen["elixir_result"]) == ("demo", 2)


def test_7_3_lazy_discovery_and_registration_in_both_ways():
    adapter = registering()()
    assert in_a_function("7.3 discovery", "adapter")(adapter)["tools"] is adapter.get_tools()
    inside = in_a_function("7.3 registration", "adapter, session_id, stub", is_async=True)
    assert asyncio.run(inside(adapter, "session-1", mock_stub()))["registered"] == ["ping"]


# 8. The template


class DataHandler:
    def __init__(self, config):
        self.config = config

    def process(self, data, operation, options):
        if operation == "fail":
            raise ValueError("no such operation")
        return [data, operation, options, self.config]


def template():
    """The template, with the module of its handlers, and `time`."""
    package = types.ModuleType("seed_package")
    package.__path__ = []
    handlers_module = types.ModuleType("seed_package.handlers")
    handlers_module.DataHandler = handlers_module.MLHandler = DataHandler
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "seed_package", package)
        patch.setitem(sys.modules, "seed_package.handlers", handlers_module)
        return run("8", "seed_package", time=time).MyAdapter


@pytest.fixture
def my_adapter():
    def validate_schema(schema: Any) -> str:
        return f"valid {schema}"

    return ToolRunner(template(), FakeHost([validate_schema]), session_id="demo", config={"depth": 3})


def test_8_the_template_is_discovered_whole(my_adapter):
    tools = {spec.name: spec for spec in my_adapter.adapter.get_tools()}
    assert list(tools) == [
        "adapter_info",
        "hybrid_process",
        "ping",
        "process_binary",
        "process_data",
        "process_stream",
        "tracked_operation",
    ]
    assert tools["process_stream"].supports_streaming
    assert tools["process_data"].parameters[0].description == "Input data to process"


def test_8_its_plain_tools_answer(my_adapter):
    assert my_adapter.call("ping") == {"status": "healthy", "adapter": "MyAdapter", "version": "1.0.0"}
    assert my_adapter.call("adapter_info")["handlers"] == ["data", "ml"]
    processed = my_adapter.call("process_data", data={"values": [1]})
    assert processed["result"] == [{"values": [1]}, "transform", None, {"depth": 3}]
    assert processed["metadata"]["session_id"] == "demo"
    failed = my_adapter.call("process_data", data={}, operation="fail")
    assert failed == {"success": False, "error": "Invalid input", "details": "no such operation"}
    binary = my_adapter.call("process_binary", data=b"abc")
    assert (binary["size_bytes"], binary["format"], binary["result"]) == (3, "auto", None)


def test_8_its_stream_comes_in_batches(my_adapter):
    chunks = list(my_adapter.chunks("process_stream", items=[1, 2, 3], batch_size=2, delay_ms=0))
    assert [chunk.data["processed"] for chunk in chunks] == [2, 3]
    assert [chunk.is_final for chunk in chunks] == [False, True]


def test_8_it_calls_the_host(my_adapter):
    assert my_adapter.call("hybrid_process", data={}) == {
        "python_processing": None,
        "elixir_validation": "valid None",
        "combined": True,
    }
    my_adapter.host.remove_tool("validate_schema")
    assert "no host tool `validate_schema`" in my_adapter.call("hybrid_process", data={})["elixir_error"]


def test_8_it_tells_of_its_work(my_adapter):
    events = []
    detach = telemetry.attach(events.append)
    my_adapter.call("tracked_operation", data={"a": 1})
    detach()
    assert [event.name for event in events] == [
        "operation.start",
        "operation.start",
        "operation.result_size",
        "operation.stop",
    ]
