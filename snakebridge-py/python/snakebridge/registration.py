"""What an adapter says about its tools."""

from __future__ import annotations

import msgspec


class ParameterSpec(msgspec.Struct, frozen=True):
    """One parameter of a tool, as `BaseAdapter.get_tools` reports it."""

    name: str
    type: str
    """The annotation as text, such as ``int`` or ``list[str]``; ``any`` where there is none."""
    description: str = ""
    required: bool = True
    default: str | None = None
    """The default as JSON text (``"42"``, ``"null"``), or None where the parameter is required, or where the
    default is something that JSON cannot say. As in Python's `json`, some floats are ``Infinity``,
    ``-Infinity`` and ``NaN``.
    """


class ToolRegistration(msgspec.Struct, frozen=True):
    """One tool, as `BaseAdapter.get_tools` reports it."""

    name: str
    description: str
    parameters: list[ParameterSpec]
    supports_streaming: bool
    metadata: dict[str, str]
    """``adapter_class`` and ``module``: where the tool comes from."""
