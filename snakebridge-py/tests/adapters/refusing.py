"""An adapter whose constructor fails."""

from snakebridge import BaseAdapter, tool


class Refusing(BaseAdapter):
    def __init__(self):
        raise ConnectionError("the database is away")

    @tool
    def ping(self): ...
