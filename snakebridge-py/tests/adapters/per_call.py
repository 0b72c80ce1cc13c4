"""An adapter whose objects live for one call."""

from snakebridge import BaseAdapter, tool


class PerCall(BaseAdapter):
    lifecycle = "request"
    made = 0

    def __init__(self, config: dict[str, int]):
        self.start = config["start"]

    def initialize(self):
        PerCall.made += 1

    def cleanup(self):
        print(f"cleaned up {self.made}")

    @tool
    def number(self) -> int:
        return self.start + self.made

    @tool
    def count(self, n: int):
        for number in range(n):
            yield self.number() + number

    @tool
    async def later(self) -> int:
        return self.number()
