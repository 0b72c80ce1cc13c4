"""Tools that call the host and wait for it."""

import pytest

from scripted_host import CALL, CANCEL, ERROR, REPLY, encode


def test_a_tool_calls_the_host_inside_its_call(host):
    number = host.call("ask", {"target": "$tools.list"}, remaining=5000)
    header, _ = host.receive()
    assert header[:4] == [CALL, header[1], "$tools.list", 0]
    assert header[1] % 2 == 0
    assert header[6] == number
    assert 4000 < header[4] <= 5000
    host.answer(header, b"\x07")
    assert host.receive() == ([REPLY, number], 7)


def test_the_hosts_error_reaches_the_tool(host):
    number = host.call("ask_failing")
    header, _ = host.receive()
    host.send([ERROR, header[1], "tool_not_found", 0], encode({"message": "no"}))
    assert host.receive() == ([REPLY, number], ["tool_not_found", 0])


def test_calls_that_arrive_while_a_tool_waits_for_the_host_run_afterwards(host):
    number = host.call("ask")
    header, _ = host.receive()
    later = host.call("ping")
    assert host.ping(1)[0][:2] == [0, number]
    host.answer(header)
    assert host.receive() == ([REPLY, number], 42)
    assert host.receive() == ([REPLY, later], "pong")


def test_a_deadline_ends_the_wait_for_the_host_and_takes_the_call_back(host):
    number = host.call("ask_failing", {"timeout": 0.05})
    header, _ = host.receive()
    assert host.receive()[0] == [CANCEL, header[1], "deadline"]
    assert host.receive() == ([REPLY, number], ["deadline_exceeded", 1])
    host.answer(header)
    assert host.ask("ping") == "pong", "a late answer is known and dropped"


def test_no_time_left_means_that_nothing_is_sent(host):
    assert host.ask("ask_failing", {"timeout": -1.0}) == ["deadline_exceeded", 0]


def test_a_tool_that_waits_for_the_host_can_be_cancelled(host):
    number = host.call("ask")
    header, _ = host.receive()
    host.cancel(number)
    assert host.receive()[0] == [CANCEL, header[1], "cancelled"]
    assert host.receive()[0] == [ERROR, number, "cancelled", 1]
    host.answer(header)
    assert host.ask("ping") == "pong"


@pytest.mark.parametrize("how", ["loop", "sleep", "join"])
def test_another_thread_calls_the_host_whatever_the_main_thread_does(host, how):
    number = host.call("ask_from_thread", {"how": how, "seconds": 0.2})
    for expected in range(20):
        header, body = host.receive()
        assert (header[6], body) == (number, expected)
        host.answer(header, bytes([expected]))
    assert host.receive() == ([REPLY, number], list(range(20)))
