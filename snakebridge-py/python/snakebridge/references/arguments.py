"""What stands for something else among the arguments of a call: objects of this worker."""

from __future__ import annotations

from typing import Any

import msgspec

from snakebridge.references.kept import OBJECT, read_object


def read_extension(code: int, data: memoryview) -> Any:
    """What an extension type means where a value of any type may stand: msgspec's hook.

    Raises:
        ReferenceLost: If it names an object that is not there any more.
        InvalidArgument: If it names an object that the call must not have.
    """
    if code == OBJECT:
        return read_object(data)
    return msgspec.msgpack.Ext(code, bytes(data))
