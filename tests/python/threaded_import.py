"""A module that starts a thread while it is imported."""

import threading

from snakebridge import BaseAdapter, tool

threading.Thread(target=threading.Event().wait, daemon=True).start()


class ThreadedAdapter(BaseAdapter):
    """Has a tool."""

    @tool
    def nothing(self) -> None:
        """Do nothing."""
