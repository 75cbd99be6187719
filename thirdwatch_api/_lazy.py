"""Import models, API classes and rarely needed modules on first use, to keep start-up fast."""

# Before-fork hooks run in reverse order of registration. A thread that holds our lock may log, so logging, whose
# hooks take its own locks, has to register first.
import logging  # noqa: F401 - see above  # pyright: ignore[reportUnusedImport]
import os
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from typing import Any

__all__ = ["FORK_LOCK", "LateSignature", "importer", "load", "module_name"]

FORK_LOCK = threading.RLock()
"""Delay ``os.fork()`` in other threads during imports and TLS handshakes: the child would inherit locks of Python or
OpenSSL that nobody releases. Hold it for milliseconds only, and never while waiting for a peer."""

if hasattr(os, "register_at_fork"):  # pragma: no branch - there is no fork on Windows
    os.register_at_fork(before=FORK_LOCK.acquire, after_in_parent=FORK_LOCK.release, after_in_child=FORK_LOCK.release)


def module_name(class_name: str) -> str:
    """Return the module name of a model or an API class: ``tag_api_api`` for ``TagAPIApi``."""
    name = class_name[:1]
    for before, letter, after in zip(class_name, class_name[1:], class_name[2:] + "A", strict=False):
        if letter.isupper() and (before.islower() or after.islower()):
            name += "_"
        name += letter
    return name.lower()


def load(module: str, package: str | None = None) -> Any:
    """Import a module on first use, holding the fork lock."""
    # A child that is forked while another thread imports would wait for the lock of that import for ever.
    with FORK_LOCK:
        return import_module(module, package)


def importer(package: str, module_of: Callable[[str], str | None]) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a package.

    :param package: the package's name
    :param module_of: returns the module of a name, relative to the package; None for an unknown name
    """

    def find(name: str) -> Any:
        module = module_of(name)
        if module is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        found = load(module, package)
        value = getattr(found, name, found)  # the name may be that of the module
        setattr(sys.modules[package], name, value)
        return value

    return find


class LateSignature:
    """The signature of a function, made when ``inspect`` asks for it: ``inspect`` itself is slow to import.

    It is the ``__wrapped__`` of the function, where ``inspect`` and ``help()`` look for a signature.
    """

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make

    @property
    def __signature__(self) -> Any:
        return self._make()
