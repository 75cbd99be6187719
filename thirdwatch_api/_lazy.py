"""Names of a package that are imported when they are first used: a shop that sends two kinds of event pays for two."""

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from ._forks import UNFORKED

__all__ = ["importer", "load", "module_name"]


def module_name(class_name: str) -> str:
    """Tell the module of a model or an API class: ``TagAPIApi`` is in ``tag_api_api``."""
    name = class_name[:1]
    for before, letter, after in zip(class_name, class_name[1:], class_name[2:] + "A", strict=False):
        if letter.isupper() and (before.islower() or after.islower()):
            name += "_"
        name += letter
    return name.lower()


def load(module: str, package: str | None = None) -> Any:
    """Import what is seldom needed, at the moment in which it is."""
    # A child that is forked while another thread imports would wait for the lock of that import for ever.
    with UNFORKED:
        return import_module(module, package)


def importer(package: str, module_of: Callable[[str], str | None]) -> Callable[[str], Any]:
    """Make the ``__getattr__`` of a package.

    :param package: the package's name
    :param module_of: tells in which module, relative to the package, a name is; None for a name that is unknown
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
