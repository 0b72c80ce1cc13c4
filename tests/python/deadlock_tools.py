"""Tools that have their session to themselves while they ask the host."""

from typing import Any

from snakebridge import BaseAdapter, HostToolError, tool


class DeadlockAdapter(BaseAdapter):
    """Goes from session to session, through the host."""

    @tool
    def visit(self, path: list[str]) -> list[str]:
        """Be in this session, and have the host visit the next one of the path meanwhile."""
        here = self.session_context.session_id
        rest: list[str] = self._ask("visit_next", path=path) if path else []
        return [here, *rest]

    @tool
    def work(self, depth: int) -> int:
        """Ask for a place in the host, and for another one while it is held."""
        return depth + int(self._ask("in_place", depth=depth))

    @tool
    def meet_and_enter(self) -> list[str]:
        """Be in this session, meet the other chains, and then ask for the only place."""
        self.session_context.call_tool("meet")
        answer: list[str] = self._ask("only_place", path=[])
        return answer

    @tool
    def enter_and_visit(self, path: list[str]) -> list[str]:
        """Ask for the only place, in which the host visits a session."""
        answer: list[str] = self._ask("only_place", path=path)
        return answer

    @tool
    def cross(self, path: list[str]) -> int:
        """Have the host cross over to the next pool of the path meanwhile."""
        return 1 + (int(self._ask("cross_next", path=path)) if path else 0)

    @tool(resources={"key": 1})
    def share(self, path: list[str]) -> int:
        """Have a key of this pool while the host calls the same in the next pool of the path."""
        return 1 + (int(self._ask("share_next", path=path)) if path else 0)

    def _ask(self, tool_name: str, **arguments: Any) -> Any:
        """Call a tool of the host, and tell with which code it failed."""
        try:
            return self.session_context.call_tool(tool_name, **arguments)
        except HostToolError as error:
            raise RuntimeError(f"Python saw {error.code}: {error}") from None
