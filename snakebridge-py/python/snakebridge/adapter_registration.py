"""Exposing an adapter's tools to a session: by the call that runs, or by a remote stub."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snakebridge.host.remote import RegisterToolsRequest, aresponse_of, response_of
from snakebridge.session import SessionContext

if TYPE_CHECKING:
    from snakebridge.base_adapter import BaseAdapter


def register(adapter: BaseAdapter, session_id: str, stub: Any) -> list[str]:
    """As `BaseAdapter.register_with_session`."""
    context = _context(adapter, session_id, stub)
    if context is None:
        return _names(response_of(stub.RegisterTools(_request(adapter, session_id)), "success"))
    names = [tool.name for tool in adapter.get_tools()]
    context.register_tools(names)
    return names


async def aregister(adapter: BaseAdapter, session_id: str, stub: Any) -> list[str]:
    """As `BaseAdapter.register_with_session_async`."""
    context = _context(adapter, session_id, stub)
    if context is None:
        return _names(await aresponse_of(stub.RegisterTools(_request(adapter, session_id)), "success"))
    names = [tool.name for tool in adapter.get_tools()]
    await context.aregister_tools(names)
    return names


def _context(adapter: BaseAdapter, session_id: str, stub: Any) -> SessionContext | None:
    """The call that registers, or None where a remote stub does."""
    context = adapter.session_context if stub is None else stub
    if context is None:
        raise RuntimeError(
            f"no call runs that could register tools with session {session_id!r}: register inside a tool, or "
            "give a stub"
        )
    if not isinstance(context, SessionContext):
        return None
    if session_id != context.session_id:
        raise ValueError(
            f"tools can be registered with the session of the running call, {context.session_id!r}, and not "
            f"with {session_id!r}: call the tool in that session"
        )
    return context


def _request(adapter: BaseAdapter, session_id: str) -> RegisterToolsRequest:
    return RegisterToolsRequest(session_id, adapter.get_tools(), f"python-{id(adapter)}")


def _names(response: Any) -> list[str]:
    if response.success:
        return list(response.tool_ids.keys())
    import logging  # slow to import, and seldom needed

    logging.getLogger("snakebridge").error("the tools could not be registered: %s", response.error_message)
    return []
