"""The names that users may rely on, and what an import does."""

import importlib
import inspect
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import get_origin

import pytest

import thirdwatch_api
from thirdwatch_api import Configuration, apis, exceptions, models
from thirdwatch_api.apis.options import Options

from .django_project import set_up
from .facts import APIS, MODELS

ROOT = Path(thirdwatch_api.__file__).parent
NAMES = [info.name for info in pkgutil.walk_packages([str(ROOT)], "thirdwatch_api.") if "__main__" not in info.name]
MODULES = ["thirdwatch_api", *NAMES]
EXTRAS = {"celery", "django", "sqlalchemy"}
each_module = pytest.mark.parametrize("name", MODULES)


def load(name: str) -> ModuleType:
    try:
        if name.startswith("thirdwatch_api.contrib.django"):  # its models want a project
            set_up()
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name not in EXTRAS:
            raise
        pytest.skip(f"{error.name} is not installed")
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
        if get_origin(thing) is not None:  # an alias, which 3.10 takes for a class
            continue
        if inspect.isclass(thing) or inspect.isfunction(thing):
            assert inspect.getdoc(thing), public
        if inspect.isclass(thing) and thing.__module__.startswith("thirdwatch_api"):
            for attribute, value in vars(thing).items():
                if inspect.isfunction(value) and not attribute.startswith("_"):
                    assert inspect.getdoc(value), f"{public}.{attribute}"


def test_the_root_offers_every_model_api_and_error() -> None:
    everything = {*models.__all__, *apis.__all__, *exceptions.__all__}
    assert {*MODELS, *(api.class_name for api in APIS)} <= everything
    everything |= {"ApiClient", "ApiResponse", "Attempt", "Configuration", "PendingCall", "configuration"}
    assert everything | {"__version__"} <= set(load("thirdwatch_api").__all__)


@pytest.mark.parametrize("package", [thirdwatch_api, models, apis], ids=lambda package: package.__name__)
def test_dir_lists_what_is_public_and_another_name_is_an_attribute_error(package: ModuleType) -> None:
    assert set(package.__all__) <= set(dir(package))
    with pytest.raises(AttributeError, match="has no attribute 'OrderStatuss'"):
        package.OrderStatuss  # noqa: B018 - to read it is the point


def test_a_star_import_brings_what_all_says() -> None:
    names: dict[str, object] = {}
    exec("from thirdwatch_api import *", names)
    assert set(load("thirdwatch_api").__all__) == names.keys() - {"__builtins__"}


def test_the_configuration_is_an_instance_although_a_module_has_its_name() -> None:
    assert type(thirdwatch_api.configuration) is Configuration
    from thirdwatch_api.configuration import Configuration as FromModule

    assert FromModule is Configuration


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
        "{type(h).__name__ for h in logging.getLogger('thirdwatch_api').handlers} - {'NullHandler'}, "
        "thirdwatch_api.configuration.api_client)"
    )
    assert run(program) == "[] 0 1 set() None\n"


def test_what_is_slow_and_rarely_needed_is_not_imported() -> None:
    program = "import sys, thirdwatch_api; print([m for m in ('dateutil.parser', 'http.server') if m in sys.modules])"
    assert run(program) == "[]\n"


@pytest.mark.parametrize("api", APIS, ids=lambda api: api.class_name)
def test_help_shows_the_event_the_options_and_the_response(api: object) -> None:
    fact = api
    assert isinstance(fact, type(APIS[0]))
    method = getattr(getattr(thirdwatch_api, fact.class_name), fact.method)
    hints = inspect.get_annotations(method, eval_str=True)
    assert hints["return"] is thirdwatch_api.EventResponse
    assert getattr(models, fact.model) in hints[fact.parameter].__args__


@pytest.mark.parametrize("name", [*apis.__all__, *models.__all__, "ApiClient", "Configuration"])
def test_a_signature_fits_on_a_screen_and_shows_no_private_module(name: str) -> None:
    kind = getattr(thirdwatch_api, name)
    members = [
        member
        for called, member in inspect.getmembers(kind, inspect.isroutine)
        if called[0] != "_" or called == "__init__"
    ]
    signatures = [str(inspect.signature(member)) for member in members if not inspect.ismethoddescriptor(member)]
    assert signatures
    for signature in signatures:
        assert not re.search(r"thirdwatch_api\.(\w+\.)*_", signature), signature
        assert len(signature) < 24 * 80, signature


@pytest.mark.parametrize("api", apis.__all__)
def test_help_of_a_method_names_its_options_and_where_they_are_described(api: str) -> None:
    methods = [
        method
        for name, method in vars(getattr(apis, api)).items()
        if not name.startswith("_") and inspect.isfunction(method)
    ]
    assert len(methods) >= 2
    for method in methods:
        [line] = [line for line in (inspect.getdoc(method) or "").splitlines() if line.startswith(":param options: ")]
        assert [name for name in Options.__annotations__ if f" {name}" not in line] == []
        assert line.endswith(f"; see {Options.__module__}")
        assert importlib.import_module(Options.__module__).__all__ == ["Options"]


def test_what_completion_offers_at_the_root_is_public_names_and_modules() -> None:
    for name in dir(thirdwatch_api):
        if not name.startswith("__") and name not in load("thirdwatch_api").__all__:
            assert inspect.ismodule(getattr(thirdwatch_api, name)), name
