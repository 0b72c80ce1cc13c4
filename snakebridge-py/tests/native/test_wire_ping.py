"""PING is answered whatever Python does."""

import pytest
from wire_host import PROMPT, Host

from scripted_host import PATIENCE


@pytest.mark.parametrize("how", ["gil", "loop", "sleep"])
def test_a_ping_is_answered_whatever_python_does_and_says_what_runs(host, how):
    number = host.call("work", {"how": how, "seconds": 2 * PATIENCE})
    host.until_running(number)
    (finished, running, running_for), _ = host.ping(7)
    assert (finished, running) == (0, number)
    while running_for == 0:
        (_, _, running_for), _ = host.ping(8)


def test_a_ping_says_how_many_calls_are_finished_and_that_none_runs(host):
    host.ask("work", {"how": "sleep", "seconds": 0.02})
    assert host.ping(1)[0] == [1, 0, 0]


def test_a_ping_is_answered_during_a_long_import():
    with Host("slow_adapter:Slow") as host:
        for nonce in range(5):
            assert host.ping(nonce)[1] < PROMPT
        host.ready()
        assert host.ask("ping") == "pong"
