"""The Python side of the example `host_tools`: it is told of prices and stock by Rust."""

from typing import Any

from snakebridge import BaseAdapter, HostToolError, tool


class ShopAdapter(BaseAdapter):
    """Does with Rust tools what a program would."""

    @tool
    def total(self, basket: dict[str, int]) -> dict[str, Any]:
        """Add up a basket; every price is asked of the host."""
        price = self.session_context.tools.price  # a Rust function, with a signature and documentation
        sum_of_prices = 0
        refused = []
        for article, pieces in basket.items():
            try:
                sum_of_prices += price(article, pieces=pieces)
            except HostToolError as error:  # the tool's own error: a code to decide by, and data
                if error.code != "no_such_article":
                    raise
                refused.append({"article": article, "nearest": error.data})
        return {"sum": sum_of_prices, "refused": refused}

    @tool
    def restock(self, pieces: int, times: int) -> int:
        """Use tools that share a value in Rust."""
        tools = self.session_context.tools
        for _ in range(times):
            tools["stock.add"](pieces=pieces)
        return int(tools["stock.count"]())
