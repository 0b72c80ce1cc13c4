"""The tools of the host as Python objects: `HostTools` is what there is, `HostTool` is one of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from snakebridge.encoding import encode, encode_checked
from snakebridge.suggestions import did_you_mean

if TYPE_CHECKING:
    import inspect

LIST_TARGET = "$tools.list"
"""System target of the host; no tool can have this name, because tool names do not begin with `$`."""


class HostStub(Protocol):
    """A way to send something to the host."""

    def call(self, target: str, arguments: bytes) -> bytes:
        """Call a target of the host with encoded arguments and wait for the encoded result.

        Raises:
            HostToolError: If the host answered with an error.
        """


class HostParameter(msgspec.Struct, frozen=True):
    """One parameter of a tool of the host."""

    name: str
    type: str = "any"
    description: str = ""
    required: bool = True
    default: Any = None


class _HostToolSpec(msgspec.Struct, frozen=True):
    name: str
    description: str = ""
    streaming: bool = False
    parameters: list[HostParameter] = []


class _Catalogue(msgspec.Struct, frozen=True):
    generation: int
    tools: list[_HostToolSpec]


class HostTool(Mapping[str, Any]):
    """One tool of the host: call it like a function, or read its description like a mapping.

    As a mapping it has the keys ``name``, ``description`` and ``parameters``, the latter by name. It has a
    docstring and a signature, so that `help` and completion show what it takes.
    """

    def __init__(self, stub: HostStub, spec: _HostToolSpec) -> None:
        self._stub = stub
        self._spec = spec
        self.__name__ = self.__qualname__ = spec.name
        self.__doc__ = spec.description or None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the tool and wait for its result. Raises what `SessionContext.call_tool` raises."""
        return call_host(self._stub, self._spec.name, args, kwargs)

    @property
    def __signature__(self) -> inspect.Signature:
        import inspect  # only for whoever asks for signatures, and they have imported it

        required = [parameter for parameter in self._spec.parameters if parameter.required]
        optional = [parameter for parameter in self._spec.parameters if not parameter.required]
        # A signature cannot have a required positional parameter behind an optional one; the host's tools
        # can.
        return inspect.Signature(
            [
                inspect.Parameter(
                    parameter.name,
                    inspect.Parameter.POSITIONAL_OR_KEYWORD,
                    default=inspect.Parameter.empty if parameter.required else parameter.default,
                    annotation=parameter.type,
                )
                for parameter in (*required, *optional)
            ]
        )

    def __getitem__(self, key: str) -> Any:
        match key:
            case "name":
                return self._spec.name
            case "description":
                return self._spec.description
            case "parameters":
                return {parameter.name: msgspec.to_builtins(parameter) for parameter in self._spec.parameters}
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(("name", "description", "parameters"))

    def __len__(self) -> int:
        return 3

    def __repr__(self) -> str:
        return f"<host tool {self._spec.name}>"


class HostTools(Mapping[str, HostTool]):
    """The tools that the host offers to this call, as attributes and as a mapping by name."""

    def __init__(self, tools: Mapping[str, HostTool]) -> None:
        self._tools = tools

    @classmethod
    def load(cls, stub: HostStub) -> HostTools:
        """Ask the host what it offers."""
        catalogue = msgspec.msgpack.decode(stub.call(LIST_TARGET, encode({})), type=_Catalogue)
        return cls({spec.name: HostTool(stub, spec) for spec in catalogue.tools})

    def __getattr__(self, name: str) -> HostTool:
        # Reached only for names that are not attributes; a tool called `keys` is there by `tools["keys"]`.
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self._tools[name]
        except KeyError:
            raise AttributeError(self._absent(name), name=name, obj=self) from None

    def __getitem__(self, name: str) -> HostTool:
        try:
            return self._tools[name]
        except KeyError:
            raise KeyError(self._absent(name)) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._tools)

    def __len__(self) -> int:
        return len(self._tools)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *(name for name in self._tools if name.isidentifier())]

    def __repr__(self) -> str:
        return f"<host tools: {', '.join(sorted(self._tools)) or 'none'}>"

    def _absent(self, name: str) -> str:
        hint = did_you_mean(name, self._tools) if self._tools else ": it offers no tools to this call"
        return f"the host has no tool `{name}`{hint}"


def call_host(stub: HostStub, target: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a tool of the host and wait for its result."""
    return msgspec.msgpack.decode(stub.call(target, encode_arguments(args, kwargs)))


def encode_arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
    """Arguments for a tool of the host: a map by name, with positional ones in front of such a map."""
    return encode_checked([args, kwargs] if args else kwargs)
