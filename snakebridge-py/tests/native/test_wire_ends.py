"""How workers end, by themselves and with their host."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from wire_host import HERE

from scripted_host import PATIENCE


def bare_worker(**environment):
    return subprocess.Popen(
        [sys.executable, "-I", "-m", "snakebridge.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize("parent", ["self", "other"])
def test_without_a_host_a_worker_ends_with_its_own_code(parent):
    number = os.getpid() if parent == "self" else os.getppid()
    worker = bare_worker(SNAKEBRIDGE_NONCE="n", SNAKEBRIDGE_PARENT_PID=str(number))
    _, errors = worker.communicate(timeout=PATIENCE)
    assert worker.returncode == 70
    assert b"before it said HELLO" in errors if parent == "self" else b"the host has died" in errors


def test_a_worker_that_nobody_launched_says_so():
    worker = bare_worker()
    _, errors = worker.communicate(timeout=PATIENCE)
    assert worker.returncode == 1
    assert b"this is a worker of a snakebridge host" in errors


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        (b"\xff\xff\xff\xff", "frame_too_large"),
        (b"\0\0\0\0", "empty"),
        (b"\0\0\0\x01\x01", "shape"),
        (b"\0\0\0\x03\x92\x02\xc1", "shape"),
        (b"\0\0\0\x02\x91\x64", "unknown_kind"),
        (b"\0\0\0\x07\x93\x02\x02\xa3add", "id"),
        (b"\0\0\0\x03\x92\x03\x02", "id"),
        (b"\0\0\0\x05\x94\x08\x05\x00\x01", "flow"),
    ],
)
def test_a_host_that_breaks_the_protocol_ends_the_worker_which_says_how(host, frame, kind):
    host.write(frame)
    assert host.wait_for_exit() == 76
    assert f"the host broke the protocol ({kind})" in host.process.stderr.read().decode()


def test_an_optional_frame_is_ignored(host):
    host.send([200, "anything", [1, 2]])
    assert host.ask("ping") == "pong"


@pytest.mark.parametrize("how", ["gil", "loop", "sleep"])
def test_a_busy_worker_dies_with_its_host(how):
    """A host of its own process, killed while its worker is busy."""
    script = f"""
import sys, time
sys.path[:0] = [{str(HERE)!r}, {str(HERE.parent)!r}]
from wire_host import Host
host = Host().ready()
number = host.call("work", {{"how": {how!r}, "seconds": 60}})
host.until_running(number)
print(host.process.pid, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        worker = int(parent.stdout.readline())
        parent.kill()
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        try:
            if Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return  # dead; whoever adopted it has not looked yet
        except FileNotFoundError:
            return
        time.sleep(0.01)
    os.kill(worker, signal.SIGKILL)
    raise AssertionError("the worker outlived its host")


def test_a_worker_sees_its_wire_end_under_a_running_tool(host):
    host.until_running(host.call("work", {"how": "gil", "seconds": 60}))
    host.process.stdin.close()
    assert host.wait_for_exit() == 70
    host.process.stdin = None


def test_a_worker_dumps_no_core_and_gains_no_privileges(host):
    limits = Path(f"/proc/{host.process.pid}/limits").read_text()
    status = Path(f"/proc/{host.process.pid}/status").read_text()
    assert any(line.split()[:6] == ["Max", "core", "file", "size", "1", "1"] for line in limits.splitlines())
    assert "NoNewPrivs:\t1\n" in status
