"""The manifest: what an adapter offers, as the host reads, hashes and checks it."""

from __future__ import annotations

import typing
from typing import TYPE_CHECKING, Any

import msgspec

from snakebridge.annotations import json_schema, type_text
from snakebridge.errors import AdapterError
from snakebridge.inputs import input_type
from snakebridge.streams import StreamChunk

if TYPE_CHECKING:
    from snakebridge.definitions import ToolDefinition
    from snakebridge.signature import Parameter

FORMAT = 1
TOOL_LIMIT = 4096
MANIFEST_LIMIT = 1024 * 1024
"""The protocol's limits: a manifest travels in one frame."""

# The bytes are hashed and compared between workers, so the order of map keys must not depend on the run.
_encode = msgspec.msgpack.Encoder(order="deterministic").encode


def build_manifest(
    spec: str, name: str, version: str | None, description: str, tools: list[ToolDefinition]
) -> bytes:
    """Encode the manifest of an adapter.

    Args:
        spec: Where the adapter is, as ``module:Class`` or ``module``.
        name: Its own name.
        version: Its ``__version__``, where it has one.
        description: Its docstring.
        tools: Its tools.

    Raises:
        AdapterError: If it is more than the protocol carries.
    """
    if len(tools) > TOOL_LIMIT:
        raise AdapterError(f"adapter `{spec}` has {len(tools)} tools, and at most {TOOL_LIMIT} are allowed")
    encoded = _encode(
        {
            "format": FORMAT,
            "adapter": spec,
            "name": name,
            "version": version,
            "description": description,
            "tools": [describe_tool(definition) for definition in sorted(tools, key=lambda tool: tool.name)],
        }
    )
    if len(encoded) > MANIFEST_LIMIT:
        raise AdapterError(
            f"the manifest of adapter `{spec}` takes {len(encoded)} bytes, and at most {MANIFEST_LIMIT} are "
            "allowed: shorten descriptions, or split the adapter"
        )
    return encoded


def describe_tool(definition: ToolDefinition) -> dict[str, Any]:
    """One tool as the manifest describes it."""
    options = definition.options
    said = {
        "version": options.version,
        "examples": [plain_value(example) for example in options.examples],
        "read_only": options.read_only,
        "destructive": options.destructive,
        "deprecated": options.deprecated,
        "hidden": options.hidden,
        "session": None if options.session == "none" else options.session,
        "required_variables": list(options.required_variables),
        "cache_ms": None if options.cache is None else max(1, round(options.cache * 1000)),
        "batch": None if options.batch is None else msgspec.structs.asdict(options.batch),
        "resources": dict(options.resources),
    }
    return {
        "name": definition.name,
        "description": definition.description,
        "streaming": definition.streams,
        "idempotent": options.idempotent,
        "timeout_ms": None if options.timeout is None else max(1, round(options.timeout * 1000)),
        "parameters": [_parameter(parameter) for parameter in definition.parameters],
        "returns": _returns(definition),
        "tags": list(options.tags),
        # What is not said is left out: most tools say none of it.
        **{name: value for name, value in said.items() if value},
    }


def _returns(definition: ToolDefinition) -> dict[str, Any]:
    """What a tool returns. The schema of a stream is that of one item."""
    returns = definition.signature.returns
    stream = input_type(returns) if definition.streams else None
    if stream is None:
        return {"type": type_text(returns), "schema": json_schema(returns)}
    # A chunk is an envelope, and nothing says what will be inside.
    items = typing.get_args(stream.item) or (stream.item,)
    schema = None if StreamChunk in items else json_schema(stream.item)
    return {"type": type_text(returns), "schema": schema}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    stream = input_type(parameter.annotation)
    described = {
        "name": parameter.name,
        "type": type_text(parameter.annotation),
        # Of one item, where it is a stream of them.
        "schema": json_schema(parameter.annotation if stream is None else stream.item),
        "description": parameter.description,
        "required": parameter.required,
        "default": None if parameter.default is msgspec.UNSET else plain_value(parameter.default),
        "kind": parameter.kind,
    }
    return described if stream is None else {**described, "stream": True}


def plain_value(value: Any) -> Any:
    """A default or an example as a plain value; None where only Python can say it."""
    try:
        # Dates, enumerations and the like become texts and numbers: no type is declared for a default.
        plain = msgspec.to_builtins(value, builtin_types=(bytes,))
        _encode(plain)
    except Exception:
        return None
    return plain
