"""Marks for objects without a form on the wire: only where they are asked for, and no more than was asked."""

import asyncio

import pytest

from calling import call, trampoline
from snakebridge import AdapterError, BaseAdapter, Opaque, StreamChunk, ToolError, Unserializable, tool
from snakebridge.extensions import decode
from snakebridge.failures import describe
from snakebridge.testing import FakeHost, ToolRunner


class Silent:
    def __repr__(self):
        raise AssertionError("repr was called")


class Account:
    def __repr__(self):
        return "<Account owner='Ada \\' Lovelace' token=abc123 balance=17.50 kind=savings>"


class Huge:
    def __repr__(self):
        return "<" + "x" * 10_000_000


class Broken:
    def __repr__(self):
        raise ValueError("no text")


class Surrogate:
    def __repr__(self):
        return "<\ud800>"


def giving(policy, value):
    @tool(unserializable=policy)
    def give():
        return {"a": [1, value]}

    return give


@pytest.mark.parametrize("policy", [None, "refuse"])
def test_without_a_policy_an_object_is_refused_with_its_place(policy):
    with pytest.raises(Unserializable, match=r"Silent has no form on the wire.*\$\.a\[1\]"):
        call(giving(policy, Silent()))


def test_a_mark_has_the_type_and_nothing_else_unless_more_is_asked_for():
    assert call(giving("type", Silent())) == {"a": [1, Opaque("test_marks.Silent")]}
    assert call(giving("type", object())) == {"a": [1, Opaque("object")]}


@pytest.mark.parametrize(
    ("value", "policy", "text"),
    [
        (Account(), "repr", repr(Account())),
        (Account(), "redacted", "<Account owner=… token=… balance=….… kind=savings>"),
        (Huge(), "repr", "<" + "x" * 254 + "…"),
        (Huge(), "redacted", "<" + "x" * 254 + "…"),
        (Broken(), "repr", None),
        (Surrogate(), "repr", r"<\ud800>"),
    ],
)
def test_a_mark_has_as_much_of_the_repr_as_is_asked_for(value, policy, text):
    assert call(giving(policy, value))["a"][1].text == text


def test_a_quoted_text_that_is_cut_off_is_redacted_all_the_same():
    class Long:
        def __repr__(self):
            return "<Long '" + "secret " * 10_000

    assert "secret" not in call(giving("redacted", Long()))["a"][1].text


def test_what_has_a_form_is_what_it_was_and_what_has_a_conversion_is_converted():
    class Converted:
        def to_dict(self):
            return {"x": Silent()}

    @tool(unserializable="type")
    def give():
        return [2**70, 1j, Converted(), "x"]

    assert call(give) == [2**70, 1j, {"x": Opaque("test_marks.Silent")}, "x"]


def test_an_integer_beyond_64_bits_beside_an_object_is_one_still():
    assert call(giving("type", [2**70, Silent()]))["a"][1] == [2**70, Opaque("test_marks.Silent")]


def test_other_reasons_to_refuse_stay_reasons():
    with pytest.raises(Unserializable, match="lone surrogate"):
        call(giving("type", "\ud800"))


def test_a_mark_that_comes_back_is_a_mark():
    def kind(value):
        return [repr(value), value]

    assert call(kind, value=Opaque("a.B", "<B>")) == ["<B>", Opaque("a.B", "<B>")]
    assert call(kind, value=Opaque("a.B")) == ["<a.B>", Opaque("a.B")]


class Streams(BaseAdapter):
    unserializable = "type"

    @tool
    def items(self):
        yield Silent()
        yield StreamChunk(Silent(), is_final=True, metadata={"by": Silent()})
        return Silent()

    @tool
    async def later(self):
        yield Silent()

    @tool
    async def once(self):
        await asyncio.sleep(0)
        return Silent()

    @tool(unserializable="refuse")
    def strict(self):
        return Silent()

    @tool
    def ask(self):
        return self.session_context.tools["told"](value=[Silent()])

    @tool
    def fail(self):
        raise ToolError("odd", "see the data", data={"owner": Silent()})


MARK = Opaque("test_marks.Silent")


def test_items_are_marked_by_the_policy_of_the_adapter_in_both_kinds_of_streams():
    runner = ToolRunner(Streams())
    chunks = list(runner.chunks("items"))
    assert [(chunk.data, chunk.is_final, chunk.metadata) for chunk in chunks] == [
        (MARK, False, None),
        (MARK, True, {"by": MARK}),
    ]
    assert runner.call("once") == MARK
    with pytest.raises(Unserializable):
        runner.call("strict")


def test_arguments_for_tools_of_the_host_are_marked_by_the_policy_of_the_tool_that_calls():
    host = FakeHost()
    told = []

    def hear(value):
        told.append(value)

    host.add_tool(hear, name="told")
    ToolRunner(Streams(), host).call("ask")
    assert told == [[MARK]]


def test_the_data_of_an_error_are_marked_by_the_policy_of_the_tool_that_raises():
    with pytest.raises(ToolError) as caught:
        ToolRunner(Streams()).call("fail")
    _, _, body = describe(caught.value)
    assert decode(body)["data"] == {"owner": MARK}

    @tool
    def strict():
        raise ToolError("odd", "see the data", data={"owner": Silent()})

    with pytest.raises(ToolError) as caught:
        trampoline(strict)(b"\x80")
    _, _, body = describe(caught.value)
    assert decode(body)["data"] is None


def test_a_policy_ends_with_its_call():
    call(giving("type", Silent()))
    with pytest.raises(Unserializable):
        call(giving(None, Silent()))


def test_a_policy_that_there_is_not_is_refused_where_it_is_written():
    with pytest.raises(TypeError, match="unserializable"):
        tool(unserializable="anything")

    class Wrong(BaseAdapter):
        unserializable = "anything"

        @tool
        def give(self): ...

    with pytest.raises(AdapterError, match=r"Wrong\.unserializable is 'anything'"):
        ToolRunner(Wrong())
