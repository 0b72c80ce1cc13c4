"""Hypothesis strategies from the signatures of tools. Imported by name: it needs hypothesis."""

from __future__ import annotations

import typing
from typing import TYPE_CHECKING, Any

import msgspec
from hypothesis import strategies as st

from snakebridge.arguments import ArgumentReader
from snakebridge.decorator import ToolOptions, options_of
from snakebridge.definitions import define_tool
from snakebridge.encoding import encode
from snakebridge.errors import InvalidArgument, Unserializable
from snakebridge.inputs import input_type

if TYPE_CHECKING:
    from collections.abc import Callable

    from hypothesis.strategies import SearchStrategy

    from snakebridge.signature import Parameter

SMALLEST, LARGEST = -(2**63), 2**64 - 1
"""Integers that the wire can say."""


def arguments_of(tool: Callable[..., Any]) -> SearchStrategy[dict[str, Any]]:
    """Arguments by name that fit a tool's signature; those with defaults are sometimes left out.

    Args:
        tool: A decorated function or method, or any other function.

    Raises:
        AdapterError: If it cannot be a tool as it is written.

    Example:
        >>> from hypothesis import given
        >>> def repeat(text: str, times: int = 2) -> str:
        ...     return text * min(times, 10)
        >>> @given(arguments_of(repeat))
        ... def check(arguments):
        ...     assert isinstance(arguments["text"], str)
        >>> check()
    """
    definition = define_tool(tool, options_of(tool) or ToolOptions())
    reader = ArgumentReader(definition.name, definition.parameters)
    named = [parameter for parameter in definition.parameters if parameter.kind != "var_keyword"]
    required = {parameter.name: _values(parameter) for parameter in named if parameter.required}
    optional = {parameter.name: _values(parameter) for parameter in named if not parameter.required}

    def fits(arguments: dict[str, Any]) -> bool:
        try:
            body = encode(arguments)
            reader.read_open(body) if reader.is_open else reader.read(body)
        except (InvalidArgument, Unserializable):
            return False
        return True

    return st.fixed_dictionaries(required, optional=optional).filter(fits)


def _values(parameter: Parameter) -> SearchStrategy[Any]:
    stream = input_type(parameter.annotation)
    return _of(parameter.annotation) if stream is None else st.lists(_of(stream.item))


def _of(annotation: Any) -> SearchStrategy[Any]:
    """Values of an annotation, within the limits of the wire and the usual constraints."""
    if annotation is Any:
        return _plain()
    if annotation is int:
        return st.integers(SMALLEST, LARGEST)
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        metas = [extra for extra in arguments[1:] if isinstance(extra, msgspec.Meta)]
        return _constrained(arguments[0], metas)
    if origin is list and arguments:
        return st.lists(_of(arguments[0]))
    if origin is dict and arguments:
        return st.dictionaries(_of(arguments[0]), _of(arguments[1]))
    return st.from_type(annotation)


def _constrained(kind: Any, metas: list[msgspec.Meta]) -> SearchStrategy[Any]:
    said = {
        name: value
        for meta in metas
        for name in ("ge", "gt", "le", "lt", "min_length", "max_length", "pattern")
        if (value := getattr(meta, name)) is not None
    }
    length = {"min_size": said.get("min_length", 0), "max_size": said.get("max_length")}
    if kind is int:
        smallest = said.get("ge", said.get("gt", SMALLEST - 1) + 1)
        return st.integers(smallest, said.get("le", said.get("lt", LARGEST + 1) - 1))
    if kind is float:
        return st.floats(
            said.get("ge", said.get("gt")),
            said.get("le", said.get("lt")),
            exclude_min="gt" in said,
            exclude_max="lt" in said,
            allow_nan=not {"ge", "gt", "le", "lt"} & said.keys(),
        )
    if kind is str:
        return st.from_regex(said["pattern"]) if "pattern" in said else st.text(**length)
    if kind is bytes:
        return st.binary(**length)
    if typing.get_origin(kind) is list:
        return st.lists(_of(typing.get_args(kind)[0]), **length)
    return _of(kind)


def _plain() -> SearchStrategy[Any]:
    scalars = (
        st.none()
        | st.booleans()
        | st.integers(SMALLEST, LARGEST)
        | st.floats(allow_nan=False)
        | st.text()
        | st.binary()
    )
    return st.recursive(
        scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10
    )
