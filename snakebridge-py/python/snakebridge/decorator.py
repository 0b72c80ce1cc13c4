"""The `@tool` decorator."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_overloads, overload

import msgspec

from snakebridge.suggestions import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import timedelta

    Decorated = TypeVar("Decorated", bound=Callable[..., Any])

OPTIONS = "__snakebridge_tool__"
"""Attribute of a decorated function; `functools.wraps` carries it to wrappers that are put around it."""

NAME_BEGINS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")
NAME_GOES_ON = NAME_BEGINS | frozenset("0123456789.-")
NAME_LENGTH = 128
"""The protocol's rule for tool names: they cannot collide with system targets, which begin with `$`. An
expression to match it would take a third of this module's import."""
NAME_RULE = (
    "a name begins with a letter or `_`, goes on with letters, digits, `_`, `.` or `-`, and has at most 128 "
    "characters"
)

MOST_UNITS = 10**12
"""So many units of a resource a call may need: both sides add them up in 64 bits."""

CO_GENERATOR_FLAGS = 0x20 | 0x200  # CO_GENERATOR, CO_ASYNC_GENERATOR, without importing `inspect`


class Batch(msgspec.Struct, frozen=True):
    """How the host gathers calls of a tool that takes many at once.

    A call waits for others while calls of the tool are under way, but no longer than `max_wait_ms`; where
    none is, it goes at once, with those that came at the same moment.

    Args:
        max_size: Calls that are run together at most, 2 to 4096.
        max_wait_ms: Milliseconds for which a call waits at most, 0 to 60000.

    Raises:
        ValueError: For a number out of range.

    Example:
        >>> @tool(batch=Batch(max_size=64))
        ... def double(n: list[int]) -> list[int]:
        ...     return [2 * number for number in n]
        >>> double([1, 2])
        [2, 4]
    """

    max_size: int = 32
    max_wait_ms: float = 5.0

    def __post_init__(self) -> None:
        if not 2 <= self.max_size <= 4096:
            raise ValueError(f"max_size is {self.max_size}: from 2 to 4096 calls are run together")
        if not 0 <= self.max_wait_ms <= 60_000:
            raise ValueError(f"max_wait_ms is {self.max_wait_ms}: a call waits 0 to 60000 milliseconds")


class ToolOptions(msgspec.Struct, frozen=True):
    """What was said about a tool where it was decorated."""

    name: str | None = None
    description: str | None = None
    supports_streaming: bool | None = None
    timeout: float | None = None
    idempotent: bool = False
    tags: tuple[str, ...] = ()
    run_on: Literal["main", "thread", "loop"] | None = None
    validate: Literal["args", "full", "off"] = "args"
    version: str | None = None
    examples: tuple[dict[str, Any], ...] = ()
    read_only: bool = False
    destructive: bool = False
    deprecated: bool | str = False
    hidden: bool = False
    session: Literal["none", "affine", "exclusive"] = "none"
    required_variables: tuple[str, ...] = ()
    unserializable: Literal["refuse", "type", "repr", "redacted"] | None = None
    batch: Batch | None = None
    cache: float | None = None
    """Seconds for which a result is kept."""
    resources: tuple[tuple[str, int], ...] = ()
    """Names of what a call needs for itself, in order, each with how many units of it."""


@overload
def tool(function: Decorated, /) -> Decorated: ...
@overload
def tool(
    *,
    name: str | None = None,
    description: str | None = None,
    supports_streaming: bool | None = None,
    timeout: float | None = None,
    idempotent: bool = False,
    tags: Iterable[str] = (),
    run_on: Literal["main", "thread", "loop"] | None = None,
    validate: Literal["args", "full", "off"] = "args",
    version: str | None = None,
    examples: Iterable[dict[str, Any]] = (),
    read_only: bool = False,
    destructive: bool = False,
    deprecated: bool | str = False,
    hidden: bool = False,
    session: Literal["none", "affine", "exclusive"] = "none",
    required_variables: Iterable[str] = (),
    unserializable: Literal["refuse", "type", "repr", "redacted"] | None = None,
    batch: Batch | None = None,
    cache: str | float | timedelta | None = None,
    resources: str | Iterable[str] | Mapping[str, int] = (),
) -> Callable[[Decorated], Decorated]: ...
def tool(function: Any = None, /, **options: Any) -> Any:
    """Make a method of an adapter, or a function of an adapter module, callable from Rust.

    The function stays what it was: calling it from Python runs it directly. Other decorators may stand above
    or below, as long as they use `functools.wraps`.

    Args:
        function: The function, where the decorator is used without parentheses.
        **options: What is said about the tool, by the keywords above; `docs/adapters.md` has a table of them.
            `name` (default: the function's), `description` (default: the first paragraph of the docstring),
            `version`, `tags`, free words for grouping, `examples`, arguments by name that fit the signature,
            `deprecated`, True or what to use instead, `hidden`, left out of lists, `read_only` and
            `destructive`, what a run does to the world.
            `supports_streaming`, whether the result is a stream of items (default: whether the function is a
            generator, or says that it returns an iterator; one that says nothing does what a call asks for).
            `timeout` in seconds, the default deadline of calls, and `idempotent`, a promise that running a
            call twice does no harm, so that the host may repeat one that was lost with its worker.
            `run_on`, where the tool runs: on the worker's ``"main"`` thread, one call after the other, where
            a cancellation interrupts it; on a ``"thread"`` beside other calls, where it has to ask for its
            cancellation; or on the ``"loop"``, as every ``async def`` tool (default: on threads where the
            host gave the worker some, else on the main thread).
            `validate`, what is checked against the signature: the arguments (``"args"``, the default), the
            result as well (``"full"``), or nothing (``"off"``).
            `session`, what the tool needs of its session: nothing (``"none"``), the same worker for all its
            calls (``"affine"``), or that no other call of the session runs meanwhile (``"exclusive"``).
            `required_variables`, keys that the state of the session must have: else the tool does not run.
            `unserializable`, what becomes of an object that has no form on the wire: it is refused
            (``"refuse"``), or a mark stands for it, with its type (``"type"``), the first 256 characters of
            its `repr` (``"repr"``), or those without quoted texts and numbers (``"redacted"``). Default:
            what the adapter says, else the pool, else ``"refuse"``.
            `cache`, for how long the host keeps a result for calls with the same arguments (``"1h30m"``,
            seconds, or a timedelta): a promise that it depends on nothing else.
            `batch`, a `Batch`: the function takes many calls at once, with a list for each parameter, and
            returns a list.
            `resources`, what a call needs for itself while it runs: a name (``"gpu"``), several
            (``["gpu", "license"]``), or how many units of each (``{"gpu": 2}``). The host knows how many
            units there are for all workers together, and lets no more calls run than there are units for.

    Raises:
        TypeError: For an unknown option or one of the wrong type.
        ValueError: For a name, timeout or combination that is not allowed.

    Example:
        >>> @tool(timeout=5.0, idempotent=True)
        ... def add(a: int, b: int) -> int:
        ...     return a + b
        >>> add(1, 2)
        3
    """
    checked = check_options(options)

    def decorate(target: Any) -> Any:
        # An instance shows the function of a staticmethod or classmethod, so the mark belongs there.
        marked = getattr(target, "__func__", target)
        if isinstance(marked, type) or not callable(marked):
            raise TypeError(f"@tool decorates a function, not {type(target).__name__} `{_label(target)}`")
        code = getattr(marked, "__code__", None)
        if checked.supports_streaming is False and code is not None and code.co_flags & CO_GENERATOR_FLAGS:
            raise ValueError(
                f"tool `{_label(target)}` is a generator and declared with supports_streaming=False: "
                "return a list instead"
            )
        setattr(marked, OPTIONS, checked)
        return target

    if function is None:
        return decorate
    if isinstance(function, str):
        raise TypeError(f'@tool takes its options by name: write @tool(name="{function}")')
    return decorate(function)


# The signature that `help` and `inspect` show. Typing keeps the overloads anyway, so it costs nothing.
vars(tool)["__wrapped__"] = get_overloads(tool)[-1]


def options_of(function: Any) -> ToolOptions | None:
    """What `@tool` said about a function, or None where it is not decorated."""
    options = getattr(function, OPTIONS, None)
    return options if isinstance(options, ToolOptions) else None


def check_tool_name(name: str) -> None:
    """Raise ValueError unless the protocol allows a tool to be called `name`."""
    if not _is_name(name):
        raise ValueError(f"tool name {name[:140]!r} is not allowed: {NAME_RULE}")


def _is_name(name: str) -> bool:
    return name[:1] in NAME_BEGINS and NAME_GOES_ON.issuperset(name) and len(name) <= NAME_LENGTH


def check_options(options: dict[str, Any]) -> ToolOptions:
    """The options of a tool, checked.

    Raises:
        TypeError: For an unknown option or one of the wrong type.
        ValueError: For a name, timeout or combination that is not allowed.
    """
    for name in options:
        if name not in ToolOptions.__struct_fields__:
            raise TypeError(
                f"@tool has no option `{name}`{did_you_mean(name, ToolOptions.__struct_fields__)}"
            )
    given = dict(options)
    for name in ("tags", "examples", "required_variables"):
        if name in given:
            given[name] = _listed(name, given[name])
    if given.get("cache") is not None:
        given["cache"] = _seconds(given["cache"])
    if "resources" in given:
        given["resources"] = _needed(given["resources"])
    try:
        checked = msgspec.convert(given, ToolOptions)
    except msgspec.ValidationError as error:
        raise TypeError(f"@tool option has the wrong type: {error}") from None
    if checked.name is not None:
        check_tool_name(checked.name)
    if checked.timeout is not None and not 0 < checked.timeout < math.inf:
        raise ValueError(
            f"@tool option `timeout` is {checked.timeout}: give seconds above zero, or leave it out"
        )
    if checked.batch is not None and checked.session == "exclusive":
        raise ValueError(
            '@tool options `batch` and `session="exclusive"` contradict each other: the calls of such a '
            "session come one by one"
        )
    if checked.cache is not None and checked.destructive:
        raise ValueError(
            "@tool options `cache` and `destructive` contradict each other: a call that is answered with a "
            "kept result does nothing"
        )
    if checked.read_only and checked.destructive:
        raise ValueError("@tool options `read_only` and `destructive` contradict each other: leave one out")
    return checked


UNITS = {"d": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def _seconds(said: Any) -> float:
    """How long the option `cache` says."""
    if isinstance(said, str):
        import re  # msgspec has imported it

        pieces = re.fullmatch(r"(?:\d+d)?(?:\d+h)?(?:\d+m)?(?:\d+s)?(?:\d+ms)?", said, re.ASCII)
        if not said or pieces is None:
            raise ValueError(
                f"@tool option `cache` is {said!r}: write numbers with the units d, h, m, s and ms, the "
                'larger ones first, as in "10m" or "1h30m"'
            )
        said = sum(float(number) * UNITS[unit] for number, unit in re.findall(r"(\d+)([a-z]+)", said))
    elif hasattr(said, "total_seconds"):
        said = said.total_seconds()
    if isinstance(said, bool) or not isinstance(said, int | float):
        raise TypeError(f"@tool option `cache` has the wrong type: {type(said).__name__}")
    if not 0 < said < math.inf:
        raise ValueError(f"@tool option `cache` is {said}: give a time above zero, or leave it out")
    return float(said)


def _needed(said: Any) -> tuple[tuple[str, int], ...]:
    """What the option `resources` says, by name: whatever its form and order, the manifest is the same."""
    if isinstance(said, str):
        said = (said,)
    if hasattr(said, "items"):
        said = said.items()
    elif not hasattr(said, "__iter__"):
        raise TypeError(
            f"@tool option `resources` is {said!r}: give a name, a list of names, or a dictionary with the "
            'units of each, as in {"gpu": 1}'
        )
    needed: dict[str, int] = {}
    for entry in said:
        # Options that were checked before are checked again with what an adapter says for all of its tools.
        name, units = entry if isinstance(entry, tuple) and len(entry) == 2 else (entry, 1)
        if not isinstance(name, str):
            raise TypeError(f"@tool option `resources` names {name!r}: give the name of a resource as a text")
        if not _is_name(name):
            raise ValueError(
                f"@tool option `resources` names {name[:140]!r}, which is not allowed: {NAME_RULE}"
            )
        if isinstance(units, bool) or not isinstance(units, int):
            raise TypeError(
                f"@tool option `resources` says {units!r} units of `{name}`: give a whole number, from 1 on"
            )
        if not 1 <= units <= MOST_UNITS:
            raise ValueError(
                f"@tool option `resources` says {units} units of `{name}`: give a whole number from 1 to "
                f"{MOST_UNITS}, or leave `{name}` out if the tool needs none"
            )
        if name in needed:
            raise ValueError(
                f'@tool option `resources` names `{name}` twice: write {{"{name}": 2}} for two units of it'
            )
        needed[name] = units
    return tuple(sorted(needed.items()))


def _listed(name: str, value: Any) -> tuple[Any, ...]:
    if isinstance(value, str | dict):
        raise TypeError(f"@tool option `{name}` takes a list, not {value!r}")
    return tuple(value)


def _label(target: Any) -> str:
    return str(getattr(target, "__qualname__", type(target).__name__))
