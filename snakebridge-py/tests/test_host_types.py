"""Types of the host's tools, in Rust's words, as annotations."""

from datetime import datetime
from typing import Any

import pytest

from snakebridge.host.types import annotation_of


@pytest.mark.parametrize(
    ("text", "annotation"),
    [
        ("String", str),
        ("&str", str),
        ("&'static str", str),
        ("string", str),
        ("bool", bool),
        ("u64", int),
        ("isize", int),
        ("i128", int),
        ("Vec<BigInt>", list[int]),
        ("snakebridge::value::Timestamp", datetime),
        ("Option<Complex>", complex | None),
        ("f32", float),
        ("Bytes", bytes),
        ("bytes::Bytes", bytes),
        ("Value", Any),
        ("()", None),
        ("Option<String>", str | None),
        ("Vec<Option<f64>>", list[float | None]),
        ("std::collections::HashMap<String, Vec<u8>>", dict[str, list[int]]),
        ("list[int | None]", list[int | None]),
        ("dict[str, any]", dict[str, Any]),
        ("int | float", int | float),
    ],
)
def test_a_type_that_python_has_is_an_annotation(text, annotation):
    assert annotation_of(text) == annotation


@pytest.mark.parametrize(
    "text",
    ["Report", "Vec<Report>", "", "Vec<", "Vec<u8>>", "(u8, u8)", "Option<u8, u8>", "a b", "int |", "[]"],
)
def test_any_other_type_stays_the_text_that_it_is(text):
    assert annotation_of(text) == text
