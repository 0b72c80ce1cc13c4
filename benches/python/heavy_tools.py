"""A module that imports much: numpy where it is installed, and a good part of the standard library anyway."""

import asyncio
import contextlib
import decimal
import email.mime.multipart
import http.client
import importlib
import sqlite3
import unittest.mock
import xml.dom.minidom

from snakebridge import BaseAdapter, tool

with contextlib.suppress(ImportError):
    importlib.import_module("numpy")

HEAVY = (asyncio, decimal, email, http, sqlite3, unittest, xml)


class HeavyAdapter(BaseAdapter):
    """Has a tool, so that it may be loaded."""

    @tool
    def modules(self) -> int:
        """Count what was imported for it."""
        return len(HEAVY)
