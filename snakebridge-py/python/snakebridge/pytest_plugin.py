"""The pytest plugin: fixtures for tests of adapters. What they need is imported when one is used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from snakebridge.telemetry import Event
    from snakebridge.testing import FakeHost, ToolRunner


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


@pytest.fixture
def telemetry_events() -> Iterator[list[Event]]:
    """The events that are told during the test."""
    from snakebridge import telemetry

    events: list[Event] = []
    detach = telemetry.attach(events.append)
    yield events
    detach()
