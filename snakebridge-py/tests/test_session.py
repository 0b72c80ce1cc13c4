"""`SessionContext` and the host's tools, on a host that is written down here."""

import contextvars
import inspect
import threading
import time

import msgspec
import pytest

from snakebridge import BaseAdapter, HostToolError, SessionContext, Unserializable, tool
from snakebridge.current import _context
from snakebridge.session import CallMetadata

CATALOGUE = {
    "generation": 1,
    "tools": [
        {
            "name": "parse_json",
            "description": "Parse a JSON string and return analysis",
            "streaming": False,
            "parameters": [
                {"name": "strict", "type": "bool", "description": "", "required": False, "default": True},
                {
                    "name": "json_string",
                    "type": "str",
                    "description": "The text",
                    "required": True,
                    "default": None,
                },
            ],
        },
        {"name": "keys", "description": "", "streaming": False, "parameters": []},
    ],
}


class Host:
    """Answers calls as the host would and remembers them."""

    metadata = CallMetadata()
    deadline = None
    cancelled = False

    def __init__(self):
        self.calls = []

    def call(self, target, arguments):
        self.calls.append((target, msgspec.msgpack.decode(arguments)))
        if target == "$tools.list":
            return msgspec.msgpack.encode(CATALOGUE)
        if target == "nothing":
            raise HostToolError("tool_not_found", "the host has no tool `nothing`")
        return msgspec.msgpack.encode({"called": target})


@pytest.fixture
def host():
    return Host()


@pytest.fixture
def context(host):
    return SessionContext(host, "session-1")


def test_a_host_tool_is_called_by_name(context, host):
    assert context.call_tool("parse_json", json_string="{}") == {"called": "parse_json"}
    assert context.call_elixir_tool("parse_json", json_string="{}") == {"called": "parse_json"}
    assert host.calls == [("parse_json", {"json_string": "{}"})] * 2


def test_positional_arguments_travel_in_the_array_form(context, host):
    context.call_tool("parse_json", "{}", strict=False)
    assert host.calls == [("parse_json", [["{}"], {"strict": False}])]


def test_a_tool_without_arguments_gets_an_empty_map(context, host):
    context.tools["keys"]()
    assert host.calls[-1] == ("keys", {})


def test_a_proxy_is_called_like_a_function(context, host):
    assert context.tools.parse_json(json_string="{}") == {"called": "parse_json"}
    assert context.elixir_tools["parse_json"]("{}") == {"called": "parse_json"}


def test_the_list_of_tools_is_asked_for_once_and_only_when_it_is_needed(context, host):
    context.call_tool("parse_json")
    assert host.calls == [("parse_json", {})]
    list(context.tools)
    list(context.elixir_tools)
    assert [target for target, _ in host.calls].count("$tools.list") == 1


def test_the_tools_are_a_mapping_by_name(context):
    tools = context.elixir_tools
    assert list(tools.keys()) == ["parse_json", "keys"]
    assert "parse_json" in tools
    assert "nothing" not in tools
    assert len(tools) == 2
    assert tools.get("nothing") is None


def test_a_name_that_the_mapping_uses_itself_is_reached_by_item(context):
    assert context.tools["keys"].__name__ == "keys"
    assert list(context.tools.keys()) == ["parse_json", "keys"]


def test_a_proxy_describes_itself_as_a_mapping(context):
    parse_json = context.elixir_tools["parse_json"]
    assert parse_json["name"] == "parse_json"
    assert parse_json["description"] == "Parse a JSON string and return analysis"
    assert list(parse_json["parameters"]) == ["strict", "json_string"]
    assert parse_json["parameters"]["json_string"]["required"] is True
    assert list(parse_json) == ["name", "description", "parameters"]


def test_a_proxy_has_name_docstring_and_signature(context):
    parse_json = context.tools.parse_json
    assert parse_json.__name__ == "parse_json"
    assert parse_json.__doc__ == "Parse a JSON string and return analysis"
    assert str(inspect.signature(parse_json)) == "(json_string: 'str', strict: 'bool' = True)"


def test_completion_shows_the_tools(context):
    assert "parse_json" in dir(context.tools)


def test_an_unknown_tool_is_answered_with_the_nearest(context):
    with pytest.raises(AttributeError, match=r"no tool `parse_jsn`: did you mean `parse_json`\?"):
        context.tools.parse_jsn  # noqa: B018
    with pytest.raises(KeyError, match="there is `keys`, `parse_json`"):
        context.tools["zzz"]


def test_an_error_of_the_host_is_catchable_with_its_code(context):
    with pytest.raises(HostToolError) as caught:
        context.call_tool("nothing")
    assert caught.value.code == "tool_not_found"
    assert str(caught.value) == "tool_not_found: the host has no tool `nothing`"


def test_an_argument_that_cannot_leave_is_named(context, host):
    with pytest.raises(Unserializable, match=r"\$\.value"):
        context.call_tool("parse_json", value=object())
    assert host.calls == []


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
