"""Hypothesis strategies from the signatures of tools. Imported by name: it needs hypothesis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import errors
from hypothesis import strategies as st

from snakebridge.annotations import type_text
from snakebridge.arguments import ArgumentReader
from snakebridge.decorator import ToolOptions, options_of
from snakebridge.definitions import define_tool
from snakebridge.encoding import encode
from snakebridge.errors import InvalidArgument, Unserializable
from snakebridge.inputs import callback_type, input_type
from snakebridge.suggestions import did_you_mean
from snakebridge.testing.values import Values

if TYPE_CHECKING:
    from collections.abc import Callable

    from hypothesis.strategies import SearchStrategy

    from snakebridge.signature import Parameter

MISFITS = 100
"""Values of which none fits, after which a parameter is given up: fewer than those by which hypothesis gives
up the test, with an error that does not say which parameter it is."""


def arguments_of(tool: Callable[..., Any], /, **given: SearchStrategy[Any]) -> SearchStrategy[dict[str, Any]]:
    """Arguments by name that fit a tool's signature; those with defaults are sometimes left out.

    Dataclasses, Structs, TypedDicts and NamedTuples are built field by field, and constraints hold in them as
    well. A parameter that takes a function of the host has to have a default: it is always left out.

    Args:
        tool: A decorated function or method, or any other function.
        **given: Values for parameters by name, instead of those that would be made.

    Raises:
        AdapterError: If it cannot be a tool as it is written.
        TypeError: If no values can be made for a parameter, also where values are drawn and none fits; or if
            values are given for one that there is not.

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
    ArgumentReader(definition.name, definition.parameters)  # raises what keeps it from being a tool
    named = [parameter for parameter in definition.parameters if parameter.kind != "var_keyword"]
    for name in given.keys() - {parameter.name for parameter in named}:
        hint = did_you_mean(name, [parameter.name for parameter in named])
        raise TypeError(f"tool `{definition.name}` has no parameter `{name}`{hint}")
    values = Values()
    required: dict[str, SearchStrategy[Any]] = {}
    optional: dict[str, SearchStrategy[Any]] = {}
    for parameter in named:
        made = required if parameter.required else optional
        if parameter.name in given:
            made[parameter.name] = given[parameter.name]
        elif callback_type(parameter.annotation) is None:
            made[parameter.name] = _values(definition.name, parameter, values)
        elif parameter.required:
            raise _no_values(definition.name, parameter, "it takes a function of the host's own")
    return st.fixed_dictionaries(required, optional=optional)


def _no_values(tool: str, parameter: Parameter, reason: str) -> TypeError:
    return TypeError(
        f"tool `{tool}`: no values can be made for parameter `{parameter.name}` of type "
        f"{type_text(parameter.annotation)}: {reason}. Give some: `arguments_of(.., {parameter.name}=..)`"
    )


def _values(tool: str, parameter: Parameter, values: Values) -> SearchStrategy[Any]:
    """Values that the tool accepts for a parameter."""
    stream = input_type(parameter.annotation)
    try:
        made = values.of(parameter.annotation) if stream is None else st.lists(values.of(stream.item))
        made.validate()
    except (errors.HypothesisException, NameError, TypeError) as error:
        raise _no_values(tool, parameter, str(error)) from error
    reader = ArgumentReader(tool, [parameter])
    misfits: int | None = 0
    """None once a value has fitted."""

    def fits(value: Any) -> bool:
        nonlocal misfits
        try:
            reader.read(encode({parameter.name: value}))
        except (InvalidArgument, Unserializable) as error:
            misfits = None if misfits is None else misfits + 1
            if misfits is not None and misfits >= MISFITS:
                reason = f"{MISFITS} were drawn, and none fits; of the last one: {error}"
                raise _no_values(tool, parameter, reason) from None
            return False
        misfits = None
        return True

    return made.filter(fits)
