"""Generators on the main thread, pulled as credit allows."""

import pytest
from wire_host import STREAM, WINDOW, Host, items_until_end, written_by

import scripted_host
from scripted_host import CALL, CREDIT, END, ERROR, ITEM, PATIENCE, REPLY, encode


def test_a_long_stream_arrives_in_order_and_ends_with_the_generators_value(host):
    number = host.call("count", {"n": 20_000}, flags=STREAM)
    items, end = items_until_end(host, number)
    assert items == list(range(20_000))
    assert end == ([END, number, 0, 20_000], "done")


def test_a_stream_without_credit_waits_while_other_calls_run(host):
    number = host.call("count", {"n": 10_000}, flags=STREAM)
    for index in range(WINDOW // 64):
        assert host.receive() == ([ITEM, number, 0, index, 0], index)
    assert host.ask("add", {"a": 1, "b": 2}) == 3, "the stream stands still, the worker does not"
    host.send([CREDIT, number, 0, 64 * 10_000])
    items = [host.receive()[1] for _ in range(10_000 - WINDOW // 64)]
    assert items == list(range(WINDOW // 64, 10_000))
    assert host.receive()[0] == [END, number, 0, 10_000]


def test_the_items_of_a_stream_that_never_waits_are_written_many_at_a_time(host):
    before, total = written_by(host.process), 100_000
    number = host.call("count", {"n": total}, flags=STREAM)
    host.send([CREDIT, number, 0, 64 * total])
    for _ in range(total + 1):
        host.receive()
    assert written_by(host.process) - before < total / 5


def test_calls_that_waited_for_a_long_one_are_answered_many_at_a_time(host):
    def writes_of_round(first):
        numbers = range(first + 2, first + 602, 2)
        before = written_by(host.process)
        host.write(host.frame([CALL, first, "work"], encode({"how": "sleep", "seconds": 0.05})))
        host.until_running(first)
        host.write(b"".join(host.frame([CALL, n, "ping"], encode({})) for n in numbers))
        assert [host.receive()[0] for _ in range(301)] == [[REPLY, n] for n in (first, *numbers)]
        return written_by(host.process) - before

    # A batch that a busy machine interrupts turns long itself, and is helped.
    assert min(writes_of_round(1 + 1000 * round_) for round_ in range(5)) < 60


def test_the_end_of_a_stream_does_not_wait_for_the_slow_item_of_another(host):
    # The first pause is long enough for the watcher to be awake. No item comes before the end: on a busy machine the turn
    # could be over with it, and then the end does wait, for the turn of the other stream.
    pauses = {1: [0.05], 3: [2 * PATIENCE, 0]}
    calls = [host.frame([CALL, n, "pauses", STREAM], encode({"seconds": pauses[n]})) for n in pauses]
    host.write(b"".join(calls))
    assert host.receive()[0] == [END, 1, 0, 0]


def test_two_streams_and_calls_share_the_worker(host):
    first = host.call("slow_count", {"n": 20, "seconds": 0.01}, flags=STREAM)
    second = host.call("slow_count", {"n": 20, "seconds": 0.01}, flags=STREAM)
    call = host.call("ping")
    frames = [host.receive()[0] for _ in range(43)]
    order = [header[1] for header in frames]
    assert order.index(call) < 8
    assert abs(order[:21].count(first) - order[:21].count(second)) <= 2
    assert [header for header in frames if header[0] == END] == [[END, first, 0, 20], [END, second, 0, 20]]


def test_an_exception_after_n_items_follows_the_n_items(host):
    number = host.call("count", {"n": 3, "fail": True}, flags=STREAM)
    items, (header, body) = items_until_end(host, number)
    assert (items, header, body["type"]) == ([0, 1, 2], [ERROR, number, "tool", 2], "LookupError")


def test_an_item_over_the_hosts_limit_ends_the_stream_and_the_worker_lives(monkeypatch):
    monkeypatch.setitem(scripted_host.LIMITS, "body", 1 << 20)
    with Host() as host:
        number = host.ready().call("growing", flags=STREAM)
        items, (header, body) = items_until_end(host, number)
        assert [len(item) for item in items] == [1 << power for power in range(10, 20)]
        assert header == [ERROR, number, "payload_too_large", 2]
        assert body["data"]["size"] > body["data"]["limit"]
        assert host.ask("ping") == "pong"


def test_large_items_travel_whole_and_in_order(host):
    number = host.call("large_items", {"sizes": [10, 1 << 20, 20, 2 << 20, 3 << 20]}, flags=STREAM)
    items, end = items_until_end(host, number)
    assert [len(item) for item in items] == [10, 1 << 20, 20, 2 << 20, 3 << 20]
    assert (end[0], len(end[1])) == ([END, number, 0, 5], 1 << 20)


@pytest.mark.parametrize("seconds", [None, 0.001, 0.2])
def test_a_cancelled_stream_is_closed_and_its_finally_runs(host, seconds):
    tool, arguments = ("slow_count", {"n": 10**6, "seconds": seconds}) if seconds else ("count", {"n": 10**9})
    number = host.call(tool, arguments, flags=STREAM)
    host.receive()
    host.cancel(number)
    while (frame := host.receive())[0][0] == ITEM:
        pass
    assert frame[0] == [ERROR, number, "cancelled", 1]
    assert host.ask("closed") == [tool]


def test_the_generators_of_a_worker_that_ends_are_closed_and_its_adapter_is_cleaned_up(host):
    host.call("count", {"n": 10**9}, flags=STREAM)
    host.receive()
    code, errors = host.close()
    assert (code, errors) == (0, "cleaned up\n")


@pytest.mark.parametrize("how", ["loop", "sleep"])
def test_a_wire_that_ends_behind_the_last_reply_of_a_long_call_lets_the_adapter_clean_up(host, how):
    assert host.ask("work", {"how": how, "seconds": 0.02}) == how
    assert host.close() == (0, "cleaned up\n")
