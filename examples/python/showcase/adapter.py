"""The adapter: what it includes is what it offers."""

from showcase.basics import Basics
from showcase.binary import BinaryData
from showcase.learning import Learning
from showcase.rust import RustUser
from showcase.streaming import Streaming
from snakebridge import BaseAdapter


class ShowcaseAdapter(BaseAdapter):
    """Everything that the showcase calls."""

    __version__ = "1.0.0"

    def __init__(self) -> None:
        """Include the handlers. None of them keeps anything: a worker may end at any time."""
        for handler in (Basics(), BinaryData(), Learning(), RustUser(), Streaming()):
            self.include(handler)
