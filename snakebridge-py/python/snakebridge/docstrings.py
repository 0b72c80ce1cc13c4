"""What a docstring says: the first paragraph, and what it says of parameters in any of three styles."""

from __future__ import annotations

import re

_GOOGLE_SECTION = re.compile(r"(?P<indent> *)(?:Args|Arguments|Parameters|Params):\s*")
_GOOGLE_ENTRY = re.compile(r"\*{0,2}(?P<name>\w+)\s*(?:\([^)]*\))?\s*:\s*(?P<text>.*)")
_NUMPY_ENTRY = re.compile(r"\*{0,2}(?P<names>\w+(?:\s*,\s*\*{0,2}\w+)*)\s*(?::.*)?")
_SPHINX_ENTRY = re.compile(
    r":(?:param|parameter|arg|argument)\s+(?:[^:]*\s)?\*{0,2}(?P<name>\w+):\s*(?P<text>.*)"
)


def first_paragraph(docstring: str | None) -> str:
    """The first paragraph of a docstring on one line, or an empty text."""
    lines = []
    for line in (docstring or "").strip().splitlines():
        if not line.strip():
            break
        lines.append(line.strip())
    return " ".join(lines)


def parameter_texts(docstring: str | None) -> dict[str, str]:
    """What a docstring says of each parameter, in the style of Google, NumPy or Sphinx.

    Example:
        >>> parameter_texts('''Scale.
        ...
        ...     Args:
        ...         value: What to scale.
        ...         factor (float): By how much;
        ...             two by default.
        ... ''')
        {'value': 'What to scale.', 'factor': 'By how much; two by default.'}
    """
    lines = _dedented(docstring or "")
    for number, line in enumerate(lines):
        section = _GOOGLE_SECTION.fullmatch(line)
        if section is not None:
            return _google(lines[number + 1 :], len(section["indent"]))
        if (
            line.strip() == "Parameters"
            and lines[number + 1 : number + 2]
            and set(lines[number + 1].strip()) == {"-"}
        ):
            return _numpy(lines[number + 2 :])
    return _sphinx(lines)


def _google(lines: list[str], outside: int) -> dict[str, str]:
    texts: dict[str, str] = {}
    depth, current = None, None
    for line in lines:
        if not line.strip():
            continue
        indent = _indent(line)
        if indent <= outside:
            break
        depth = indent if depth is None else depth
        entry = _GOOGLE_ENTRY.fullmatch(line.strip()) if indent == depth else None
        if entry is not None:
            current = entry["name"]
            texts[current] = entry["text"]
        elif current is not None:
            texts[current] = f"{texts[current]} {line.strip()}".strip()
    return texts


def _numpy(lines: list[str]) -> dict[str, str]:
    texts: dict[str, str] = {}
    current: list[str] = []
    for number, line in enumerate(lines):
        following = lines[number + 1].strip() if number + 1 < len(lines) else ""
        if following and set(following) == {"-"}:
            break  # the title of the next section
        if not line.strip():
            continue
        if _indent(line) == 0:
            entry = _NUMPY_ENTRY.fullmatch(line.strip())
            current = [] if entry is None else re.findall(r"\w+", entry["names"])
            texts.update(dict.fromkeys(current, ""))
        for name in current if _indent(line) else ():
            texts[name] = f"{texts[name]} {line.strip()}".strip()
    return texts


def _sphinx(lines: list[str]) -> dict[str, str]:
    texts: dict[str, str] = {}
    current = None
    for line in lines:
        entry = _SPHINX_ENTRY.fullmatch(line.strip())
        if entry is not None:
            current = entry["name"]
            texts[current] = entry["text"]
        elif not line.strip() or line.strip().startswith(":"):
            current = None
        elif current is not None:
            texts[current] = f"{texts[current]} {line.strip()}".strip()
    return texts


def _dedented(docstring: str) -> list[str]:
    """The lines without the indentation that all but the first have in common."""
    first, *rest = docstring.expandtabs().splitlines() or [""]
    common = min((_indent(line) for line in rest if line.strip()), default=0)
    return [first.strip(), *(line[common:].rstrip() for line in rest)]


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
