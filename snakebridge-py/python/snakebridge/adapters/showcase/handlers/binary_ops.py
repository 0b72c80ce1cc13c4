"""Binary data: bytes arrive as bytes, without any encoding in between."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from snakebridge.adapters.showcase.tool import Tool
from snakebridge.errors import InvalidArgument

if TYPE_CHECKING:
    from snakebridge.session import SessionContext

ALGORITHMS = ("md5", "sha1", "sha256", "sha512")


class BinaryOpsHandler:
    """Checksums and simple processing."""

    def get_tools(self) -> dict[str, Tool]:
        """The functions of this handler by tool name."""
        return {"checksum": Tool(self.checksum), "process_binary": Tool(self.process_binary)}

    def checksum(self, ctx: SessionContext | None, data: bytes, algorithm: str = "sha256") -> dict[str, Any]:  # noqa: ARG002
        """Hex digest and size."""
        if algorithm not in ALGORITHMS:
            raise InvalidArgument(f"unknown algorithm {algorithm!r}: one of {', '.join(ALGORITHMS)}")
        digest = hashlib.new(algorithm, data, usedforsecurity=False).hexdigest()
        return {"checksum": digest, "algorithm": algorithm, "size": len(data)}

    def process_binary(
        self,
        ctx: SessionContext | None,  # noqa: ARG002
        data: bytes,
        format: str = "auto",  # noqa: A002
        operation: str = "analyze",
    ) -> dict[str, Any]:
        """Analyse the data (``analyze``) or turn it round (``reverse``)."""
        match operation:
            case "analyze":
                result: Any = {"distinct_bytes": len(set(data)), "first": data[:8]}
            case "reverse":
                result = data[::-1]
            case _:
                raise InvalidArgument(f"unknown operation {operation!r}: analyze or reverse")
        return {
            "size_bytes": len(data),
            "checksum": hashlib.md5(data, usedforsecurity=False).hexdigest(),
            "format": format,
            "operation": operation,
            "result": result,
        }
