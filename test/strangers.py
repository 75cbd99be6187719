"""Tools of strangers that tests use when they are installed."""

from __future__ import annotations

import importlib
import os
from typing import Any

import pytest

__all__ = ["need"]


def need(module: str) -> Any:
    """Import a tool, or skip the test; tox's ``strangers`` says that all are installed, and there none is skipped."""
    if os.environ.get("STRANGERS"):
        return importlib.import_module(module)
    return pytest.importorskip(module, reason=f"{module} is not installed; `tox -e strangers` has it")
