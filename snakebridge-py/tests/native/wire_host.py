"""A scripted host with what the tests of the wire loop need besides."""

import time
from pathlib import Path

import scripted_host
from scripted_host import CALL, CANCEL, CREDIT, ITEM, PATIENCE, READY, REPLY, ScriptedHost, encode

PING, PONG = 10, 11
HERE = Path(__file__).parent
STREAM = 1
WINDOW = scripted_host.LIMITS["window"]
PROMPT = 0.5
"""Seconds within which the native half reacts, whatever Python does.

It takes about a millisecond; this allows for a machine that is busy with other tests."""


class Host(ScriptedHost):
    def __init__(self, adapter="wire_adapter:Wire", **hello):
        super().__init__(adapter, python_path=[str(HERE)], **hello)

    def ready(self):
        header, _ = self.receive()
        assert header[0] == READY, header
        return self

    def cancel(self, number):
        self.send([CANCEL, number, "test"])

    def ping(self, nonce):
        """Send a PING and return the PONG's elements and how long it took."""
        began = time.monotonic()
        self.send([PING, nonce])
        header, _ = self.receive()
        assert header[:2] == [PONG, nonce], header
        return header[2:], time.monotonic() - began

    def until_running(self, number):
        """Wait until the worker says that it runs this call."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            (_, running, _), _ = self.ping(99)
            if running == number:
                return
        raise AssertionError(f"call {number} never ran")

    def answer(self, header, body=b"\x2a"):
        """Answer a call of the worker's."""
        assert header[0] == CALL, header
        self.send([REPLY, header[1]], body)

    def wait_for_exit(self):
        self.process.wait(PATIENCE)
        return self.process.returncode


def items_until_end(host, number, grant=True):
    """All items of a stream and the END, with credit for what was taken."""
    items, owed = [], 0
    while True:
        header, body = host.receive()
        if header[0] != ITEM:
            return items, (header, body)
        assert header[1:4] == [number, 0, len(items)]
        items.append(body)
        owed += max(64, len(encode(body)))
        if owed >= WINDOW // 2 and grant:
            host.send([CREDIT, number, 0, owed])
            owed = 0


def written_by(process):
    """How many times a process has written something to somewhere."""
    lines = Path(f"/proc/{process.pid}/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("syscw:"))
