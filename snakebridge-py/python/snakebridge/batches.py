"""Tools that take many calls at once: what one call of them is, and how they are run.

Such a function has a list for each parameter, and returns a list; its signature, as callers see it, is that
of one call. Loaded only where an adapter has such a tool.
"""

from __future__ import annotations

import collections.abc
import sys
import types
import typing
from typing import TYPE_CHECKING, Any

import msgspec

from snakebridge.annotations import type_text
from snakebridge.current import current_context
from snakebridge.encoding import encode_checked
from snakebridge.errors import AdapterError, InvalidArgument, InvalidResult
from snakebridge.inputs import input_type
from snakebridge.marks import note

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from snakebridge.arguments import ArgumentReader
    from snakebridge.results import ResultCheck
    from snakebridge.signature import Parameter, Signature

    Outcome = bytes | Exception
    """What becomes of one call: its encoded result, or its own error."""

_decode_calls = msgspec.msgpack.Decoder(tuple[list[tuple[bytes, str | None]]]).decode
_decode_outcomes = msgspec.msgpack.Decoder(list[bytes | tuple[str, int, bytes]]).decode
_encode = msgspec.msgpack.Encoder().encode

SEQUENCES = (list, tuple, collections.abc.Sequence, collections.abc.Collection)
"""What a column, or the results, may be annotated as, besides an array of numpy."""

INT64 = 2**63


class Column(msgspec.Struct, frozen=True):
    """One parameter of a function that takes many calls: the values of all calls for it."""

    element: Any
    """The type of the value of one call."""
    make: Callable[[list[Any]], Any]
    """Makes what the function gets."""


def per_call(signature: Signature, tool: str) -> tuple[Signature, tuple[Column, ...]]:
    """The signature of one call of a function that takes many, and a column for each of its parameters.

    Raises:
        AdapterError: If the function cannot take many calls as it is written.
    """
    parameters, columns = [], []
    for parameter in signature.parameters:
        column = Column(parameter.annotation, list)
        if not parameter.injected:
            column = _column(parameter, tool)
            default = _default(parameter, tool)
            parameter = msgspec.structs.replace(parameter, annotation=column.element, default=default)  # noqa: PLW2901
        parameters.append(parameter)
        columns.append(column)
    returns = _returned(signature.returns, tool)
    single = msgspec.structs.replace(signature, parameters=tuple(parameters), returns=returns)
    return single, tuple(columns)


def _column(parameter: Parameter, tool: str) -> Column:
    annotation = parameter.annotation
    if parameter.kind == "var_keyword":
        raise AdapterError(
            f"tool `{tool}` takes many calls at once and `**{parameter.name}`: name its parameters"
        )
    if annotation is Any:
        return Column(Any, list)
    element = _element(annotation)
    origin = typing.get_origin(annotation) or annotation
    if element is not None and input_type(element) is None:
        return Column(element, tuple if origin is tuple else list)
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(origin, type) and issubclass(origin, numpy.ndarray):
        return _array_column(numpy, annotation, parameter.name, tool)
    raise AdapterError(
        f"tool `{tool}` takes many calls at once, and parameter `{parameter.name}` is "
        f"{type_text(annotation)}: it gets the values of all calls, so annotate it as `list[...]`, "
        "`Sequence[...]`, or `NDArray[...]` of numbers"
    )


def _element(annotation: Any) -> Any:
    """The type of the elements of a sequence, or None where it is none."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if (origin or annotation) not in SEQUENCES:
        return None
    if (origin or annotation) is tuple and arguments[1:] not in ((), (...,)):
        return None
    return arguments[0] if arguments else Any


def _array_column(numpy: Any, annotation: Any, name: str, tool: str) -> Column:
    _, dtype = typing.get_args(annotation) or (Any, Any)
    (scalar,) = typing.get_args(dtype) or (Any,)
    kind = numpy.dtype(scalar) if scalar in numpy.sctypeDict.values() else None
    element: Any
    match None if kind is None else kind.kind:
        case "f":
            element = float
        case "b":
            element = bool
        case "i" | "u":
            limits = numpy.iinfo(kind)
            # What does not fit would fail for all: it is refused for its caller alone.
            most = min(int(limits.max), INT64 - 1)
            element = typing.Annotated[int, msgspec.Meta(ge=int(limits.min), le=most)]
        case _:
            raise AdapterError(
                f"tool `{tool}` takes many calls at once, and parameter `{name}` is an array of no certain "
                "kind of numbers: say which, as in `NDArray[numpy.float64]`"
            )
    return Column(element, lambda values: numpy.asarray(values, kind))


def _default(parameter: Parameter, tool: str) -> Any:
    """The default of one call: a default of the function is a sequence of one."""
    default = parameter.default
    if default is msgspec.UNSET:
        return default
    if isinstance(default, list | tuple) and len(default) == 1:
        return default[0]
    raise AdapterError(
        f"tool `{tool}` takes many calls at once, and the default of `{parameter.name}` is {default!r:.80}: "
        "give the one of a single call as a sequence of one, such as `(1.0,)`"
    )


def _returned(annotation: Any, tool: str) -> Any:
    """What one call returns; exceptions among it are errors."""
    if annotation is Any or isinstance(annotation, str):
        return annotation if annotation is Any else Any
    element = _element(annotation)
    if element is None:
        origin = typing.get_origin(annotation) or annotation
        numpy = sys.modules.get("numpy")
        if numpy is not None and isinstance(origin, type) and issubclass(origin, numpy.ndarray):
            return Any  # a number or a row: nothing says how many dimensions it has
        raise AdapterError(
            f"tool `{tool}` takes many calls at once and returns {type_text(annotation)}: it returns one "
            "result for each call, so annotate it as `list[...]`"
        )
    if typing.get_origin(element) in (typing.Union, types.UnionType):
        results = [kind for kind in typing.get_args(element) if not _is_exception(kind)]
        return typing.Union[tuple(results)] if results else Any  # noqa: UP007 - made of what is left
    return Any if _is_exception(element) else element


def _is_exception(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseException)


class BatchRunner:
    """Runs a function that takes many calls.

    Args:
        function: The function.
        signature: That of one call.
        columns: Its columns.
        reader: Reads the arguments of one call.
        check: Checks a result, where the tool declares it.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        signature: Signature,
        columns: tuple[Column, ...],
        reader: ArgumentReader,
        check: ResultCheck | None,
    ) -> None:
        self._function = function
        self._parameters = tuple(zip(signature.parameters, columns, strict=True))
        self._read = reader.read
        self._check = check

    def run(self, body: bytes) -> bytes:
        """Answer the body of a CALL: of one call, or of many that the host has gathered."""
        if not is_batch(body):
            return self._only(self._results([self._read(body)]))
        return encode_outcomes(self.outcomes(body))

    async def run_later(self, body: bytes) -> bytes:
        """The same of an asynchronous function."""
        if not is_batch(body):
            return self._only(await self._results_later([self._read(body)]))
        return encode_outcomes(await self.outcomes_later(body))

    def outcomes(self, body: bytes) -> list[Outcome]:
        """What becomes of each of many calls."""
        calls = _Calls(body, self._read)
        results = self._results(calls.arguments) if calls.arguments else []
        return calls.outcomes(self._outcome(result) for result in results)

    async def outcomes_later(self, body: bytes) -> list[Outcome]:
        """The same of an asynchronous function."""
        calls = _Calls(body, self._read)
        results = await self._results_later(calls.arguments) if calls.arguments else []
        return calls.outcomes(self._outcome(result) for result in results)

    def _results(self, arguments: list[Any]) -> list[Any]:
        return _listed(self._call(arguments), len(arguments))

    async def _results_later(self, arguments: list[Any]) -> list[Any]:
        returned = self._call(arguments)
        if hasattr(type(returned), "__await__"):  # a decorator may have run it by itself
            returned = await returned
        return _listed(returned, len(arguments))

    def _call(self, arguments: list[Any]) -> Any:
        positional: list[Any] = []
        named: dict[str, Any] = {}
        for parameter, column in self._parameters:
            if parameter.injected:
                value: Any = current_context()
            else:
                name = parameter.name
                value = column.make([getattr(one, name) for one in arguments])
            if parameter.kind == "keyword_only":
                named[parameter.name] = value
            else:
                positional.append(value)
        return self._function(*positional, **named)

    def _only(self, results: list[Any]) -> bytes:
        outcome = self._outcome(results[0])
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def _outcome(self, result: Any) -> Outcome:
        """A result encoded; or the exception that it is, or that it is the reason of."""
        if isinstance(result, Exception):
            note(result)
            return result
        try:
            body = encode_checked(result)
            return body if self._check is None else self._check.check(body)
        except Exception as error:
            return error


class _Calls:
    """Calls that have come together: those whose arguments fit, and the refusals of the others."""

    def __init__(self, body: bytes, read: Callable[[bytes], Any]) -> None:
        self.arguments: list[Any] = []
        self._refusals: list[InvalidArgument | None] = []
        ids = []
        for arguments, correlation_id in decode_calls(body):
            try:
                self.arguments.append(read(arguments))
            except InvalidArgument as refusal:
                self._refusals.append(refusal)
            else:
                self._refusals.append(None)
                ids.append(correlation_id)
        context = current_context()
        if context is not None:
            context.runs_for(ids)

    def outcomes(self, of_arguments: Iterator[Outcome]) -> list[Outcome]:
        """What becomes of each call, from what becomes of `arguments`."""
        return [next(of_arguments) if refusal is None else refusal for refusal in self._refusals]


def is_batch(body: bytes) -> bool:
    """Whether the body of a CALL is of many calls: an array of one, where arguments are none."""
    return body[:1] == b"\x91"


def encode_calls(calls: Sequence[tuple[bytes, str | None]]) -> bytes:
    """Encoded arguments and correlation ids of many calls as the body of one CALL, as the host makes it."""
    return _encode([calls])


def decode_calls(body: bytes) -> list[tuple[bytes, str | None]]:
    """Encoded arguments and correlation ids of the calls in the body of a CALL that is of many."""
    (calls,) = _decode_calls(body)
    return calls


def encode_outcomes(outcomes: Sequence[Outcome]) -> bytes:
    """The outcomes of many calls as the body of one REPLY."""
    return _encode([list(_told(one)) if isinstance(one, Exception) else one for one in outcomes])


def decode_outcomes(body: bytes) -> list[bytes | tuple[str, int, bytes]]:
    """What `encode_outcomes` has said: each call's encoded result, or how `describe` describes its error."""
    return _decode_outcomes(body)


def _told(error: Exception) -> tuple[str, int, bytes]:
    from snakebridge.failures import describe  # only where something fails

    return describe(error)


def _listed(returned: Any, calls: int) -> list[Any]:
    """What a function returned for so many calls, as a list of as many results.

    Raises:
        InvalidResult: If it is none, or of another length.
    """
    kind = type(returned)
    if isinstance(returned, list | tuple):
        results = list(returned)
    elif callable(getattr(kind, "tolist", None)):
        results = returned.tolist()
    elif isinstance(returned, collections.abc.Sequence) and not isinstance(returned, str | bytes | bytearray):
        results = list(returned)
    else:
        results = None
    if not isinstance(results, list):
        raise InvalidResult(
            f"the tool takes many calls at once and returned {kind.__name__}: it returns a list with one "
            "result for each call"
        )
    if len(results) != calls:
        raise InvalidResult(
            f"the tool was given {calls} calls at once and returned {len(results)} results: it returns one "
            "for each"
        )
    return results
