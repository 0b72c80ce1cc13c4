"""Decoders for annotations of any kind: what msgspec does not know is converted behind it.

msgspec decodes and checks almost everything that `typing` can say, at full speed. The rest is one of three:
types of the standard library and of the user's libraries, unions that msgspec refuses, and aliases that
contain themselves. The latter two are put into the annotation as classes of our own, which msgspec leaves to
`convert`, its hook.

An extension of the protocol where a type of msgspec's own is declared, such as an integer beyond 64 bits
where it says `int`, is refused by msgspec and gets a second, slower attempt, see `_decode_extensions`.
"""

from __future__ import annotations

import functools
import operator
import sys
import types
import typing
from typing import TYPE_CHECKING, Any

import msgspec

from snakebridge.encoding import encode as _encode
from snakebridge.extensions import ARRAY, from_extension
from snakebridge.extensions import decode as decode_any

if TYPE_CHECKING:
    from collections.abc import Callable


class Deferred(type):
    """Class of the classes that stand for an annotation which msgspec does not take.

    Whatever `alternatives` gives is tried in turn; values of the class itself do not exist.
    """

    alternatives: Callable[[], tuple[Any, ...]]
    members: tuple[Any, ...]
    """The alternatives, as far as they are known before the first value comes."""

    def __instancecheck__(cls, value: object) -> bool:  # msgspec asks what `convert` has answered already
        return True

    def read(cls, body: bytes) -> Any:
        """Decode one document by the first alternative that fits."""
        alternatives = cls.alternatives()
        for annotation in alternatives:
            try:
                return decode(body, annotation)
            except msgspec.ValidationError as error:
                if len(alternatives) == 1:
                    raise
                problem = error
        raise msgspec.ValidationError(f"Expected `{cls.__name__}`, got {_kind(body)}") from problem


def wire_annotation(annotation: Any) -> Any:
    """What arguments are decoded into: the annotation, with classes of ours where msgspec would refuse it."""
    if _is_known(annotation):
        return annotation
    if isinstance(annotation, typing.TypeVar):
        return wire_annotation(_union(annotation.__constraints__ or (Any,)))
    if annotation is typing.LiteralString:
        return str
    if type(annotation).__name__ == "TypeAliasType":  # `type X = ...`, from Python 3.12 on
        return _alias(annotation)
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return typing.Annotated[(wire_annotation(arguments[0]), *arguments[1:])]
    if origin in (typing.Union, types.UnionType):
        members = tuple(wire_annotation(argument) for argument in arguments)
        union = _union(members)
        if _is_known(union) or not all(map(_is_known, members)):
            return union
        return _one_of(annotation, members)
    if origin is not None and arguments:
        inner = tuple(argument if argument is ... else wire_annotation(argument) for argument in arguments)
        if inner != arguments:
            return types.GenericAlias(origin, inner)
    return annotation


def own_constraints(annotation: Any, owner: str) -> Any:
    """The annotation with constraints of pydantic and annotated_types as msgspec has them.

    Raises:
        AdapterError: If that cannot be; it begins with `owner`.
    """
    if "annotated_types" not in sys.modules and "pydantic" not in sys.modules:  # nobody can have written one
        return annotation
    from snakebridge.conversion.constraints import translate

    return translate(annotation, owner)


def recursive(name: str, resolve: Callable[[], Any]) -> Any:
    """What stands for an alias inside itself, such as ``list["JSON"]`` in the definition of ``JSON``.

    Args:
        name: Its name.
        resolve: Gives what the alias means; asked when the first value comes.
    """
    read = functools.cache(lambda: (wire_annotation(resolve()),))
    return Deferred(name, (), {"alternatives": staticmethod(read), "members": ()})


def bind_recursion(annotation: Any, namespace: dict[str, Any]) -> Any:
    """The annotation with something that can be decoded where an alias contains itself by name."""
    if isinstance(annotation, typing.ForwardRef):
        name = annotation.__forward_arg__
        return recursive(
            name, lambda: own_constraints(bind_recursion(eval(name, namespace), namespace), f"`{name}`")
        )
    if isinstance(annotation, str):
        return bind_recursion(typing.ForwardRef(annotation), namespace)
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is None or origin in (typing.Literal, typing.Annotated):
        return annotation
    inner = tuple(
        argument if argument is ... or isinstance(argument, list) else bind_recursion(argument, namespace)
        for argument in arguments
    )
    if inner == arguments:
        return annotation
    return _union(inner) if origin in (typing.Union, types.UnionType) else types.GenericAlias(origin, inner)


def decoder(annotation: Any) -> Callable[[bytes | msgspec.Raw], Any]:
    """A function that decodes one document into an annotation, which `wire_annotation` has given.

    What it refuses may still fit: `decode` says so, or what is wrong.
    """
    return msgspec.msgpack.Decoder(annotation, dec_hook=convert, ext_hook=from_extension).decode


def decode(body: bytes | msgspec.Raw, annotation: Any) -> Any:
    """Decode one document into an annotation, which `wire_annotation` has given.

    Raises:
        msgspec.ValidationError: If it does not fit.
    """
    try:
        return msgspec.msgpack.decode(body, type=annotation, dec_hook=convert, ext_hook=from_extension)
    except msgspec.ValidationError as error:
        return _decode_extensions(body, annotation, error)


def _decode_extensions(body: bytes | msgspec.Raw, annotation: Any, error: msgspec.ValidationError) -> Any:
    """Decode a document in which extensions stand for values of types that msgspec has in another form.

    Integers beyond 64 bits are one, and arrays where the annotation says lists. Everything is decoded without
    a type first, and converted then.
    """
    found = 0

    def count(code: int, data: memoryview) -> Any:
        nonlocal found
        found += 1
        if code == ARRAY:
            from snakebridge.conversion.arrays import lists_from_wire

            return lists_from_wire(data)
        return from_extension(code, data)

    value = msgspec.msgpack.decode(body, ext_hook=count)
    if not found:
        raise error
    return msgspec.convert(value, annotation, dec_hook=convert)


def convert(kind: Any, value: Any) -> Any:
    """Convert what was decoded into a type that msgspec does not know: its hook.

    Raises:
        ValueError: If the value does not fit.
        NotImplementedError: If nobody knows how.
    """
    from snakebridge.conversion.libraries import converter  # most tools take what msgspec knows

    origin = typing.get_origin(kind) or kind
    convert_value = converter(origin)
    if convert_value is None and not isinstance(kind, Deferred):
        raise NotImplementedError(f"`{origin.__module__}.{origin.__qualname__}` has no form in MessagePack")
    try:
        if convert_value is None:
            return kind.read(_encode(value))
        return convert_value(kind, value, lambda item, inner: decode(_encode(item), wire_annotation(inner)))
    except msgspec.ValidationError as error:
        # It has a place inside the value, and msgspec adds that of the value to any other exception.
        raise ValueError(str(error)) from error


def can_convert(kind: Any) -> bool:
    """Whether `convert` knows a type that msgspec leaves to it."""
    from snakebridge.conversion.libraries import converter

    return isinstance(kind, Deferred) or converter(kind) is not None


def _alias(alias: Any) -> Any:
    value = alias.__value__
    return value if _is_known(value) else recursive(alias.__name__, lambda: value)


def _one_of(annotation: Any, members: tuple[Any, ...]) -> Any:
    from snakebridge.annotations import type_text  # which asks here what can be converted

    present = tuple(member for member in members if member is not types.NoneType)
    body = {"alternatives": staticmethod(lambda: present), "members": present}
    made: Any = Deferred(type_text(annotation), (), body)
    return made if len(present) == len(members) else made | None


def _union(members: tuple[Any, ...]) -> Any:
    return functools.reduce(operator.or_, members)


def _is_known(annotation: Any) -> bool:
    try:
        msgspec.inspect.type_info(annotation)
    except Exception:
        return False
    return True


def _kind(body: bytes) -> str:
    value = decode_any(body)
    return "`None`" if value is None else f"`{type(value).__name__}`"
