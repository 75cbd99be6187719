"""How many calls of the package's functions a call takes there and back: each hop is one that a reader follows."""

import gc
import sys
from typing import Any

import pytest

from thirdwatch_api import ApiException, OrderStatusApi, __file__

from .servers import EVENT, FaultServer, Step, make_client, respond

PACKAGE = str(__file__).removesuffix("__init__.py")


def count_calls(step: Step) -> int:
    """Count the functions of the package that run for one event; what runs at the first event only is left out."""
    calls = 0

    def profile(frame: Any, event: str, argument: object) -> None:
        nonlocal calls
        calls += event == "call" and frame.f_code.co_filename.startswith(PACKAGE)

    with FaultServer(step) as server, make_client(server.url, retries=0) as client:
        orders = OrderStatusApi(client)
        send(orders)
        before = sys.getprofile()
        gc.disable()  # else the finalizer of an earlier test's pool may run within, and be counted
        sys.setprofile(profile)
        try:
            send(orders)
        finally:
            sys.setprofile(before)
            gc.enable()
    return calls


def send(orders: OrderStatusApi) -> str:
    try:
        return str(orders.order_status(EVENT))
    except ApiException as error:
        return str(error)


@pytest.mark.parametrize("headers", [{}, {"X-Request-Id": "7f3a-42"}], ids=["anonymous", "with a request id"])
@pytest.mark.parametrize("said", [b'{"error": "no such user"}', b"", b"<html>"], ids=["JSON", "nothing", "a page"])
def test_an_error_takes_at_most_half_as_many_calls_again_as_a_success(said: bytes, headers: dict[str, str]) -> None:
    success = count_calls(respond())
    assert success > 50
    assert success < count_calls(respond(400, said, headers)) <= 1.5 * success


def test_a_success_takes_no_more_calls_than_it_did() -> None:
    assert count_calls(respond()) <= 92
