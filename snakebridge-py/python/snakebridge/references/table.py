"""The objects that a worker keeps for sessions, by number: least recently used ones go first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from itertools import count
from typing import TYPE_CHECKING, Any

from snakebridge.errors import ReferenceLost

if TYPE_CHECKING:
    from collections.abc import Iterable


class ReferenceTable:
    """Keeps objects by number, for each session at most so many.

    Numbers begin at 1 and are never used again. A session is a number too, the host's: one that is created
    again under the same id has another. Any thread may use it; what an object does when it is dropped happens
    outside of the lock.

    Example:
        >>> table = ReferenceTable(maximum=1)
        >>> first, second = table.keep(7, "first"), table.keep(7, "second")
        >>> table.get(7, second)
        'second'
        >>> table.get(7, first)
        Traceback (most recent call last):
        ...
        snakebridge.ReferenceLost: object 1 is gone: a session keeps at most 1, and it was used longest ago
    """

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self._sessions: dict[int, OrderedDict[int, Any]] = {}
        self._owners: dict[int, int] = {}
        self._numbers = count(1)
        # Reentrant: making room may collect garbage, and what is collected may ask for something here.
        self._lock = threading.RLock()

    def keep(self, session: int, value: Any) -> int:
        """Keep an object, and return its number."""
        evicted = None
        with self._lock:
            number = next(self._numbers)
            kept = self._sessions.setdefault(session, OrderedDict())
            if len(kept) >= self._maximum:
                oldest, evicted = kept.popitem(last=False)
                del self._owners[oldest]
            kept[number] = value
            self._owners[number] = session
        del evicted
        return number

    def get(self, session: int, number: int) -> Any:
        """The object of that number, which is now the one that was used last.

        Raises:
            ReferenceLost: If it is not there any more, or never was this session's.
        """
        with self._lock:
            kept = self._sessions.get(session)
            if kept is not None and number in kept:
                kept.move_to_end(number)
                return kept[number]
        raise ReferenceLost(
            f"object {number} is gone: a session keeps at most {self._maximum}, and it was used longest ago"
        )

    def release(self, numbers: Iterable[int]) -> None:
        """Forget objects; those that are not there any more are none."""
        dropped = []
        with self._lock:
            for number in numbers:
                session = self._owners.pop(number, None)
                if session is None:
                    continue
                kept = self._sessions[session]
                dropped.append(kept.pop(number))
                if not kept:
                    del self._sessions[session]

    def end(self, sessions: Iterable[int]) -> None:
        """Forget everything of sessions that are over."""
        dropped = []
        with self._lock:
            for session in sessions:
                kept = self._sessions.pop(session, None)
                for number in kept or ():
                    del self._owners[number]
                dropped.append(kept)

    def __len__(self) -> int:
        return len(self._owners)
