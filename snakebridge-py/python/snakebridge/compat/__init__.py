"""Adapters that were written for other bridges, run unchanged."""
