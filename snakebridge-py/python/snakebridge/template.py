"""What the host runs as ``python -I -m snakebridge.template``: a process that workers are forked from.

It imports the adapter's module and nothing else, and then waits: it has no wire and no threads, and makes no
adapter. The host asks for one thing at a time over a socket, which is its standard input. A message is a
length of four bytes and a MessagePack document:

- ``{"prepare": {"python_path": [..], "module": "..", "compat": ..}}``, once. The answer is ``"ready"``,
  ``{"refused": why}``, or ``{"failed": {..}}`` with what a worker says when it cannot start.
- ``{"fork": {"environment": [[name, value], ..], "forgotten": [pid, ..]}}`` with three descriptors: the
  standard streams of the new worker. The answer is ``{"pid": ..}``. Those forgotten are reaped with it.
- ``{"reap": {"pid": ..}}``: the answer is ``{"status": ..}``, as `os.waitpid` gives it.

A worker's process id is kept until the host has asked for its status, so that the host may signal it until
then.
"""

from __future__ import annotations

import fcntl
import gc
import os
import socket
import sys
from typing import Any, Protocol

FIRST_PRIVATE = 64
"""The socket is moved here, out of reach of code that closes small descriptors."""

PARENT = "SNAKEBRIDGE_PARENT_PID"
"""The process that a worker's parent has to be: the template."""


class _Cuda(Protocol):
    def is_initialized(self) -> bool: ...


def main() -> None:
    """Serve the host; in each worker that is forked, be that worker."""
    host = _take_socket()
    os.dup2(2, 1)  # what is printed is for the log
    _die_with_the_host()
    this = os.getpid()
    while (message := _receive(host)) is not None:
        (name, content), descriptors = message
        if name == "prepare":
            _send(host, _prepare(content["python_path"], content["module"], content.get("compat")))
        elif name == "fork":
            _reap_all(content["forgotten"])
            pid = os.fork()
            if pid == 0:
                host.close()
                _become_worker(this, content["environment"], descriptors)
                return
            for descriptor in descriptors:
                os.close(descriptor)
            _send(host, {"pid": pid})
        else:
            _send(host, {"status": _reap(content["pid"])})


def _take_socket() -> socket.socket:
    private = fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, FIRST_PRIVATE)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return socket.socket(fileno=private)


def _die_with_the_host() -> None:
    """Arm the kernel's signal for the death of the host, and see that it has not died before."""
    from snakebridge import _native

    _native.harden(int(os.environ[PARENT]))


def _prepare(python_path: list[str], module: str, compat: str | None) -> Any:
    sys.path[:0] = python_path
    # All that a worker needs of ours is imported with it.
    from snakebridge.failures import failure_report
    from snakebridge.loading import import_module
    from snakebridge.startup import serve_foreign_names

    try:
        serve_foreign_names(compat)
        import_module(module)
    except BaseException as error:
        return {"failed": failure_report("import", error, module)}
    if refusal := _unsafe():
        return {"refused": refusal}
    # What is there now lives as long as the workers: no collection needs to look at it, nor to write to it.
    gc.collect()
    gc.freeze()
    return "ready"


def _unsafe() -> str | None:
    """Why this process must not be forked, or None."""
    threads = len(os.listdir("/proc/self/task"))
    if threads > 1:
        return (
            f"once it is imported, the process has {threads} threads, and a fork copies only one of them, "
            "with whatever locks the others hold"
        )
    torch = sys.modules.get("torch")
    cuda: _Cuda | None = getattr(torch, "cuda", None)
    if cuda is not None and cuda.is_initialized():
        return "it uses CUDA while it is imported, and CUDA does not survive a fork"
    return None


def _become_worker(template: int, environment: list[tuple[str, str]], descriptors: list[int]) -> None:
    os.setpgid(0, 0)
    for target, descriptor in enumerate(descriptors):
        os.dup2(descriptor, target)
        os.close(descriptor)
    os.environ.update(environment)
    os.environ[PARENT] = str(template)  # not whoever is the parent now: the template may have died
    _seed_anew()
    from snakebridge.worker import main as work

    work()


def _seed_anew() -> None:
    """Give this worker random numbers of its own. Python's generator does so by itself; numpy's does not."""
    random = getattr(sys.modules.get("numpy"), "random", None)
    if random is not None:
        random.seed()


def _reap(pid: int) -> int:
    return os.waitpid(pid, 0)[1]


def _reap_all(pids: list[int]) -> None:
    for pid in pids:
        _reap(pid)  # killed by the host, so this does not wait


def _receive(host: socket.socket) -> tuple[tuple[str, Any], list[int]] | None:
    head, descriptors, _, _ = socket.recv_fds(host, 4, 3)
    if not head:
        return None
    body = host.recv(int.from_bytes(head, "big"), socket.MSG_WAITALL)
    from msgspec.msgpack import decode

    (message,) = decode(body).items()
    return message, descriptors


def _send(host: socket.socket, answer: Any) -> None:
    from msgspec.msgpack import encode

    body = encode(answer)
    host.sendall(len(body).to_bytes(4, "big") + body)


if __name__ == "__main__":
    main()
