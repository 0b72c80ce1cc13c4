"""What tools the host offers, asked for once for every generation of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from snakebridge.encoding import encode

if TYPE_CHECKING:
    from snakebridge.host.stub import HostStub

LIST_TARGET = "$tools.list"
"""System target of the host; no tool can have this name, because tool names do not begin with `$`."""

KEPT = 256
"""Catalogues that a worker keeps. A session that comes back after so many others costs one more question."""


class HostParameter(msgspec.Struct, frozen=True):
    """One parameter of a tool of the host."""

    name: str
    type: str = "any"
    description: str = ""
    required: bool = True
    default: Any = None
    schema: Any = None
    """JSON Schema, where the host has one."""


class HostReturns(msgspec.Struct, frozen=True):
    """What a tool of the host gives; for a streaming one, its items."""

    type: str = "any"
    schema: Any = None


class HostToolSpec(msgspec.Struct, frozen=True):
    """One tool of the host, as the host describes it."""

    name: str
    description: str = ""
    streaming: bool = False
    parameters: list[HostParameter] = []
    returns: HostReturns | None = None
    metadata: dict[str, Any] | None = None


class _Listing(msgspec.Struct, frozen=True):
    generation: int
    tools: list[HostToolSpec]


Catalogue = dict[str, HostToolSpec]
"""Tools of the host by name."""

_decode = msgspec.msgpack.Decoder(_Listing).decode
_nothing = encode({})
_kept: dict[tuple[str, int], Catalogue] = {}


def known_catalogue(stub: HostStub, session_id: str) -> Catalogue | None:
    """The catalogue that this worker has for a call's session and generation, or None."""
    return _kept.get((session_id, stub.tools_generation))


def ask_catalogue(stub: HostStub, session_id: str) -> Catalogue:
    """Ask the host what it offers to a call."""
    listing = _decode(stub.call(LIST_TARGET, _nothing))
    return _keep(stub, session_id, listing)


async def aask_catalogue(stub: HostStub, session_id: str) -> Catalogue:
    """The same as `ask_catalogue`; other coroutines run meanwhile."""
    listing = _decode(await stub.acall(LIST_TARGET, _nothing))
    return _keep(stub, session_id, listing)


def _keep(stub: HostStub, session_id: str, listing: _Listing) -> Catalogue:
    catalogue = {spec.name: spec for spec in listing.tools}
    generation = stub.tools_generation
    if generation:  # without one nobody says when the tools change
        if len(_kept) >= KEPT:
            _kept.clear()  # one step, so that threads need no lock
        # What is newer than the call serves the call as well.
        _kept[session_id, generation] = _kept[session_id, listing.generation] = catalogue
    return catalogue
