"""What importing costs, and what the package shows."""

import doctest
import importlib
import pkgutil
import pydoc
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import snakebridge


def modules_after(statement):
    """The modules that a fresh interpreter has loaded after a statement, and had not before."""
    program = f"import sys; sys.path[:0] = {sys.path!r}; had = set(sys.modules)\n{statement}\n"
    program += "print(*sorted(set(sys.modules) - had))"
    command = [sys.executable, "-I", "-c", program]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def test_importing_the_package_imports_nothing_else():
    assert modules_after("import snakebridge") == {"snakebridge", "__future__"}


def test_importing_the_extension_imports_nothing_else():
    assert modules_after("from snakebridge import _native") == {
        "snakebridge",
        "__future__",
        "snakebridge._native",
    }


OWN_MODULES = """
_native annotations arguments base_adapter capture conversion conversion.decoding current decorator
definitions encoding errors events extensions inputs life loading manifest
references references.kept session signature startup
streams suggestions trampoline
"""

OF_A_WORKER = {
    "snakebridge",
    *(f"snakebridge.{name}" for name in OWN_MODULES.split()),
    *("_contextvars", "_struct", "contextlib", "contextvars", "faulthandler", "math", "struct"),
}
"""What a worker imports beside msgspec, and nothing more: see `cargo xtask bench footprint`."""

SMALL_ADAPTER = """
from snakebridge import BaseAdapter, tool
class Small(BaseAdapter):
    @tool
    def add(self, a: float, b: float = 1.0) -> float:
        "Add two numbers."
        return a + b
    @tool(idempotent=True, timeout=5.0)
    def count(self, words: list[str]):
        yield from map(len, words)
"""

SERVED = f"""
import types
from snakebridge import startup
module = sys.modules["small"] = types.ModuleType("small")
exec({SMALL_ADAPTER!r}, vars(module))
adapter, manifest, tools = startup._load(startup.HostHello("small:Small"))
assert tools[0][3](bytes([0x81, 0xA1, 97, 0xCB]) + bytes(8))[0] == 0xCB
"""


def modules_beside_msgspec(statement):
    """The same beside what msgspec imports by itself, which is much more where typing_extensions is."""
    alone = "sys.modules['typing_extensions'] = None\nimport msgspec\nhad |= set(sys.modules)"
    return modules_after(f"{alone}\n{statement}")


def test_what_a_worker_imports_is_as_little_as_can_be():
    assert modules_beside_msgspec("import snakebridge.startup") <= OF_A_WORKER


def test_a_small_adapter_needs_no_more_than_that():
    assert modules_beside_msgspec(SERVED) - OF_A_WORKER == {"small"}


@pytest.mark.parametrize(
    "module", ["asyncio", "inspect", "logging", "subprocess", "threading", "difflib", "dataclasses"]
)
def test_all_public_names_together_import_nothing_that_is_slow(module):
    assert module not in modules_beside_msgspec("from snakebridge import *")


@pytest.mark.parametrize("name", snakebridge.__all__)
def test_every_public_name_is_there_and_documented(name):
    value = getattr(snakebridge, name)
    assert name == "__version__" or value.__doc__


def test_the_public_names_are_listed_before_they_are_imported():
    program = f"import sys; sys.path[:0] = {sys.path!r}; import snakebridge; print(*dir(snakebridge))"
    output = subprocess.run(
        [sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert set(snakebridge.__all__) <= set(output.split())


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute `nothing`"):
        snakebridge.nothing  # noqa: B018


def test_wheel_and_extension_are_of_one_version():
    from snakebridge import _native

    assert _native.__version__ == snakebridge.__version__


def test_the_wheel_says_what_a_published_one_needs_to():
    root = Path(__file__).parent.parent
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    workspace = tomllib.loads((root.parent / "Cargo.toml").read_text(encoding="utf-8"))["workspace"][
        "package"
    ]
    assert (root / project["readme"]).read_text(encoding="utf-8").startswith("# snakebridge")
    assert project["license"] == workspace["license"]
    assert project["urls"]["Homepage"] == workspace["repository"]
    licences = sorted(path for pattern in project["license-files"] for path in root.glob(pattern))
    assert [path.name for path in licences] == ["LICENSE-APACHE", "LICENSE-MIT"]
    assert all(path.read_bytes() == (root.parent / path.name).read_bytes() for path in licences)


def test_the_names_of_exceptions_do_not_depend_on_their_module():
    from snakebridge import errors

    for name, kind in vars(errors).items():
        if isinstance(kind, type) and issubclass(kind, Exception):
            assert kind.__module__ == "snakebridge"
            assert getattr(snakebridge, name) is kind


MODULES = [
    module.name
    for module in pkgutil.walk_packages(snakebridge.__path__, "snakebridge.")
    if not module.name.endswith((".worker", "._native", ".startup", ".asynchronous"))  # need the extension
]


@pytest.mark.parametrize("name", ["snakebridge", *MODULES])
def test_the_examples_in_the_documentation_run(name):
    results = doctest.testmod(importlib.import_module(name))
    assert results.failed == 0


def test_there_are_examples_in_the_documentation():
    finder = doctest.DocTestFinder(exclude_empty=True)
    examples = [
        test for name in MODULES for test in finder.find(importlib.import_module(name)) if test.examples
    ]
    assert len(examples) >= 4


@pytest.mark.parametrize("name", [name for name in snakebridge.__all__ if not name.startswith("__")])
def test_help_says_what_each_public_name_is_for(name):
    value = getattr(snakebridge, name)
    text = pydoc.render_doc(value, renderer=pydoc.plaintext)
    first = (value.__doc__ or "").strip().splitlines()[0]
    assert first in text
    assert first.endswith((".", ":"))
    assert " at 0x" not in text


def test_help_on_the_package_begins_with_an_example_and_lists_every_public_name():
    text = pydoc.render_doc(snakebridge, renderer=pydoc.plaintext)
    before = text.partition("PACKAGE CONTENTS")[0]
    assert ">>> from snakebridge import BaseAdapter, tool" in before
    words = set(re.findall(r"\w+", before))
    assert [name for name in snakebridge.__all__ if name not in words and name != "__version__"] == []
    assert len(before.splitlines()) < 50, "the first pages are the ones that are read"
    behind = text.partition("CLASSES")[2]
    assert all(name in behind for name in snakebridge.__all__ if name != "telemetry")
