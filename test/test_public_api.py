"""The names that users may rely on, how the package is layered, and what it does when it is imported."""

import ast
import importlib
import inspect
import os
import pkgutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import thirdwatch_api
from thirdwatch_api import Configuration, apis, exceptions, models

from .facts import APIS, MODELS

ROOT = Path(thirdwatch_api.__file__).parent
NAMES = [info.name for info in pkgutil.walk_packages([str(ROOT)], "thirdwatch_api.") if "__main__" not in info.name]
MODULES = ["thirdwatch_api", *NAMES]
each_module = pytest.mark.parametrize("name", MODULES)


MAY_IMPORT = {
    "version": set[str](),
    "exceptions": set[str](),
    "configuration": {"version", "exceptions"},
    "models": {"exceptions"},
    "rest": {"version", "exceptions", "configuration"},
    "callbacks": {"exceptions", "configuration"},
    "api_client": {"version", "exceptions", "configuration", "models", "rest", "callbacks"},
    "apis": {"exceptions", "configuration", "models", "api_client", "callbacks"},
    "sandbox": {"version", "exceptions", "configuration", "models", "apis"},
}


def load(name: str) -> ModuleType:
    importlib.import_module(name)
    return sys.modules[name]


@each_module
def test_each_module_says_what_is_public_sorted_and_true(name: str) -> None:
    module = load(name)
    if name == "thirdwatch_api.version":
        assert isinstance(module.__version__, str)
        return
    assert module.__doc__
    assert list(module.__all__) == sorted(module.__all__, key=_isort_key)
    assert len(set(module.__all__)) == len(module.__all__)
    for public in module.__all__:
        assert hasattr(module, public)


def _isort_key(name: str) -> tuple[int, str]:
    """Constants, then classes, then the rest, as ruff sorts ``__all__``."""
    return (0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2), name


@each_module
def test_each_public_class_and_function_is_documented(name: str) -> None:
    module = load(name)
    for public in getattr(module, "__all__", []):
        thing = getattr(module, public)
        if inspect.isclass(thing) or inspect.isfunction(thing):
            assert inspect.getdoc(thing), public
        if inspect.isclass(thing) and thing.__module__.startswith("thirdwatch_api"):
            for attribute, value in vars(thing).items():
                if inspect.isfunction(value) and not attribute.startswith("_"):
                    assert inspect.getdoc(value), f"{public}.{attribute}"


def test_the_root_offers_every_model_api_and_error() -> None:
    everything = {*models.__all__, *apis.__all__, *exceptions.__all__}
    assert everything <= set(thirdwatch_api.__all__)
    assert {*MODELS, *(api.class_name for api in APIS)} <= everything
    assert {
        "ApiClient",
        "ApiResponse",
        "Attempt",
        "Configuration",
        "PendingCall",
        "configuration",
        "__version__",
    } <= set(thirdwatch_api.__all__)


def test_a_star_import_brings_what_all_says() -> None:
    names: dict[str, object] = {}
    exec("from thirdwatch_api import *", names)
    assert set(thirdwatch_api.__all__) == names.keys() - {"__builtins__"}


def test_the_configuration_is_an_instance_although_a_module_has_its_name() -> None:
    assert type(thirdwatch_api.configuration) is Configuration
    from thirdwatch_api.configuration import Configuration as FromModule

    assert FromModule is Configuration


def package_of(path: Path) -> str:
    first = path.relative_to(ROOT).parts[0]
    return first.removesuffix(".py")


def imports_of(path: Path) -> set[str]:
    """The parts of this package that a file imports, type checkers' imports aside."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    found: set[str] = set()
    depth = len(path.relative_to(ROOT).parts)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level == depth:
            found |= {node.module.partition(".")[0]} if node.module else {alias.name for alias in node.names}
        if isinstance(node, ast.Import):
            assert not any(alias.name.startswith("thirdwatch_api") for alias in node.names), path
    return found


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_point_one_way(path: Path) -> None:
    package = package_of(path)
    if package != "__init__":
        assert imports_of(path) - {package} <= MAY_IMPORT[package]


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_only_rest_knows_urllib3(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typed = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)) and id(node) not in typed:
            assert (
                "urllib3" not in ast.unparse(node)
                or "URLLIB3_VERSION" in ast.unparse(node)
                or package_of(path) == "rest"
            )


def run(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env={**os.environ, "PYTHONPATH": str(ROOT.parent)},
    )
    assert done.stderr == ""
    return done.stdout


def test_an_import_installs_no_handler_and_opens_no_thread() -> None:
    program = (
        "import logging, threading, thirdwatch_api; "
        "print(logging.getLogger().handlers, logging.getLogger('thirdwatch_api').level, threading.active_count(), "
        "[type(h).__name__ for h in logging.getLogger('thirdwatch_api').handlers], "
        "thirdwatch_api.configuration.api_client)"
    )
    assert run(program) == "[] 0 1 ['NullHandler'] None\n"


def test_what_is_slow_and_rarely_needed_is_not_imported() -> None:
    program = "import sys, thirdwatch_api; print([m for m in ('dateutil.parser', 'http.server') if m in sys.modules])"
    assert run(program) == "[]\n"


@pytest.mark.parametrize("api", APIS, ids=lambda api: api.class_name)
def test_help_shows_the_event_the_options_and_the_answer(api: object) -> None:
    fact = api
    assert isinstance(fact, type(APIS[0]))
    method = getattr(getattr(thirdwatch_api, fact.class_name), fact.method)
    hints = inspect.get_annotations(method, eval_str=True)
    assert hints["return"] is thirdwatch_api.EventResponse
    assert getattr(models, fact.model) in hints[fact.parameter].__args__
