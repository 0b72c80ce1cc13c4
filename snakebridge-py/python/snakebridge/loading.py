"""From an adapter's name to the adapter itself."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import msgspec

from snakebridge.annotations import type_text, undecodable
from snakebridge.base_adapter import BaseAdapter
from snakebridge.conversion.decoding import decode, wire_annotation
from snakebridge.definitions import ToolDefinition, tools_of_instance, tools_of_module
from snakebridge.encoding import encode
from snakebridge.errors import AdapterError
from snakebridge.life import AdapterLife
from snakebridge.signature import CO_VARKEYWORDS, resolve_annotations
from snakebridge.suggestions import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import ModuleType

FOREIGN = "snakebridge.compat.snakepit"
"""The module that knows adapters without a base class; it is loaded where the host asks for it."""

NO_TOOLS_HINT = "decorate its methods, or the module's functions, with @tool"


class AdapterSource(msgspec.Struct, frozen=True):
    """An adapter's class or module, imported but not yet made."""

    spec: str
    """The canonical name: ``module:Class``, or ``module`` where the module itself is the adapter."""
    target: Any


class LoadedAdapter(msgspec.Struct, frozen=True):
    """An adapter whose tools can be called."""

    spec: str
    instance: Any
    """The adapter object; the module where that is the adapter."""
    tools: list[ToolDefinition]
    """Each with a function that does what has to happen around a call."""
    life: AdapterLife

    @property
    def name(self) -> str:
        """The class's name, or the module's."""
        return self.spec.partition(":")[2] or self.spec

    @property
    def version(self) -> str | None:
        """The ``__version__`` that it states."""
        version = getattr(self.instance, "__version__", None)
        return None if version is None else str(version)

    @property
    def description(self) -> str:
        """Its docstring; a class without one does not inherit that of `BaseAdapter`."""
        owner = self.instance if self.spec == self.name else type(self.instance)
        return (vars(owner).get("__doc__") or "").strip()


def parse_spec(spec: str | None) -> tuple[str, str | None]:
    """Split an adapter's name into module and class.

    Raises:
        AdapterError: If it is none, or is not of the form ``module:Class`` or ``module``.
    """
    if not spec:
        raise AdapterError(
            'no adapter was given: name one as "module:Class", or as "module" for a module with one adapter '
            "class or with functions decorated by @tool"
        )
    module, colon, name = spec.partition(":")
    # ``ident(.ident)*(:ident)?``, and nothing else: a spec is never a path and never code.
    if not all(map(str.isidentifier, module.split("."))) or (colon and not name.isidentifier()):
        raise AdapterError(
            f'{spec[:200]!r} does not name an adapter: write "module:Class" or "module", with dots between '
            "packages and no paths"
        )
    return module, name or None


def find_adapter(module: ModuleType, name: str | None) -> AdapterSource:
    """The adapter in an imported module.

    Raises:
        AdapterError: If it is not there, is no adapter, or could be several.
    """
    classes = _adapter_classes(module)
    if name is not None:
        target = vars(module).get(name)
        if target is None:
            there_is = did_you_mean(name, classes) if classes else "; it defines no adapter class"
            raise AdapterError(f"module `{module.__name__}` has no class `{name}`{there_is}")
        return adapter_class(target, f"{module.__name__}:{name}")
    if len(classes) > 1:
        choices = " or ".join(f'"{module.__name__}:{found}"' for found in sorted(classes))
        raise AdapterError(f"module `{module.__name__}` has several adapter classes: write {choices}")
    if classes:
        (found,) = classes
        return AdapterSource(f"{module.__name__}:{found}", classes[found])
    if tools_of_module(module):
        return AdapterSource(module.__name__, module)
    raise AdapterError(
        f"module `{module.__name__}` has neither a class that inherits from snakebridge.BaseAdapter nor "
        "functions decorated with @tool"
    )


def adapter_class(target: Any, spec: str) -> AdapterSource:
    """An adapter's class; one without a base class as an adapter, in a process that serves such.

    Raises:
        AdapterError: If it is none.
    """
    kind = sys.modules[FOREIGN].adapt(target) if _is_foreign(target) else target
    if isinstance(kind, type) and issubclass(kind, BaseAdapter):
        return AdapterSource(spec, kind)
    hint = ', or be served with compat "snakepit", as it has `execute_tool`' if _has_execute(target) else ""
    raise AdapterError(f"`{spec}` is no adapter: it must inherit from snakebridge.BaseAdapter{hint}")


class PythonModules(BaseAdapter):
    """No tools: Python's modules, as far as the pool allows them."""


def adapter_without_tools() -> AdapterSource:
    """What stands in for an adapter where modules are all that is used."""
    return AdapterSource(f"{PythonModules.__module__}:{PythonModules.__name__}", PythonModules)


def make_adapter(source: AdapterSource, config: Any) -> Any:
    """Make the adapter, with the host's configuration where its constructor has a parameter `config`.

    The configuration is checked against the parameter's annotation, and arrives as what that says.

    Raises:
        AdapterError: If the host gave a configuration that nothing would read, or that does not fit.
        Exception: Whatever the constructor raises.
    """
    takes_config, needs_config = _config_parameter(source)
    if config is not None and not takes_config:
        raise AdapterError(
            f"adapter `{source.spec}` was given a configuration, but has no `__init__` with `config`"
        )
    if not isinstance(source.target, type):
        return source.target
    if not needs_config and config is None:
        return source.target()
    return source.target(config=_checked_config(source, config))


def collect_tools(
    source: AdapterSource, instance: Any, config: Any, complete: Callable[[Awaitable[Any]], Any]
) -> LoadedAdapter:
    """The tools of a made adapter.

    Args:
        source: Where it comes from.
        instance: The adapter object.
        config: The configuration, for further objects.
        complete: Runs what an asynchronous hook gives, while the worker does not serve.

    Raises:
        AdapterError: If it has none, or one cannot be called as it is written.
    """
    tools = tools_of_module(instance) if instance is source.target else tools_of_instance(instance)
    if not tools and source.target is not PythonModules:
        raise AdapterError(f"adapter `{source.spec}` has no tools: {NO_TOOLS_HINT}")
    life = AdapterLife(instance, lambda: make_adapter(source, config), complete)
    return LoadedAdapter(source.spec, instance, [life.surround(tool) for tool in tools], life)


def import_module(name: str) -> ModuleType:
    """Import the adapter's module; a module that is not found anywhere is explained by where it was searched.

    Raises:
        BaseException: Whatever the module's code raises.
    """
    try:
        # What `importlib.import_module` does for absolute names; the package importlib is not needed for it.
        __import__(name)
        return sys.modules[name]
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(error.name + ".")):
            places = ", ".join(sys.path) or "nothing"
            error.add_note(
                f"The adapter's module was searched in: {places}. "
                "Give the folder that holds it as a Python path."
            )
        raise


def _is_foreign(target: Any) -> bool:
    """Whether it is an adapter of a kind that has no base class, in a process that serves such."""
    foreign = sys.modules.get(FOREIGN)
    is_served = foreign is not None and foreign.is_installed()
    return is_served and _has_execute(target) and not issubclass(target, BaseAdapter)


def _has_execute(target: Any) -> bool:
    """Whether it is a class with the method by which snakepit calls tools."""
    return isinstance(target, type) and callable(getattr(target, "execute_tool", None))


def _adapter_classes(module: ModuleType) -> dict[str, type]:
    """Adapter classes that a module, or for a package a module inside it, defines and the module shows."""
    own = module.__name__
    classes: dict[str, type] = {}
    for name, value in vars(module).items():
        if not isinstance(value, type) or not issubclass(value, BaseAdapter) or value in classes.values():
            continue
        if value.__module__ == own or value.__module__.startswith(own + "."):
            classes[name] = value
    return classes


def _config_parameter(source: AdapterSource) -> tuple[bool, bool]:
    """Whether the constructor takes `config`, and whether it cannot do without."""
    constructor = getattr(source.target, "__init__", None) if isinstance(source.target, type) else None
    code = getattr(constructor, "__code__", None)
    if code is None:  # a module, or a class that has only object's constructor
        return False, False
    if "config" not in code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]:
        return bool(code.co_flags & CO_VARKEYWORDS), False
    positional = code.co_varnames[: code.co_argcount]
    defaults = getattr(constructor, "__defaults__", None) or ()
    optional = {
        *positional[len(positional) - len(defaults) :],
        *(getattr(constructor, "__kwdefaults__", None) or ()),
    }
    return True, "config" not in optional


def _checked_config(source: AdapterSource, config: Any) -> Any:
    constructor = source.target.__init__
    declared = {name: value for name, value in constructor.__annotations__.items() if name == "config"}
    owner = f"adapter `{source.spec}`"
    annotation = resolve_annotations(declared, constructor.__globals__, owner).get("config", Any)
    if annotation is Any:
        return config
    annotation, body = wire_annotation(annotation), encode(config)
    if (reason := undecodable(annotation)) is not None:
        raise AdapterError(f"{owner}: `config` cannot be of type {type_text(annotation)}: {reason}")
    try:
        return decode(body, annotation)
    except Exception:
        from snakebridge.conversion.problems import find_problems  # only where something is wrong

        problems = "; ".join(map(str, find_problems("config", annotation, msgspec.Raw(body))))
        raise AdapterError(f"the configuration of {owner} does not fit: {problems}") from None
