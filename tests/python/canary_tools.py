"""Tools that are given secrets and go wrong with them in hand."""

import os
import signal
import time
from typing import Any

from snakebridge import BaseAdapter, SessionContext, tool


class Keeper:
    """Holds a secret and shows it to whoever asks for its text."""

    def __init__(self, secret: str) -> None:
        self.secret = secret

    def __repr__(self) -> str:
        return f"Keeper({self.secret!r})"


class Dropped:
    """Fails when it is collected, which nobody can catch."""

    def __init__(self, secret: str) -> None:
        self.secret = secret

    def __del__(self) -> None:
        secret = self.secret
        raise RuntimeError("it failed while it was dropped") if secret else SystemError


class CanaryAdapter(BaseAdapter):
    """Goes wrong in many ways."""

    def __init__(self, config: dict[str, str]) -> None:
        self.password = config["password"]

    @tool
    def holds(self, word: str) -> list[str]:
        """Name the variables whose values have the word in them."""
        return sorted(name for name, value in os.environ.items() if word in value)

    @tool
    def reads(self, name: str) -> str:
        """Read a variable of the environment."""
        return os.environ[name]

    @tool
    def fails(self, secret: str) -> None:
        """Fail with the secret in the locals of several frames."""
        twice = secret * 2

        def inner(pieces: list[str]) -> None:
            raise LookupError("the inner failure" if pieces else "nothing")

        try:
            inner([secret, twice])
        except LookupError as error:
            raise ValueError("the outer failure") from error

    @tool
    def typed(self, number: int, fraction: float = 0.0) -> int:
        """Take numbers only."""
        return number if fraction == 0 else 0

    @tool
    def keeps(self, secret: str) -> Any:
        """Return what cannot travel."""
        return {"kept": [Keeper(secret)]}

    @tool
    def drops(self, secret: str) -> None:
        """Leave an error where nobody can catch it."""
        Dropped(secret)

    @tool
    def hangs(self, secret: str) -> None:
        """Go on whatever happens."""
        while secret:
            try:
                time.sleep(60)
            except BaseException:
                continue

    @tool
    def dies(self, secret: str) -> None:
        """End the process."""
        if secret:
            os.kill(os.getpid(), signal.SIGKILL)

    @tool
    def asks(self, context: SessionContext, name: str, arguments: dict[str, Any]) -> Any:
        """Call a tool of the host."""
        return context.call_tool(name, **arguments)

    @tool
    def prints(self, text: str) -> None:
        """Say something aloud, which is the tool's own business."""
        print(text, flush=True)
