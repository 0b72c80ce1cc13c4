"""Python tools that Rust programs call, and Rust tools that Python calls.

An adapter is a class whose decorated methods are tools:

    >>> from snakebridge import BaseAdapter, tool
    >>> class TextAdapter(BaseAdapter):
    ...     @tool
    ...     def add(self, a: float, b: float) -> float:
    ...         '''Add two numbers.'''
    ...         return a + b
    >>> TextAdapter().add(1.0, 2.0)
    3.0

There are, with more to be read by ``help(snakebridge.tool)`` and the like:

    tool, BaseAdapter, Batch          what adapters are made of
    StreamChunk                       an item of a stream with a mark or metadata
    SessionContext, SessionState      what a tool knows of its call, and the values of its session
    HostTools, HostTool               the host's tools, as `SessionContext.tools`
    telemetry                         events and spans that the host gets
    keep, Kept                        objects that stay here while Rust refers to them
    ArrowStream, RawArray, Opaque     values whose library is not imported, or that have no form
    ToolRegistration, ParameterSpec   what `BaseAdapter.get_tools` reports

    ToolError                         raised by a tool on purpose, with a code
    InvalidArgument, InvalidResult    arguments or a result that do not fit the signature
    Unserializable, ReferenceLost     a value that cannot leave; an object that is not kept any more
    Cancelled                         nobody waits for the call any more
    HostToolError                     the host answered with an error; of sessions with a SessionError:
                                      SessionNotFound, SessionExpired, SessionQuota, Conflict
    AdapterError                      an adapter that cannot be used as it is written

Of the modules, `snakebridge.testing` is for tests of adapters, `snakebridge.adapters.showcase` an adapter to
learn from, and `snakebridge.compat.snakepit` for adapters that were written for snakepit. The others are how
it is done, and may change.
"""

# The names are imported when they are first used. A worker imports `snakebridge._native` through this package
# before it has made its wire private, and at that moment nothing else may be imported.

from __future__ import annotations

TYPE_CHECKING = (
    False  # type checkers take it for typing's; importing `typing` would import half of msgspec's time
)
if TYPE_CHECKING:
    from typing import Any

    from snakebridge import telemetry
    from snakebridge._native import Cancelled
    from snakebridge.base_adapter import BaseAdapter
    from snakebridge.conversion.arrays import RawArray
    from snakebridge.decorator import Batch, tool
    from snakebridge.errors import (
        AdapterError,
        Conflict,
        HostToolError,
        InvalidArgument,
        InvalidResult,
        ReferenceLost,
        SessionError,
        SessionExpired,
        SessionNotFound,
        SessionQuota,
        ToolError,
        Unserializable,
    )
    from snakebridge.extensions import ArrowStream, Opaque
    from snakebridge.host.state import SessionState
    from snakebridge.host.tools import HostTool, HostTools
    from snakebridge.references.kept import Kept, keep
    from snakebridge.registration import ParameterSpec, ToolRegistration
    from snakebridge.session import SessionContext
    from snakebridge.streams import StreamChunk

__version__ = "0.1.0"

__all__ = [
    "AdapterError",
    "ArrowStream",
    "BaseAdapter",
    "Batch",
    "Cancelled",
    "Conflict",
    "HostTool",
    "HostToolError",
    "HostTools",
    "InvalidArgument",
    "InvalidResult",
    "Kept",
    "Opaque",
    "ParameterSpec",
    "RawArray",
    "ReferenceLost",
    "SessionContext",
    "SessionError",
    "SessionExpired",
    "SessionNotFound",
    "SessionQuota",
    "SessionState",
    "StreamChunk",
    "ToolError",
    "ToolRegistration",
    "Unserializable",
    "__version__",
    "keep",
    "telemetry",
    "tool",
]

_HOMES = {
    "AdapterError": "errors",
    "ArrowStream": "extensions",
    "BaseAdapter": "base_adapter",
    "Batch": "decorator",
    "Cancelled": "_native",
    "Conflict": "errors",
    "HostTool": "host.tools",
    "HostToolError": "errors",
    "HostTools": "host.tools",
    "InvalidArgument": "errors",
    "InvalidResult": "errors",
    "Kept": "references.kept",
    "Opaque": "extensions",
    "ParameterSpec": "registration",
    "RawArray": "conversion.arrays",
    "ReferenceLost": "errors",
    "SessionContext": "session",
    "SessionError": "errors",
    "SessionExpired": "errors",
    "SessionNotFound": "errors",
    "SessionQuota": "errors",
    "SessionState": "host.state",
    "StreamChunk": "streams",
    "ToolError": "errors",
    "ToolRegistration": "registration",
    "Unserializable": "errors",
    "keep": "references.kept",
    "telemetry": "telemetry",
    "tool": "decorator",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its home module when it is first used."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module `snakebridge` has no attribute `{name}`")
    # `importlib` itself is not imported at this point; `__import__` needs nothing.
    module = __import__(f"snakebridge.{home}", fromlist=[name])
    value = globals()[name] = module if home == name else getattr(module, name)
    return value


def __dir__() -> list[str]:
    """List the public names, imported or not."""
    return sorted({*globals(), *__all__})
