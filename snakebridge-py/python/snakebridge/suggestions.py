"""Near names for error messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` was most likely meant to be, or None."""
    import difflib  # only when something went wrong: it is a quarter of the package's import time

    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)), None)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Say the nearest known name, or list what there is (at most ten names), or nothing where nothing is."""
    names = sorted(known)
    near = nearest(name, names)
    if near is not None:
        return f": did you mean `{near}`?"
    if not names:
        return ""
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return ": there is " + ", ".join(f"`{known_name}`" for known_name in names[:10]) + more
