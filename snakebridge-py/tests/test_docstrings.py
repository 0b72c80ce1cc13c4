"""Descriptions of tools and parameters are read from docstrings, in the three usual styles."""

import pytest

from snakebridge import BaseAdapter, tool
from snakebridge.docstrings import first_paragraph, parameter_texts

GOOGLE = """Scale a value.

    It is done
    with care.

    Args:
        value (float): What to scale.
        factor: By how much,
            two by default: really.
        **rest: Whatever
            else.

    Returns:
        value: not a parameter.
    """

NUMPY = """Scale a value.

    Parameters
    ----------
    value : float
        What to scale.
    factor, power : float, optional
        By how much,
        two by default.

    Returns
    -------
    float
        The result.
    """

SPHINX = """Scale a value.

    :param value: What to scale.
    :param float factor: By how much,
        two by default.
    :type value: float
    :returns: The result.
    """


@pytest.mark.parametrize(
    ("docstring", "texts"),
    [
        (
            GOOGLE,
            {
                "value": "What to scale.",
                "factor": "By how much, two by default: really.",
                "rest": "Whatever else.",
            },
        ),
        (
            NUMPY,
            {
                "value": "What to scale.",
                "factor": "By how much, two by default.",
                "power": "By how much, two by default.",
            },
        ),
        (SPHINX, {"value": "What to scale.", "factor": "By how much, two by default."}),
        ("\n    Args:\n        a: first", {"a": "first"}),
        ("Scale.", {}),
        ("Args:", {}),
        ("Parameters\n----------", {}),
        ("", {}),
        (None, {}),
    ],
)
def test_parameters_are_described_in_any_style(docstring, texts):
    assert parameter_texts(docstring) == texts


def test_the_first_paragraph_is_one_line():
    assert first_paragraph("\n    Scale\n    a value.\n\n    More.") == "Scale a value."
    assert first_paragraph(None) == ""


def test_tabs_are_indentation_like_any_other():
    assert parameter_texts("Scale.\n\n\tArgs:\n\t\ta: first\n") == {"a": "first"}


def test_the_registration_has_the_descriptions():
    class Adapter(BaseAdapter):
        @tool
        def scale(self, value: float, factor: float = 2.0):
            """Scale a value.

            Args:
                value: What to scale.
            """

    (registration,) = Adapter().get_tools()
    assert [parameter.description for parameter in registration.parameters] == ["What to scale.", ""]
