"""Testing adapters without Rust: a host in the test's own process."""

from snakebridge.testing.host import FakeCall, FakeHost, HostCall

__all__ = ["FakeCall", "FakeHost", "HostCall"]
