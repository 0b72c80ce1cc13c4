"""From `module:Class` to an adapter: the grammar, the search, and what is said when it fails."""

import asyncio
import sys
import textwrap

import pytest

from snakebridge import AdapterError, BaseAdapter
from snakebridge.loading import collect_tools, find_adapter, import_module, make_adapter, parse_spec

HEAD = "from snakebridge import BaseAdapter, tool\n"
ONE_TOOL = """
class {name}(BaseAdapter):
    @tool
    def ping(self): return "pong"
"""


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes a module, imports it, and forgets it after the test."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)

    def write_module(name, source):
        path = tmp_path.joinpath(*name.split(".")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(HEAD + textwrap.dedent(source))
        return import_module(name)

    yield write_module
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("spec", "parts"),
    [
        ("tools", ("tools", None)),
        ("a.b.c", ("a.b.c", None)),
        ("a.b:Class", ("a.b", "Class")),
        ("naïve:Klasse", ("naïve", "Klasse")),
    ],
)
def test_a_spec_is_a_module_and_perhaps_a_class(spec, parts):
    assert parse_spec(spec) == parts


@pytest.mark.parametrize(
    "spec",
    [
        "../x",
        "os;system",
        "a.b:c; import",
        "/etc/passwd",
        "a\0b",
        "a:",
        ":A",
        "a..b",
        "a.b:c.d",
        "a\n",
        "1a",
        "a b",
    ],
)
def test_anything_else_is_refused_before_it_is_imported(spec):
    with pytest.raises(AdapterError, match=r'write "module:Class"'):
        parse_spec(spec)


@pytest.mark.parametrize("spec", [None, ""])
def test_no_adapter_is_answered_with_what_to_give(spec):
    with pytest.raises(AdapterError, match=r'no adapter was given: name one as "module:Class"'):
        parse_spec(spec)


def test_a_class_is_found_by_name(write):
    module = write("text_tools", ONE_TOOL.format(name="TextAdapter"))
    source = find_adapter(module, "TextAdapter")
    assert (source.spec, source.target) == ("text_tools:TextAdapter", module.TextAdapter)


def test_without_a_name_the_only_adapter_class_is_taken(write):
    module = write(
        "text_tools", "from snakebridge import BaseAdapter as Other\n" + ONE_TOOL.format(name="Text")
    )
    assert find_adapter(module, None).spec == "text_tools:Text"


def test_a_class_that_is_only_imported_is_not_taken(write):
    write("base_tools", ONE_TOOL.format(name="Base"))
    module = write("text_tools", "from base_tools import Base\nclass Text(Base): ...\n")
    assert find_adapter(module, None).spec == "text_tools:Text"


def test_a_package_may_show_an_adapter_of_its_inside(write):
    write("showing.inner", ONE_TOOL.format(name="Text"))
    module = write("showing.__init__", "from showing.inner import Text\n")
    module.__name__ = "showing"  # it was imported by its file's name
    assert find_adapter(module, None).spec == "showing:Text"


def test_several_adapter_classes_must_be_told_apart(write):
    module = write("text_tools", ONE_TOOL.format(name="First") + ONE_TOOL.format(name="Second"))
    with pytest.raises(AdapterError, match='write "text_tools:First" or "text_tools:Second"'):
        find_adapter(module, None)


def test_a_second_name_of_one_class_is_no_second_class(write):
    module = write("text_tools", ONE_TOOL.format(name="First") + "Alias = First\n")
    assert find_adapter(module, None).spec == "text_tools:First"


def test_a_misspelt_class_is_answered_with_the_nearest(write):
    module = write("text_tools", ONE_TOOL.format(name="TextAdapter"))
    with pytest.raises(AdapterError, match=r"no class `TextAdaptor`: did you mean `TextAdapter`\?"):
        find_adapter(module, "TextAdaptor")


def test_a_class_that_is_no_adapter_is_refused(write):
    module = write("text_tools", "class Text: ...\n")
    with pytest.raises(AdapterError, match="must inherit from snakebridge"):
        find_adapter(module, "Text")


def test_a_module_with_decorated_functions_is_an_adapter(write):
    module = write(
        "functions", '"""Sums."""\n__version__ = 3\n@tool\ndef add(a: int, b: int): return a + b\n'
    )
    source = find_adapter(module, None)
    loaded = collect_tools(source, make_adapter(source, None), None, asyncio.run)
    assert [tool.name for tool in loaded.tools] == ["add"]
    assert (loaded.spec, loaded.name, loaded.version) == ("functions", "functions", "3")


@pytest.mark.parametrize("name", ["initialize", "cleanup", "warmup", "before_call", "after_call"])
def test_a_hook_of_a_module_is_no_tool(write, name):
    module = write("functions", f"from snakebridge import tool\n@tool\ndef {name}(force: bool): ...\n")
    with pytest.raises(AdapterError, match=rf"functions.{name} .*: a module's `{name}` is no tool, because"):
        find_adapter(module, None)


def test_a_module_without_anything_to_call_is_refused(write):
    module = write("empty", "def add(a, b): return a + b\n")
    with pytest.raises(AdapterError, match="neither a class that inherits"):
        find_adapter(module, None)


def test_an_adapter_without_tools_is_refused_with_the_way_out(write):
    source = find_adapter(write("bare", "class Bare(BaseAdapter): ...\n"), None)
    with pytest.raises(AdapterError, match=r"`bare:Bare` has no tools: decorate its methods"):
        collect_tools(source, make_adapter(source, None), None, asyncio.run)


@pytest.mark.parametrize(
    ("constructor", "given", "kept"),
    [
        ("def __init__(self, config=None): self.kept = config", {"a": 1}, {"a": 1}),
        ("def __init__(self, config={'b': 2}): self.kept = config", None, {"b": 2}),
        ("def __init__(self, config): self.kept = config", None, None),
        ("def __init__(self, *, config): self.kept = config", {"a": 1}, {"a": 1}),
        ("def __init__(self, **options): self.kept = options['config']", {"a": 1}, {"a": 1}),
        ("def __init__(self): self.kept = 'nothing asked'", None, "nothing asked"),
    ],
)
def test_the_constructor_gets_the_configuration_if_it_asks_for_it(write, constructor, given, kept):
    source = find_adapter(write("configured", f"class Configured(BaseAdapter):\n    {constructor}\n"), None)
    assert make_adapter(source, given).kept == kept


@pytest.mark.parametrize("text", [ONE_TOOL.format(name="Plain"), "@tool\ndef add(): ...\n"])
def test_a_configuration_that_nothing_reads_is_refused(write, text):
    source = find_adapter(write("plain", text), None)
    with pytest.raises(AdapterError, match="was given a configuration"):
        make_adapter(source, {"a": 1})


def test_a_missing_module_is_answered_with_where_it_was_searched(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError) as caught:
        import_module("no_such_module.inner")
    assert str(tmp_path) in caught.value.__notes__[0]


def test_a_missing_dependency_of_the_module_gets_no_such_note(write):
    with pytest.raises(ModuleNotFoundError, match="no_such_dependency") as caught:
        write("needy", "import no_such_dependency\n")
    assert not hasattr(caught.value, "__notes__")


def test_the_docstring_of_the_base_class_is_not_the_adapters(write):
    source = find_adapter(write("text_tools", ONE_TOOL.format(name="Text")), None)
    assert collect_tools(source, make_adapter(source, None), None, asyncio.run).description == ""
    assert BaseAdapter.__doc__


CONFIGURED = """
from dataclasses import dataclass

@dataclass
class Settings:
    model: str
    sizes: list[int]

class Adapter(BaseAdapter):
    def __init__(self, config: {annotation}):
        self.config = config

    @tool
    def ping(self): ...
"""


@pytest.mark.parametrize("annotation", ["Settings", '"Settings"', "Settings | None = None"])
def test_the_configuration_arrives_as_its_annotation_says(write, annotation):
    source = find_adapter(write("configured", CONFIGURED.format(annotation=annotation)), None)
    config = make_adapter(source, {"model": "small", "sizes": [1]}).config
    assert (type(config).__name__, config.sizes) == ("Settings", [1])


def test_a_configuration_that_does_not_fit_is_refused_with_every_problem(write):
    source = find_adapter(write("configured", CONFIGURED.format(annotation="Settings")), None)
    with pytest.raises(
        AdapterError, match=r"does not fit: `config.model` is missing.*`config.sizes\[0\]`: expected"
    ):
        make_adapter(source, {"sizes": ["x"]})
    with pytest.raises(AdapterError, match="does not fit: `config`: expected `dict`, got `None`"):
        make_adapter(source, None)


def test_a_configuration_of_a_type_that_nobody_can_decode_is_refused(write):
    source = find_adapter(write("configured", CONFIGURED.format(annotation="range")), None)
    with pytest.raises(AdapterError, match="`config` cannot be of type range"):
        make_adapter(source, 1)
