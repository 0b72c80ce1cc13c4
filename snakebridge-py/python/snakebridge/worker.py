"""What the host runs as ``python -I -m snakebridge.worker``.

The order matters. Until `_native.start` has made the wire private, nothing is imported that could print to it
or inherit it: neither msgspec nor anything of the user's. What follows is in `snakebridge.startup`.
"""

from __future__ import annotations

from snakebridge import _native


def main() -> None:
    """Start the wire, then everything that needs it; returns when the host has closed the wire."""
    greeting = _native.start()
    try:
        from snakebridge.startup import run
    except ImportError as error:
        _native.fail(3, _import_failure(error))
    run(greeting)


def _import_failure(error: ImportError) -> bytes:
    """The failure report for a worker that has no msgspec to encode it with: a MessagePack map of strings."""
    report = {
        "why": "import",
        "type": type(error).__name__,
        "message": f"the Python package snakebridge is incomplete: {error}; mend it by: pip install msgspec",
        "module": error.name or "msgspec",
    }
    texts = [text.encode() for pair in report.items() for text in pair]
    return bytes([0x80 | len(report)]) + b"".join(
        b"\xdb" + len(text).to_bytes(4, "big") + text for text in texts
    )


if __name__ == "__main__":
    main()
