"""Hypothesis strategies of values that fit annotations, with the constraints in them at whatever depth."""

from __future__ import annotations

import collections
import collections.abc
import dataclasses
import datetime
import math
import pathlib
import types
import typing
from typing import TYPE_CHECKING, Any

import msgspec
from hypothesis import strategies as st

from snakebridge.conversion.decoding import Deferred

if TYPE_CHECKING:
    from collections.abc import Callable

    from hypothesis.strategies import SearchStrategy

    Strategies = dict[str, SearchStrategy[Any]]

SMALLEST, LARGEST = -(2**63), 2**64 - 1
"""Integers that the wire can say."""

_LISTS = (
    list,
    collections.abc.Sequence,
    collections.abc.MutableSequence,
    collections.abc.Collection,
)
_SETS = (set, collections.abc.Set, collections.abc.MutableSet)
_MAPS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)
_QUALIFIERS = (typing.Required, typing.NotRequired, getattr(typing, "ReadOnly", typing.Required))

_CONSTRAINTS = ("ge", "gt", "le", "lt", "multiple_of", "min_length", "max_length", "pattern", "tz")


class Values:
    """Makes strategies, one for each class and alias, which may contain themselves."""

    def __init__(self) -> None:
        self._known: dict[Any, SearchStrategy[Any]] = {}

    def of(self, annotation: Any) -> SearchStrategy[Any]:
        """Values of an annotation, within the limits of the wire."""
        constraints: dict[str, Any] = {}
        while typing.get_origin(annotation) in (typing.Annotated, *_QUALIFIERS):
            extras = getattr(annotation, "__metadata__", ())
            if extras and not any(isinstance(extra, msgspec.Meta) for extra in extras):
                break  # what other libraries say there hypothesis may know
            for extra in extras:
                constraints.update(_constraints(extra))
            annotation = typing.get_args(annotation)[0]
        strategy = self._constrained(annotation, constraints)
        return self._any_of(annotation) if strategy is None else strategy

    def _any_of(self, annotation: Any) -> SearchStrategy[Any]:
        """Values of an annotation without constraints of its own."""
        if annotation is Any:
            return _plain()
        if annotation is None or annotation is types.NoneType:
            return st.none()
        origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
        if origin in (typing.Union, types.UnionType):
            return st.one_of(*map(self.of, arguments))
        if isinstance(annotation, typing.NewType):
            return self.of(annotation.__supertype__)
        if isinstance(annotation, Deferred):
            # What stands for an alias inside itself is made anew whenever it is looked into.
            key = annotation if annotation.members else ("alias", annotation.__name__)
            return self._once(key, lambda: st.one_of(*map(self.of, annotation.alternatives())))
        if type(annotation).__name__ == "TypeAliasType":  # `type X = ...`, from Python 3.12 on
            return self._once(annotation, lambda: self.of(annotation.__value__))
        fields = _fields_of(annotation)
        if fields is not None:
            return self._once(annotation, lambda: self._structure(origin or annotation, fields()))
        return st.from_type(annotation)

    def _once(self, key: Any, make: Callable[[], SearchStrategy[Any]]) -> SearchStrategy[Any]:
        if key not in self._known:
            self._known[key] = st.deferred(lambda: self._known[key, "made"])
            self._known[key, "made"] = make()  # in it the one above stands for what contains itself
        return self._known[key]

    def _structure(self, kind: Any, fields: dict[str, _Field]) -> SearchStrategy[Any]:
        required = {name: self.of(field.annotation) for name, field in fields.items() if field.required}
        optional = {name: self.of(field.annotation) for name, field in fields.items() if not field.required}
        values = st.fixed_dictionaries(required, optional=optional)
        if typing.is_typeddict(kind):
            return values

        def make(named: dict[str, Any]) -> Any:
            try:
                return kind(**named)
            except Exception as error:  # its own `__post_init__` refuses what the fields allow
                return Refused(error)

        return values.map(make)

    def _constrained(self, kind: Any, said: dict[str, Any]) -> SearchStrategy[Any] | None:
        """Values of a type that constraints may be about; None for any other."""
        origin, arguments = typing.get_origin(kind) or kind, typing.get_args(kind)
        length = {"min_size": said.get("min_length", 0), "max_size": said.get("max_length")}
        if origin is int:
            return _integers(said)
        if origin is float:
            return _floats(said)
        if origin is str:  # whether one of a pattern has the length as well is seen where it is read
            return st.from_regex(said["pattern"]) if "pattern" in said else st.text(**length)
        if origin in (bytes, bytearray):
            return st.binary(**length).map(origin)
        if origin in (datetime.datetime, datetime.time) and "tz" in said:
            zones = st.just(datetime.UTC) if said["tz"] else st.none()
            return (st.datetimes if origin is datetime.datetime else st.times)(timezones=zones)
        if isinstance(origin, type) and issubclass(origin, pathlib.PurePath):
            return st.text().map(origin)
        if origin in _MAPS:
            key, value = map(self.of, arguments) if arguments else (st.text(), _plain())
            return st.dictionaries(key, value, **length)
        if origin is tuple and arguments and arguments[-1] is not ...:
            return st.tuples(*map(self.of, arguments))
        if origin in _LISTS or origin in (tuple, collections.deque):
            made = st.lists(self.of(arguments[0]) if arguments else _plain(), **length)
            return made if origin in _LISTS else made.map(origin)
        if origin in _SETS or origin is frozenset:
            sets = st.frozensets if origin is frozenset else st.sets
            return sets(self.of(arguments[0]) if arguments else st.text(), **length)
        return None


class Refused:
    """Stands for an object that could not be made. It has no form on the wire, so that it fits nowhere."""

    def __init__(self, error: Exception) -> None:
        self.error = error


class _Field(msgspec.Struct, frozen=True):
    """A field of a structure."""

    annotation: Any
    required: bool


def _fields_of(annotation: Any) -> Callable[[], dict[str, _Field]] | None:
    """What gives the fields of a structure, by the names that its constructor has; None for what is none."""
    kind: Any = typing.get_origin(annotation) or annotation
    if not isinstance(kind, type):
        return None
    if typing.is_typeddict(kind):
        of_typing: Any = kind  # `is_typeddict` narrows it to a type without its keys
        needed = dict.fromkeys(of_typing.__optional_keys__, False)
        needed.update(dict.fromkeys(of_typing.__required_keys__, True))
        return lambda: _hinted(annotation, kind, needed)
    if issubclass(kind, msgspec.Struct):
        return lambda: {
            field.name: _Field(field.type, field.required) for field in msgspec.structs.fields(annotation)
        }
    if dataclasses.is_dataclass(kind):
        missing = dataclasses.MISSING
        return lambda: _hinted(
            annotation,
            kind,
            {
                field.name: field.default is missing and field.default_factory is missing
                for field in dataclasses.fields(kind)
                if field.init
            },
        )
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        defaults = getattr(kind, "_field_defaults", {})
        return lambda: _hinted(annotation, kind, {name: name not in defaults for name in kind._fields})
    return None


def _hinted(annotation: Any, kind: Any, required: dict[str, bool]) -> dict[str, _Field]:
    """Fields by their hints, with what stands for the parameters of a generic class."""
    hints = _hints(kind)
    given = dict(zip(getattr(kind, "__parameters__", ()), typing.get_args(annotation), strict=False))
    return {
        name: _Field(_filled(hints.get(name, Any), given), is_needed) for name, is_needed in required.items()
    }


def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind, include_extras=True)


def _filled(hint: Any, given: dict[Any, Any]) -> Any:
    if isinstance(hint, typing.TypeVar):
        return given.get(hint, Any)
    parameters = getattr(hint, "__parameters__", ())
    return hint[tuple(given.get(parameter, Any) for parameter in parameters)] if parameters else hint


def _constraints(extra: Any) -> dict[str, Any]:
    if not isinstance(extra, msgspec.Meta):
        return {}
    return {name: value for name in _CONSTRAINTS if (value := getattr(extra, name)) is not None}


def _integers(said: dict[str, Any]) -> SearchStrategy[int]:
    smallest = max(SMALLEST, said.get("ge", SMALLEST), said.get("gt", SMALLEST - 1) + 1)
    largest = min(LARGEST, said.get("le", LARGEST), said.get("lt", LARGEST + 1) - 1)
    step = said.get("multiple_of", 1)
    if not isinstance(step, int):
        return st.integers(smallest, largest)
    return st.integers(-(-smallest // step), largest // step).map(lambda number: number * step)


def _floats(said: dict[str, Any]) -> SearchStrategy[float]:
    smallest, largest = said.get("ge", said.get("gt")), said.get("le", said.get("lt"))
    step = said.get("multiple_of")
    if step is not None:
        low = -(2**32) if smallest is None else math.floor(smallest / step)
        high = 2**32 if largest is None else math.ceil(largest / step)
        return st.integers(low, high).map(lambda number: number * step)
    return st.floats(
        smallest,
        largest,
        exclude_min="gt" in said and "ge" not in said,
        exclude_max="lt" in said and "le" not in said,
        allow_nan=smallest is None and largest is None,
    )


def _plain() -> SearchStrategy[Any]:
    scalars = (
        st.none()
        | st.booleans()
        | st.integers(SMALLEST, LARGEST)
        | st.floats(allow_nan=False)
        | st.text()
        | st.binary()
    )
    return st.recursive(
        scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10
    )
