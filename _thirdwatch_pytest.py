"""The pytest plugin as pytest sees it in every run: an option, a fixture, a hook.

It stands outside of the package, whose import would take each run some milliseconds. What it does is in
``thirdwatch_api.contrib.pytest``, which is imported when a test asks for it.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from thirdwatch_api.sandbox import Sandbox

__all__ = ["pytest_addoption", "pytest_assertrepr_compare", "pytest_configure", "thirdwatch_sandbox"]


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare ``--thirdwatch-strict``, and the same for the configuration file."""
    # pytest rewrites the asserts of all modules that a plugin is installed with. The package has none for tests, and
    # would be compiled anew in each run that may not write bytecode: 0.15 s.
    with suppress(AttributeError):  # it is no documented part of pytest
        hook: Any = pluginmanager.rewrite_hook
        hook._must_rewrite.discard("thirdwatch_api")  # noqa: SLF001 - see above
    text = "fail a test that sends an event to any other host than a sandbox of thirdwatch_api"
    parser.getgroup("thirdwatch").addoption("--thirdwatch-strict", action="store_true", help=text)
    parser.addini("thirdwatch_strict", text, "bool", default=False)


def pytest_configure(config: pytest.Config) -> None:
    """Watch all calls if that was asked for."""
    if config.getoption("thirdwatch_strict") or config.getini("thirdwatch_strict"):
        from thirdwatch_api.contrib.pytest import StrictHosts  # noqa: PLC0415 - most runs never need it

        config.pluginmanager.register(StrictHosts(), "thirdwatch-strict")


@pytest.fixture
def thirdwatch_sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """Run a sandbox of thirdwatch_api, to which ``thirdwatch_api.configuration`` leads during the test.

    Calls are not tried again (``retries=0``). The test fails if what ``fail()`` scripted was never met.
    """
    from thirdwatch_api.contrib.pytest import sandbox_for  # noqa: PLC0415 - most runs never need it

    with sandbox_for(request) as sandbox:
        yield sandbox


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Show the fields in which two events differ."""
    if "thirdwatch_api.models" not in sys.modules:  # so neither of them is an event
        return None
    from thirdwatch_api.contrib.pytest import explain  # noqa: PLC0415 - most runs never need it

    return explain(op, left, right)
