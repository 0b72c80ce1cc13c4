"""Results of tools that declare ``validate="full"``, checked against what their signatures promise."""

from __future__ import annotations

import typing
from typing import TYPE_CHECKING, Any

import msgspec

from snakebridge.annotations import type_text, undecodable
from snakebridge.conversion.decoding import decode, decoder, own_constraints, wire_annotation
from snakebridge.encoding import encode
from snakebridge.errors import AdapterError, InvalidResult
from snakebridge.inputs import input_type
from snakebridge.streams import StreamChunk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator

    from snakebridge.definitions import ToolDefinition


class ResultCheck:
    """Checks what a tool gives: its encoded result, or each item of its stream.

    What is checked is the encoded form, by the rules for arguments: what the caller gets would be accepted
    where a parameter is annotated in the same way.

    Raises:
        AdapterError: If the return annotation is none that values can be decoded into.
    """

    def __init__(self, definition: ToolDefinition) -> None:
        annotation = definition.signature.returns
        if definition.streams:
            stream = input_type(annotation)
            annotation = Any if stream is None or stream.item is StreamChunk else stream.item
        if not isinstance(annotation, str):
            annotation = own_constraints(annotation, f"the result of tool `{definition.name}`")
        reason = "it does not exist at run time" if isinstance(annotation, str) else None
        self._annotation = None if reason else wire_annotation(annotation)
        reason = reason or undecodable(self._annotation)
        if reason is not None:
            raise AdapterError(
                f'tool `{definition.name}` declares validate="full", but its result cannot be checked '
                f"against {type_text(definition.signature.returns)}: {reason}"
            )
        self._decode = decoder(self._annotation)

    def check(self, body: bytes) -> bytes:
        """An encoded result, as it is.

        Raises:
            InvalidResult: If it does not fit.
        """
        return self._check("result", body)

    def after(self, run: Callable[[bytes], Any], is_async: bool) -> Callable[[bytes], Any]:
        """A trampoline whose result is checked."""

        def checked(body: bytes) -> bytes:
            return self.check(run(body))

        async def checked_later(body: bytes) -> bytes:
            return self.check(await run(body))

        return checked_later if is_async else checked

    def items(self, stream: Any) -> Any:
        """A stream whose items are checked, one by one; asynchronous where the given one is."""
        return self._later(stream) if hasattr(type(stream), "__aiter__") else self._now(stream)

    def _now(self, stream: Any) -> Generator[Any, None, Any]:
        iterator, number = iter(stream), 0
        try:
            while True:
                try:
                    item = next(iterator)
                except StopIteration as end:
                    return end.value
                self._check_item(number, item)
                yield item
                number += 1
        finally:
            if hasattr(iterator, "close"):
                iterator.close()

    async def _later(self, stream: Any) -> AsyncIterator[Any]:
        iterator, number = aiter(stream), 0
        try:
            async for item in iterator:
                self._check_item(number, item)
                yield item
                number += 1
        finally:
            if hasattr(iterator, "aclose"):
                await iterator.aclose()

    def _check_item(self, number: int, item: Any) -> None:
        self._check(f"items[{number}]", encode(item.data if isinstance(item, StreamChunk) else item))

    def _check(self, place: str, body: bytes) -> bytes:
        try:
            self._decode(body)
            return body
        except Exception:
            pass
        try:
            decode(body, self._annotation)
        except Exception:
            from snakebridge.conversion.problems import find_problems  # only where something is wrong

            problems = find_problems(place, self._annotation, msgspec.Raw(body))
            message = f"the result does not fit {type_text(self._annotation)}: "
            raise InvalidResult(message + "; ".join(map(str, problems)), tuple(problems)) from None
        return body


def result_check(definition: ToolDefinition) -> ResultCheck | None:
    """The check of a tool's result, where it declares one and says what it gives."""
    if definition.options.validate != "full" or definition.signature.returns is typing.Any:
        return None
    return ResultCheck(definition)
