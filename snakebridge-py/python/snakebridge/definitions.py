"""The tools of an adapter, collected from its class or module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from snakebridge.annotations import description_of, type_text
from snakebridge.decorator import ToolOptions, check_tool_name, options_of
from snakebridge.errors import AdapterError
from snakebridge.registration import ParameterSpec, ToolRegistration
from snakebridge.signature import Parameter, Signature, read_signature

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType


Place = Literal["main", "thread", "loop"]


class ToolDefinition(msgspec.Struct, frozen=True):
    """One tool, ready to be called."""

    name: str
    function: Any
    """The callable, bound where it is a method."""
    options: ToolOptions
    signature: Signature
    description: str
    streams: bool
    origin: str
    """Where it is defined, for error messages: ``module.Class.method (file:line)``."""

    @property
    def parameters(self) -> list[Parameter]:
        """The parameters that a call gives."""
        return [parameter for parameter in self.signature.parameters if not parameter.injected]

    def place(self, threads: int) -> Place:
        """Where it runs, in a worker that was given so many threads."""
        if self.signature.is_async:
            return "loop"
        return self.options.run_on or ("thread" if threads else "main")


def define_tool(function: Callable[..., Any], options: ToolOptions) -> ToolDefinition:
    """Read everything about one decorated function.

    Raises:
        AdapterError: If it cannot be a tool as it is written.
    """
    name = options.name or str(getattr(function, "__name__", ""))
    try:
        check_tool_name(name)
    except ValueError as error:
        raise AdapterError(f"{_origin(function)}: {error}; name it by @tool(name=...)") from None
    signature = read_signature(function, name)
    if options.run_on is not None and signature.is_async is not (options.run_on == "loop"):
        right = 'run_on="loop", or leave it out' if signature.is_async else 'run_on="main" or "thread"'
        kind = "asynchronous" if signature.is_async else "synchronous"
        raise AdapterError(
            f"{_origin(function)}: tool `{name}` is {kind} and cannot run on "
            f'"{options.run_on}": write {right}'
        )
    return ToolDefinition(
        name=name,
        function=function,
        options=options,
        signature=signature,
        description=first_paragraph(function.__doc__) if options.description is None else options.description,
        streams=signature.is_generator if options.supports_streaming is None else options.supports_streaming,
        origin=_origin(function),
    )


def tools_of_instance(adapter: object) -> list[ToolDefinition]:
    """The decorated methods of an object, by name.

    Only what the class says counts, looked up without touching properties: a method that a subclass overrides
    without the decorator is no tool.
    """

    def methods() -> Iterator[tuple[Any, ToolOptions]]:
        named = {
            name: value for kind in reversed(type(adapter).__mro__) for name, value in vars(kind).items()
        }
        for name, value in named.items():
            options = options_of(getattr(value, "__func__", value))
            if options is not None:
                yield getattr(adapter, name), options

    return _distinct(methods())


def tools_of_module(module: ModuleType) -> list[ToolDefinition]:
    """The decorated functions that are defined in a module, by name."""
    return _distinct(
        (value, options)
        for value in vars(module).values()
        if (options := options_of(value)) is not None
        and getattr(value, "__module__", None) == module.__name__
    )


def register(definition: ToolDefinition, adapter_class: str, module: str) -> ToolRegistration:
    """A definition as `BaseAdapter.get_tools` reports it."""
    return ToolRegistration(
        name=definition.name,
        description=definition.description,
        parameters=[
            ParameterSpec(
                name=parameter.name,
                type=type_text(parameter.annotation),
                description=description_of(parameter.annotation),
                required=parameter.required,
                default=None if parameter.default is msgspec.UNSET else _json(parameter.default),
            )
            for parameter in definition.parameters
        ],
        supports_streaming=definition.streams,
        metadata={"adapter_class": adapter_class, "module": module},
    )


def first_paragraph(docstring: str | None) -> str:
    """The first paragraph of a docstring on one line, or an empty text."""
    lines = []
    for line in (docstring or "").strip().splitlines():
        if not line.strip():
            break
        lines.append(line.strip())
    return " ".join(lines)


def _distinct(found: Iterator[tuple[Any, ToolOptions]]) -> list[ToolDefinition]:
    tools: dict[str, ToolDefinition] = {}
    for function, options in found:
        definition = define_tool(function, options)
        other = tools.setdefault(definition.name, definition)
        if other is not definition and other.function != definition.function:  # an alias is the same function
            raise AdapterError(
                f"two tools are called `{definition.name}`: {other.origin} and {definition.origin}; "
                "rename one by @tool(name=...)"
            )
    return sorted(tools.values(), key=lambda definition: definition.name)


def _origin(function: Any) -> str:
    name = (
        f"{getattr(function, '__module__', '?')}.{getattr(function, '__qualname__', type(function).__name__)}"
    )
    code = getattr(function, "__code__", None)
    return name if code is None else f"{name} ({code.co_filename}:{code.co_firstlineno})"


def _json(value: Any) -> str | None:
    try:
        return msgspec.json.encode(value).decode()
    except Exception:  # a default that only Python can say
        return None
