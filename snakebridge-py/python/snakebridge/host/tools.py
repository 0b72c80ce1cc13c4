"""The tools of the host as Python objects: `HostTools` is what there is, `HostTool` is one of them."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from snakebridge.encoding import encode_checked
from snakebridge.errors import HostToolError
from snakebridge.extensions import decode
from snakebridge.host.catalogue import aask_catalogue, ask_catalogue, known_catalogue
from snakebridge.host.streams import HostStream
from snakebridge.host.types import annotation_of
from snakebridge.suggestions import did_you_mean

if TYPE_CHECKING:
    import inspect

    from snakebridge.host.catalogue import Catalogue, HostParameter, HostToolSpec
    from snakebridge.host.stub import HostStub

Tagged = tuple[Literal["ok", "error"], Any]


class HostTool(Mapping[str, Any]):
    """One tool of the host: call it like a function, or read its description like a mapping.

    It has a name, a docstring, a signature and annotations, so that `help` and completion show what it takes.
    As a mapping it has the keys ``name``, ``description`` and ``parameters``, the latter by name.

    A call waits for the result. In an asynchronous tool that would hold up everything else on the loop, so
    write ``await tool.acall(...)`` there: what waits is always seen. A streaming tool gives an iterator
    instead, for ``for`` and for ``async for``.
    """

    def __init__(self, stub: HostStub, spec: HostToolSpec) -> None:
        self._stub = stub
        self._spec = spec
        self.__name__ = self.__qualname__ = spec.name
        self.__doc__ = _docstring(spec) or None
        self.__annotations__ = _annotations(spec)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the tool and wait for its result; a streaming one gives a `HostStream`.

        Raises what `SessionContext.call_tool` raises.
        """
        if self._spec.streaming:
            return HostStream(self._stub, self._spec.name, encode_arguments(args, kwargs))
        return call_host(self._stub, self._spec.name, args, kwargs)

    async def acall(self, *args: Any, **kwargs: Any) -> Any:
        """Call the tool from an asynchronous tool; other calls run while it waits.

        Raises:
            TypeError: If the tool streams: ``async for item in tool(...)`` needs no `acall`.
            HostToolError: As `SessionContext.acall_tool`.
        """
        self._refuse_stream("acall", "async for")
        return await acall_host(self._stub, self._spec.name, args, kwargs)

    def tagged(self, *args: Any, **kwargs: Any) -> Tagged:
        """Call the tool and get its error as a value: ``("ok", result)`` or ``("error", reason)``.

        The reason is what the tool attached to its error, else its message. Only errors that the tool reports
        itself are values; whatever else goes wrong is raised as in a plain call.
        """
        self._refuse_stream("tagged", "for")
        try:
            return "ok", call_host(self._stub, self._spec.name, args, kwargs)
        except HostToolError as error:
            return _tagged(error)

    async def atagged(self, *args: Any, **kwargs: Any) -> Tagged:
        """The same as `tagged`, from an asynchronous tool."""
        self._refuse_stream("atagged", "async for")
        try:
            return "ok", await acall_host(self._stub, self._spec.name, args, kwargs)
        except HostToolError as error:
            return _tagged(error)

    @property
    def streams(self) -> bool:
        """Whether a call gives a stream of items."""
        return self._spec.streaming

    @property
    def metadata(self) -> dict[str, Any]:
        """What the host says about the tool besides; empty where it says nothing."""
        return dict(self._spec.metadata or {})

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
                    annotation=self.__annotations__[parameter.name],
                )
                for parameter in (*required, *optional)
            ],
            return_annotation=self.__annotations__.get("return", inspect.Signature.empty),
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

    def _refuse_stream(self, method: str, loop: str) -> None:
        if self._spec.streaming:
            name = self._spec.name
            raise TypeError(
                f"host tool `{name}` streams, so `{method}` does not fit: write `{loop} item in {name}(...)`"
            )


class HostTools(Mapping[str, HostTool]):
    """The tools that the host offers to this call, as attributes and as a mapping by name.

    The host is asked at first use, and again only when its tools have changed since; a name that is not found
    is looked up once more before it is an error. Names that begin with `_`, or that a mapping has itself, are
    reached as ``tools["keys"]``.

    Args:
        stub: What carries requests to the host.
        session_id: The session of the call.
    """

    def __init__(self, stub: HostStub, session_id: str) -> None:
        self._stub = stub
        self._session_id = session_id
        self._catalogue: Catalogue | None = None
        self._proxies: dict[str, HostTool] = {}

    async def load(self) -> HostTools:
        """Ask the host, where it has to be asked, while other coroutines run; returns the tools themselves.

        Without it the first use in an asynchronous tool waits for the answer.
        """
        if self._known() is None:
            self._catalogue = await aask_catalogue(self._stub, self._session_id)
        return self

    def __getattr__(self, name: str) -> HostTool:
        # Reached only for names that are not attributes. Interpreters and notebooks probe for `_repr_html_`
        # and the like; the host is not asked for those.
        if name.startswith("_"):
            raise AttributeError(name)
        tool = self._find(name)
        if tool is None:
            raise AttributeError(self._absent(name), name=name, obj=self)
        return tool

    def __getitem__(self, name: str) -> HostTool:
        tool = self._find(name)
        if tool is None:
            raise KeyError(self._absent(name))
        return tool

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._find(name) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self._specs())

    def __len__(self) -> int:
        return len(self._specs())

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *(name for name in self._specs() if name.isidentifier())]

    def __repr__(self) -> str:
        return f"<host tools: {', '.join(sorted(self._specs())) or 'none'}>"

    def _known(self) -> Catalogue | None:
        """What is known without asking."""
        if self._catalogue is None:
            self._catalogue = known_catalogue(self._stub, self._session_id)
        return self._catalogue

    def _ask(self) -> Catalogue:
        self._catalogue = ask_catalogue(self._stub, self._session_id)
        return self._catalogue

    def _specs(self) -> Catalogue:
        known = self._known()
        return self._ask() if known is None else known

    def _find(self, name: str) -> HostTool | None:
        known = self._known()
        spec = None if known is None else known.get(name)
        if spec is None:  # not asked yet, or it may have come since
            spec = self._ask().get(name)
        if spec is None:
            return None
        proxy = self._proxies.get(name)
        if proxy is None or proxy._spec is not spec:  # noqa: SLF001 - a class of this module
            proxy = self._proxies[name] = HostTool(self._stub, spec)
        return proxy

    def _absent(self, name: str) -> str:
        specs = self._specs()
        hint = did_you_mean(name, specs) if specs else ": it offers no tools to this call"
        return f"the host has no tool `{name}`{hint}"


def call_host(stub: HostStub, target: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a tool of the host and wait for its result."""
    return decode(stub.call(target, encode_arguments(args, kwargs)))


async def acall_host(stub: HostStub, target: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a tool of the host and wait for its result; other coroutines run meanwhile."""
    return decode(await stub.acall(target, encode_arguments(args, kwargs)))


def encode_arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
    """Arguments for a tool of the host: a map by name, with positional ones in front of such a map."""
    return encode_checked([args, kwargs] if args else kwargs)


def _tagged(error: HostToolError) -> Tagged:
    if not error.reported:
        raise error
    return "error", error.message if error.data is None else error.data


def _annotations(spec: HostToolSpec) -> dict[str, Any]:
    annotations = {parameter.name: annotation_of(parameter.type) for parameter in spec.parameters}
    if spec.returns is None:
        return annotations
    result = annotation_of(spec.returns.type)
    if spec.streaming:
        result = f"Iterator[{result}]" if isinstance(result, str) else types.GenericAlias(Iterator, (result,))
    return {**annotations, "return": result}


def _docstring(spec: HostToolSpec) -> str:
    """Description, parameters and result, in the form that editors read."""
    sections = [spec.description] if spec.description else []
    if spec.parameters:
        sections.append("Args:\n" + "\n".join(map(_parameter_line, spec.parameters)))
    if spec.returns is not None:
        sections.append(f"{'Yields' if spec.streaming else 'Returns'}:\n    {spec.returns.type}")
    return "\n\n".join(sections)


def _parameter_line(parameter: HostParameter) -> str:
    default = "" if parameter.required else f"(default: {parameter.default!r})"
    about = " ".join(part for part in (parameter.description, default) if part)
    return f"    {parameter.name} ({parameter.type})" + (f": {about}" if about else "")
