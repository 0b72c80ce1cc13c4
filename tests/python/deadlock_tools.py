"""Tools that have their session to themselves while they ask the host."""

from snakebridge import BaseAdapter, tool


class DeadlockAdapter(BaseAdapter):
    """Goes from session to session, through the host."""

    @tool
    def visit(self, path: list[str]) -> list[str]:
        """Be in this session, and have the host visit the next one of the path meanwhile."""
        here = self.session_context.session_id
        rest: list[str] = self.session_context.call_tool("visit_next", path=path) if path else []
        return [here, *rest]

    @tool
    def work(self, depth: int) -> int:
        """Ask for a place in the host, and for another one while it is held."""
        return depth + int(self.session_context.call_tool("in_place", depth=depth))
