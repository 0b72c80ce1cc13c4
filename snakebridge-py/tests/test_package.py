"""What importing costs, and what the package shows."""

import doctest
import importlib
import pkgutil
import subprocess
import sys

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


def test_what_a_worker_imports_leaves_out_what_is_slow():
    base = modules_after("import msgspec")
    loaded = modules_after("import snakebridge.startup") - base
    slow = {"asyncio", "logging", "subprocess", "threading", "traceback", "difflib", "dataclasses", "inspect"}
    assert not loaded & slow


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
