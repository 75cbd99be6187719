"""What is given to the wrong place, or at the wrong moment, is refused or survived."""

import threading
from pathlib import Path
from typing import Any

import pytest

from thirdwatch_api import ApiClient, ApiTypeError, ApiValueError, Attempt, Configuration, OrderStatus, OrderStatusApi
from thirdwatch_api.sandbox import Sandbox

EVENT = OrderStatus(user_id="u", order_id="o")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"configuration": "x"}, "configuration: expected a Configuration, got str"),
        ({"host": Configuration()}, "host: expected text, got Configuration; pass it as configuration="),
    ],
)
def test_a_client_takes_a_url_and_a_configuration_only(arguments: Any, message: str) -> None:
    with pytest.raises(ApiTypeError, match=f"^{message}$"):
        ApiClient(**arguments)


@pytest.mark.parametrize("given", ["key", Configuration()])
def test_an_api_object_takes_a_client_only(given: Any) -> None:
    with pytest.raises(ApiTypeError, match=r"expected an ApiClient, got \w+; use ApiClient\(configuration=...\)"):
        OrderStatusApi(given)


@pytest.mark.parametrize("name", ["Content-Length", "transfer-encoding", "Host", "Connection"])
def test_a_header_that_frames_the_message_is_refused(name: str, sandbox: Sandbox) -> None:
    with ApiClient(configuration=sandbox.configuration()) as client:
        client.set_default_header(name, "2")
        with pytest.raises(ApiValueError, match="set by the transport"):
            OrderStatusApi(client).order_status(EVENT)
    assert sandbox.requests == []


def test_a_log_file_that_cant_be_written_is_refused_when_it_is_set(tmp_path: Path) -> None:
    with pytest.raises(ApiValueError, match=r"^logger_file: can't be written \(No such file or directory\)"):
        Configuration().logger_file = tmp_path / "nowhere" / "x.log"


def test_an_interrupted_hook_gives_its_connection_back(sandbox: Sandbox) -> None:
    calls: list[Attempt] = []

    def interrupt(attempt: Attempt) -> None:
        calls.append(attempt)
        if len(calls) <= 2:
            raise KeyboardInterrupt

    settings = sandbox.configuration(on_response=interrupt, connection_pool_maxsize=1, deadline=2, retries=0)
    with ApiClient(configuration=settings) as client:
        with pytest.raises(KeyboardInterrupt):
            OrderStatusApi(client).order_status(EVENT, _preload_content=False)
        sandbox.close()
        with pytest.raises(KeyboardInterrupt):
            OrderStatusApi(client).order_status(EVENT)
        sandbox.start()
        assert OrderStatusApi(client).order_status(EVENT).message
    assert threading.active_count() < 50
