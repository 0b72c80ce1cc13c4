"""A host in a hundred lines: starts a real worker process and speaks the protocol with it, frame by frame.

Frames are made and read with msgspec alone, so that these tests do not trust the extension to check itself.
"""

import os
import secrets
import select
import subprocess
import sys
import time
from pathlib import Path

import msgspec

MAGIC = b"SNKB\0\0\0\1"
HELLO, READY, CALL, REPLY, ERROR, ITEM, END, PART, CREDIT, CANCEL = range(10)
EVENT = 12
GOAWAY = 14
FRAGMENT = 64 << 10
"""Bodies that are longer travel in fragments of at most so many bytes."""
TOTAL = {CALL: 8, REPLY: 2, ITEM: 5, END: 4}
"""Where a header says how long the body is that follows in fragments."""
LIMITS = {
    "frame": 1 << 20,
    "body": 256 << 20,
    "depth": 64,
    "items": 1_000_000,
    "window": 256 << 10,
    "calls": 1000,
}
ADAPTERS = Path(__file__).parent / "adapters"
PATIENCE = 20.0
"""Seconds after which a silent worker fails the test."""

encode, decode = msgspec.msgpack.encode, msgspec.msgpack.decode


class ScriptedHost:
    """One worker and the wire to it; use it as a context manager."""

    def __init__(self, adapter, **hello):
        nonce = self.nonce = secrets.token_hex(16)
        environment = {**os.environ, "SNAKEBRIDGE_NONCE": nonce, "SNAKEBRIDGE_PARENT_PID": str(os.getpid())}
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-m", "snakebridge.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            bufsize=0,
        )
        self._received = b""
        self._large = {}
        self._last_id = -1
        self.events, self.rest = [], []
        body = {
            "version": "0.1.0",
            "pid": os.getpid(),
            "adapter": adapter,
            "config": None,
            "python_path": [str(ADAPTERS)],
            "limits": {name: LIMITS[name] for name in ("frame", "body", "depth", "items")},
            "status_fd": None,
            **hello,
        }
        self.send([HELLO, 1, 1, list(LIMITS.values()), nonce], encode(body))
        assert self._take(len(MAGIC)) == MAGIC
        assert self.receive()[0][0] == HELLO

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def send(self, header, body=b""):
        """Write one frame; or, where the body is large, its header and the fragments."""
        self.write(self.frame(header, body))

    def frame(self, header, body=b""):
        """The bytes that `send` writes."""
        if len(body) <= FRAGMENT:
            frame = encode(header) + body
            return len(frame).to_bytes(4, "big") + frame
        place = TOTAL[header[0]]
        announced = [*header, *[None] * (place - len(header)), len(body), *header[place + 1 :]]
        stream = header[2] if header[0] in (ITEM, END) else 0
        parts = (body[start : start + FRAGMENT] for start in range(0, len(body), FRAGMENT))
        frames = [self.frame(announced), *(self.frame([PART, header[1], stream], part) for part in parts)]
        return b"".join(frames)

    def write(self, data):
        view = memoryview(data)
        while view:
            view = view[self.process.stdin.write(view) :]

    def receive(self):
        """Header and decoded body (None where there is none) of the next message, put together where it is
        large.

        The header is then as it would be of a small one. Events that come before it go to `events`.
        """
        while True:
            header, body = self.receive_frame()
            if header[0] == EVENT:
                self.events.append((header, decode(body) if body else None))
            elif header[0] == PART:
                whole, parts, total = self._large[header[1], header[2]]
                parts.append(body)
                if sum(map(len, parts)) == total:
                    del self._large[header[1], header[2]]
                    return whole, decode(b"".join(parts))
            elif len(header) > TOTAL.get(header[0], 99) and (total := header[TOTAL[header[0]]]) is not None:
                stream = header[2] if header[0] in (ITEM, END) else 0
                self._large[header[1], stream] = header[: TOTAL[header[0]]], [], total
            elif header[0] == ERROR and (header[1], 0) in self._large:
                raise AssertionError(f"{header} before the body that it follows is complete")
            else:
                return header, decode(body) if body else None

    def receive_frame(self):
        """Header and encoded body of the next frame."""
        frame = self._take(int.from_bytes(self._take(4), "big"))
        for length in range(2, len(frame) + 1):  # the header ends where it can be decoded for the first time
            try:
                header = decode(frame[:length])
            except msgspec.DecodeError:
                continue
            return header, frame[length:]
        raise AssertionError(f"no header in {frame!r}")

    def call(self, target, arguments=None, *, inputs=0, tools=0, **options):
        """Send a CALL and return its id; `options` are those of the header."""
        self._last_id += 2
        header = [CALL, self._last_id, target, options.pop("flags", 0)]
        header += [options.pop(element, None) for element in ("remaining", "session", "parent", "meta")]
        assert not options
        header += [None, inputs, tools] if inputs or tools else []
        self.send(header, encode({} if arguments is None else arguments))
        return self._last_id

    def ask(self, target, arguments=None, **options):
        """Call a tool and return its result, or header and body of the ERROR."""
        number = self.call(target, arguments, **options)
        header, body = self.receive()
        assert header[1] == number
        return body if header[0] == REPLY else (header, body)

    def close(self):
        """Close the wire and return the exit code and what was said."""
        self.process.stdin.close()
        self.process.stdin = None
        return self.wait()

    def wait(self):
        """Wait for the worker's own end and return the exit code and what was said: printed, logged, or
        written to stderr past Python.
        """
        errors = self.process.stderr.read()
        self._received += self.process.stdout.read()
        while len(self._received) >= 4 + int.from_bytes(self._received[:4], "big") > 4:
            header, body = self.receive_frame()
            if header[0] == EVENT:
                self.events.append((header, decode(body) if body else None))
            else:
                self.rest.append(header)
        said = [body["message"] for header, body in self.events if header[1] == 0 and body]
        return self.process.wait(PATIENCE), "\n".join([*said, errors.decode()])

    def _take(self, count):
        deadline = time.monotonic() + PATIENCE
        while len(self._received) < count:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))
            data = os.read(self.process.stdout.fileno(), 1 << 16) if ready else b""
            if not data:
                self.process.kill()
                _, errors = self.process.communicate()
                reason = "closed the wire" if ready else "is silent"
                raise AssertionError(f"the worker {reason} ({self.process.returncode}):\n{errors.decode()}")
            self._received += data
        taken, self._received = self._received[:count], self._received[count:]
        return taken
