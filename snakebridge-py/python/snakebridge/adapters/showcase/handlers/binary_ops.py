"""Binary data: bytes arrive as bytes, without any encoding in between."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Literal

from snakebridge.adapters.showcase.tool import Tool
from snakebridge.errors import InvalidArgument

if TYPE_CHECKING:
    from snakebridge.session import SessionContext

IMAGE_BEGINNINGS = {"png": b"\x89PNG\r\n\x1a\n", "jpeg": b"\xff\xd8\xff", "gif": b"GIF8"}
ALGORITHMS = ("md5", "sha1", "sha256", "sha512")


class BinaryOpsHandler:
    """Checksums and simple processing of bytes, images among them."""

    def get_tools(self) -> dict[str, Tool]:
        """The functions of this handler by tool name."""
        return {
            "checksum": Tool(self.checksum, description="Checksum of binary data", idempotent=True),
            "process_binary": Tool(
                self.process_binary, description="Process binary data (images, files, etc.)"
            ),
            "process_image": Tool(self.process_image, idempotent=True),
        }

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

    def process_image(
        self,
        ctx: SessionContext | None,  # noqa: ARG002
        data: bytes,
        operation: Literal["describe", "checksum"] = "describe",
    ) -> dict[str, Any]:
        """Say what kind of image some bytes are, by how they begin, or their checksum."""
        if operation == "checksum":
            return {"checksum": hashlib.md5(data, usedforsecurity=False).hexdigest(), "size": len(data)}
        kinds = [kind for kind, beginning in IMAGE_BEGINNINGS.items() if data.startswith(beginning)]
        return {"format": kinds[0] if kinds else "unknown", "original_size": len(data)}
