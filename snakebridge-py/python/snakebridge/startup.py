"""The life of a worker after its wire is private: load the adapter, say READY, serve, clean up."""

from __future__ import annotations

# Without the enumerations that `signal` makes of it.
import _signal  # type: ignore[import-not-found]
import faulthandler
import io
import os
import sys
from contextvars import copy_context
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import msgspec

from snakebridge import _native, capture
from snakebridge.current import set_context
from snakebridge.encoding import encode, encode_chunk, encode_rest, result_encoder
from snakebridge.errors import AdapterError
from snakebridge.loading import (
    LoadedAdapter,
    adapter_without_tools,
    collect_tools,
    find_adapter,
    import_module,
    make_adapter,
    parse_spec,
)
from snakebridge.manifest import build_manifest
from snakebridge.streams import StreamChunk
from snakebridge.trampoline import build_trampoline

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from snakebridge.definitions import ToolDefinition
    from snakebridge.marks import Policy
    from snakebridge.references.rules import Rules

Why = Literal["import", "init", "adapter"]

EXIT_CODES: dict[Why, int] = {"import": 3, "adapter": 3, "init": 4}
"""Code or names that will be wrong next time too end with 3; a constructor that failed (a network, perhaps)
with 4."""


def describe(error: BaseException) -> tuple[str, int, bytes]:
    """What `snakebridge.failures.describe` says of an error: a worker that never fails never loads it."""
    from snakebridge import failures

    return failures.describe(error)


FUNCTIONS: _native.Functions = {
    "encode": result_encoder.encode,
    "encode_rest": encode_rest,
    "chunk_type": StreamChunk,
    "encode_chunk": encode_chunk,
    "describe": describe,
    "coroutine_type": CoroutineType,
    "set_context": set_context,
}


STANDARD_ERROR = 2


class HostHello(msgspec.Struct, frozen=True):
    """What of the host's HELLO is for Python; the native side has used the rest."""

    adapter: str | None = None
    config: Any = None
    python_path: list[str] = []
    compat: Literal["snakepit"] | None = None
    """For which other bridge the adapter was written."""
    unserializable: Literal["refuse", "type", "repr", "redacted"] | None = None
    """What becomes of objects without a form on the wire where neither tool nor adapter says it."""
    log_level: int | None = None
    """The level of the root logger (default: `logging`'s own)."""
    threads: int = 0
    """Executor threads for the tools that do not say where they run; none: they run on the main thread."""
    objects: dict[str, Any] | None = None
    """Which objects and modules the host may use, if any: `snakebridge.references.rules.Rules`."""


def run(greeting: bytes) -> None:
    """Serve the adapter that the host's HELLO names until the host closes the wire."""
    hello = msgspec.msgpack.decode(greeting, type=HostHello)
    if sys.path[: len(hello.python_path)] != hello.python_path:  # a template has them already
        sys.path[:0] = hello.python_path
    _print_promptly()
    _install_hooks()
    capture.install(hello.log_level)
    serve_foreign_names(hello.compat)
    adapter, manifest, tools = _load(hello)
    if hello.objects is not None:
        from snakebridge.references.calls import system_tools  # only for pools that allow it

        tools += system_tools(_rules(hello.objects), hello.threads)
    _native.ready(manifest, tools, FUNCTIONS)
    try:
        _serve(hello, any(place == "thread" for _, _, place, _ in tools))
    finally:
        _clean_up(adapter)


def serve_foreign_names(compat: str | None) -> None:
    """Serve what an adapter imports of the bridge that it was written for, if that is another one."""
    if compat == "snakepit":
        from snakebridge.compat import snakepit  # only for adapters that need it

        snakepit.install()


def _serve(hello: HostHello, has_threads: bool) -> None:
    if has_threads:
        from snakebridge import executor  # only for adapters that use it

        executor.start(max(1, hello.threads))
    # Taken before any call: what synchronous tools set in their context variables is not for coroutines.
    pristine = copy_context()
    if "snakebridge.asynchronous" in sys.modules or _native.serve():
        from snakebridge import asynchronous  # only where something is

        asynchronous.serve(pristine)
    if has_threads:
        executor.join()


def _print_promptly() -> None:
    """Make what is printed leave line by line.

    Python opened its standard output on a pipe, the wire, and so with a buffer. Since then it leads to the
    standard error, and a killed worker would take the last kilobytes with it.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")


def _install_hooks() -> None:
    """Forks, signals and swallowed cancellations, before any code of the user's can meet one."""
    # The host asks for the stacks of a worker that it is about to kill; the handler needs no Python to run.
    stacks = _native.stacks_descriptor()
    # What a crash in C was doing is among the last lines of the worker, which the error of its calls shows.
    faulthandler.enable(file=STANDARD_ERROR)
    faulthandler.register(_signal.SIGUSR2, file=STANDARD_ERROR if stacks is None else stacks)
    os.register_at_fork(
        before=_native.before_fork,
        after_in_parent=_native.after_fork_in_parent,
        after_in_child=_forget_worker,
    )
    _signal.signal(_signal.SIGURG, _native.on_cancel_signal)
    report = sys.unraisablehook

    def unraisable(event: sys.UnraisableHookArgs) -> None:
        # Python drops what is raised in __del__ and weak reference callbacks, a cancellation as well.
        if issubclass(event.exc_type, _native.Cancelled):
            _rearm()
        elif not (_is_asyncio_cancellation(event.exc_type) and _rearm()):
            report(event)

    sys.unraisablehook = unraisable


def _forget_worker() -> None:
    """In a forked child, which is no worker."""
    faulthandler.unregister(_signal.SIGUSR2)
    _native.after_fork_in_child()


def _rearm() -> bool:
    """Have the cancellation that Python dropped raised again. False when it was not the running call's."""
    while True:
        try:
            return _native.rearm_cancel()
        except BaseException:
            continue  # a signal was still under way and hit this function, whose caller Python ignores


def _is_asyncio_cancellation(kind: type[BaseException]) -> bool:
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and issubclass(kind, asyncio.CancelledError)


def _load(hello: HostHello) -> tuple[LoadedAdapter, bytes, list[_native.ToolEntry]]:
    """Import, make and describe the adapter; a failure of any step is told to the host and ends the process.

    The steps run code of the user's, so they may raise anything, SystemExit and KeyboardInterrupt included.
    """
    why: Why = "adapter"
    module_name: str | None = None
    try:
        source = adapter_without_tools() if _needs_no_adapter(hello) else None
        if source is None:
            module_name, class_name = parse_spec(hello.adapter)
            why = "import"
            module = import_module(module_name)
            why = "adapter"
            source = find_adapter(module, class_name)
        why = "init"
        instance = make_adapter(source, hello.config)
        why = "adapter"
        adapter = collect_tools(source, instance, hello.config, _complete)
        tools = _entries(adapter, hello)
        manifest = build_manifest(
            adapter.spec, adapter.name, adapter.version, adapter.description, adapter.tools
        )
        why = "init"
        adapter.life.start()
    except BaseException as error:
        _fail("adapter" if isinstance(error, AdapterError) else why, error, module_name)
    return adapter, manifest, tools


def _needs_no_adapter(hello: HostHello) -> bool:
    """Whether modules are all that the host wants to use."""
    return hello.adapter is None and hello.objects is not None and _rules(hello.objects).has_modules


def _rules(objects: dict[str, Any]) -> Rules:
    from snakebridge.references.rules import Rules  # only for pools that allow something

    return msgspec.convert(objects, Rules)


def _entries(adapter: LoadedAdapter, hello: HostHello) -> list[_native.ToolEntry]:
    """The tools as the native side runs them; twice what answers with a value or a stream, as it is asked."""
    policy: Policy = hello.unserializable or "refuse"
    entries: list[_native.ToolEntry] = []
    for tool in adapter.tools:
        place = tool.place(hello.threads)
        entries.append((tool.name, tool.streams, place, _trampoline(tool, policy)))
        if tool.answers_both:
            entries.append((tool.name, True, place, _stream_trampoline(adapter, tool, policy)))
    return entries


def _stream_trampoline(
    adapter: LoadedAdapter, tool: ToolDefinition, policy: Policy
) -> Callable[[bytes], Any]:
    """What runs a tool that `answers_both` for a stream; made when a call first asks for one."""
    made: Callable[[bytes], Any] | None = None

    def run(body: bytes) -> Any:
        nonlocal made
        if made is None:
            made = _trampoline(adapter.life.surround(msgspec.structs.replace(tool, streams=True)), policy)
        return made(body)

    return run


def _trampoline(tool: ToolDefinition, unserializable: Policy) -> Callable[[bytes], Any]:
    record = os.environ.get("SNAKEBRIDGE_RECORD")
    if not record:
        return build_trampoline(tool, unserializable=unserializable)
    from snakebridge.testing.recorded_worker import recording_trampoline  # only where it is asked for

    return recording_trampoline(tool, record, unserializable)


def _complete(awaitable: Awaitable[Any]) -> Any:
    from snakebridge import asynchronous  # only for adapters that use it

    return asynchronous.complete(awaitable)


def _clean_up(adapter: LoadedAdapter) -> None:
    try:
        adapter.life.stop()
    except BaseException:
        sys.excepthook(*sys.exc_info())  # nobody is left to tell but the log
    finally:
        if "snakebridge.asynchronous" in sys.modules:
            sys.modules["snakebridge.asynchronous"].finish()


def _fail(why: Why, error: BaseException, module: str | None) -> NoReturn:
    from snakebridge.failures import failure_report

    _native.fail(EXIT_CODES[why], encode(failure_report(why, error, module)))
