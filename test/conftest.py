"""What all tests share: a clean environment, a fresh global configuration, and no way out of this machine."""

import ipaddress
import logging
import os
import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

import thirdwatch_api
from thirdwatch_api import ApiClient, Configuration
from thirdwatch_api.sandbox import Sandbox

from .ids import ADDRESS
from .servers import Authority, Clock

# No deadline: a machine that is busy with something else is no fault of the package.
settings.register_profile(
    "default", max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
settings.register_profile("ci", settings.get_profile("default"), derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")

_VARIABLES = re.compile(r"THIRDWATCH_.*|.*_PROXY|SSL_CERT_FILE|SSL_CERT_DIR|REQUESTS_CA_BUNDLE", re.IGNORECASE)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a test whose id is another in each run: nobody could run it again, nor share it among processes."""
    if moving := [item.nodeid for item in items if ADDRESS.search(item.nodeid)]:
        raise pytest.UsageError("ids that hold addresses, use ids=stable of test/ids.py: " + ", ".join(moving))


def _is_here(host: object) -> bool:
    if host in (None, "", "localhost"):
        return True
    try:
        return ipaddress.ip_address(str(host)).is_loopback
    except ValueError:
        return False


@pytest.fixture(autouse=True)
def _stay_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail a test that leaves loopback; a name that ends in ``.invalid`` is unknown, as DNS promises."""
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_here(address[0]):
            pytest.fail(f"a test opens a connection to {address[0]}")
        connect(self, address)

    def guarded_look_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name and name.endswith(".invalid"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        if not _is_here(name):
            pytest.fail(f"a test looks up {name}")
        return look_up(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_look_up)


@pytest.fixture(autouse=True)
def _fresh_state(_stay_here: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Start each test with an empty environment and the global configuration as it is after import."""
    for name in filter(_VARIABLES.fullmatch, list(os.environ)):
        monkeypatch.delenv(name)
    logger = logging.getLogger("thirdwatch_api")
    handlers = list(logger.handlers)
    settings_of_all = thirdwatch_api.configuration
    Configuration.__init__(settings_of_all)
    yield
    if settings_of_all.api_client is not None:
        settings_of_all.api_client.close()
    Configuration.__init__(settings_of_all)
    thirdwatch_api.configuration = settings_of_all
    for handler in set(logger.handlers) - set(handlers):
        logger.removeHandler(handler)
        handler.close()
    logger.setLevel(logging.NOTSET)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the package, to be put forward in place of waiting."""
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock)
    return clock


@pytest.fixture(scope="session")
def authority() -> Authority:
    """The certificate authority of the servers that speak TLS."""
    return Authority()


@pytest.fixture
def ca_file(authority: Authority, tmp_path: Path) -> str:
    """The path of the authority's certificate, for ``ssl_ca_cert``."""
    return authority.write(str(tmp_path / "ca.pem"))


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def busy_sandbox() -> Iterator[Sandbox]:
    """A sandbox that property tests share; they clear it before each example."""
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def make_sandbox_client(sandbox: Sandbox) -> Iterator[Callable[..., ApiClient]]:
    """Make clients of the sandbox, with the settings that are given."""
    clients: list[ApiClient] = []

    def make(**settings: Any) -> ApiClient:
        clients.append(ApiClient(configuration=sandbox.configuration(**settings)))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def client(make_sandbox_client: Callable[..., ApiClient]) -> ApiClient:
    """A client of the sandbox."""
    return make_sandbox_client()


@pytest.fixture
def global_configuration(sandbox: Sandbox) -> Configuration:
    """The global configuration, set up for the sandbox as a program would do it."""
    configuration = thirdwatch_api.configuration
    configuration.host = sandbox.host
    configuration.api_key["X-THIRDWATCH-API-KEY"] = sandbox.api_key
    return configuration
