"""A Chromium of this machine for tests of the sandbox's page, and the checks that every visit makes."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

__all__ = ["REBOUND", "Visit", "axe_script", "browser", "visit"]

PATIENCE = 30  # seconds; no test waits that long unless it fails
REBOUND = "rebound.example"
"""A name of somebody else that leads to this machine, as after DNS rebinding."""

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_REQUIRED = os.environ.get("BROWSER") == "1"
"""Whether this run has to have a browser: then a missing one fails its tests instead of skipping them."""


def _missing() -> str | None:
    """Return why no page can be visited; None when one can."""
    if not find_spec("playwright") or not find_spec("axe_playwright_python"):
        return "needs playwright and axe-playwright-python: tox -e browser"
    return None if any(map(shutil.which, _NAMES)) else "needs a Chromium on this machine: apt-get install chromium"


@contextmanager
def browser() -> Generator[Any]:
    """Start the browser; skip the test where there is none, or fail it where there has to be one."""
    if reason := _missing():
        if _REQUIRED:
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(shutil.which, _NAMES)))
    # Root may not use the browser's own sandbox, and containers have little shared memory.
    options = ["--no-sandbox", "--disable-dev-shm-usage", f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=options)
        try:
            yield chromium
        finally:
            chromium.close()


def axe_script() -> str:
    """Return axe-core, the checker of accessibility."""
    import axe_playwright_python

    (script,) = Path(axe_playwright_python.__file__).parent.rglob("axe.min.js")
    return script.read_text(encoding="utf-8")


class Visit:
    """A page that is open, and what went wrong in it."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.wrong: list[str] = []
        self.expected = "\0"
        """Part of the messages that the test brings about."""
        page.on("console", lambda message: self._note("console", message.text))
        page.on("pageerror", lambda error: self._note("error", error))
        page.on("dialog", self._on_dialog)

    def _on_dialog(self, dialog: Any) -> None:
        self._note("dialog", dialog.message)
        dialog.dismiss()

    def _note(self, kind: str, what: object) -> None:
        if self.expected not in str(what):
            self.wrong.append(f"{kind}: {what}")

    def texts(self, selector: str) -> list[str]:
        """Return the texts of all elements that match."""
        found: list[str] = self.page.locator(selector).all_inner_texts()
        return found

    def text(self, selector: str) -> str:
        found: str = self.page.locator(selector).inner_text()
        return found

    def until(self, expression: str) -> None:
        """Wait until an expression of JavaScript is true. The page's policy allows no polling by the browser itself."""
        deadline = time.monotonic() + PATIENCE
        while not self.page.evaluate(f"() => {expression}"):
            assert time.monotonic() < deadline, expression
            self.page.wait_for_timeout(10)


@contextmanager
def visit(chromium: Any, url: str, *, wrong: bool = False, **options: Any) -> Generator[Visit]:
    """Open a page in a context of its own. At the end nothing may have gone wrong in it.

    :param wrong: whether something may go wrong: the test breaks a connection
    """
    context = chromium.new_context(**{"viewport": {"width": 1280, "height": 800}, "locale": "en-GB", **options})
    try:
        page = Visit(context.new_page())
        page.page.goto(url)
        yield page
        assert wrong or page.wrong == []
    finally:
        context.close()
