"""The host's tools as Python objects: discovery, proxies, calls and their errors."""

import asyncio
import inspect
import pydoc
import typing
from collections.abc import Iterator

import msgspec
import pytest

from snakebridge import HostToolError, SessionContext, ToolError, Unserializable
from snakebridge.host import catalogue
from snakebridge.testing import FakeHost


def parse_json(json_string: str, strict: bool = True) -> dict[str, typing.Any]:
    """Parse a JSON string and return analysis."""
    try:
        return {"success": True, "data": msgspec.json.decode(json_string, strict=strict)}
    except msgspec.DecodeError as error:
        raise ToolError("malformed", "not JSON", {"why": str(error)}) from None


def keys() -> str:
    return "a tool that is called as a method of mappings is"


def breaks(message: str) -> None:
    raise LookupError(message)


def panics() -> None:
    raise HostToolError("panic", "host tool `panics` panicked: on purpose", executed="yes")


def count(n: int) -> Iterator[int]:
    """Count upwards."""
    yield from range(n)


@pytest.fixture
def host():
    catalogue._kept.clear()
    return FakeHost([parse_json, keys, breaks, panics, count])


@pytest.fixture
def context(host):
    return host.context("session-1")


def asked(host):
    return [call.target for call in host.calls]


# Calling


def test_a_host_tool_is_called_by_name(context, host):
    assert context.call_tool("parse_json", json_string="1") == {"success": True, "data": 1}
    assert context.call_elixir_tool("parse_json", json_string="1") == {"success": True, "data": 1}
    assert asked(host) == ["parse_json"] * 2, "without a question for the list"


def test_a_proxy_is_called_like_a_function(context):
    assert context.tools.parse_json(json_string="1") == {"success": True, "data": 1}
    assert context.elixir_tools["parse_json"]("1") == {"success": True, "data": 1}


def test_positional_arguments_travel_in_the_array_form(context, host):
    context.call_tool("parse_json", "1", strict=False)
    assert host.calls[-1].arguments == [["1"], {"strict": False}]


def test_a_tool_without_arguments_gets_an_empty_map(context, host):
    context.tools["keys"]()
    assert host.calls[-1].arguments == {}


@pytest.mark.parametrize(
    "value",
    ["text", 2**63, -5, 0.1, True, None, [1, ["a"]], {"a": {1: None}}, b"\x00\xff"],
    ids=lambda value: type(value).__name__,
)
def test_every_kind_of_argument_arrives_as_it_is(value, host):
    seen = []
    host.add_tool(lambda value: seen.append(value), name="take")
    host.context().tools.take(value=value)
    assert seen == [value]
    assert type(seen[0]) is type(value)


def test_an_argument_that_cannot_leave_is_named(context, host):
    with pytest.raises(Unserializable, match=r"\$\.value"):
        context.call_tool("parse_json", value=object())
    assert host.calls == []


def test_an_asynchronous_tool_awaits_by_acall(context):
    async def run():
        by_name = await context.acall_tool("parse_json", json_string="1")
        tools = await context.tools.load()
        return by_name == await tools.parse_json.acall(json_string="1")

    assert asyncio.run(run())


def test_the_list_of_tools_can_be_awaited_and_is_then_there(context, host):
    async def run():
        await context.tools.load()
        await context.tools.load()
        return list(context.tools)

    assert "parse_json" in asyncio.run(run())
    assert asked(host) == ["$tools.list"]


# Errors


def test_an_error_that_the_tool_reports_has_its_code_and_data(context):
    with pytest.raises(HostToolError) as caught:
        context.tools.parse_json(json_string="{")
    error = caught.value
    assert (error.code, error.message, error.executed, error.reported) == (
        "malformed",
        "not JSON",
        "yes",
        True,
    )
    assert "truncated" in error.data["why"]


def test_a_tool_that_is_not_there_never_ran(context):
    with pytest.raises(HostToolError, match="did you mean `parse_json`") as caught:
        context.call_tool("parse_jsn")
    assert (caught.value.code, caught.value.executed) == ("tool_not_found", "never")
    assert not caught.value.reported


def test_arguments_that_do_not_fit_never_reach_the_tool(context):
    with pytest.raises(HostToolError, match="`json_string`: expected `str`") as caught:
        context.tools.parse_json(json_string=1)
    assert (caught.value.code, caught.value.executed) == ("invalid_argument", "never")


# Tagged calls


def test_a_tagged_call_gives_ok_and_the_result(context):
    assert context.tools.parse_json.tagged(json_string="1") == ("ok", {"success": True, "data": 1})


def test_a_tagged_call_gives_the_data_of_an_error_as_its_reason(context):
    tag, reason = context.tools.parse_json.tagged(json_string="{")
    assert tag == "error"
    assert "truncated" in reason["why"]


def test_a_tagged_call_gives_the_message_where_there_is_no_data(context):
    assert context.tools.breaks.tagged(message="gone") == ("error", "gone")


@pytest.mark.parametrize(
    ("tool", "arguments", "code"),
    [("panics", {}, "panic"), ("parse_json", {"json_string": 1}, "invalid_argument")],
)
def test_what_the_tool_does_not_report_itself_is_raised_by_a_tagged_call(context, tool, arguments, code):
    with pytest.raises(HostToolError) as caught:
        context.tools[tool].tagged(**arguments)
    assert caught.value.code == code


def test_a_tagged_call_can_be_awaited(context):
    async def run():
        return [
            await context.tools.parse_json.atagged(json_string="1"),
            await context.tools.breaks.atagged(message="gone"),
        ]

    assert asyncio.run(run()) == [("ok", {"success": True, "data": 1}), ("error", "gone")]


# What a proxy says


def test_a_proxy_describes_itself_as_a_mapping(context):
    proxy = context.elixir_tools["parse_json"]
    assert list(proxy) == ["name", "description", "parameters"]
    assert proxy["name"] == "parse_json"
    assert proxy["description"] == "Parse a JSON string and return analysis."
    assert list(proxy["parameters"]) == ["json_string", "strict"]
    assert proxy["parameters"]["strict"]["required"] is False
    assert proxy["parameters"]["strict"]["default"] is True


def test_a_proxy_has_name_signature_and_annotations(context):
    proxy = context.tools.parse_json
    assert proxy.__name__ == "parse_json"
    assert str(inspect.signature(proxy)) == "(json_string: str, strict: bool = True) -> dict[str, typing.Any]"
    assert inspect.get_annotations(proxy)["json_string"] is str


def test_a_required_parameter_behind_an_optional_one_comes_first_in_the_signature():
    class Call:
        tools_generation = 0

        def call(self, target, arguments):
            parameters = [{"name": "a", "required": False, "default": 1}, {"name": "b", "type": "Vec<u8>"}]
            tools = [{"name": "odd", "parameters": parameters}]
            return msgspec.msgpack.encode({"generation": 1, "tools": tools})

    signature = inspect.signature(SessionContext(Call()).tools.odd)
    assert str(signature) == "(b: list[int], a: Any = 1)"


def test_a_proxy_documents_its_parameters(context):
    assert context.tools.parse_json.__doc__ == (
        "Parse a JSON string and return analysis.\n\n"
        "Args:\n"
        "    json_string (str)\n"
        "    strict (bool): (default: True)\n\n"
        "Returns:\n"
        "    dict[str, any]"
    )
    assert "Parse a JSON string" in pydoc.plain(pydoc.render_doc(context.tools.parse_json))


def test_a_proxy_has_the_metadata_of_the_host(host):
    host.add_tool(lambda: None, name="described", metadata={"owner": "data team"})
    assert host.context().tools.described.metadata == {"owner": "data team"}
    assert host.context().tools.parse_json.metadata == {}


# Discovery


def test_the_tools_are_a_mapping_by_name(context):
    tools = context.elixir_tools
    assert list(tools.keys()) == ["breaks", "count", "keys", "panics", "parse_json"]
    assert "parse_json" in tools
    assert "nothing" not in tools
    assert len(tools) == 5
    assert tools.get("nothing") is None


def test_a_name_that_the_mapping_uses_itself_is_reached_by_item(context):
    assert context.tools["keys"].__name__ == "keys"
    assert "parse_json" in context.tools.keys()  # noqa: SIM118 - the method is what is tested


def test_completion_shows_the_tools(context):
    assert "parse_json" in dir(context.tools)


def test_what_interpreters_probe_for_is_not_asked_of_the_host(context, host):
    assert not hasattr(context.tools, "_repr_html_")
    assert host.calls == []


def test_an_unknown_tool_is_answered_with_the_nearest(context):
    with pytest.raises(AttributeError, match=r"no tool `parse_jsn`: did you mean `parse_json`\?"):
        context.tools.parse_jsn  # noqa: B018
    with pytest.raises(KeyError, match="there is `breaks`, `count`, `keys`, `panics`, `parse_json`"):
        context.tools["zzz"]


def test_the_host_is_asked_once_for_all_calls_of_a_session(host):
    for _ in range(3):
        assert "parse_json" in host.context("session-1").tools
    assert asked(host) == ["$tools.list"]


def test_another_session_has_its_own_list(host):
    host.add_tool(lambda: "mine", "session-1", name="own")
    assert "own" in host.context("session-1").tools
    assert "own" not in host.context("session-2").tools


def test_the_host_is_asked_again_when_its_tools_have_changed(host):
    assert "late" not in list(host.context("session-1").tools)
    host.add_tool(lambda: "here", name="late")
    assert "late" in list(host.context("session-1").tools)
    host.remove_tool("late")
    assert "late" not in list(host.context("session-1").tools)
    assert asked(host) == ["$tools.list"] * 3


def test_a_tool_that_comes_during_the_call_is_found(context, host):
    assert "parse_json" in context.tools
    host.add_tool(lambda: "here", name="late")
    assert context.tools.late() == "here"
    assert asked(host) == ["$tools.list", "$tools.list", "late"]


def test_a_name_that_is_not_there_costs_one_question(context, host):
    with pytest.raises(KeyError):
        context.tools["nothing"]
    assert asked(host) == ["$tools.list"]
    with pytest.raises(KeyError):
        context.tools["nothing"]
    assert asked(host) == ["$tools.list"] * 2


def test_a_host_that_names_no_generation_is_asked_in_every_call(host):
    for _ in range(2):
        call = host.begin_call("session-1")
        call.tools_generation = 0
        list(SessionContext(call, "session-1").tools)
    assert asked(host) == ["$tools.list"] * 2


def test_the_catalogues_that_a_worker_keeps_are_bounded(host):
    for number in range(catalogue.KEPT * 2):
        list(host.context(f"session-{number}").tools)
    assert len(catalogue._kept) <= catalogue.KEPT


def test_a_hidden_tool_is_like_one_that_is_not_there(host):
    host.add_tool(lambda: None, name="secret", exposed=False)
    assert "secret" not in host.context().tools
    with pytest.raises(HostToolError, match="no host tool `secret`"):
        host.context().call_tool("secret")


# Streams


def test_a_streaming_tool_is_iterated_over(context):
    assert list(context.tools.count(n=3)) == [0, 1, 2]
    assert list(context.stream_tool("count", 3)) == [0, 1, 2]
    assert context.tools.count.streams
    assert str(inspect.signature(context.tools.count)) == "(n: int) -> collections.abc.Iterator[int]"


@pytest.mark.parametrize("method", ["tagged", "acall", "atagged"])
def test_a_streaming_tool_says_how_it_is_read(context, method):
    async def run():
        result = getattr(context.tools.count, method)(n=1)
        return await result

    with pytest.raises(
        TypeError, match=rf"`count` streams, so `{method}` does not fit: write `.*for item in"
    ):
        asyncio.run(run())


def test_calling_a_streaming_tool_by_name_without_its_stream_is_refused(context):
    with pytest.raises(HostToolError, match="streams") as caught:
        context.call_tool("count", n=1)
    assert caught.value.code == "invalid_argument"
