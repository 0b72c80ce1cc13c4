"""SIGTERM: a worker finishes what it has accepted and ends; and SIGUSR2 shows what it is doing."""

import os
import secrets
import signal
import time

import pytest
from wire_host import STREAM, Host

import scripted_host
from scripted_host import END, GOAWAY, ITEM, PATIENCE, REPLY

ADAPTERS = {
    "synchronous": ("wire_adapter:Wire", 0),
    "asynchronous": ("concurrent_adapter:Async", 0),
    "threads": ("concurrent_adapter:Threads", 2),
}


@pytest.fixture(params=ADAPTERS)
def host(request):
    adapter, threads = ADAPTERS[request.param]
    with Host(adapter, threads=threads) as host:
        yield host.ready()


def terminate(host):
    host.process.send_signal(signal.SIGTERM)


def test_an_idle_worker_says_goaway_and_ends(host):
    assert host.ask("ping") == "pong"
    terminate(host)
    assert host.receive() == ([GOAWAY, 1, "SIGTERM"], None)
    assert host.wait_for_exit() == 0


def test_what_was_accepted_is_finished_and_what_comes_later_never_runs():
    with Host() as host:
        host.ready()
        running = host.call("work", {"how": "sleep", "seconds": 0.3})
        queued = host.call("ping")
        host.until_running(running)
        terminate(host)
        assert host.receive()[0] == [GOAWAY, queued, "SIGTERM"]
        host.call("ping")
        assert host.receive() == ([REPLY, running], "sleep")
        assert host.receive() == ([REPLY, queued], "pong")
        assert host.wait() == (0, "cleaned up\n")
        assert host.rest == []


def test_goaway_is_said_whatever_python_does():
    with Host() as host:
        host.ready()
        host.until_running(host.call("work", {"how": "gil", "seconds": 2 * PATIENCE}))
        terminate(host)
        assert host.receive()[0][0] == GOAWAY


def test_coroutines_that_wait_are_finished_first():
    with Host("concurrent_adapter:Async") as host:
        host.ready()
        number = host.call("slow_count", {"n": 50}, flags=STREAM)
        assert host.receive()[0][0] == ITEM
        terminate(host)
        farewells = 0
        while (header := host.receive()[0])[0] in (ITEM, GOAWAY):
            farewells += header[0] == GOAWAY
        assert (header, farewells) == ([END, number, 0, 50], 1)
        assert host.wait() == (0, "cleaned up\n")


def test_calls_on_threads_are_finished_first():
    with Host("concurrent_adapter:Threads", threads=2) as host:
        host.ready()
        waiting = [host.call("wait", {"door": "a"}) for _ in range(2)]
        opener = host.call("block", {"seconds": 0.2})
        behind = host.call("open", {"door": "a"})
        host.until_running(waiting[0])
        terminate(host)
        frames = [host.receive()[0] for _ in range(5)]
        assert [header for header in frames if header[0] == GOAWAY] == [[GOAWAY, behind, "SIGTERM"]]
        assert sorted(header[1] for header in frames if header[0] == REPLY) == [*waiting, opener, behind]
        assert host.wait_for_exit() == 0


def test_a_second_sigterm_ends_the_worker_at_once(host):
    busy = "wait" if "wait" in host.tools else "work"
    arguments = {"door": "never"} if busy == "wait" else {"how": "gil", "seconds": 2 * PATIENCE}
    host.until_running(host.call(busy, arguments))
    terminate(host)
    assert host.receive()[0][0] == GOAWAY
    terminate(host)
    assert host.wait_for_exit() == 128 + signal.SIGTERM


def test_a_forked_child_ends_by_sigterm_as_any_process():
    with Host() as host:
        host.ready()
        assert host.ask("fork_and_terminate") == -signal.SIGTERM


# ---- stacks


def test_sigusr2_writes_the_stacks_of_all_threads_behind_the_status_page(monkeypatch):
    nonce = secrets.token_hex(16)
    monkeypatch.setattr(scripted_host.secrets, "token_hex", lambda _: nonce)
    descriptor = os.memfd_create("status")
    os.ftruncate(descriptor, 4096 + 65536)
    os.pwrite(descriptor, nonce[:16].encode(), 0)
    with Host(status_fd=descriptor) as host:
        number = host.ready().call("work", {"how": "gil", "seconds": 2 * PATIENCE})
        host.until_running(number)
        host.process.send_signal(signal.SIGUSR2)
        end = time.monotonic() + PATIENCE
        while b"in work" not in (stacks := os.pread(descriptor, 65536, 4096)) and time.monotonic() < end:
            pass
        assert b"wire_adapter.py" in stacks
        assert os.pread(descriptor, 8, 16) == number.to_bytes(8, "little")
    os.close(descriptor)


def test_without_a_place_for_them_the_stacks_go_to_stderr(host):
    host.process.send_signal(signal.SIGUSR2)
    assert host.ask("ping") == "pong", "and the worker lives on"
    assert "most recent call first" in host.close()[1]
