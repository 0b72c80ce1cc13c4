"""Calls tools the way a worker does: through their trampoline, with encoded arguments and results."""

import asyncio
import inspect

from snakebridge import tool
from snakebridge.decorator import options_of
from snakebridge.definitions import define_tool
from snakebridge.encoding import encode
from snakebridge.extensions import decode
from snakebridge.trampoline import build_trampoline


def trampoline(function):
    """The trampoline of a function, which is decorated here unless it is already."""
    options = options_of(function)
    if options is None:
        options = options_of(tool(function))
    return build_trampoline(define_tool(function, options))


def call(function, /, *positional, **named):
    """Call a function and decode its result; positional arguments travel in the array form."""
    body = [positional, named] if positional else named
    result = trampoline(function)(encode(body))
    return decode(asyncio.run(result) if inspect.iscoroutine(result) else result)


def stream(function, /, **named):
    """Call a streaming function and list the values that it yields."""
    return list(trampoline(function)(encode(named)))
