"""What may be reached from outside: which modules, and which names of an object."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any, NoReturn

import msgspec

from snakebridge.errors import InvalidArgument


class Rules(msgspec.Struct, frozen=True):
    """What the host's pool allows, as its HELLO says.

    It keeps a caller to what the pool was made for. It is no sandbox: whoever may use `subprocess` may use
    everything.
    """

    maximum: int
    """Objects that a session keeps."""
    modules: list[str] = []
    """Modules that may be used, each with those inside it."""
    any_module: bool = False

    @property
    def has_modules(self) -> bool:
        """Whether any module may be used."""
        return self.any_module or bool(self.modules)

    def module(self, name: str) -> ModuleType:
        """Import a module that may be used.

        Raises:
            InvalidArgument: If it may not.
            BaseException: Whatever importing it raises.
        """
        for part in name.split("."):
            check_name(part)
        if not self._allows(name):
            self._refuse_module(name)
        return _import_module(name)

    def resolve(self, target: Any, path: str) -> Any:
        """What a path of attributes leads to, such as ``path.join``.

        Raises:
            InvalidArgument: If a name in it is private, or it leads to a module that may not be used.
            AttributeError: If there is no such attribute.
        """
        for name in path.split("."):
            target = self.give(self._attribute(target, check_name(name)))
        return target

    def give(self, value: Any) -> Any:
        """The same value, unless it is a module that may not be used.

        Raises:
            InvalidArgument: If it is.
        """
        if isinstance(value, ModuleType) and not self._allows(value.__name__):
            # `os.path` is a part of `os`, whatever it calls itself.
            known = (name for name, module in list(sys.modules.items()) if module is value)
            if not any(map(self._allows, known)):
                self._refuse_module(value.__name__)
        return value

    def _attribute(self, target: Any, name: str) -> Any:
        try:
            return getattr(target, name)
        except AttributeError:
            if not isinstance(target, ModuleType):
                raise
            # A module inside a package is its attribute only once somebody has imported it.
            inner = f"{target.__name__}.{name}"
            try:
                _import_module(inner)
            except ModuleNotFoundError as error:
                if error.name != inner:
                    raise
            if inner in sys.modules:
                return sys.modules[inner]
            raise

    def _allows(self, name: str) -> bool:
        return self.any_module or any(name == known or name.startswith(f"{known}.") for known in self.modules)

    def _refuse_module(self, name: str) -> NoReturn:
        if not self.modules:
            refuse(f"module `{name}` may not be used: the pool allows none; see `.python_modules([..])`")
        refuse(
            f"module `{name}` may not be used: the pool allows "
            f"{', '.join(f'`{known}`' for known in self.modules)}; see `.python_modules([..])`"
        )


def check_name(name: str) -> str:
    """The name of an attribute or module, if it is one that may be used from outside.

    Raises:
        InvalidArgument: If it is no name, or begins with an underscore.
    """
    if not name.isidentifier():
        refuse(f"{name[:200]!r} is no name of an attribute or module")
    if name.startswith("_"):
        refuse(f"`{name[:200]}` is private: names that begin with `_` cannot be used from outside")
    return name


def refuse(message: str) -> NoReturn:
    """Say that nothing ran.

    Raises:
        InvalidArgument: Always.
    """
    refusal = InvalidArgument(message)
    refusal.tool_ran = False
    raise refusal


def _import_module(name: str) -> ModuleType:
    # Imported where a module is asked for: most workers never are.
    from importlib import import_module

    return import_module(name)
