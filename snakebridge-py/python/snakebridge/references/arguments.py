"""What stands for something else among the arguments: objects of this worker, functions of the host."""

from __future__ import annotations

from typing import Any

import msgspec

from snakebridge.references.kept import OBJECT, read_object

FUNCTION = 8
"""The extension type of a function of the host; its data is the function's number in the call."""


def read_extension(code: int, data: memoryview) -> Any:
    """What an extension type means where a value of any type may stand: msgspec's hook.

    Raises:
        ReferenceLost: If it names an object that is not there any more.
        InvalidArgument: If it names what the call must not have.
    """
    if code == OBJECT:
        return read_object(data)
    if code == FUNCTION:
        from snakebridge.host.callbacks import read_function  # which decodes by means of this

        return read_function(data)
    return msgspec.msgpack.Ext(code, bytes(data))
