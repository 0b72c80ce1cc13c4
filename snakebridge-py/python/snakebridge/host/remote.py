"""Stubs of remote procedures, as programs have them that make their contexts and registrations by hand.

A stub is whatever has the methods; requests and responses are read by their attributes. A response may come
as it is, to be awaited, or to be called. Nothing of it is used inside a worker.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from snakebridge.encoding import encode
from snakebridge.errors import HostToolError
from snakebridge.extensions import decode
from snakebridge.host.catalogue import LIST_TARGET
from snakebridge.session import CallMetadata

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from snakebridge.progress import Progress
    from snakebridge.registration import ToolRegistration


class RegisterToolsRequest(msgspec.Struct, frozen=True):
    """What ``stub.RegisterTools`` gets.

    Its response has `success`, `tool_ids` by name, and `error_message`.
    """

    session_id: str
    tools: list[ToolRegistration]
    worker_id: str


class GetExposedElixirToolsRequest(msgspec.Struct, frozen=True):
    """What ``stub.GetExposedElixirTools`` gets.

    Its response has `tools`, each with `name`, `description` and `parameters`.
    """

    session_id: str


class ExecuteElixirToolRequest(msgspec.Struct, frozen=True):
    """What ``stub.ExecuteElixirTool`` gets.

    Its response has `success`, `result` and `error_message`.
    """

    session_id: str
    tool_name: str
    parameters: dict[str, Any]
    binary_parameters: dict[str, bytes]
    """The arguments that are bytes; the others are in `parameters`."""


def response_of(response: Any, field: str) -> Any:
    """The response that a stub's method returned, waited for where it has to be.

    Args:
        response: What the method returned.
        field: The attribute by which a response is known.

    Raises:
        RuntimeError: If it has to be awaited on a thread whose event loop runs.
    """
    response = _called(response, field)
    if not isinstance(response, Awaitable):
        return response
    import asyncio  # only for stubs that are asynchronous

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(_awaited(response, field))
    if hasattr(response, "close"):
        response.close()  # else Python warns that nobody awaited it
    raise RuntimeError("the stub is asynchronous and a loop runs here: use the asynchronous variant")


async def aresponse_of(response: Any, field: str) -> Any:
    """The same as `response_of`, in a coroutine."""
    response = _called(response, field)
    return await _awaited(response, field) if isinstance(response, Awaitable) else response


async def _awaited(response: Awaitable[Any], field: str) -> Any:
    return _called(await response, field)


def _called(response: Any, field: str) -> Any:
    # Asked for the field first: a mock that stands for a response can be called, too.
    if hasattr(response, field) or isinstance(response, Awaitable) or not callable(response):
        return response
    return response()


class RemoteStub:
    """Lets a `SessionContext` stand on a remote stub.

    Args:
        stub: Has ``GetExposedElixirTools(request)`` and ``ExecuteElixirTool(request)``.
        session_id: The session that requests name.
    """

    metadata = CallMetadata()
    deadline = None
    cancelled = False
    tools_generation = 0
    """Unknown: the stub is asked once for every context."""

    def __init__(self, stub: Any, session_id: str) -> None:
        self._stub = stub
        self._session_id = session_id

    def progress(self, progress: Progress) -> None:
        """Nobody hears how far what is no call is."""

    def check_cancelled(self) -> None:
        """Nothing cancels what is no call."""

    def begin_shield(self) -> None:
        """Nothing cancels what is no call."""

    def end_shield(self) -> None:
        """Nothing cancels what is no call."""

    def call(self, target: str, arguments: bytes) -> bytes:
        """Call a tool by the stub, or ask it for the list of tools."""
        if target == LIST_TARGET:
            return _listing(response_of(self._ask_for_tools(), "tools"))
        return _result(response_of(self._execute(target, arguments), "success"))

    async def acall(self, target: str, arguments: bytes) -> bytes:
        """The same as `call`; other coroutines run meanwhile, where the stub is asynchronous."""
        if target == LIST_TARGET:
            return _listing(await aresponse_of(self._ask_for_tools(), "tools"))
        return _result(await aresponse_of(self._execute(target, arguments), "success"))

    def stream(self, target: str, arguments: bytes) -> Iterator[bytes]:  # noqa: ARG002
        """Refuse: remote stubs have no streams."""
        _refuse(target, "remote stubs have no streams")

    def astream(self, target: str, arguments: bytes) -> AsyncIterator[bytes]:  # noqa: ARG002
        """Refuse: remote stubs have no streams."""
        _refuse(target, "remote stubs have no streams")

    def _ask_for_tools(self) -> Any:
        return self._stub.GetExposedElixirTools(GetExposedElixirToolsRequest(self._session_id))

    def _execute(self, target: str, arguments: bytes) -> Any:
        if target.startswith("$"):
            _refuse(target, "remote stubs have tools only")
        given = decode(arguments)
        if not isinstance(given, dict):
            _refuse(target, "remote stubs take arguments by name only")
        binary = {name: value for name, value in given.items() if isinstance(value, bytes)}
        plain = {name: value for name, value in given.items() if name not in binary}
        return self._stub.ExecuteElixirTool(ExecuteElixirToolRequest(self._session_id, target, plain, binary))


def _listing(response: Any) -> bytes:
    return encode({"generation": 0, "tools": [_tool(spec) for spec in response.tools]})


def _tool(spec: Any) -> dict[str, Any]:
    parameters = [_parameter(name, said) for name, said in dict(spec.parameters).items()]
    return {"name": spec.name, "description": spec.description, "parameters": parameters}


def _parameter(name: str, said: Any) -> dict[str, Any]:
    """A parameter, of which a stub may say its type, or what it is, or more."""
    if isinstance(said, str):
        return {"name": name, "type": said}
    return {"name": name, **said} if isinstance(said, dict) else {"name": name}


def _result(response: Any) -> bytes:
    if not response.success:
        message = str(response.error_message or "the tool failed")
        raise HostToolError("error", message, executed="yes", reported=True)
    return encode(response.result)


def _refuse(target: str, reason: str) -> NoReturn:
    raise HostToolError("tool_not_found", f"`{target}` cannot be called: {reason}", executed="never")
