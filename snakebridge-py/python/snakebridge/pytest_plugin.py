"""The pytest plugin: fixtures for tests of adapters. What they need is imported when one is used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from snakebridge.telemetry import Event
    from snakebridge.testing import FakeHost, Recording, ToolRunner


NAME_LIMIT = 100
"""Characters of a file's name that are a test's: ids of parameters may be longer than file systems allow."""


@pytest.fixture
def fake_host() -> FakeHost:
    """A host without tools; the test adds some."""
    from snakebridge.testing import FakeHost

    return FakeHost()


@pytest.fixture
def run_adapter(fake_host: FakeHost) -> Iterator[Callable[..., ToolRunner]]:
    """Makes a `ToolRunner` on `fake_host`, initialized, and cleaned up after the test.

    Takes what `ToolRunner` takes, the adapter first.
    """
    from contextlib import ExitStack

    from snakebridge.testing import ToolRunner

    with ExitStack() as runners:

        def run(adapter: Any, **options: Any) -> ToolRunner:
            return runners.enter_context(ToolRunner(adapter, fake_host, **options))

        yield run


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that says what becomes of recordings."""
    parser.getgroup("snakebridge").addoption(
        "--snakebridge-record",
        choices=["once", "none", "rewrite"],
        default="once",
        help="recordings of adapters' calls: `once` replays those that are there and records the others "
        "(default), `none` only replays, `rewrite` records anew",
    )


@pytest.fixture
def recording(request: pytest.FixtureRequest) -> Iterator[Recording]:
    """A test's recording: ``recordings/<module>/<test>.json`` beside it, saved when the test has passed.

    Classes are folders. Where characters of a parameter cannot be in a file's name, a hash tells those apart
    that look alike without them.
    """
    from snakebridge.testing import Recording

    made = Recording(_recording_path(request), request.config.getoption("--snakebridge-record"))
    yield made
    made.save()


def _recording_path(request: pytest.FixtureRequest) -> Path:
    """Where the recording of a test is, and that of no other."""
    classes = [node.name for node in request.node.listchain() if isinstance(node, pytest.Class)]
    folder = request.path.parent.joinpath("recordings", request.path.stem, *classes)
    return folder / f"{_file_name(request.node.name)}.json"


def _file_name(test: str) -> str:
    import re

    name = re.sub(r"[^A-Za-z0-9_.-]+", "_", test)[:NAME_LIMIT]
    if name == test:
        return name
    import hashlib

    return f"{name}-{hashlib.sha256(test.encode()).hexdigest()[:8]}"


def pytest_exception_interact(node: pytest.Item | pytest.Collector) -> None:
    """Drop what a test has recorded that fails."""
    discard = getattr(getattr(node, "funcargs", {}).get("recording"), "discard", None)
    if discard is not None:
        discard()


@pytest.fixture
def telemetry_events() -> Iterator[list[Event]]:
    """The events that are told during the test."""
    from snakebridge import telemetry

    events: list[Event] = []
    detach = telemetry.attach(events.append)
    yield events
    detach()
