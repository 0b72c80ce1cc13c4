"""What the caller of a call gets, however its tool runs."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from snakebridge import Cancelled
from snakebridge.testing.call import DeadlineExceeded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from snakebridge.testing.call import FakeCall


@contextlib.contextmanager
def answering(call: FakeCall | Any) -> Iterator[None]:
    """Give the caller of a call what the host would: an answer that comes late is none.

    Args:
        call: The call, or what records or replays what is asked in it.

    Raises:
        DeadlineExceeded: If the deadline has passed at the end of the block, whatever happened in it.
    """
    try:
        yield
    except (Exception, Cancelled) as error:
        if call.is_late:
            raise _late(call) from error
        raise
    if call.is_late:
        raise _late(call)


def _late(call: FakeCall | Any) -> DeadlineExceeded:
    return DeadlineExceeded(f"deadline_exceeded: the call was not answered within {call.timeout:.3g} s")
