"""Streams of the host's tools: credit, ends, and who gives up."""

import pytest
from wire_host import STREAM, WINDOW, Host

from scripted_host import CALL, CANCEL, CREDIT, END, ERROR, ITEM, REPLY, encode


def ask(host, tool, **arguments):
    """Call a tool that reads a stream of the host; its id, and the id of that stream."""
    number = host.call(tool, arguments)
    header, _ = host.receive()
    assert (header[0], header[2:4], header[6]) == (CALL, ["numbers", STREAM], number)
    return number, header[1]


def send(host, stream, items, start=0):
    host.write(
        b"".join(
            host.frame([ITEM, stream, 0, number], encode(item)) for number, item in enumerate(items, start)
        )
    )


READERS = [
    ("wire_adapter:Wire", "reads"),
    ("wire_adapter:Wire", "reads_in_a_thread"),
    ("concurrent_adapter:Async", "reads"),
    ("concurrent_adapter:Threads", "reads"),
]


@pytest.mark.parametrize(("adapter", "tool"), READERS)
def test_items_come_in_order_and_credit_as_they_are_read(adapter, tool):
    with Host(adapter, threads=1) as host:
        host.ready()
        number, stream = ask(host, tool)
        whole = WINDOW // 64
        send(host, stream, range(whole))
        granted = 0
        while granted < WINDOW:
            header, _ = host.receive()
            assert header[:3] == [CREDIT, stream, 0]
            granted += header[3]
        send(host, stream, ["last"], whole)
        host.send([END, stream, 0, whole + 1])
        assert host.receive() == ([REPLY, number], [*range(whole), "last"])


@pytest.mark.parametrize(("adapter", "tool"), READERS)
def test_an_error_comes_behind_the_items(adapter, tool):
    with Host(adapter, threads=1) as host:
        host.ready()
        number, stream = ask(host, tool)
        send(host, stream, [1, 2])
        host.send([ERROR, stream, "host_tool", 2], encode({"message": "no more"}))
        assert host.receive() == ([REPLY, number], [1, 2, "host_tool"])


@pytest.mark.parametrize(("adapter", "tool"), [reader for reader in READERS if reader[1] == "reads"])
def test_a_wait_for_an_item_can_be_cancelled(adapter, tool):
    with Host(adapter, threads=1) as host:
        host.ready()
        number, stream = ask(host, tool)
        host.cancel(number)
        assert host.receive()[0][:2] == [CANCEL, stream]
        assert host.receive()[0] == [ERROR, number, "cancelled", 1]
        send(host, stream, [1])
        host.send([END, stream, 0, 1])
        assert host.ask("ping") == "pong", "what comes late is known and dropped"


@pytest.mark.parametrize("how", ["close", "drop"])
def test_who_leaves_a_stream_tells_the_host(host, how):
    number, stream = ask(host, "leaves_a_stream", how=how)
    send(host, stream, [1, 2, 3])
    assert host.receive()[0][:2] == [CANCEL, stream]
    assert host.receive() == ([REPLY, number], 1)


def test_the_loop_reads_while_other_coroutines_run():
    with Host("concurrent_adapter:Async") as host:
        host.ready()
        number, stream = ask(host, "reads")
        assert host.ask("add", {"a": 1, "b": 2}) == 3
        send(host, stream, [1])
        assert host.ask("add", {"a": 1, "b": 2}) == 3
        host.send([END, stream, 0, 1])
        assert host.receive() == ([REPLY, number], [1])


def test_what_is_nested_in_a_stream_runs_while_its_next_item_is_waited_for(host):
    number, stream = ask(host, "reads")
    nested = host.call("ping", parent=stream)
    assert host.receive() == ([REPLY, nested], "pong")
    nested = host.call("count", {"n": 3}, flags=STREAM, parent=stream)
    for item in range(3):
        assert host.receive() == ([ITEM, nested, 0, item, 0], item)
    assert host.receive()[0][:2] == [END, nested]
    send(host, stream, [1])
    host.send([END, stream, 0, 1])
    assert host.receive() == ([REPLY, number], [1])
