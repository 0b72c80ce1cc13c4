"""Bytes, as they are: neither encoded nor copied into text."""

import hashlib

from snakebridge import tool

GREY = 1
"""Bytes of a pixel of the pictures here."""


class BinaryData:
    """Tools that take and return bytes."""

    @tool
    def checksum(self, data: bytes) -> str:
        """Digest bytes."""
        return hashlib.sha256(data).hexdigest()

    @tool
    def invert(self, picture: bytes) -> bytes:
        """Invert a grey picture: what was black is white."""
        return picture.translate(bytes(255 - value for value in range(256)))

    @tool
    def halve(self, picture: bytes, width: int) -> bytes:
        """Halve a grey picture in both directions, by leaving out every other pixel."""
        if width <= 0 or len(picture) % (width * GREY):
            raise ValueError(f"{len(picture)} bytes are no whole rows of {width}")
        rows = [picture[start : start + width] for start in range(0, len(picture), width)]
        return b"".join(row[::2] for row in rows[::2])
