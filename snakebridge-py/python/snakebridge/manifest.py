"""The manifest: what an adapter offers, as the host reads, hashes and checks it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from snakebridge.annotations import description_of, json_schema, type_text
from snakebridge.errors import AdapterError
from snakebridge.inputs import input_type

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
    options, returns = definition.options, definition.signature.returns
    return {
        "name": definition.name,
        "description": definition.description,
        "streaming": definition.streams,
        "idempotent": options.idempotent,
        "timeout_ms": None if options.timeout is None else max(1, round(options.timeout * 1000)),
        "parameters": [_parameter(parameter) for parameter in definition.parameters],
        "returns": {"type": type_text(returns), "schema": json_schema(returns)},
        "tags": list(options.tags),
    }


def _parameter(parameter: Parameter) -> dict[str, Any]:
    stream = input_type(parameter.annotation)
    described = {
        "name": parameter.name,
        "type": type_text(parameter.annotation),
        # Of one item, where it is a stream of them.
        "schema": json_schema(parameter.annotation if stream is None else stream.item),
        "description": description_of(parameter.annotation),
        "required": parameter.required,
        "default": _default(parameter.default),
        "kind": parameter.kind,
    }
    return described if stream is None else {**described, "stream": True}


def _default(value: Any) -> Any:
    """The default as a plain value; None where there is none, or only Python can say it."""
    if value is msgspec.UNSET:
        return None
    try:
        # Dates, enumerations and the like become texts and numbers: no type is declared for a default.
        plain = msgspec.to_builtins(value, builtin_types=(bytes,))
        _encode(plain)
    except Exception:
        return None
    return plain
