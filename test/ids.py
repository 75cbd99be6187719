"""Names of parameters that are the same in each run: pytest-xdist compares those of its workers."""

import re

__all__ = ["ADDRESS", "stable"]

ADDRESS = re.compile(r" at 0x[0-9a-f]+")
"""Where Python's default ``repr`` says in which place of the memory an object is."""


def stable(value: object) -> str:
    """Name a value by its ``repr``, without an address; a function by its name."""
    name = getattr(value, "__name__", None)
    return name if isinstance(name, str) else ADDRESS.sub("", repr(value))
