"""Streams as arguments, where a tool runs on the main thread, on a thread, and on the loop."""

import msgspec
import pytest
from wire_host import STREAM, WINDOW, Host

from scripted_host import CREDIT, END, ERROR, ITEM, REPLY, encode

WAYS = {
    "main": ("stream_adapter:Streams", 0),
    "thread": ("stream_adapter:Streams", 2),
    "loop": ("stream_adapter:AsyncStreams", 0),
}


class StreamingHost(Host):
    def call_with(self, tool, *names, flags=0, **others):
        """Call a tool with streams of these names as arguments."""
        streams = {name: msgspec.msgpack.Ext(6, encode(n)) for n, name in enumerate(names, 1)}
        return self.call(tool, {**streams, **others}, flags=flags, inputs=len(names))

    def give(self, number, *items, stream=1, start=0):
        for sequence, item in enumerate(items, start):
            self.send([ITEM, number, stream, sequence, 0], encode(item))

    def finish(self, number, count, stream=1):
        self.send([END, number, stream, count])


@pytest.fixture(params=WAYS)
def host(request):
    adapter, threads = WAYS[request.param]
    with StreamingHost(adapter, threads=threads) as host:
        host.way = request.param
        yield host.ready()


def test_a_tool_takes_the_items_as_they_come(host):
    number = host.call_with("total", "numbers")
    host.give(number, 1, 2)
    assert host.ask("ping") == "pong" if host.way != "main" else True
    host.give(number, 3, start=2)
    host.finish(number, 3)
    assert host.receive() == ([REPLY, number], 6)


def test_items_that_come_before_their_call_runs_wait_for_it(host):
    number = host.call_with("total", "numbers")
    host.give(number, *range(100))
    host.finish(number, 100)
    assert host.receive() == ([REPLY, number], sum(range(100)))


def test_an_empty_stream_ends_at_once(host):
    number = host.call_with("total", "numbers")
    host.finish(number, 0)
    assert host.receive() == ([REPLY, number], 0)


def test_a_plain_list_is_as_good_as_a_stream(host):
    assert host.ask("total", {"numbers": [1, 2, 3]}) == 6
    assert host.ask("total", [[[1, 2, 3]], {}]) == 6
    assert host.ask("double", {"numbers": []})[0][2] == "invalid_argument"


def test_an_item_that_does_not_fit_is_refused_with_its_place(host):
    number = host.call_with("total", "numbers")
    host.give(number, 1, "two")
    header, body = host.receive()
    assert header == [ERROR, number, "invalid_argument", 2]
    assert body["message"] == ("an item that was sent does not fit: `numbers[1]`: expected `int`, got `str`")


@pytest.mark.parametrize("value", [msgspec.msgpack.Ext(9, b"\x01"), msgspec.msgpack.Ext(6, b"\xa1x"), 7, "x"])
def test_what_is_neither_a_stream_nor_a_list_is_refused_before_the_tool_runs(host, value):
    header, body = host.ask("total", {"numbers": value})
    assert header[2:] == ["invalid_argument", 0], body
    assert "`numbers`" in body["message"]


def test_credit_is_granted_as_the_tool_takes_items_and_not_before(host):
    """The window bounds what a worker holds: 64 bytes an item at least."""
    full = WINDOW // 64
    number = host.call_with("total", "numbers")
    host.give(number, *range(full))
    granted = 0
    while granted < WINDOW // 2:
        header, _ = host.receive()
        assert header[:3] == [CREDIT, number, 1]
        granted += header[3]
    host.give(number, *range(full, full + granted // 64), start=full)
    total = full + granted // 64
    host.finish(number, total)
    while (frame := host.receive())[0][0] == CREDIT:
        pass
    assert frame == ([REPLY, number], sum(range(total)))


def test_large_items_arrive_whole(host):
    number = host.call_with("total_length", "pieces")
    for sequence in range(3):
        host.send([ITEM, number, 1, sequence, 0], encode(bytes(1 << 20)))
        while host.receive()[0][0] != CREDIT:
            pass
    host.finish(number, 3)
    while (frame := host.receive())[0][0] == CREDIT:
        pass
    assert frame == ([REPLY, number], 3 << 20)


def test_a_call_may_leave_the_rest_and_late_items_do_no_harm(host):
    number = host.call_with("first", "numbers")
    host.give(number, 7, 8)
    assert host.receive() == ([REPLY, number], 7)
    host.give(number, 9, start=2)
    host.finish(number, 3)
    assert host.ask("ping") == "pong"


def test_several_streams_are_told_apart(host):
    number = host.call_with("pair", "left", "right", between="+")
    host.give(number, "a", "b", stream=2)
    host.give(number, 1, 2, stream=1)
    host.finish(number, 2, stream=2)
    host.finish(number, 2, stream=1)
    assert host.receive() == ([REPLY, number], ["1+a", "2+b"])


def test_a_stream_may_be_left_out_where_it_has_a_default(host):
    assert host.ask("maybe") is None
    assert host.ask("maybe", {"numbers": None}) is None
    number = host.call_with("maybe", "numbers")
    host.give(number, 5)
    host.finish(number, 1)
    assert host.receive() == ([REPLY, number], 5)


def test_items_without_a_type_are_anything(host):
    number = host.call_with("anything", "items")
    host.give(number, 1, "two", [3])
    host.finish(number, 3)
    assert host.receive() == ([REPLY, number], [1, "two", [3]])


def test_a_cancellation_ends_the_wait_for_an_item(host):
    number = host.call_with("patient", "numbers")
    host.give(number, 1)
    host.until_running(number)
    host.cancel(number)
    assert host.receive()[0] == [ERROR, number, "cancelled", 1]
    assert host.ask("noted") == ["patient ended"]


def test_a_stream_that_outlives_its_call_is_over(host):
    number = host.call_with("keeps", "numbers")
    host.give(number, 1)
    assert host.receive() == ([REPLY, number], 1)
    assert host.ask("late") == "the call has ended, and its stream with it"


def test_a_tool_that_reads_and_yields_does_both_as_credit_comes(host):
    """More than both windows hold, one item behind the other: neither direction waits for the other's end."""
    number = host.call_with("double", "numbers", flags=STREAM)
    for n in range(2 * WINDOW // 64):
        host.give(number, n, start=n)
        while (frame := host.receive())[0][0] == CREDIT:
            pass
        assert frame == ([ITEM, number, 0, n, 0], 2 * n)
        if n % 1000 == 999:
            host.send([CREDIT, number, 0, 64_000])
    host.finish(number, 2 * WINDOW // 64)
    while (frame := host.receive())[0][0] == CREDIT:
        pass
    assert frame[0] == [END, number, 0, 2 * WINDOW // 64]


def test_an_input_that_is_not_read_never_grants_credit_while_the_output_is_starved(host):
    number = host.call_with("double", "numbers", flags=STREAM)
    host.give(number, *range(WINDOW // 64))
    outputs, granted = 0, 0
    while outputs < WINDOW // 64:
        header, _ = host.receive()
        outputs += header[0] == ITEM
        granted += header[3] if header[0] == CREDIT else 0
    host.give(number, *range(granted // 64), start=WINDOW // 64)
    assert host.ask("ping") == "pong", "and nothing else came"


# ---- on the loop


@pytest.fixture
def loop():
    with StreamingHost("stream_adapter:AsyncStreams") as host:
        yield host.ready()


def test_a_coroutine_that_waits_for_items_does_not_hold_the_others_up(loop):
    first, second = loop.call_with("total", "numbers"), loop.call_with("total", "numbers")
    loop.give(second, 1)
    loop.finish(second, 1)
    assert loop.receive() == ([REPLY, second], 1)
    loop.finish(first, 0)
    assert loop.receive() == ([REPLY, first], 0)


def test_a_coroutine_may_read_two_streams_at_once(loop):
    number = loop.call_with("both", "left", "right")
    for n in range(50):
        loop.give(number, n, stream=1 + n % 2, start=n // 2)
    loop.finish(number, 25, stream=1)
    loop.finish(number, 25, stream=2)
    assert loop.receive() == ([REPLY, number], [sum(range(0, 50, 2)), sum(range(1, 50, 2))])


@pytest.mark.parametrize("tool", ["blocking", "own_loop"])
def test_streams_may_be_read_in_the_way_that_does_not_fit_the_tool(loop, tool):
    number = loop.call_with(tool, "numbers")
    loop.give(number, 1, 2, 3)
    loop.finish(number, 3)
    assert loop.receive() == ([REPLY, number], 6)


# ---- the manifest


def test_the_manifest_marks_streams_and_describes_one_item(loop):
    tools = {tool["name"]: tool for tool in loop.ask("$manifest")["tools"]}
    (numbers,) = tools["total"]["parameters"]
    assert (numbers["stream"], numbers["schema"]) == (True, {"type": "integer"})
    assert numbers["type"] == "AsyncIterator[int]"
    left, right, between = tools["pair"]["parameters"]
    assert (left["stream"], right["stream"], "stream" in between) == (True, True, False)
