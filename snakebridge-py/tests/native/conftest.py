"""Lets these tests use the scripted host of the directory above, also when they are run alone."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))


@pytest.fixture
def host():
    """A worker with the tools of `wire_adapter`, ready for calls."""
    from wire_host import Host  # found once the path is complete

    with Host() as host:
        yield host.ready()
