"""A plugin for pytest: the fixture ``thirdwatch_sandbox``, comparison of events, ``--thirdwatch-strict``.

It is there in every run of pytest beside which the package is installed. Where plugins are not loaded by themselves
(``PYTEST_DISABLE_PLUGIN_AUTOLOAD``), ``-p thirdwatch`` loads it.
"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pytest

import thirdwatch_api

from .._redaction import without_user
from ..configuration import Configuration
from ..exceptions import ApiValueError
from ..models._encoder import to_json_value
from ..models._fields import field_table
from ..models._model import Model
from ..rest import Request, RESTClientObject
from ..sandbox import Sandbox
from ..sandbox._assert import differences, shown
from ..sandbox._scripts import Script

__all__ = ["StrictHosts", "explain", "pytest_addoption", "sandbox_for"]

_PROBE_TIMEOUT = 2.0  # seconds
_NO_REQUEST = b"?\r\n\r\n"
_SIGN = b"\nServer: thirdwatch-sandbox"
_LONGEST_HEAD = 65536

_Result = TypeVar("_Result")


def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    """Load the plugin for ``-p thirdwatch_api.contrib.pytest``, unless it is loaded already."""
    if not pluginmanager.has_plugin("thirdwatch"):
        import _thirdwatch_pytest  # noqa: PLC0415 - it imports this module

        pluginmanager.register(_thirdwatch_pytest, "thirdwatch")


@contextmanager
def sandbox_for(request: pytest.FixtureRequest) -> Generator[Sandbox, None, None]:
    """Run a sandbox for a test, and lead the global configuration and the environment to it.

    :param request: the fixture's
    """
    plugins = request.config.pluginmanager
    if not plugins.has_plugin(_NAME):
        plugins.register(_ScriptCheck(), _NAME)
    with Sandbox() as sandbox, _settings_of(sandbox):
        request.node.stash[_SANDBOX] = sandbox
        yield sandbox


@contextmanager
def _settings_of(sandbox: Sandbox) -> Generator[None, None, None]:
    """Change the global configuration in place, because other modules may have imported it, and restore it."""
    configuration = thirdwatch_api.configuration
    before = {slot: getattr(configuration, slot) for slot in vars(Configuration)["__slots__"]}
    debug, logger_file = configuration.debug, configuration.logger_file
    variables = pytest.MonkeyPatch()
    variables.setenv("THIRDWATCH_HOST", sandbox.host)
    variables.setenv("THIRDWATCH_API_KEY", sandbox.api_key)
    configuration.api_client = None
    configuration.host = sandbox.host
    configuration.api_key = sandbox.api_key
    configuration.api_key_prefix = None
    configuration.proxy = ""
    configuration.retries = 0
    try:
        yield
    finally:
        variables.undo()
        if configuration.api_client:
            configuration.api_client.close()
        if configuration.debug != debug:
            configuration.debug = debug
        if configuration.logger_file != logger_file:
            configuration.logger_file = logger_file
            before["_log_handler"] = configuration._log_handler  # noqa: SLF001 - the old one was closed
        for slot, value in before.items():
            object.__setattr__(configuration, slot, value)
        thirdwatch_api.configuration = configuration


_NAME = "thirdwatch-scripts"
_SANDBOX = pytest.StashKey[Sandbox]()


class _ScriptCheck:
    """Fails a test that passed although a response that it scripted was never met."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, _Result, _Result]:
        """Look at the sandbox after the test, before its fixtures end."""
        result = yield
        sandbox = item.stash.get(_SANDBOX, None)
        if sandbox and _unmet(sandbox):
            if client := thirdwatch_api.configuration.api_client:
                client.close()  # which waits for calls with callback=
            if left := _unmet(sandbox):
                pytest.fail(f"scripted by fail(), and never met: {', '.join(left)}", pytrace=False)
        return result


def _unmet(sandbox: Sandbox) -> list[str]:
    """Describe the scripted responses that no request met."""
    service = sandbox._service  # noqa: SLF001 - only a test has to know
    with service.lock:
        runs = service.scripts.runs()
    return [_describe(script) + (f" ({times} times)" if times > 1 else "") for script, times in runs]


def _describe(script: Script) -> str:
    return "a cut connection" if script.cut else str(script.status or "a slow or changed response")


class StrictHosts:
    """Refuses calls to hosts that are no sandbox, and fails the tests that make them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._refused: list[str] = []
        self._sandboxes: set[tuple[str, int]] = set()
        self._patch = pytest.MonkeyPatch()
        send = RESTClientObject.request

        def checked(client: RESTClientObject, request: Request) -> Any:
            self._check(client.configuration.host if request.host is None else request.host)
            return send(client, request)

        self._patch.setattr(RESTClientObject, "request", checked)

    def _check(self, host: str) -> None:
        __tracebackhide__ = True
        if not self._is_sandbox(host):
            message = f"--thirdwatch-strict: a call to {without_user(host)}, which is not a sandbox; nothing was sent"
            with self._lock:
                self._refused.append(message)
            pytest.fail(message)

    def _is_sandbox(self, host: str) -> bool:
        """Return whether a sandbox responds at a host; it may be one of another process."""
        address = _loopback_address(host)
        if address is None:
            return False
        if address not in self._sandboxes and _responds_as_sandbox(address):
            self._sandboxes.add(address)
        return address in self._sandboxes

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, _Result, _Result]:
        """Start afresh: a port may have changed hands."""
        self._sandboxes.clear()
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, _Result, _Result]:
        """Fail a test that passed although a call was refused: in a thread, or because it was caught."""
        return (yield from self._checked())

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, _Result, _Result]:
        """Do the same for what fixtures send when they end."""
        return (yield from self._checked())

    def _checked(self) -> Generator[None, _Result, _Result]:
        try:
            result = yield
        except BaseException:
            self._take()  # one failure is enough
            raise
        if refused := self._take():
            pytest.fail("\n".join(refused), pytrace=False)
        return result

    def _take(self) -> list[str]:
        with self._lock:
            refused, self._refused = self._refused, []
        return refused

    def pytest_unconfigure(self) -> None:
        """Let calls pass again."""
        self._patch.undo()


def _loopback_address(host: str) -> tuple[str, int] | None:
    """Return where a URL of this machine leads; None for any other."""
    try:
        parts = urlsplit(host)
        name, port = parts.hostname or "", parts.port or 80
        is_here = name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return None
    return (name, port) if is_here and parts.scheme.lower() == "http" else None


def _responds_as_sandbox(address: tuple[str, int]) -> bool:
    """Send what is no request, so that a sandbox does not record it, and look at who refuses it."""
    try:
        with socket.create_connection(address, _PROBE_TIMEOUT) as connection:
            connection.sendall(_NO_REQUEST)
            head = b""
            while b"\r\n\r\n" not in head and len(head) < _LONGEST_HEAD and (piece := connection.recv(4096)):
                head += piece
    except OSError:
        return False
    return _SIGN in head


def explain(op: str, left: object, right: object) -> list[str] | None:
    """Return the fields in which two events, or two lists of them, differ; None for anything else.

    :param op: what the test asserts, for instance ``==``
    """
    if op != "==":
        return None
    if isinstance(left, Model) and isinstance(right, Model):
        return [f"{type(left).__name__} == {type(right).__name__}", *_explained(left, right)]
    if not (isinstance(left, (list, tuple)) and isinstance(right, (list, tuple))):
        return None
    has_events = any(isinstance(each, Model) for each in (*left, *right))
    return list(_explained_lists(left, right)) if has_events else None


def _explained_lists(left: Sequence[object], right: Sequence[object]) -> Iterator[str]:
    yield f"{_count(left)} == {_count(right)}"
    for index in range(max(len(left), len(right))):
        one, other = (side[index] if index < len(side) else None for side in (left, right))
        if one is None or other is None:
            side, event = ("left", one) if other is None else ("right", other)
            yield f"[{index}] is on the {side} only: {_as_sent(event)}"
        elif one != other:
            lines = _explained(one, other) if isinstance(one, Model) and isinstance(other, Model) else None
            yield from (f"[{index}] {line}" for line in lines or [f"{_as_sent(one)} != {_as_sent(other)}"])


def _count(events: Sequence[object]) -> str:
    return f"{len(events)} event{'s' * (len(events) != 1)}"


def _as_sent(value: object) -> str:
    """Return a value as it travels, with the name of its model."""
    if not isinstance(value, Model):
        return repr(value)
    return f"{type(value).__name__} {shown(_wire(value))}"


def _explained(left: Model, right: Model) -> list[str]:
    """Name each field in which two events differ, personal ones included: they are those of a test."""
    model = type(left)
    if model is not type(right):
        return [f"{_as_sent(left)} != {_as_sent(right)}"]
    found = list(differences(model, _wire(left), _wire(right)))
    lines = [f"{path} ({key}): {shown(one)} != {shown(other)}" for path, key, one, other in found]
    differing = {re.match(r"\w*", each.path)[0] for each in found}  # type: ignore[index]  # it matches any text
    for f in field_table(model):
        one, other = getattr(left, f.name), getattr(right, f.name)
        if one != other and f.name not in differing:
            lines.append(
                f"{f.name} ({f.wire}): {one!r} != {other!r}, but both travel alike: assert_sent() takes either"
            )
    return lines


def _wire(event: Model) -> Mapping[str, object]:
    try:
        wire: Mapping[str, object] = to_json_value(event)
    except ApiValueError:  # a value that can't be sent
        values = event.to_dict()
        return {f.wire: values[f.name] for f in field_table(type(event)) if values[f.name] is not None}
    return wire
