"""Tools that give back, raise or yield what no honest tool would. What ran is noted in the ledger."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from ledger_tools import Ledger

from snakebridge import BaseAdapter, tool


class Raising:
    """Raises whatever is asked of it."""

    def __repr__(self) -> str:
        raise RuntimeError("repr was called")

    def __str__(self) -> str:
        raise RuntimeError("str was called")

    def __iter__(self) -> Iterator[int]:
        raise RuntimeError("iter was called")

    def __len__(self) -> int:
        raise RuntimeError("len was called")

    def __reduce__(self) -> str:
        raise RuntimeError("reduce was called")


class Converted:
    """Is converted by what it was made with."""

    def __init__(self, convert: Any) -> None:
        self.convert = convert

    def to_dict(self) -> Any:
        """Do what was said."""
        return self.convert()


class Array:
    """An array as numpy's look from outside."""

    size = 4

    def tolist(self) -> list[list[float]]:
        """Give nested lists."""
        return [[1.0, 2.0], [3.0, 4.0]]


class Endless:
    """A conversion whose result has to be converted again, for ever."""

    def to_dict(self) -> Any:
        """Give another one."""
        return [Endless()]


@dataclass
class Row:
    """A record with anything in it."""

    cell: Any


def fail_to_convert() -> None:
    """Raise."""
    raise LookupError("no such row")


def nested(depth: int) -> list[Any]:
    """A list in a list, so deep."""
    value: list[Any] = []
    for _ in range(depth - 1):
        value = [value]
    return value


def itself() -> list[Any]:
    """A list that holds itself."""
    value: list[Any] = []
    value.append(value)
    return value


RESULTS: dict[str, Any] = {
    "nested 64": lambda: nested(64),
    "nested 65": lambda: nested(65),
    "nested 10000": lambda: nested(10_000),
    "itself": itself,
    "2^63": lambda: 2**63,
    "2^64 - 1": lambda: 2**64 - 1,
    "2^64": lambda: {"n": [2**64]},
    "2^40000": lambda: {"n": [2**40_000]},
    "-2^63": lambda: -(2**63),
    "-2^63 - 1": lambda: {"n": [-(2**63) - 1]},
    "lone surrogate": lambda: {"text": ["\ud800"]},
    "lone surrogate as a key": lambda: {"\udfff": 1},
    "bytes that are no text": lambda: b"\xff\xfe",
    "tuple": lambda: (1, (2, ())),
    "set": lambda: {7},
    "frozenset": lambda: frozenset({7}),
    "complex": lambda: [1j],
    "aware datetime": lambda: datetime(2024, 2, 29, 12, tzinfo=UTC),
    "naive datetime": lambda: datetime(2024, 2, 29, 12),
    "date": lambda: date(2024, 2, 29),
    "timedelta": lambda: timedelta(days=1, seconds=1),
    "decimal": lambda: Decimal("1.10"),
    "uuid": lambda: UUID(int=1),
    "array": Array,
    "object": lambda: {"a": [1, 2, 3, {"owner": object()}]},
    "object in a record": lambda: [Row(Row(object()))],
    "raising": lambda: {"rows": [Raising()]},
    "conversion that raises": lambda: [Converted(fail_to_convert)],
    "conversion that hangs": lambda: [Converted(lambda: time.sleep(60))],
    "conversion without an end": Endless,
    "tuple as a key": lambda: {(1, 2): "x"},
    "object as a key": lambda: {"a": {object(): 1}},
    "keys of every kind": lambda: {None: 0, True: 1, 5: 2, -5: 3, 1.5: 4, "s": 5, b"b": 6, 2**64 - 1: 7},
    "colliding keys": lambda: {number << 14: number for number in range(100_000)},
    "nothing": lambda: [None, "", b"", [], {}, (), set()],
}


class Unspeakable(Exception):
    """Has no text."""

    def __str__(self) -> str:
        raise RuntimeError("str was called")

    def __repr__(self) -> str:
        raise RuntimeError("repr was called")


def in_a_circle() -> BaseException:
    """Two exceptions, each caused by the other."""
    first, second = ValueError("first"), KeyError("second")
    first.__cause__, second.__cause__ = second, first
    return first


def in_a_chain() -> BaseException:
    """A hundred exceptions, each caused by the next."""
    error: BaseException = ValueError("0")
    for number in range(1, 100):
        cause, error = error, ValueError(str(number))
        error.__cause__ = cause
    return error


ERRORS: dict[str, Any] = {
    "no text": Unspeakable,
    "huge": lambda: ValueError("x" * 100_000_000),
    "circle": in_a_circle,
    "chain": in_a_chain,
    "not text": lambda: ValueError(b"\xff", None, object),
    "surrogate": lambda: ValueError("\ud800"),
    "huge note": lambda: noted(ValueError("with a note"), "n" * 10_000_000),
    "StopIteration": lambda: StopIteration(1),
    "GeneratorExit": GeneratorExit,
}


def noted(error: BaseException, note: str) -> BaseException:
    """An exception with a note."""
    error.add_note(note)
    return error


class OddAdapter(BaseAdapter):
    """Gives, raises and yields odd things."""

    def __init__(self, config: dict[str, str]) -> None:
        super().__init__()
        self.ledger = Ledger(config["ledger"])

    @tool
    def give(self, what: str) -> Any:
        """Return one of the odd values."""
        return RESULTS[what]()

    @tool(unserializable="refuse")
    def strict(self) -> Any:
        """Return what has no form, and want no mark of it."""
        return object()

    @tool
    def throw(self, what: str) -> None:
        """Raise one of the odd exceptions."""
        error: BaseException = ERRORS[what]()
        raise error

    @tool
    def echo(self, value: Any) -> Any:
        """Return what came."""
        return value

    @tool
    def describe(self, value: Any) -> str:
        """Say what came, in Python's words."""
        return repr(value)

    @tool
    def keys(self, value: dict[Any, Any]) -> int:
        """Count the keys that came, and look every one up."""
        return sum(key in value for key in value)

    @tool
    def place(self, first: int, /, second: int = 2, *, third: int = 3) -> list[int]:
        """Take one argument by place alone, and one by name alone."""
        self.ledger.note(first)
        return [first, second, third]

    @tool
    def nothing(self) -> None:
        """Return nothing."""

    @tool
    def produce(self, n: int, size: int, ready: int) -> Iterator[bytes]:
        """Yield `n` items of `size` bytes; note `ready` and its successors before each."""
        for number in range(n):
            self.ledger.note(ready + number)
            yield bytes(size)

    @tool
    def yield_empty(self, n: int) -> Iterator[bytes]:
        """Yield so many items of no bytes."""
        for _ in range(n):
            yield b""

    @tool
    def yield_then(self, n: int, what: str) -> Iterator[Any]:
        """Yield `n` numbers and then one of the odd values."""
        yield from range(n)
        yield RESULTS[what]()

    @tool
    def endless(self, ended: int) -> Iterator[int]:
        """Count without an end; note `ended` when closed."""
        number = 0
        try:
            while True:
                yield number
                number += 1
        finally:
            self.ledger.note(ended)

    @tool
    def clings(self, how: str, began: int) -> Iterator[int]:
        """Resist being closed."""
        self.ledger.note(began)
        try:
            yield 0
            while True:
                yield 1
        finally:
            if how == "yields":
                yield 2
            elif how == "ignores":
                while True:
                    try:
                        yield 3
                    except GeneratorExit:
                        continue
            elif how == "raises":
                raise ValueError("not now")
            elif how == "hangs":
                while True:
                    with contextlib.suppress(BaseException):
                        time.sleep(60)

    @tool
    async def count_later(self, n: int, ended: int) -> AsyncIterator[int]:
        """Count, asynchronously; note `ended` at the end."""
        try:
            for number in range(n):
                await asyncio.sleep(0)
                yield number
        finally:
            self.ledger.note(ended)

    @tool
    async def fail_later(self, n: int) -> AsyncIterator[int]:
        """Count, asynchronously, and then raise what ends an iteration."""
        for number in range(n):
            yield number
        raise StopAsyncIteration("odd")

    @tool
    async def wait_for_ever(self, began: int, ended: int) -> AsyncIterator[int]:
        """Yield once, and then await what never comes; note `began` before and `ended` after."""
        try:
            yield 0
            self.ledger.note(began)
            await asyncio.Event().wait()
        finally:
            self.ledger.note(ended)
