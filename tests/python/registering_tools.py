"""Tools that expose their own adapter to a session."""

from snakebridge import BaseAdapter, tool


class RegisteringAdapter(BaseAdapter):
    """Registers its tools with the session that its calls run in."""

    @tool
    def register(self) -> list[str]:
        """Expose all tools."""
        return self.register_with_session(self.session_context.session_id)

    @tool
    async def register_async(self) -> list[str]:
        """Expose all tools, and let other calls run meanwhile."""
        return await self.register_with_session_async(self.session_context.session_id)

    @tool
    def register_some(self, names: list[str]) -> list[str]:
        """Expose tools by name."""
        return self.session_context.register_tools(names)

    @tool
    async def register_some_async(self, names: list[str]) -> list[str]:
        """Expose tools by name, and let other calls run meanwhile."""
        return await self.session_context.aregister_tools(names)
