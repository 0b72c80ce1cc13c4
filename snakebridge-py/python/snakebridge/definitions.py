"""The tools of an adapter, collected from its class or module."""

from __future__ import annotations

from functools import cached_property
from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from snakebridge.annotations import description_of, type_text
from snakebridge.decorator import ToolOptions, check_options, check_tool_name, options_of
from snakebridge.errors import AdapterError
from snakebridge.signature import Parameter, Signature, inner_function, read_signature

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import ModuleType

    from snakebridge.batches import Column
    from snakebridge.registration import ToolRegistration


Place = Literal["main", "thread", "loop"]

FOREIGN_TOOLS = "__snakebridge_tools__"
"""Method by which the base classes in `snakebridge.compat` list what they know besides."""

HOOKS = frozenset({"initialize", "cleanup", "warmup", "before_call", "after_call"})
"""What a worker runs by itself, of an adapter object or module, where it is there."""

_PROPERTIES = {property: "fget", cached_property: "func"}
"""Decorators that make an attribute of a method, and where they keep it."""

INCLUDED = "_snakebridge_included"
"""Attribute of an adapter object: its handlers, each with the prefix of its tools' names."""


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
    locate: Callable[[Any], Any]
    """Gives the callable of an adapter object: `function` is that of the object that was looked at."""
    columns: tuple[Column, ...] | None = None
    """What the function gets for each parameter, where it takes many calls at once. The signature is that of
    one call."""

    @property
    def parameters(self) -> list[Parameter]:
        """The parameters that a call gives."""
        return [parameter for parameter in self.signature.parameters if not parameter.injected]

    @property
    def answers_both(self) -> bool:
        """Whether nothing says if it streams.

        Then a call that asks for a stream gets the items of the iterator that it returns, and one that asks
        for a value gets a list of them.
        """
        is_open = self.options.supports_streaming is None and self.signature.returns is Any
        is_kept = self.options.cache is not None
        return is_open and not (self.streams or is_kept or self.columns is not None)

    def place(self, threads: int) -> Place:
        """Where it runs, in a worker that was given so many threads."""
        if self.signature.is_async:
            return "loop"
        return self.options.run_on or ("thread" if threads else "main")


def define_tool(
    function: Callable[..., Any],
    options: ToolOptions,
    locate: Callable[[Any], Any] | None = None,
    takes_context: bool = False,
    attribute: str = "",
) -> ToolDefinition:
    """Read everything about one function that is a tool.

    Args:
        function: The callable, bound where it is a method.
        options: What was said about it.
        locate: Gives the callable of another adapter object (default: it is the same for all).
        takes_context: Whether the first parameter is the session context, whatever it is annotated with.
        attribute: What a method is called in its class, for callables without a name of their own.

    Raises:
        AdapterError: If it cannot be a tool as it is written.
    """
    # An alias of a method is the same tool, so the function's own name comes first.
    name = options.name or str(getattr(function, "__name__", attribute))
    try:
        check_tool_name(name)
    except ValueError as error:
        raise AdapterError(f"{_origin(function)}: {error}; name it by @tool(name=...)") from None
    signature = read_signature(function, name, takes_context)
    if takes_context and not (signature.parameters and signature.parameters[0].injected):
        raise AdapterError(f"{_origin(function)}: a handler's function takes the session context first")
    if options.cache is not None and (signature.is_generator or options.supports_streaming):
        raise AdapterError(
            f"{_origin(function)}: tool `{name}` streams, and its items cannot be kept: no cache"
        )
    columns = None
    if options.batch is not None:
        from snakebridge.batches import per_call  # only for adapters that have such tools

        if signature.is_generator or options.supports_streaming:
            raise AdapterError(
                f"{_origin(function)}: tool `{name}` takes many calls at once and streams: it returns a list"
            )
        signature, columns = per_call(signature, name)
    # A `functools.partial` has the docstring of its class.
    description, texts = _documented(inner_function(function).__doc__)
    signature = _described(signature, texts)
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
        description=description if options.description is None else options.description,
        streams=signature.is_generator if options.supports_streaming is None else options.supports_streaming,
        origin=_origin(function),
        locate=locate or (lambda _: function),
        columns=columns,
    )


def tools_of_instance(adapter: object) -> list[ToolDefinition]:
    """The decorated methods of an object, and the tools of the handlers that it includes, by name.

    Only what the class says counts, looked up without touching properties: a method that a subclass overrides
    without the decorator is no tool.
    """
    named = {name: value for kind in reversed(type(adapter).__mro__) for name, value in vars(kind).items()}
    methods = (
        define_tool(getattr(adapter, name), options, attrgetter(name), attribute=name)
        for name, value in named.items()
        if (options := _said_of(type(adapter), name, value)) is not None
    )
    tools = _distinct(chain(methods, _included_tools(adapter), _listed_by_adapter(adapter)))
    policy = getattr(type(adapter), "unserializable", None)
    return tools if not isinstance(policy, str) else [_with_policy(tool, policy, adapter) for tool in tools]


def _said_of(kind: type, name: str, value: Any) -> ToolOptions | None:
    """What `@tool` said about an attribute of a class, or None where it is not decorated.

    Raises:
        AdapterError: If it has the name of something of `BaseAdapter`, or is inside of a property.
    """
    function = getattr(value, "__func__", value)
    options = options_of(function)
    if options is None:
        read = getattr(value, _PROPERTIES[type(value)]) if type(value) in _PROPERTIES else None
        if options_of(read) is not None:
            raise AdapterError(
                f"{_origin(read)}: `{name}` is a {type(value).__name__}, which is read and not called, and "
                "so no tool: leave that decorator out, or put @tool on a method that returns it"
            )
        return None
    from snakebridge.base_adapter import BaseAdapter  # which imports this module

    if name in vars(BaseAdapter) and issubclass(kind, BaseAdapter):
        raise _taken(function, name, f"`BaseAdapter.{name}`")
    return options


def _taken(function: Any, name: str, what: str) -> AdapterError:
    why = "the worker runs it by itself" if name in HOOKS else "adapters have it already"
    return AdapterError(
        f"{_origin(function)}: {what} is no tool, because {why}: give the function another name, and the "
        f'tool this one if it has to be called so, by @tool(name="{name}")'
    )


def _with_policy(tool: ToolDefinition, policy: str, adapter: object) -> ToolDefinition:
    """The tool with what its adapter says of objects without a form, if it says nothing of them itself."""
    if tool.options.unserializable is not None:
        return tool
    try:
        options = check_options({**msgspec.structs.asdict(tool.options), "unserializable": policy})
    except TypeError as error:
        raise AdapterError(f"{type(adapter).__qualname__}.unserializable is {policy!r}: {error}") from None
    return msgspec.structs.replace(tool, options=options)


def tools_of_module(module: ModuleType) -> list[ToolDefinition]:
    """The decorated functions that are defined in a module, by name."""
    found = [
        (name, value, options)
        for name, value in vars(module).items()
        if (options := options_of(value)) is not None
        and getattr(value, "__module__", None) == module.__name__
    ]
    for name, value, _ in found:
        if name in HOOKS:
            raise _taken(value, name, f"a module's `{name}`")
    return _distinct(define_tool(value, options) for _, value, options in found)


def register(definition: ToolDefinition, adapter_class: str, module: str) -> ToolRegistration:
    """A definition as `BaseAdapter.get_tools` reports it."""
    from snakebridge.registration import ParameterSpec, ToolRegistration  # a worker asks for none

    return ToolRegistration(
        name=definition.name,
        description=definition.description,
        parameters=[
            ParameterSpec(
                name=parameter.name,
                type=type_text(parameter.annotation),
                description=parameter.description,
                required=parameter.required,
                default=None if parameter.default is msgspec.UNSET else _json(parameter.default),
            )
            for parameter in definition.parameters
        ],
        supports_streaming=definition.streams,
        metadata={"adapter_class": adapter_class, "module": module},
    )


def _documented(docstring: str | None) -> tuple[str, dict[str, str]]:
    """The description in a docstring, and what it says of parameters."""
    text = (docstring or "").strip()
    if "\n" not in text and not text.startswith(":"):
        return text, {}
    from snakebridge.docstrings import first_paragraph, parameter_texts  # its expressions take a millisecond

    return first_paragraph(docstring), parameter_texts(docstring)


def _described(signature: Signature, texts: dict[str, str]) -> Signature:
    """The signature with what the docstring says of its parameters; their annotations say it first."""
    parameters = tuple(
        msgspec.structs.replace(
            parameter, description=description_of(parameter.annotation) or texts.get(parameter.name, "")
        )
        for parameter in signature.parameters
    )
    return msgspec.structs.replace(signature, parameters=parameters)


def _included_tools(adapter: object) -> Iterator[ToolDefinition]:
    for index, (handler, prefix) in enumerate(vars(adapter).get(INCLUDED, ())):
        from snakebridge.handlers import handler_tools  # most adapters have none

        for tool in handler_tools(handler):
            # Each adapter object has handlers of its own, in the same order.
            yield msgspec.structs.replace(
                tool,
                name=prefix + tool.name,
                locate=lambda other, index=index, tool=tool: tool.locate(vars(other)[INCLUDED][index][0]),
            )


def _listed_by_adapter(adapter: object) -> Iterable[ToolDefinition]:
    """What an adapter of a foreign kind says of tools that are no decorated methods."""
    more = getattr(type(adapter), FOREIGN_TOOLS, None)
    return () if more is None else more(adapter)


def _distinct(found: Iterable[ToolDefinition]) -> list[ToolDefinition]:
    tools: dict[str, ToolDefinition] = {}
    for definition in found:
        other = tools.setdefault(definition.name, definition)
        if other is not definition and other.function != definition.function:  # an alias is the same function
            raise AdapterError(
                f"two tools are called `{definition.name}`: {other.origin} and {definition.origin}; "
                "rename one by @tool(name=...)"
            )
    return sorted(tools.values(), key=lambda definition: definition.name)


def _origin(function: Any) -> str:
    function = inner_function(function)
    name = (
        f"{getattr(function, '__module__', '?')}.{getattr(function, '__qualname__', type(function).__name__)}"
    )
    code = getattr(function, "__code__", None)
    return name if code is None else f"{name} ({code.co_filename}:{code.co_firstlineno})"


def _json(value: Any) -> str | None:
    try:
        text = msgspec.json.encode(value).decode()
        if value is None or "null" not in text:
            return text
        import json  # which has words for infinities and NaN; msgspec writes null for them

        return json.dumps(
            msgspec.to_builtins(value, str_keys=True), separators=(",", ":"), ensure_ascii=False
        )
    except Exception:  # a default that only Python can say
        return None
