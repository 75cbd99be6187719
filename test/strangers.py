"""Third-party tools, such as gevent or Sentry, that tests use when they are installed."""

from __future__ import annotations

import os
from importlib.util import find_spec

import pytest

__all__ = ["need"]


def need(module: str, environment: str = "strangers") -> None:
    """Skip a test whose tool is not installed; tox's ``strangers`` says that all are, and there it fails.

    The tool is not imported here: it is for a process of its own.

    :param environment: the one of tox that has the tool, and sets a variable with its name in capitals
    """
    if find_spec(module.partition(".")[0]) and find_spec(module):
        return
    assert not os.environ.get(environment.upper()), f"{module} is not installed"
    pytest.skip(f"{module} is not installed; `tox -e {environment}` has it")
