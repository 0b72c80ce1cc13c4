"""Adapters that were written for snakepit run unchanged."""

import importlib
import sys

import pytest

from scripted_host import ADAPTERS, END, ERROR, ITEM, READY, ScriptedHost
from snakebridge import AdapterError, InvalidArgument, telemetry
from snakebridge.compat import snakepit
from snakebridge.compat.snakepit_serialization import TypeSerializer
from snakebridge.testing import ToolRunner


@pytest.fixture
def runner(monkeypatch):
    """Makes a runner of one of the adapters."""
    monkeypatch.syspath_prepend(ADAPTERS)
    snakepit.install()
    yield lambda name: ToolRunner(f"from_snakepit:{name}", session_id="demo")
    snakepit.uninstall()
    sys.modules.pop("from_snakepit", None)


def test_the_package_is_there_only_where_it_is_asked_for():
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("snakepit_bridge")
    snakepit.install()
    snakepit.install()
    try:
        assert importlib.import_module("snakepit_bridge").BaseAdapter is snakepit.BaseAdapter
        assert importlib.import_module("snakepit_bridge.telemetry").emit is telemetry.emit
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module("snakepit_bridge.heartbeat")
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module("snakepit_bridges")
    finally:
        snakepit.uninstall()
    assert not snakepit.is_installed()
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("snakepit_bridge")


def test_a_decorated_adapter_is_made_for_every_call_with_its_context(runner):
    decorated = runner("Decorated")
    assert decorated.call("whose") == {"session_id": "demo", "given": "demo", "ready": True}
    assert not decorated.adapter.initialized, "another object served"


def test_its_decorator_stands_without_parentheses_too(runner):
    bare = runner("BareDecorator")
    assert (bare.call("double", n=2), bare.stream("count", n=2)) == (4, [0, 1])
    double = type(bare.adapter).double
    assert double._tool_metadata.description == "Double a number."
    assert not double._tool_metadata.supports_streaming
    with pytest.raises(TypeError, match="@tool decorates a function, not int"):
        snakepit.tool(3)


def test_its_streams_and_telemetry_work(runner):
    events = []
    detach = telemetry.attach(events.append)
    decorated = runner("Decorated")
    assert decorated.stream("count", n=2) == [{"i": 0}, {"i": 1}]
    assert decorated.call("measured", data={"a": 1}) == {"value": 3.0, "streams": True}
    detach()
    assert [event.name for event in events] == ["measured.start", "measured.stop"]


def test_handlers_behind_execute_tool_are_tools_by_their_names(runner):
    gathered = runner("Gathered")
    assert gathered.call("add", a=1, b=2) == gathered.call("add", 1, b=2) == 3.0
    assert gathered.stream("ticks", n=2) == [0, 1]
    assert gathered.call("echo", x=1) == {"x": 1}
    with pytest.raises(InvalidArgument, match="`a`: expected `float`"):
        gathered.call("add", a="x", b=2)


def test_a_function_among_the_tools_of_handlers_that_is_no_tool_is_named(runner):
    adapter = type(runner("Gathered").adapter)()
    adapter._handler_tools["plain"] = print
    with pytest.raises(AdapterError, match="adapter `Gathered` lists builtin_function_or_method as 'plain'"):
        adapter.get_tools()


def test_execute_tool_is_a_tool_that_takes_any_name(runner):
    assert runner("Gathered").call("execute_tool", tool_name="echo", arguments={"x": 1}) == {"x": 1}


def test_a_class_without_a_base_class_is_an_adapter(runner):
    bare = runner("Bare")
    result = bare.call("execute_tool", tool_name="sum", arguments={"values": [1, 2]})
    assert result == {"sum": 3, "session": "demo", "seen": "demo"}
    with pytest.raises(NotImplementedError, match="Unknown tool: other"):
        bare.call("execute_tool", tool_name="other")


@pytest.fixture
def adapters(monkeypatch):
    """The module of the adapters."""
    monkeypatch.syspath_prepend(ADAPTERS)
    snakepit.install()
    yield importlib.import_module("from_snakepit")
    snakepit.uninstall()
    sys.modules.pop("from_snakepit", None)


def test_a_class_that_is_given_itself_needs_no_base_class_either(adapters):
    bare = ToolRunner(adapters.Bare, session_id="demo")
    result = bare.call("execute_tool", tool_name="sum", arguments={"values": [1, 2]})
    assert result == {"sum": 3, "session": "demo", "seen": "demo"}
    with pytest.raises(
        AdapterError, match=r"`from_snakepit:Bare` has no base class.*: give `ToolRunner` the cl"
    ):
        ToolRunner(adapters.Bare())


def test_where_snakepit_is_not_asked_for_such_a_class_is_none_and_that_is_said(adapters):
    snakepit.uninstall()
    for given in (adapters.Bare, adapters.Bare(), "from_snakepit:Bare"):
        with pytest.raises(AdapterError, match=r'must inherit from .*, or be served with compat "snakepit"'):
            ToolRunner(given)
    assert (
        ToolRunner(adapters.Bare, compat="snakepit").call("execute_tool", "sum", {"values": []})["sum"] == 0
    )


def test_a_runner_serves_the_names_that_its_adapter_imports(monkeypatch):
    monkeypatch.syspath_prepend(ADAPTERS)
    try:
        runner = ToolRunner("from_snakepit:Decorated", compat="snakepit", session_id="demo")
        assert runner.call("whose")["session_id"] == "demo"
    finally:
        snakepit.uninstall()
        sys.modules.pop("from_snakepit", None)
    with pytest.raises(ValueError, match='there is "snakepit"'):
        ToolRunner("from_snakepit:Decorated", compat="snakebit")


def test_execute_tool_may_be_asynchronous(runner):
    assert runner("BareAsync").call("execute_tool", tool_name="x", arguments={"a": 1}) == ["x", {"a": 1}]


def test_execute_tool_may_return_a_generator(runner):
    gathered = runner("Gathered")
    assert gathered.call("execute_tool", tool_name="ticks", arguments={"n": 2}) == [0, 1]
    assert gathered.call("execute_tool", tool_name="chunks", arguments={"n": 2}) == [{"i": 0}, {"i": 1}]
    stream = runner("BareStream")
    assert stream.call("execute_tool", tool_name="x", arguments={"n": 2}) == [["x", 0], ["x", 1]]


@pytest.mark.parametrize(
    ("adapter", "name", "items"),
    [
        ("Gathered", "ticks", [0, 1]),
        ("Gathered", "chunks", [{"i": 0}, {"i": 1}]),
        ("BareStream", "x", [["x", 0], ["x", 1]]),
    ],
)
def test_execute_tool_streams_where_it_is_called_for_a_stream(adapter, name, items):
    with ScriptedHost(f"from_snakepit:{adapter}", compat="snakepit") as host:
        host.receive()
        host.call("execute_tool", {"tool_name": name, "arguments": {"n": 2}}, flags=1)
        frames = [host.receive() for _ in range(3)]
        assert [header[0] for header, _ in frames] == [ITEM, ITEM, END]
        assert [body for _, body in frames[:2]] == items


def test_a_worker_serves_it_where_the_host_says_so():
    with ScriptedHost("from_snakepit:Decorated", compat="snakepit") as host:
        assert host.receive()[0][0] == READY
        assert host.ask("whose", session="demo") == {"session_id": "demo", "given": "demo", "ready": True}
    with ScriptedHost("from_snakepit:Decorated") as host:
        (kind, *_), body = host.receive()
        assert (kind, body["module"]) == (ERROR, "snakepit_bridge")


@pytest.mark.parametrize(
    ("value", "kind", "decoded"),
    [
        (1, "float", 1.0),
        (2.0, "integer", 2),
        ("a", "string", "a"),
        (True, "boolean", True),
        ([1], "tensor", [1]),
    ],
)
def test_values_are_serialized_without_pickle(value, kind, decoded):
    message, binary = TypeSerializer.encode_any(value, kind)
    assert message.type_url == f"type.googleapis.com/snakepit.{kind}"
    assert binary is None
    result = TypeSerializer.decode_any(message, binary)
    assert (result, type(result)) == (decoded, type(decoded))


def test_a_value_of_another_type_is_refused():
    with pytest.raises(ValueError, match="'x' is no float"):
        TypeSerializer.encode_any("x", "float")
