"""The reference adapter: one small tool for everything that the bridge can do, organised in handlers."""

from snakebridge.adapters.showcase.showcase_adapter import ShowcaseAdapter

__all__ = ["ShowcaseAdapter"]
