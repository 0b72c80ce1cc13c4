"""Signatures of tools, read without importing `inspect`.

`inspect` would be a quarter of a worker's import time for what stands in the code object anyway. It is used
only for callables that have no code object of their own, such as a `functools.partial`.
"""

from __future__ import annotations

import typing
from functools import partial
from types import MethodType
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from snakebridge.conversion.decoding import bind_recursion, own_constraints, wire_annotation
from snakebridge.errors import AdapterError
from snakebridge.inputs import callback_type, input_type
from snakebridge.session import SessionContext

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CO_VARARGS, CO_VARKEYWORDS = 0x04, 0x08
CO_GENERATOR, CO_COROUTINE, CO_ASYNC_GENERATOR = 0x20, 0x80, 0x200

_ITERATORS = {
    "Iterator": CO_GENERATOR,
    "Generator": CO_GENERATOR,
    "AsyncIterator": CO_ASYNC_GENERATOR,
    "AsyncGenerator": CO_ASYNC_GENERATOR,
}
"""A function that says it returns one of these is called like a generator function, whoever yields."""

Kind = Literal["positional_only", "positional_or_keyword", "keyword_only", "var_keyword"]


class Parameter(msgspec.Struct, frozen=True):
    """One parameter of a tool."""

    name: str
    kind: Kind
    annotation: Any = Any
    """The type, resolved; `Any` where there is none. A default of None makes the type optional."""
    default: Any = msgspec.UNSET

    description: str = ""
    injected: bool = False
    """Whether the worker gives it, because it is annotated with `SessionContext`; calls cannot."""

    @property
    def wire_type(self) -> Any:
        """What its argument is decoded into: the annotation, but for what is not, or not at once."""
        if callback_type(self.annotation) is not None:
            return Any  # it is looked at when the argument is made
        kind = input_type(self.annotation)
        if kind is None:
            return wire_annotation(self.annotation)
        return kind.wire if self.default is msgspec.UNSET else kind.wire | None

    @property
    def required(self) -> bool:
        """Whether a call must give it."""
        return self.default is msgspec.UNSET and self.kind != "var_keyword"


class Signature(msgspec.Struct, frozen=True):
    """The parameters that a call gives, and what comes back."""

    parameters: tuple[Parameter, ...]
    returns: Any
    """The resolved annotation, its text where it cannot be resolved, `Any` where there is none."""
    flags: int
    """CO_GENERATOR, CO_COROUTINE and CO_ASYNC_GENERATOR of the function and all that it wraps, and of what
    it says that it returns."""

    @property
    def is_async(self) -> bool:
        """Whether calling it gives something to await or to iterate over asynchronously."""
        return bool(self.flags & (CO_COROUTINE | CO_ASYNC_GENERATOR))

    @property
    def is_generator(self) -> bool:
        """Whether calling it gives a generator or another iterator, synchronous or not."""
        return bool(self.flags & (CO_GENERATOR | CO_ASYNC_GENERATOR))


def inner_function(function: Any) -> Any:
    """What a `functools.partial` calls; anything else is itself."""
    while isinstance(function, partial):
        function = function.func
    return function


def read_signature(function: Callable[..., Any], name: str, takes_context: bool = False) -> Signature:
    """Read the signature that callers of a function see: for a wrapper that of the wrapped function.

    Args:
        function: A function, a bound method, or anything callable.
        name: The tool's name, for error messages.
        takes_context: Whether the first parameter is the session context, whatever its annotation.

    Raises:
        AdapterError: If the function has `*args`, or an annotation names something that does not exist.
    """
    target, bound, flags = _unwrap(function)
    if target is not None and (inner := inner_function(target)) is not target:
        flags |= _unwrap(inner)[2]
    code = getattr(target, "__code__", None)
    if code is None:
        return _read_by_inspect(function, name, flags)

    positional, keyword_only = code.co_argcount, code.co_kwonlyargcount
    names = code.co_varnames[: positional + keyword_only]
    if code.co_flags & CO_VARARGS:
        raise _no_star_args(name, code.co_varnames[positional + keyword_only])
    defaults = dict(zip(reversed(names[:positional]), reversed(target.__defaults__ or ()), strict=False))
    defaults.update(target.__kwdefaults__ or {})
    first = 1 if bound else 0
    injected = names[first : first + 1] if takes_context else ()
    annotations = resolve_annotations(
        target.__annotations__, target.__globals__, f"tool `{name}`", (*names[:first], *injected)
    )
    annotations.update(dict.fromkeys(injected, SessionContext))

    parameters = []
    for index, parameter in enumerate(names[first:], first):
        kind: Kind = "positional_or_keyword" if index < positional else "keyword_only"
        if index < code.co_posonlyargcount:
            kind = "positional_only"
        parameters.append(_parameter(parameter, kind, annotations, defaults.get(parameter, msgspec.UNSET)))
    if code.co_flags & CO_VARKEYWORDS:
        parameters.append(_parameter(code.co_varnames[len(names)], "var_keyword", annotations))
    returns = annotations.get("return", Any)
    return Signature(tuple(parameters), returns, flags | _iterator_flag(returns))


def _iterator_flag(returns: Any) -> int:
    """The code flag of a generator of the kind that a function says it returns, whether it yields or not."""
    if returns is Any:
        return 0
    if isinstance(returns, str):  # it cannot be resolved; imported for type checkers alone, perhaps
        return _ITERATORS.get(returns.partition("[")[0].rpartition(".")[2].strip(), 0)
    origin = typing.get_origin(returns)
    if origin is typing.Annotated:
        return _iterator_flag(typing.get_args(returns)[0])
    kind = returns if origin is None else origin
    return _ITERATORS.get(kind.__name__, 0) if getattr(kind, "__module__", "") == "collections.abc" else 0


def _unwrap(function: Any) -> tuple[Any, bool, int]:
    """The innermost function that has the signature, whether it is bound, and the code flags on the way."""
    bound, flags, seen = False, 0, set()
    while True:
        if isinstance(function, MethodType):
            function, bound = function.__func__, True
        flags |= getattr(getattr(function, "__code__", None), "co_flags", 0)
        inner = getattr(function, "__wrapped__", None)
        if hasattr(function, "__signature__"):
            return None, bound, flags  # it says its own signature; only `inspect` knows the rules
        if inner is None or id(inner) in seen:
            return function, bound, flags
        seen.add(id(inner))
        function = inner


def resolve_annotations(
    annotations: Mapping[str, Any], namespace: dict[str, Any], owner: str, ignored: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Annotations as types; strings are looked up one by one, so that an error names the culprit.

    Args:
        annotations: As the function has them.
        namespace: The names of the function's module.
        owner: Whose annotations they are, for error messages.
        ignored: Parameters whose annotations do not matter.

    Raises:
        AdapterError: If one names something that does not exist, or a constraint that nobody checks.
    """
    resolved = _resolved(annotations, namespace, owner, ignored)
    for name, annotation in resolved.items():
        try:
            resolved[name] = own_constraints(annotation, f"{owner}: parameter `{name}`")
        except AdapterError:
            if name != "return":  # results are checked where the tool says so, and this is told then
                raise
    return resolved


def _resolved(
    annotations: Mapping[str, Any], namespace: dict[str, Any], owner: str, ignored: tuple[str, ...]
) -> dict[str, Any]:
    resolved: dict[str, Any] = {}
    for name, annotation in annotations.items():
        if name in ignored:
            continue
        if type(annotation) is type:
            resolved[name] = annotation
            continue
        holder = _Annotated({name: annotation})
        try:
            hints = typing.get_type_hints(holder, namespace, include_extras=True)
            resolved.update({name: bind_recursion(hint, namespace) for name, hint in hints.items()})
        except Exception as error:
            if name == "return":  # results are not checked against it, so it need not exist at run time
                resolved[name] = str(annotation)
                continue
            raise AdapterError(
                f"{owner}: the annotation {annotation!r} of parameter `{name}` cannot be resolved: "
                f"{error}; it must exist at run time, so not inside a function or under TYPE_CHECKING"
            ) from error
    return resolved


class _Annotated:
    """What `typing.get_type_hints` looks at: something with annotations."""

    def __init__(self, annotations: dict[str, Any]) -> None:
        self.__annotations__ = annotations


def _parameter(
    name: str, kind: Kind, annotations: Mapping[str, Any], default: Any = msgspec.UNSET
) -> Parameter:
    annotation = annotations.get(name, Any)
    if type(default).__name__ == "FieldInfo":  # of pydantic, which would read it
        raise AdapterError(
            f"the default of parameter `{name}` is a `Field(..)` of pydantic: write it into the annotation, "
            f"as in `{name}: Annotated[int, Field(ge=1)] = 3`"
        )
    if annotation is object:
        annotation = Any
    if default is None and annotation is not Any:
        annotation = typing.Optional[annotation]  # noqa: UP045 - `|` does not work on every annotation
    injected = annotation is SessionContext or annotation == SessionContext | None
    return Parameter(name, kind, annotation, default, injected=injected)


def _no_star_args(tool: str, name: str) -> AdapterError:
    return AdapterError(
        f"tool `{tool}` takes `*{name}`: arguments are sent by name, so take one list instead "
        f"(`{name}: list`); if a decorator brought the `*` in, use functools.wraps in it"
    )


def _read_by_inspect(function: Callable[..., Any], tool: str, flags: int) -> Signature:
    import inspect  # see the module's first lines

    try:
        read = inspect.signature(function)
    except (TypeError, ValueError) as error:
        raise AdapterError(f"tool `{tool}` has no signature that can be read: {error}") from None
    namespace = getattr(inspect.unwrap(inner_function(function)), "__globals__", {})
    raw = {parameter.name: parameter.annotation for parameter in read.parameters.values()}
    raw["return"] = read.return_annotation
    given = {
        name: annotation for name, annotation in raw.items() if annotation is not inspect.Signature.empty
    }
    annotations = resolve_annotations(given, namespace, f"tool `{tool}`")
    kinds: dict[Any, Kind] = {
        inspect.Parameter.POSITIONAL_ONLY: "positional_only",
        inspect.Parameter.POSITIONAL_OR_KEYWORD: "positional_or_keyword",
        inspect.Parameter.KEYWORD_ONLY: "keyword_only",
        inspect.Parameter.VAR_KEYWORD: "var_keyword",
    }
    parameters = []
    for parameter in read.parameters.values():
        if parameter.kind not in kinds:
            raise _no_star_args(tool, parameter.name)
        default = msgspec.UNSET if parameter.default is inspect.Parameter.empty else parameter.default
        parameters.append(_parameter(parameter.name, kinds[parameter.kind], annotations, default))
    returns = annotations.get("return", Any)
    return Signature(tuple(parameters), returns, flags | _iterator_flag(returns))
