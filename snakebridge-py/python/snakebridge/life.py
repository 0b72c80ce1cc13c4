"""The life of an adapter's objects, and what happens around each call.

One object lives as long as the worker, unless the adapter says ``lifecycle = "request"``, for one object a
call, or ``"session"``, for one a session. In any case `before_call` and `after_call` stand around a call.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Literal, get_args

import msgspec

from snakebridge.base_adapter import BaseAdapter
from snakebridge.current import current_context
from snakebridge.errors import AdapterError, InvalidArgument, Problem

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator

    from snakebridge.definitions import ToolDefinition

Lifecycle = Literal["worker", "request", "session"]

SESSION_LIMIT = 64
"""Objects that a worker keeps for sessions. The session that was served longest ago loses its own first: no
worker is told when a session ends, and any may be killed anyway."""


class AdapterLife:
    """Makes the objects of an adapter and runs its hooks.

    Args:
        instance: The object, or module, that the tools were read from.
        make: Makes another object of the adapter.
        complete: Runs what an asynchronous hook gives, while the worker does not serve.

    Raises:
        AdapterError: If the adapter names a lifecycle that there is not.
    """

    def __init__(
        self, instance: Any, make: Callable[[], Any], complete: Callable[[Awaitable[Any]], Any]
    ) -> None:
        self._instance = instance
        self._make = make
        self._complete = complete
        self._sessions: dict[str, _Kept] = {}
        self._lifecycle: Lifecycle = getattr(instance, "lifecycle", "worker")
        if self._lifecycle not in get_args(Lifecycle):
            raise AdapterError(
                f"adapter `{type(instance).__name__}` has the lifecycle {self._lifecycle!r}: there is "
                '"worker", "request" and "session"'
            )

    def start(self) -> None:
        """Run `initialize` and `warmup`, where the object lives as long as the worker."""
        if self._lifecycle == "worker":
            self._run_and_complete("initialize", self._instance)
        try:
            self._run_and_complete("warmup", self._instance)
        except Exception as error:
            _warn_of_cold(error)

    def stop(self) -> None:
        """Run `cleanup` of every object that lives."""
        with contextlib.ExitStack() as stack:
            for instance in self._all():
                stack.callback(self._run_and_complete, "cleanup", instance)

    async def astart(self) -> None:
        """The same as `start`, inside a running event loop."""
        if self._lifecycle == "worker":
            await _arun(self._instance, "initialize")
        try:
            await _arun(self._instance, "warmup")
        except Exception as error:
            _warn_of_cold(error)

    async def astop(self) -> None:
        """The same as `stop`, inside a running event loop."""
        async with contextlib.AsyncExitStack() as stack:
            for instance in self._all():
                stack.push_async_callback(_arun, instance, "cleanup")

    def surround(self, tool: ToolDefinition) -> ToolDefinition:
        """The tool with a function that does what has to happen around a call."""
        has_hooks = any(_hook(self._instance, name) is not None for name in ("before_call", "after_call"))
        options = tool.options
        is_plain = not (has_hooks or options.required_variables or options.deprecated)
        if self._lifecycle == "worker" and is_plain:
            return tool
        return msgspec.structs.replace(tool, function=self._surrounded(tool))

    def _surrounded(self, tool: ToolDefinition) -> Callable[..., Any]:
        from snakebridge import gathering  # adapters without hooks do without

        around, around_async, answers_both = self._around, self._around_async, tool.answers_both

        def unary(*args: Any, **kwargs: Any) -> Any:
            with around(tool) as function:
                result = function(*args, **kwargs)
                # Inside, because what yields the items may need the object.
                return gathering.gathered(tool.name, result) if answers_both else result

        def stream(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            with around(tool) as function:
                items = gathering.items_of(tool.name, function(*args, **kwargs))
                return (yield from gathering.synchronous(items))

        async def async_unary(*args: Any, **kwargs: Any) -> Any:
            async with around_async(tool) as function:
                result = function(*args, **kwargs)
                if hasattr(type(result), "__await__"):
                    result = await result
                return await gathering.gathered_later(tool.name, result) if answers_both else result

        async def async_stream(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            async with around_async(tool) as function:
                items = function(*args, **kwargs)
                if hasattr(type(items), "__await__"):
                    items = await items
                items = gathering.items_of(tool.name, items)
                if hasattr(type(items), "__aiter__"):
                    async for item in items:
                        yield item
                else:
                    for item in items:
                        yield item

        if tool.signature.is_async:
            return async_stream if tool.streams else async_unary
        return stream if tool.streams else unary

    @contextlib.contextmanager
    def _around(self, tool: ToolDefinition) -> Iterator[Any]:
        context: Any = current_context()  # there is one: a call runs
        _warn_if_deprecated(tool)
        with self._object(context) as (instance, begins, ends):
            _refuse_missing(tool, context.state.keys() if tool.options.required_variables else [])
            if begins:
                with self._forgetting(context):
                    _run(instance, "initialize")
            try:
                _run(instance, "before_call", tool.name, context)
                try:
                    yield tool.locate(instance)
                except BaseException as error:
                    _run(instance, "after_call", tool.name, context, error)
                    raise
                _run(instance, "after_call", tool.name, context, None)
            finally:
                if ends:
                    _run(instance, "cleanup")
        for forgotten in self._forgotten():
            _run(forgotten, "cleanup")

    @contextlib.asynccontextmanager
    async def _around_async(self, tool: ToolDefinition) -> AsyncIterator[Any]:
        context: Any = current_context()  # there is one: a call runs
        _warn_if_deprecated(tool)
        with self._object(context) as (instance, begins, ends):
            _refuse_missing(tool, await context.state.akeys() if tool.options.required_variables else [])
            if begins:
                with self._forgetting(context):
                    await _arun(instance, "initialize")
            try:
                await _arun(instance, "before_call", tool.name, context)
                try:
                    yield tool.locate(instance)
                except BaseException as error:
                    await _arun(instance, "after_call", tool.name, context, error)
                    raise
                await _arun(instance, "after_call", tool.name, context, None)
            finally:
                if ends:
                    await _arun(instance, "cleanup")
        for forgotten in self._forgotten():
            await _arun(forgotten, "cleanup")

    @contextlib.contextmanager
    def _object(self, context: Any) -> Iterator[tuple[Any, bool, bool]]:
        """The object that a call runs on, and whether its life begins and ends with the call."""
        session = context.session_id if context is not None else ""
        if self._lifecycle == "worker":
            yield self._instance, False, False
        elif self._lifecycle == "request" or not session:
            yield self._make(), True, True
        else:
            entry = self._sessions.pop(session, None)
            begins = entry is None
            if entry is None:
                entry = _Kept(self._make())
            self._sessions[session] = entry  # now the last one in order
            entry.calls += 1
            try:
                yield entry.instance, begins, False
            finally:
                entry.calls -= 1

    @contextlib.contextmanager
    def _forgetting(self, context: Any) -> Iterator[None]:
        """Forget the object of a session that could not be initialized: the next call makes another."""
        try:
            yield
        except BaseException:
            self._sessions.pop(context.session_id if context is not None else "", None)
            raise

    def _all(self) -> list[Any]:
        """All objects that live, which are kept no longer."""
        kept = [entry.instance for entry in self._sessions.values()]
        self._sessions.clear()
        return [self._instance] if self._lifecycle == "worker" else kept

    def _forgotten(self) -> list[Any]:
        """Objects of sessions that are no longer kept."""
        excess = len(self._sessions) - SESSION_LIMIT
        idle = [session for session, entry in list(self._sessions.items()) if not entry.calls]
        gone = [self._sessions.pop(session, None) for session in idle[: max(0, excess)]]
        return [entry.instance for entry in gone if entry is not None]

    def _run_and_complete(self, name: str, instance: Any) -> None:
        hook = _hook(instance, name)
        result: Any = None if hook is None else hook()
        if hasattr(type(result), "__await__"):
            self._complete(result)


class _Kept:
    """The object of a session, and how many calls run on it."""

    def __init__(self, instance: Any) -> None:
        self.instance = instance
        self.calls = 0


def _hook(instance: Any, name: str) -> Any:
    """A hook of the adapter's own, or None."""
    hook = getattr(instance, name, None)
    inherited = getattr(BaseAdapter, name, None)
    return None if getattr(hook, "__func__", hook) is inherited else hook


_warned: dict[Any, Any] = {}
"""Which tools were warned of already, as `warnings` notes it: once for each in a worker."""


def _warn_of_cold(error: Exception) -> None:
    """Say that `warmup` failed: a cold worker is slow, and no worse than that."""
    import warnings

    warnings.warn(f"warmup failed: {type(error).__name__}: {error}", RuntimeWarning, stacklevel=1)


def _warn_if_deprecated(tool: ToolDefinition) -> None:
    if not tool.options.deprecated:
        return
    import warnings

    instead = tool.options.deprecated
    text = f"tool `{tool.name}` is deprecated" + (f": {instead}" if isinstance(instead, str) else "")
    code = getattr(tool.function, "__code__", None)
    file, line = ("?", 0) if code is None else (code.co_filename, code.co_firstlineno)
    # Not a DeprecationWarning, which Python shows only to who runs the code that calls.
    warnings.warn_explicit(text, FutureWarning, file, line, registry=_warned)


def _refuse_missing(tool: ToolDefinition, keys: list[str]) -> None:
    """Refuse a call in whose session a variable is missing that the tool requires."""
    missing = [name for name in tool.options.required_variables if name not in keys]
    if not missing:
        return
    names = ", ".join(f"`{name}`" for name in missing)
    problems = tuple(Problem(name, "missing", expected="a variable of the session") for name in missing)
    refusal = InvalidArgument(f"the session has no {names}, which the tool requires: set it before", problems)
    refusal.tool_ran = False
    raise refusal


def _run(instance: Any, name: str, *arguments: Any) -> None:
    """Run a hook around a synchronous tool; an asynchronous hook on a loop of its own, to its end."""
    hook = _hook(instance, name)
    result: Any = None if hook is None else hook(*arguments)
    if hasattr(type(result), "__await__"):
        import asyncio  # it is loaded: the hook's module is asynchronous

        asyncio.run(_await(result))


async def _arun(instance: Any, name: str, *arguments: Any) -> None:
    hook = _hook(instance, name)
    result: Any = None if hook is None else hook(*arguments)
    if hasattr(type(result), "__await__"):
        await result


async def _await(awaitable: Awaitable[Any]) -> Any:
    return await awaitable
