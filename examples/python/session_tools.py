"""What a session keeps, and where: the Python side of the sessions example."""

import os
from typing import Any

from snakebridge import BaseAdapter, tool


class SessionTools(BaseAdapter):
    """Keeps nothing itself: a worker may end at any time, and the session goes on."""

    @tool
    def whoami(self) -> tuple[str, int]:
        """Name the session of this call, and the process that runs it."""
        return self.session_context.session_id, os.getpid()

    @tool
    def store(self, key: str, value: Any) -> int:
        """Keep a value in the session, by a tool of the host. Returns its version."""
        version: int = self.session_context.call_elixir_tool("store_variable", key=key, value=value)
        return version

    @tool
    def greet(self, name: str) -> str:
        """Greet with what the session keeps, and count how often."""
        state = self.session_context.state
        state.set("greeted", state.get("greeted", 0) + 1)
        return f"{state.get('greeting')}, {name}"
