"""Contexts and registrations that are made by hand, on a stub of remote procedures as the seed shows it."""

import asyncio
import logging
from types import SimpleNamespace
from unittest.mock import AsyncMock, Mock

import pytest

from snakebridge import BaseAdapter, HostToolError, SessionContext, tool
from snakebridge.testing import FakeHost


class Adapter(BaseAdapter):
    @tool(description="Echo back text")
    def echo(self, text: str) -> str:
        return text

    @tool
    def register(self, session_id: str, by_context: bool = False) -> list[str]:
        return self.register_with_session(session_id, self.session_context if by_context else None)


async def later(value):
    return value


ANSWERED = {
    "plain": lambda response: response,
    "callable": lambda response: lambda: response,
    "awaitable": later,
    "awaitable of a callable": lambda response: later(lambda: response),
    "mock": lambda response: Mock(**vars(response)),
}


@pytest.fixture(params=ANSWERED)
def answered(request):
    """Every form in which a stub may give its response."""
    return ANSWERED[request.param]


class Stub:
    """Answers as a remote host; responses come in the form that `answered` makes of them."""

    def __init__(self, answered=ANSWERED["plain"], refuses=None):
        self.requests = []
        self._answered = answered
        self._refuses = refuses

    def RegisterTools(self, request):  # noqa: N802
        self.requests.append(request)
        ids = {spec.name: f"id of {spec.name}" for spec in request.tools}
        return self._respond(tool_ids=ids)

    def GetExposedElixirTools(self, request):  # noqa: N802
        self.requests.append(request)
        parse_json = SimpleNamespace(
            name="parse_json",
            description="Parse a JSON string",
            parameters={"json_string": "string", "strict": {"type": "bool", "required": False}},
        )
        return self._respond(tools=[parse_json])

    def ExecuteElixirTool(self, request):  # noqa: N802
        self.requests.append(request)
        return self._respond(result={"called": request.tool_name})

    def _respond(self, **response):
        said = {"success": self._refuses is None, "error_message": self._refuses, **response}
        return self._answered(SimpleNamespace(**said))


# Registering


def test_an_adapter_registers_its_tools_by_a_stub(answered):
    stub, adapter = Stub(answered), Adapter()
    assert adapter.register_with_session("session-1", stub) == ["echo", "register"]
    (request,) = stub.requests
    assert request.session_id == "session-1"
    assert request.tools == adapter.get_tools()
    assert request.worker_id.startswith("python-")


def test_an_adapter_registers_its_tools_asynchronously(answered):
    stub = Stub(answered)
    registered = asyncio.run(Adapter().register_with_session_async("session-1", stub))
    assert registered == ["echo", "register"]


def test_a_stub_made_of_mocks_registers():
    stub = AsyncMock()
    stub.RegisterTools.return_value = Mock(success=True, tool_ids={"echo": "1"})
    assert asyncio.run(Adapter().register_with_session_async("session-1", stub)) == ["echo"]
    assert Adapter().register_with_session("session-1", stub) == ["echo"]


def test_a_stub_that_refuses_registers_nothing_and_the_log_says_why(answered, caplog):
    with caplog.at_level(logging.ERROR, "snakebridge"):
        assert Adapter().register_with_session("session-1", Stub(answered, refuses="no such session")) == []
    assert caplog.messages == ["the tools could not be registered: no such session"]


def test_an_asynchronous_stub_cannot_be_waited_for_inside_a_loop():
    async def run():
        Adapter().register_with_session("session-1", Stub(later))

    with pytest.raises(RuntimeError, match="use the asynchronous variant"):
        asyncio.run(run())


@pytest.fixture
def adapter():
    return Adapter()


@pytest.mark.parametrize("by_context", [False, True])
def test_in_a_call_the_host_registers_by_names_alone(adapter, by_context):
    host = FakeHost()
    adapter.session_context = host.context("session-1")
    assert adapter.register("session-1", by_context) == ["echo", "register"]
    assert [(call.target, call.arguments) for call in host.calls] == [
        ("$tools.register", {"tools": ["echo", "register"]})
    ]
    assert host.registered == {"session-1": ["echo", "register"]}


def test_in_a_call_the_host_registers_asynchronously(adapter):
    host = FakeHost()
    adapter.session_context = host.context("session-1")
    assert asyncio.run(adapter.register_with_session_async("session-1")) == ["echo", "register"]
    assert host.registered == {"session-1": ["echo", "register"]}


def test_a_call_registers_in_no_session_but_its_own(adapter):
    adapter.session_context = FakeHost().context("session-1")
    with pytest.raises(ValueError, match="'session-1', and not with 'session-2'"):
        adapter.register("session-2")


def test_without_a_call_and_without_a_stub_nothing_can_be_registered(adapter):
    with pytest.raises(RuntimeError, match="no call runs"):
        adapter.register("session-1")


# Contexts made by hand


def test_a_context_on_a_stub_knows_the_tools(answered):
    stub = Stub(answered)
    context = SessionContext(stub, "session-1")
    assert list(context.elixir_tools.keys()) == ["parse_json"]
    parse_json = context.elixir_tools["parse_json"]
    assert parse_json["description"] == "Parse a JSON string"
    assert parse_json["parameters"]["json_string"]["type"] == "string"
    assert parse_json["parameters"]["strict"]["required"] is False
    assert [request.session_id for request in stub.requests] == ["session-1"], "asked once"


def test_a_context_on_a_stub_calls_the_tools(answered):
    stub = Stub(answered)
    context = SessionContext(stub, "session-1")
    assert context.call_elixir_tool("parse_json", json_string="{}", raw=b"\xff") == {"called": "parse_json"}
    (request,) = stub.requests
    assert (request.session_id, request.tool_name) == ("session-1", "parse_json")
    assert (request.parameters, request.binary_parameters) == ({"json_string": "{}"}, {"raw": b"\xff"})
    assert context.elixir_tools["parse_json"](json_string="{}") == {"called": "parse_json"}


def test_a_context_on_a_stub_calls_the_tools_asynchronously(answered):
    context = SessionContext(Stub(answered), "session-1")
    assert asyncio.run(context.acall_tool("parse_json", json_string="{}")) == {"called": "parse_json"}


def test_an_error_of_a_stubs_tool_is_the_tools_own():
    context = SessionContext(Stub(refuses="not JSON"), "session-1")
    with pytest.raises(HostToolError, match="not JSON") as caught:
        context.call_tool("parse_json", json_string="{")
    assert caught.value.executed == "yes"
    assert context.tools.parse_json.tagged(json_string="{") == ("error", "not JSON")


def test_what_a_stub_cannot_do_is_refused():
    context = SessionContext(Stub(), "session-1")
    with pytest.raises(HostToolError, match="by name only"):
        context.call_tool("parse_json", "{}")
    with pytest.raises(HostToolError, match="no streams"):
        next(context.stream_tool("parse_json"))
    with pytest.raises(HostToolError, match="tools only"):
        context.state.get("a")


def test_a_context_on_a_stub_has_no_deadline_and_is_never_cancelled():
    context = SessionContext(Stub(), "session-1")
    assert (context.deadline, context.cancelled, context.request_metadata) == (None, False, {})
    with context.shield():
        context.check_cancelled()
