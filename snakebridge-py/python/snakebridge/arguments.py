"""The body of a call, decoded into the arguments of a tool.

A body is a map ``{name: value}`` or an array ``[[positional...], {name: value}]``. msgspec decodes and checks
the map in one step; the array form and every failure take the slower way through `ArgumentReader.rescue`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from snakebridge.annotations import type_text, undecodable
from snakebridge.conversion.decoding import decode, decoder
from snakebridge.encoding import encode as _encode
from snakebridge.errors import AdapterError, InvalidArgument, Problem, mismatch
from snakebridge.references.kept import is_refusal
from snakebridge.suggestions import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from snakebridge.signature import Parameter

SIMPLE_DEFAULTS = frozenset({type(None), bool, int, float, str, bytes})
"""Defaults that msgspec may copy into every struct. Any other is handed over by a factory, as the same object
each time, which is what Python does."""

_Pieces = dict[str, msgspec.Raw]
_decode_map = msgspec.msgpack.Decoder(_Pieces).decode
_decode_array = msgspec.msgpack.Decoder(tuple[list[msgspec.Raw], _Pieces]).decode


class ArgumentReader:
    """Reads the arguments of one tool.

    Args:
        tool: The tool's name, for error messages.
        parameters: The parameters that a call gives; injected ones are not among them.

    Raises:
        AdapterError: If a parameter's type is one that arguments cannot be decoded into.
    """

    def __init__(self, tool: str, parameters: Sequence[Parameter]) -> None:
        self._tool = tool
        self._named = {
            parameter.name: parameter for parameter in parameters if parameter.kind != "var_keyword"
        }
        self._open = next((parameter for parameter in parameters if parameter.kind == "var_keyword"), None)
        for parameter in parameters:
            if (reason := undecodable(parameter.wire_type)) is not None:
                raise AdapterError(
                    f"tool `{tool}`: parameter `{parameter.name}` cannot be of type "
                    f"{type_text(parameter.annotation)}: {reason}"
                )
        self._struct = msgspec.defstruct(
            f"{tool} arguments",
            [_field(parameter) for parameter in self._named.values()],
            kw_only=True,  # required parameters may follow optional ones
            forbid_unknown_fields=True,
            gc=False,  # it lives for one call and cannot be part of a cycle
        )
        self.decode: Callable[[bytes], Any] = decoder(self._struct)
        self._decode_positional = self._positional_decoder()
        if self._open is not None:
            extra = self._open.wire_type
            self._open_type = extra
            self._decode_all = decoder(dict[str, extra])  # type: ignore[valid-type]

    @property
    def is_open(self) -> bool:
        """Whether the tool has ``**kwargs``, so that `read_open` reads its arguments."""
        return self._open is not None

    def read(self, body: bytes) -> Any:
        """Decode the arguments of a tool without ``**kwargs``.

        Raises:
            InvalidArgument: If they do not fit.
        """
        try:
            return self.decode(body)
        except Exception as error:
            return self.rescue(body, error)

    def rescue(self, body: bytes, error: Exception) -> Any:
        """Decode what `decode` refused: the array form, or else raise InvalidArgument with every problem."""
        if is_refusal(error):  # what stands for an object stands for none
            raise error
        if self._decode_positional is not None:
            try:
                arguments, named = self._decode_positional(body)
            except Exception as second:
                if is_refusal(second):
                    raise
                # Else it is not an array, or one with problems.
            else:
                if not named:
                    return arguments
        pieces, problems = self._split(body)
        if not problems and not _is_map(body):
            try:
                return self.decode(_encode(pieces))
            except Exception as second:
                error = second
        if not problems:
            try:
                return self._one_by_one(pieces)
            except Exception:
                pass  # explained below, argument by argument
        self._refuse(problems + self._explain(pieces), error)

    def read_open(self, body: bytes) -> tuple[Any, dict[str, Any]]:
        """Decode arguments of a tool with ``**kwargs``: those with a parameter, and the others."""
        if not self._named:
            try:
                return None, self._decode_all(body)
            except Exception:
                pass  # the array form, or one with problems
        pieces, problems = self._split(body)
        extra = {name: pieces.pop(name) for name in list(pieces) if name not in self._named}
        error = None
        if not problems:
            try:
                named = self._one_by_one(pieces) if self._named else None
                return named, {name: decode(piece, self._open_type) for name, piece in extra.items()}
            except Exception as caught:
                error = caught
        self._refuse(problems + self._explain(pieces) + self._explain_extra(extra), error)

    def _one_by_one(self, pieces: _Pieces) -> Any:
        """Decode each argument by itself, with a second attempt for those that have extensions in them."""
        if unknown := pieces.keys() - self._named.keys():
            raise TypeError(f"unknown arguments {unknown}")
        values = {name: decode(piece, self._named[name].wire_type) for name, piece in pieces.items()}
        return self._struct(**values)

    def _positional_decoder(self) -> Callable[[bytes], Any] | None:
        """A decoder for arguments that are all given by position, which needs no splicing."""
        if any(parameter.kind == "keyword_only" for parameter in self._named.values()):
            return None
        array = msgspec.defstruct(
            f"{self._tool} positional arguments",
            [_field(parameter) for parameter in self._named.values()],
            array_like=True,
            forbid_unknown_fields=True,
            gc=False,
        )
        return decoder(tuple[array, _Pieces])  # type: ignore[valid-type]

    def _split(self, body: bytes) -> tuple[_Pieces, list[Problem]]:
        """The undecoded arguments by name, whichever form the body has."""
        try:
            if _is_map(body):
                return _decode_map(body), []
            positional, named = _decode_array(body)
        except Exception as error:
            self._refuse([], error)
        names = [name for name, parameter in self._named.items() if parameter.kind != "keyword_only"]
        problems = [Problem(name, "duplicate") for name in names[: len(positional)] if name in named]
        if len(positional) > len(names):
            problems.append(
                Problem("arguments", "surplus", expected=f"at most {len(names)}", actual=str(len(positional)))
            )
        return {**named, **dict(zip(names, positional, strict=False))}, problems

    def _explain(self, pieces: _Pieces) -> list[Problem]:
        """Every problem, parameter by parameter."""
        problems = []
        for name, parameter in self._named.items():
            if name in pieces:
                problems += _mismatch(name, parameter.wire_type, pieces[name])
            elif parameter.required:
                problems.append(Problem(name, "missing", expected=f"`{type_text(parameter.annotation)}`"))
        free = [name for name in self._named if name not in pieces]
        for name in pieces.keys() - self._named.keys():
            there_is = "there is " + ", ".join(f"`{known}`" for known in self._named)
            problems.append(
                Problem(
                    name,
                    "unknown",
                    expected=there_is if self._named else "the tool takes no arguments",
                    suggestion=nearest(name, free) or nearest(name, self._named),
                )
            )
        return problems

    def _explain_extra(self, extra: _Pieces) -> list[Problem]:
        assert self._open is not None
        annotation = self._open.wire_type
        return [problem for name, piece in extra.items() for problem in _mismatch(name, annotation, piece)]

    def _refuse(self, problems: list[Problem], error: Exception | None) -> NoReturn:
        if error is not None and is_refusal(error):
            raise error
        if not problems:  # the body is not a map of names at all
            problems = [mismatch("arguments", "arguments", error or TypeError("not readable"))]
        count = "" if len(problems) == 1 else f" ({len(problems)} problems)"
        # Without the tool's name, which the host puts in front.
        message = f"the arguments do not fit{count}: " + "; ".join(map(str, problems))
        refusal = InvalidArgument(message, tuple(problems))
        refusal.tool_ran = False
        raise refusal from None


def _is_map(body: bytes) -> bool:
    return bool(body) and (body[0] & 0xF0 == 0x80 or body[0] in (0xDE, 0xDF))


def _field(parameter: Parameter) -> tuple[str, Any] | tuple[str, Any, Any]:
    default = parameter.default
    if default is msgspec.UNSET:
        return parameter.name, parameter.wire_type
    if type(default) in SIMPLE_DEFAULTS:
        return parameter.name, parameter.wire_type, default
    return parameter.name, parameter.wire_type, msgspec.field(default_factory=lambda: default)


def _mismatch(name: str, annotation: Any, piece: msgspec.Raw) -> list[Problem]:
    """What is wrong with one argument."""
    from snakebridge.conversion.problems import find_problems  # a worker that refuses nothing never loads it

    return find_problems(name, annotation, piece)
