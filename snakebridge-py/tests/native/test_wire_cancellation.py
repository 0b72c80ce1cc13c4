"""CANCEL reaches what it is meant for, and nothing else."""

import os
import signal
import time

import pytest
from wire_host import STREAM

from scripted_host import ERROR, PATIENCE, REPLY


@pytest.mark.parametrize("how", ["sleep", "loop", "lock", "process"])
def test_a_running_call_is_interrupted(host, how):
    number = host.call("work", {"how": how, "seconds": 2 * PATIENCE})
    host.until_running(number)
    host.cancel(number)
    header, _ = host.receive()
    assert header == [ERROR, number, "cancelled", 1]
    assert host.ask("closed") == [how]


def test_a_queued_call_is_taken_out_and_never_runs(host):
    running = host.call("work", {"how": "sleep", "seconds": 0.3})
    queued = host.call("count", {"n": 1}, flags=STREAM)
    other = host.call("ping")
    host.until_running(running)
    host.cancel(queued)
    assert host.receive()[0] == [ERROR, queued, "cancelled", 0]
    assert host.receive() == ([REPLY, running], "sleep")
    assert host.receive() == ([REPLY, other], "pong")
    assert host.ask("closed") == []


def test_a_cancellation_that_python_swallows_is_repeated(host):
    number = host.call("work", {"how": "swallowed", "seconds": 30.0})
    host.until_running(number)
    host.cancel(number)
    assert host.receive()[0] == [ERROR, number, "cancelled", 1]
    assert host.ask("closed")[-1] == "swallowed"


def test_cancelling_what_has_ended_or_was_never_called_changes_nothing(host):
    assert host.ask("ping") == "pong"
    for number in (1, 1, 4001):
        host.cancel(number)
    os.kill(host.process.pid, signal.SIGURG)
    assert host.ask("ping") == "pong"


def test_a_cancellation_never_hits_the_next_call(host):
    """Each round cancels a call about when it ends, with an uncancelled one right behind it."""
    for round_ in range(300):
        microseconds = 800 + 5 * round_
        victim = host.call("work", {"how": "loop", "seconds": microseconds / 1e6})
        bystander = host.call("work", {"how": "loop", "seconds": 0.0002})
        end = time.monotonic() + microseconds / 1e6
        while time.monotonic() < end:
            pass
        host.cancel(victim)
        header, _ = host.receive()
        assert header in ([REPLY, victim], [ERROR, victim, "cancelled", 1], [ERROR, victim, "cancelled", 0])
        assert host.receive() == ([REPLY, bystander], "loop")


# ---- shields and checks


def test_nothing_is_raised_inside_a_shield_and_what_came_meanwhile_at_its_end(host):
    number = host.call("shielded", {"seconds": 0.1})
    host.until_running(number)
    host.cancel(number)
    assert host.receive()[0] == [ERROR, number, "cancelled", 1]
    assert host.ask("closed") == ["finished, cancelled: True"]


def test_a_shield_costs_a_call_that_nobody_cancels_nothing(host):
    assert host.ask("shielded", {"seconds": 0.0}) is None
    assert host.ask("closed") == ["finished, cancelled: False", "not reached when cancelled"]


def test_a_cancellation_is_raised_at_the_end_of_a_shield_that_an_exception_leaves(host):
    number = host.call("raises_in_shield", {"seconds": 0.1})
    host.until_running(number)
    host.cancel(number)
    assert host.receive()[0] == [ERROR, number, "cancelled", 1]
    assert host.ask("closed") == []


def test_a_shield_of_a_stream_protects_what_runs_between_two_items(host):
    number = host.call("shielded_items", {"seconds": 0.1}, flags=STREAM)
    assert host.receive()[1] == 1
    host.until_running(number)
    host.cancel(number)
    assert host.receive()[0] == [ERROR, number, "cancelled", 1]
    assert host.ask("closed") == ["finished"]


def test_a_call_may_ask_whether_it_is_cancelled(host):
    assert host.ask("checks") == "not cancelled"
    number = host.call("checks_again")
    host.until_running(number)
    host.cancel(number)
    assert host.receive()[0] == [ERROR, number, "cancelled", 1]
    assert host.ask("closed") == ["told"]
