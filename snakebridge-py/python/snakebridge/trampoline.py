"""One generated function per tool: decode the arguments, call the tool, encode the result.

The native side calls it with the body of a CALL. Generated source is the fastest form that was measured: 146
ns for decoding, calling and encoding two numbers, where a generic ``function(**decode(body))`` takes twice
that. Arguments are read from a struct by name and passed without a dictionary.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snakebridge.arguments import ArgumentReader
from snakebridge.current import current_context
from snakebridge.encoding import refuse, result_encoder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from snakebridge.definitions import ToolDefinition
    from snakebridge.signature import Parameter

FILE_NAME = "<snakebridge trampoline>"
"""Where tracebacks see the generated code; frames of it are left out of what the caller gets."""

_UNARY = """\
def run(body):
    {read}
    result = {call}
    try:
        return encode(result)
    except Exception as error:
        refuse(result, error)
"""

_STREAM = """\
def run(body):
    {read}
    return {call}
"""

_CLOSED = """\
try:
        arguments = decode(body)
    except Exception as error:
        arguments = rescue(body, error)"""

_OPEN = "arguments, extra = read_open(body)"


def build_trampoline(definition: ToolDefinition) -> Callable[[bytes], Any]:
    """Generate the function that runs a tool from the body of a CALL.

    It returns the encoded result, or, for a streaming tool, an iterator of values. What the tool raises
    passes through unchanged; a body that does not fit raises InvalidArgument before the tool is entered.

    Raises:
        AdapterError: If a parameter's type is one that arguments cannot be decoded into.
    """
    signature = definition.signature
    reader = ArgumentReader(definition.name, definition.parameters)
    is_open = any(parameter.kind == "var_keyword" for parameter in definition.parameters)
    namespace: dict[str, Any] = {
        "function": definition.function,
        "decode": reader.decode,
        "rescue": reader.rescue,
        "read_open": reader.read_open,
        "current_context": current_context,
        "encode": result_encoder.encode,
        "refuse": refuse,
    }

    call = f"function({', '.join(map(_pass, signature.parameters))})"
    if signature.is_async:
        from snakebridge import asynchronous  # asyncio doubles a worker's memory

        namespace["complete"], namespace["turn"] = asynchronous.complete, asynchronous.iterate
        call = f"turn({call})" if signature.is_async_generator else f"complete({call})"
    if definition.streams:
        namespace["iterate"] = _iterator_of(definition.name)
        call = f"iterate({call})"

    template = _STREAM if definition.streams else _UNARY
    source = template.format(read=_OPEN if is_open else _CLOSED, call=call)
    # What varies in the source are the names of parameters, which are identifiers.
    exec(compile(source, FILE_NAME, "exec"), namespace)
    run: Callable[[bytes], Any] = namespace["run"]
    return run


def _pass(parameter: Parameter) -> str:
    """The source that passes one parameter."""
    if parameter.kind == "var_keyword":
        return "**extra"
    value = "current_context()" if parameter.injected else f"arguments.{parameter.name}"
    return f"{parameter.name}={value}" if parameter.kind == "keyword_only" else value


def _iterator_of(tool: str) -> Callable[[Any], Iterator[Any]]:
    """A check of what a streaming tool returns: a generator, or anything else to iterate over on purpose."""

    def iterate(result: Iterable[Any]) -> Iterator[Any]:
        if isinstance(result, str | bytes | bytearray | dict) or not hasattr(type(result), "__iter__"):
            raise TypeError(
                f"tool `{tool}` is declared with supports_streaming=True and returned "
                f"{type(result).__name__}: yield the items, or return an iterator of them"
            )
        return iter(result)

    return iterate
