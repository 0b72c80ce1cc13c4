"""One generated function per tool: decode the arguments, call the tool, encode the result.

The native side calls it with the body of a CALL. Generated source is the fastest form that was measured: 146
ns for decoding, calling and encoding two numbers, where a generic ``function(**decode(body))`` takes twice
that. Arguments are read from a struct by name and passed without a dictionary.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from snakebridge.arguments import ArgumentReader
from snakebridge.current import current_context
from snakebridge.encoding import encode, encode_rest, result_encoder
from snakebridge.errors import AdapterError, InvalidArgument
from snakebridge.inputs import input_type, opener

if TYPE_CHECKING:
    from collections.abc import Callable

    from snakebridge.batches import BatchRunner
    from snakebridge.definitions import ToolDefinition
    from snakebridge.marks import Policy
    from snakebridge.results import ResultCheck
    from snakebridge.signature import Parameter

FILE_NAME = "<snakebridge trampoline>"
"""Where tracebacks see the generated code; frames of it are left out of what the caller gets."""

_UNARY = """\
def run(body):
    {read}
    result = {call}{gather}
    try:
        return encode(result)
    except Exception as error:
        return encode_rest(result, error)
"""

_STREAM = """\
def run(body):
    {read}
    return {call}
"""

# A decorator may have run the coroutine by itself, and then there is nothing to await.
_ASYNC_UNARY = """\
async def run(body):
    {read}
    result = {call}
    if hasattr(type(result), "__await__"):
        result = await result{gather}
    try:
        return encode(result)
    except Exception as error:
        return encode_rest(result, error)
"""

_ASYNC_STREAM = """\
async def run(body):
    {read}
    items = {call}
    if hasattr(type(items), "__await__"):
        items = await items
    return await send_all(check(items))
"""

# Where nothing says whether the tool streams. The first line is for the usual results.
_GATHER = """
    if type(result) not in plain:
        result = {wait}gathered(tool, result)"""

_PLAIN = frozenset({dict, list, str, int, float, bool, type(None), bytes, tuple})
"""Types of most results: none of them is an iterator."""

_CLOSED = """\
try:
        arguments = decode(body)
    except Exception as error:
        arguments = rescue(body, error)"""

_OPEN = "arguments, extra = read_open(body)"


def build_trampoline(
    definition: ToolDefinition, send_all: Any = None, unserializable: Policy = "refuse"
) -> Callable[[bytes], Any]:
    """Generate the function that runs a tool from the body of a CALL.

    It returns the encoded result, or, for a streaming tool, an iterator of values. For an asynchronous tool
    it returns a coroutine that gives the encoded result, or sends the items. What the tool raises passes
    through unchanged; a body that does not fit raises InvalidArgument before the tool is entered.

    Args:
        definition: The tool.
        send_all: Sends the items of an asynchronous stream (default: to the host, from the worker's loop).
        unserializable: What becomes of objects without a form on the wire, where the tool does not say it.

    Raises:
        AdapterError: If a parameter's type is one that arguments cannot be decoded into.
    """
    signature = definition.signature
    if signature.is_async and send_all is None:
        from snakebridge import asynchronous  # asyncio doubles a worker's memory

        send_all = asynchronous.send_all
    if definition.columns is not None:
        batches = batch_runner(definition)
        run_batch = batches.run_later if signature.is_async else batches.run
        return _marking(definition, unserializable, run_batch)
    reader = _reader(definition)
    result = _result_check(definition)
    is_open = any(parameter.kind == "var_keyword" for parameter in definition.parameters)
    namespace: dict[str, Any] = {
        "function": definition.function,
        "decode": reader.decode,
        "rescue": reader.rescue,
        "read_open": reader.read_open,
        "current_context": current_context,
        "encode": result_encoder.encode,
        "encode_rest": encode_rest,
        "__tracebackhide__": True,  # pytest looks for it here as well: it has no source to show
    }

    for parameter in definition.parameters:
        if (opens := opener(parameter.name, parameter.annotation)) is not None:
            namespace[f"open_{parameter.name}"] = opens
    values = [_pass(parameter, f"open_{parameter.name}" in namespace) for parameter in signature.parameters]
    call = f"function({', '.join(values)})"
    namespace["send_all"] = send_all
    gather = ""
    if definition.streams:
        namespace["check"] = _items_check(definition.name, result, signature.is_async)
    elif definition.answers_both:
        gather = _GATHER.format(wait="await " if signature.is_async else "")
        namespace.update(plain=_PLAIN, tool=definition.name, gathered=_gathering(signature.is_async))
    match signature.is_async, definition.streams:
        case False, False:
            template = _UNARY
        case False, True:
            template, call = _STREAM, f"iter(check({call}))"
        case True, False:
            template = _ASYNC_UNARY
        case _:
            template = _ASYNC_STREAM
    source = template.format(read=_OPEN if is_open else _CLOSED, call=call, gather=gather)
    # What varies in the source are the names of parameters, which are identifiers.
    exec(compile(source, FILE_NAME, "exec"), namespace)
    run: Callable[[bytes], Any] = namespace["run"]
    if result is not None and not definition.streams:
        run = result.after(run, signature.is_async)
    return _marking(definition, unserializable, run)


def _marking(
    definition: ToolDefinition, unserializable: Policy, run: Callable[[bytes], Any]
) -> Callable[[bytes], Any]:
    policy = definition.options.unserializable or unserializable
    if policy == "refuse":
        return run
    from snakebridge.marks import under  # few tools want marks

    return under(policy, run, definition.signature.is_async, definition.streams)


def batch_runner(definition: ToolDefinition) -> BatchRunner:
    """What runs a tool that takes many calls at once."""
    from snakebridge.batches import BatchRunner  # loaded with the definition

    assert definition.columns is not None
    check = _result_check(definition)
    return BatchRunner(
        definition.function, definition.signature, definition.columns, _reader(definition), check
    )


def _result_check(definition: ToolDefinition) -> ResultCheck | None:
    if definition.options.validate != "full":
        return None
    from snakebridge.results import result_check  # few tools have their results checked

    return result_check(definition)


def _reader(definition: ToolDefinition) -> ArgumentReader:
    reader = ArgumentReader(definition.name, _checked(definition))
    _check_examples(definition, reader)
    return reader


def _check_examples(definition: ToolDefinition, reader: ArgumentReader) -> None:
    for number, example in enumerate(definition.options.examples, 1):
        body = encode(example)
        try:
            reader.read_open(body) if reader.is_open else reader.read(body)
        except InvalidArgument as refusal:
            raise AdapterError(f"example {number} of tool `{definition.name}`: {refusal}") from None


def _checked(definition: ToolDefinition) -> list[Parameter]:
    """The parameters as their arguments are checked: all of any type, where the tool wants no checks."""
    if definition.options.validate != "off":
        return definition.parameters
    return [
        parameter
        if input_type(parameter.annotation) is not None
        else msgspec.structs.replace(parameter, annotation=Any)
        for parameter in definition.parameters
    ]


def _pass(parameter: Parameter, is_stream: bool) -> str:
    """The source that passes one parameter."""
    if parameter.kind == "var_keyword":
        return "**extra"
    value = "current_context()" if parameter.injected else f"arguments.{parameter.name}"
    if is_stream:
        value = f"open_{parameter.name}({value})"
    return f"{parameter.name}={value}" if parameter.kind == "keyword_only" else value


def _gathering(is_async: bool) -> Callable[[str, Any], Any]:
    """What makes a list of a result that is an iterator."""

    def gathered(tool: str, result: Any) -> Any:
        from snakebridge import gathering  # few tools give something so unusual

        return (gathering.gathered_later if is_async else gathering.gathered)(tool, result)

    return gathered


def _items_check(tool: str, check_items: ResultCheck | None, is_async: bool) -> Callable[[Any], Any]:
    """What makes the items that are sent from what a streaming tool returns."""

    def check(result: Any) -> Any:
        from snakebridge.gathering import items_of, synchronous  # many workers never stream

        items = items_of(tool, result)
        if check_items is not None:
            items = check_items.items(items)
        return items if is_async else synchronous(items)

    return check
