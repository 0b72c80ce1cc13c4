"""What a worker leaves in the page that it shares with its host."""

import mmap
import os
import secrets
import struct

import pytest
from wire_host import STREAM, Host

import scripted_host
from scripted_host import ERROR


def test_the_status_page_tells_what_entered_and_what_left_user_code(monkeypatch):
    nonce = secrets.token_hex(16)
    monkeypatch.setattr(scripted_host.secrets, "token_hex", lambda _: nonce)
    descriptor = os.memfd_create("status")
    os.ftruncate(descriptor, 4096)
    page = mmap.mmap(descriptor, 4096)
    page[:16] = nonce[:16].encode()
    counters = lambda: struct.unpack_from("=QQ", page, 16)  # noqa: E731
    with Host(status_fd=descriptor) as host:
        host.ready()
        assert counters() == (0, 0)
        host.ask("ping")
        assert counters() == (1, 1)
        stream = host.call("slow_count", {"n": 2, "seconds": 0.01}, flags=STREAM)
        host.receive()
        assert counters() == (stream, 1)
        host.receive()
        host.receive()
        running = host.call("work", {"how": "sleep", "seconds": 30})
        host.until_running(running)
        assert counters() == (running, stream)
        assert host.ask("nobody")[0][0] == ERROR
        assert counters() == (running, stream), "what is refused does not enter user code"
    os.close(descriptor)


@pytest.mark.parametrize("written", [b"another nonce!!!", b""])
def test_a_page_of_another_launch_is_left_alone(written):
    descriptor = os.memfd_create("status")
    os.ftruncate(descriptor, 4096)
    os.pwrite(descriptor, written, 0)
    with Host(status_fd=descriptor) as host:
        host.ready()
        assert host.ask("ping") == "pong"
        assert os.pread(descriptor, 16, 16) == bytes(16)
    os.close(descriptor)
