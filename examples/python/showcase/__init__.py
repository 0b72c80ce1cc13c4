"""The Python side of the showcase: one adapter, put together from a handler for each theme."""

from showcase.adapter import ShowcaseAdapter

__all__ = ["ShowcaseAdapter"]
