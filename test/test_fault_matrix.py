"""What every fault between the client and the service leads to: how many attempts, and which outcome."""

from __future__ import annotations

import contextlib
import gzip
import socket
from typing import Any, NamedTuple

import pytest

from thirdwatch_api import (
    ApiException,
    BadRequestException,
    ConflictException,
    ConnectionException,
    EventResponse,
    ForbiddenException,
    InvalidResponseException,
    NotFoundException,
    OrderStatusApi,
    RedirectException,
    ServiceException,
    TimeoutException,
    TooManyRequestsException,
    UnauthorizedException,
    UnprocessableEntityException,
)

from .servers import (
    EVENT,
    OK,
    FaultServer,
    Step,
    closed_port,
    cut,
    drip,
    full_backlog,
    head,
    in_chunks,
    make_client,
    message,
    raw,
    record_waits,
    reset,
    respond,
    stall,
)

SUCCESS = EventResponse
CHUNKED = {"Transfer-Encoding": "chunked", "Content-Type": "application/json"}
GZIPPED = {**CHUNKED, "Content-Encoding": "gzip"}


class Row(NamedTuple):
    fault: str
    steps: tuple[Step, ...]
    """What the server does with each request; a success follows the last."""
    attempts: int
    outcome: type
    status: int

    @property
    def timeout(self) -> tuple[float, float]:
        """The time-out of the call: short where the server is silent, so that the test waits for little."""
        return 4.0, 0.05 if "stalled" in self.fault else 4.0


def head_of(*values: int, size: int = 0) -> bytes:
    """Write a success with headers of these lengths (less ten bytes for name and end), the last of which fills a size.

    :param size: of all lines after the first
    """
    headers = {f"X-Pad{i}": "x" * length for i, length in enumerate(values)}
    whole = message(headers=headers)
    missing = size - len(whole.partition(b"\r\n")[2].removesuffix(OK))
    return message(headers={**headers, "X-Last": "x" * (missing - 10)}) if size else whole


def always(step: Step) -> tuple[Step, ...]:
    return (step,) * 8


def once(step: Step) -> tuple[Step, ...]:
    return (step, respond())


def row(fault: str, steps: tuple[Step, ...], attempts: int, outcome: type, status: int) -> Any:
    return pytest.param(Row(fault, steps, attempts, outcome, status), id=fault.replace(" ", "-"))


CONNECTIONS = [
    row("cut before the response", once(cut), 2, SUCCESS, 200),
    row("cut before the response, always", always(cut), 4, ConnectionException, 0),
    row("reset before the response", once(reset), 2, SUCCESS, 200),
    row("reset before the response, always", always(reset), 4, ConnectionException, 0),
    row("cut in the status line", once(raw(b"HTTP/1.", "close")), 2, SUCCESS, 200),
    row("cut in the head", once(raw(b"HTTP/1.1 200 OK\r\nContent-Le", "close")), 2, SUCCESS, 200),
    row("cut after a header", once(raw(b"HTTP/1.1 204 No Content\r\nX-A: b\r\n", "close")), 2, SUCCESS, 200),
    row("cut in the reason", once(raw(b"HTTP/1.1 204 No", "close")), 2, SUCCESS, 200),
    row("reset in the head", once(raw(b"HTTP/1.1 200 OK\r\nContent-Le", "reset")), 2, SUCCESS, 200),
    row("cut before the body", once(raw(message()[: -len(OK)], "close")), 2, SUCCESS, 200),
    row("cut in the body", once(raw(message()[:-3], "close")), 2, SUCCESS, 200),
    row("cut in the body, always", always(raw(message()[:-3], "close")), 4, ConnectionException, 0),
    row("reset in the body", once(raw(message()[:-3], "reset")), 2, SUCCESS, 200),
    row("cut in a chunk", once(raw(head(200, CHUNKED) + in_chunks(OK)[:9], "close")), 2, SUCCESS, 200),
    row("cut between chunks", once(raw(head(200, CHUNKED) + in_chunks(OK, end=b""), "close")), 2, SUCCESS, 200),
    row(
        "cut in a chunk, always",
        always(raw(head(200, CHUNKED) + in_chunks(OK)[:9], "close")),
        4,
        ConnectionException,
        0,
    ),
    row("reset in a chunk", once(raw(head(200, CHUNKED) + in_chunks(OK)[:9], "reset")), 2, SUCCESS, 200),
    row("cut in the body of a 400", always(raw(message(400, OK)[:-3], "close")), 1, BadRequestException, 400),
    row("cut in the body of a 503", once(raw(message(503, OK)[:-3], "close")), 2, SUCCESS, 200),
    row("stalled before the response", once(stall), 2, SUCCESS, 200),
    row("stalled before the response, always", always(stall), 4, TimeoutException, 0),
    row("stalled in the head", once(raw(b"HTTP/1.1 200 OK\r\n", "stall")), 2, SUCCESS, 200),
    row("stalled in the body", once(raw(message()[:-3], "stall")), 2, SUCCESS, 200),
    row("stalled in the body, always", always(raw(message()[:-3], "stall")), 4, TimeoutException, 0),
    row("stalled in a chunk", once(raw(head(200, CHUNKED) + in_chunks(OK)[:9], "stall")), 2, SUCCESS, 200),
    row("stalled in the body of a 401", always(raw(message(401)[:-3], "stall")), 1, UnauthorizedException, 401),
    row("closed after the response", always(respond(then="close")), 1, SUCCESS, 200),
    row("reset after the response", always(respond(then="reset")), 1, SUCCESS, 200),
    row("stalled after the response", always(respond(then="stall")), 1, SUCCESS, 200),
]

STATUSES = [
    row(f"status {status}", always(respond(status, b"{}")), attempts, outcome, status)
    for status, attempts, outcome in [
        (300, 1, ApiException),
        (301, 1, RedirectException),
        (302, 1, RedirectException),
        (303, 1, RedirectException),
        (304, 1, ApiException),
        (305, 1, ApiException),
        (307, 1, RedirectException),
        (308, 1, RedirectException),
        (400, 1, BadRequestException),
        (401, 1, UnauthorizedException),
        (402, 1, ApiException),
        (403, 1, ForbiddenException),
        (404, 1, NotFoundException),
        (408, 4, ApiException),
        (409, 1, ConflictException),
        (413, 1, ApiException),
        (422, 1, UnprocessableEntityException),
        (425, 1, ApiException),
        (429, 4, TooManyRequestsException),
        (500, 1, ServiceException),
        (501, 1, ServiceException),
        (502, 4, ServiceException),
        (503, 4, ServiceException),
        (504, 4, ServiceException),
        (505, 1, ServiceException),
        (599, 1, ServiceException),
        (999, 1, ServiceException),
    ]
] + [
    row("status 201", always(respond(201)), 1, SUCCESS, 201),
    row("status 202", always(respond(202, b"{}")), 1, SUCCESS, 202),
    row("status 204", always(respond(204, b"")), 1, SUCCESS, 204),
    row("status 204 with a body", always(raw(message(204), "close")), 1, SUCCESS, 204),
    row("status 205 without a body", always(respond(205, b"")), 1, InvalidResponseException, 205),
    row("status 206", always(respond(206)), 1, SUCCESS, 206),
    row("two 503", (respond(503), respond(503), respond()), 3, SUCCESS, 200),
    row("a cut, a 429, a 503", (cut, respond(429), respond(503), respond()), 4, SUCCESS, 200),
    row("three cuts, then 400", (cut, cut, cut, respond(400)), 4, BadRequestException, 400),
    row("413 with a Retry-After", always(respond(413, b"", {"Retry-After": "0"})), 1, ApiException, 413),
    row("500 with a Retry-After", always(respond(500, b"", {"Retry-After": "0"})), 1, ServiceException, 500),
    row("204 with broken gzip", always(respond(204, b"", {"Content-Encoding": "gzip"})), 1, SUCCESS, 204),
]


def many_headers(number: int, size: int = 1) -> dict[str, str]:
    return {f"X-{i}": "x" * size for i in range(number)}


ODD_LINES = (
    b"HTTP/1.1 200 OK\r\n folded\r\nFrom x y\r\n\todd\r\nX-Folded: a\r\n b\rContent-Length: 3\r\n \r\n\xe9: x\r\n"
    b": x\r\nodd\r\nContent-Length : 20\r\n\r\n"
)
NOT_HTTP = [
    row("a response of HTTP 1.0", always(raw(message(version="1.0"), "close")), 1, SUCCESS, 200),
    row("HTTP 1.0 without a length", always(raw(head(200, version="1.0") + OK, "close")), 1, SUCCESS, 200),
    row("HTTP 1.0 cut in the body", always(raw(message(version="1.0")[:-3], "close")), 4, ConnectionException, 0),
    row("HTTP 0.9", always(raw(OK, "close")), 4, ConnectionException, 0),
    row("HTTP 2", always(raw(head("HTTP/2 200") + OK, "close")), 4, ConnectionException, 0),
    row("an SSH server", always(raw(b"SSH-2.0-OpenSSH_9.7\r\n", "close")), 4, ConnectionException, 0),
    row("binary garbage", always(raw(bytes(range(256)) * 8, "close")), 4, ConnectionException, 0),
    row("an endless line", always(raw(b"x" * 200_000, "close")), 4, ConnectionException, 0),
    row("nothing but line breaks", always(raw(b"\r\n" * 10, "close")), 4, ConnectionException, 0),
    row("a status of letters", always(raw(head("HTTP/1.1 abc OK"), "close")), 4, ConnectionException, 0),
    row("a status of two digits", always(raw(head("HTTP/1.1 20 OK"), "close")), 4, ConnectionException, 0),
    row("a status of four digits", always(raw(head("HTTP/1.1 2000 OK"), "close")), 4, ConnectionException, 0),
    row("no reason phrase", always(raw(head("HTTP/1.1 200", {"Content-Length": "2"}) + b"{}")), 1, SUCCESS, 200),
    row("100 before the response", always(raw(head(100) + message())), 1, SUCCESS, 200),
    row("100 and then a cut", always(raw(head(100), "close")), 4, ConnectionException, 0),
    row("101", always(raw(head(101, {"Upgrade": "h2c"}))), 1, ApiException, 101),
    row("102 before the response", always(raw(head(102) + message())), 1, SUCCESS, 200),
    row("103, 100, 103 and the response", always(raw(head(103) + head(100) + head(103) + message())), 1, SUCCESS, 200),
    row("103 and then a cut", always(raw(head(103), "close")), 4, ConnectionException, 0),
    row("103 without end", always(raw(head(103, {"Link": "x" * 1000}) * 6000)), 1, InvalidResponseException, 0),
    row("two responses in one", always(raw(message() + message(500))), 1, SUCCESS, 200),
    row("a header of 100 kB", always(respond(headers={"X-Long": "x" * 100_000})), 4, ConnectionException, 0),
    row("a header of 60 kB", always(respond(headers={"X-Long": "x" * 60_000})), 1, SUCCESS, 200),
    row("a header of 64 KiB", always(raw(head_of((1 << 16) - 10))), 1, SUCCESS, 200),
    row("a header of a byte more", always(raw(head_of((1 << 16) - 9))), 4, ConnectionException, 0),
    row("a head of 256 KiB", always(raw(head_of(*[60_000] * 4, size=1 << 18))), 1, SUCCESS, 200),
    row("a head of a byte more", always(raw(head_of(*[60_000] * 4, size=(1 << 18) + 1))), 4, ConnectionException, 0),
    row("a reason of 100 kB", always(raw(head("HTTP/1.1 200 " + "x" * 100_000) + OK)), 4, ConnectionException, 0),
    row(
        "headers of 300 kB",
        always(respond(headers={f"X-{i}": "x" * 60_000 for i in range(5)})),
        4,
        ConnectionException,
        0,
    ),
    row("97 headers", always(respond(headers={f"X-{i}": "x" for i in range(97)})), 1, SUCCESS, 200),
    row("98 headers", always(respond(headers={f"X-{i}": "x" for i in range(98)})), 4, ConnectionException, 0),
    row("200 headers", always(respond(headers={f"X-{i}": "x" for i in range(200)})), 4, ConnectionException, 0),
    row("a header without a colon", always(raw(b"HTTP/1.1 200 OK\r\nodd\r\n\r\n" + OK, "close")), 1, SUCCESS, 200),
    row("odd lines before the length", always(raw(ODD_LINES + OK)), 1, SUCCESS, 200),
    row("a header with NUL", always(respond(headers={"X-Odd": "a\0b"})), 1, SUCCESS, 200),
    row("a header in latin-1", always(respond(headers={"X-Odd": "\xe9"})), 1, SUCCESS, 200),
]


def with_length(value: str, body: bytes = OK) -> Step:
    return raw(head(200, {"Content-Length": value}) + body, "close")


TWO_LENGTHS = [("Content-Length", "20"), ("Content-Length", "20")]
LENGTHS = [
    row("no length", always(raw(head(200) + OK, "close")), 1, SUCCESS, 200),
    row("a negative length", always(with_length("-5")), 1, SUCCESS, 200),
    row("a length of letters", always(with_length("many")), 1, SUCCESS, 200),
    row("a length of 5000 digits", always(with_length("9" * 5000)), 1, SUCCESS, 200),
    row("a length of 30 digits", always(with_length("9" * 30)), 4, ConnectionException, 0),
    row("a length that is too long", always(with_length("21")), 4, ConnectionException, 0),
    row("a length that is too short", always(with_length("12")), 1, InvalidResponseException, 200),
    row("the same length twice", always(raw(head(200, TWO_LENGTHS) + OK)), 1, SUCCESS, 200),
    row("two lengths", always(with_length("20, 21")), 1, InvalidResponseException, 0),
    row(
        "a length and chunks",
        always(raw(head(200, {**CHUNKED, "Content-Length": "3"}) + in_chunks(OK))),
        1,
        SUCCESS,
        200,
    ),
    row("chunks", always(raw(head(200, CHUNKED) + in_chunks(OK, 1))), 1, SUCCESS, 200),
    row(
        "chunks with a blank behind their name",
        always(raw(head(200, {"Transfer-Encoding": "chunked \t"}) + in_chunks(OK))),
        1,
        SUCCESS,
        200,
    ),
    row(
        "an extension of a chunk",
        always(raw(head(200, CHUNKED) + b"14;a=b\r\n" + OK + b"\r\n0\r\nX: y\r\n\r\n")),
        1,
        SUCCESS,
        200,
    ),
    row(
        "a chunk size of letters", always(raw(head(200, CHUNKED) + b"zz\r\n" + OK, "close")), 4, ConnectionException, 0
    ),
    row("a chunk size of 70 kB", always(raw(head(200, CHUNKED) + b"0" * 70_000, "close")), 4, ConnectionException, 0),
    row(
        "a chunk size of 24 digits",
        always(raw(head(200, CHUNKED) + b"F" * 24 + b"\r\n", "close")),
        4,
        ConnectionException,
        0,
    ),
    row("a negative chunk size", always(raw(head(200, CHUNKED) + b"-5\r\n" + OK, "close")), 4, ConnectionException, 0),
    row(
        "a chunk size of minus one",
        always(raw(head(200, CHUNKED) + b"-1\r\n" + OK, "close")),
        4,
        ConnectionException,
        0,
    ),
    row(
        "a very negative chunk size",
        always(raw(head(200, CHUNKED) + b"-" + b"F" * 24 + b"\r\n", "close")),
        4,
        ConnectionException,
        0,
    ),
]

ENCODINGS = [
    row("gzip", always(respond(200, gzip.compress(OK), {"Content-Encoding": "gzip"})), 1, SUCCESS, 200),
    row("GZIP", always(respond(200, gzip.compress(OK), {"Content-Encoding": "GZIP"})), 1, SUCCESS, 200),
    row("gzip in chunks", always(raw(head(200, GZIPPED) + in_chunks(gzip.compress(OK)))), 1, SUCCESS, 200),
    row(
        "gzip in a cut chunk",
        always(raw(head(200, GZIPPED) + in_chunks(gzip.compress(OK))[:15], "close")),
        4,
        ConnectionException,
        0,
    ),
    row(
        "a named gzip that is none",
        always(respond(headers={"Content-Encoding": "gzip"})),
        1,
        InvalidResponseException,
        200,
    ),
    row(
        "a cut gzip",
        always(respond(200, gzip.compress(OK)[:15], {"Content-Encoding": "gzip"})),
        1,
        InvalidResponseException,
        200,
    ),
    row(
        "a named deflate that is none",
        always(respond(headers={"Content-Encoding": "deflate"})),
        1,
        InvalidResponseException,
        200,
    ),
    row(
        "an unknown encoding that changes nothing",
        always(respond(headers={"Content-Encoding": "rot26"})),
        1,
        SUCCESS,
        200,
    ),
    row(
        "an unknown encoding",
        always(respond(200, b"\x8b\x80", {"Content-Encoding": "br"})),
        1,
        InvalidResponseException,
        200,
    ),
    row(
        "fifty encodings",
        always(respond(headers={"Content-Encoding": ", ".join(["gzip"] * 50)})),
        1,
        InvalidResponseException,
        200,
    ),
    row(
        "gzip within gzip",
        always(respond(200, gzip.compress(gzip.compress(OK)), {"Content-Encoding": "gzip, gzip"})),
        1,
        InvalidResponseException,
        200,
    ),
    row(
        "gzip without a length",
        always(raw(head(200, {"Content-Encoding": "gzip"}) + gzip.compress(OK), "close")),
        1,
        SUCCESS,
        200,
    ),
    row("a 400 with broken gzip", always(respond(400, OK, {"Content-Encoding": "gzip"})), 1, BadRequestException, 400),
    row(
        "a 400 with a negative chunk", always(raw(head(400, CHUNKED) + b"-5\r\n", "close")), 1, BadRequestException, 400
    ),
    row("a 503 with broken gzip", once(respond(503, OK, {"Content-Encoding": "gzip"})), 2, SUCCESS, 200),
]


@pytest.mark.parametrize("row", CONNECTIONS + STATUSES + NOT_HTTP + LENGTHS + ENCODINGS)
def test_each_fault_of_the_service_has_its_outcome(row: Row) -> None:
    with FaultServer(*row.steps) as server, make_client(server.url, timeout=row.timeout) as client:
        record_waits(client)
        try:
            result = OrderStatusApi(client).order_status_with_http_info(EVENT)
        except ApiException as error:
            assert (type(error), error.status, error.attempts) == (row.outcome, row.status, row.attempts)
        else:
            assert (type(result.data), result.status) == (row.outcome, row.status)
        assert len(server.requests) == row.attempts


@pytest.mark.parametrize("row", CONNECTIONS + STATUSES + NOT_HTTP + LENGTHS + ENCODINGS)
def test_after_each_fault_the_same_client_delivers_the_next_event(row: Row) -> None:
    steps = (*row.steps[: row.attempts], respond(200, b'{"message": "the next"}'))
    with FaultServer(*steps) as server, make_client(server.url, timeout=row.timeout) as client:
        record_waits(client)
        with contextlib.suppress(ApiException):
            OrderStatusApi(client).order_status(EVENT)
        assert OrderStatusApi(client).order_status(EVENT).message == "the next"


@pytest.mark.parametrize("row", CONNECTIONS + STATUSES)
def test_without_retries_each_fault_costs_one_attempt(row: Row) -> None:
    with FaultServer(*row.steps) as server, make_client(server.url, timeout=row.timeout, retries=0) as client:
        try:
            OrderStatusApi(client).order_status(EVENT)
        except ApiException as error:
            assert error.attempts == 1
        assert len(server.requests) == 1


def test_a_refused_connection_is_tried_four_times() -> None:
    with make_client(f"http://127.0.0.1:{closed_port()}") as client:
        waits = record_waits(client)
        with pytest.raises(ConnectionException, match="connection refused") as caught:
            OrderStatusApi(client).order_status(EVENT)
    assert (caught.value.status, caught.value.attempts, len(waits)) == (0, 4, 3)
    assert not isinstance(caught.value, TimeoutException)


def test_a_service_that_comes_up_meanwhile_gets_the_event() -> None:
    late = socket.socket()
    late.bind(("127.0.0.1", 0))  # nobody is let in before it listens
    with make_client(f"http://127.0.0.1:{late.getsockname()[1]}") as client, late:
        client.rest_client.sleep = lambda wait: late.listen()
        pending: list[EventResponse] = []
        handle: Any = OrderStatusApi(client).order_status(EVENT, callback=pending.append)
        late.settimeout(5)
        while True:
            try:
                taken, _ = late.accept()
                break
            except OSError:  # it does not listen yet
                assert handle.is_alive()
        with taken:
            taken.recv(65536)
            taken.sendall(message())
            handle.join(5)
    assert pending == [EventResponse(message="taken")]


def test_a_name_that_can_not_be_resolved_is_a_connection_exception() -> None:
    with make_client("https://nowhere.invalid/event", proxy="", retries=1) as client:
        record_waits(client)
        with pytest.raises(ConnectionException, match="no such host") as caught:
            OrderStatusApi(client).order_status(EVENT)
    assert (caught.value.status, caught.value.attempts) == (0, 2)


def test_a_client_that_is_closed_between_two_attempts_says_so() -> None:
    with FaultServer(respond(503)) as server, make_client(server.url) as client:
        client.rest_client.sleep = lambda wait: client.rest_client.close()
        with pytest.raises(ConnectionException, match="closed during the call"):
            OrderStatusApi(client).order_status(EVENT)
        assert len(server.requests) == 1


def test_a_full_backlog_is_a_time_out_of_the_connection() -> None:
    with full_backlog() as port, make_client(f"http://127.0.0.1:{port}", timeout=(0.1, 5)) as client:
        record_waits(client)
        with pytest.raises(TimeoutException, match="no connection to") as caught:
            OrderStatusApi(client).order_status(EVENT)
    assert (caught.value.status, caught.value.attempts) == (0, 4)


@pytest.mark.parametrize("step", [cut, reset])
def test_a_connection_that_is_cut_before_anything_was_read_is_tried_again(step: Step) -> None:
    with FaultServer(at_accept=[step]) as server, make_client(server.url) as client:
        record_waits(client)
        assert OrderStatusApi(client).order_status(EVENT).message == "taken"
        assert server.connections == 2


def test_a_response_that_comes_before_the_whole_event_was_read_is_taken() -> None:
    def refuse(peer: Any) -> None:
        peer.sock.recv(1024)
        peer.send(message(413, b'{"error": "too long"}', {"Connection": "close"}))
        peer.sock.shutdown(socket.SHUT_WR)
        peer.stall()
        peer.hang_up()

    event = {"_userId": "u-42", "_orderId": "o" * 4_000_000}
    with FaultServer(at_accept=[refuse] * 4) as server, make_client(server.url) as client:
        record_waits(client)
        with pytest.raises(ApiException) as caught:
            OrderStatusApi(client).order_status(event)
    assert (caught.value.status, caught.value.attempts) == (413, 1)


def test_an_interim_response_is_not_the_response_however_much_later_that_comes() -> None:
    def hint_first(peer: Any) -> None:
        peer.send(head(103, {"Link": "</style.css>; rel=preload"}))
        peer.closing.wait(0.1)
        peer.send(message(200, b'{"message": "for the first"}'))

    steps = (hint_first, respond(200, b'{"message": "for the second"}'))
    with FaultServer(*steps) as server, make_client(server.url) as client:
        assert OrderStatusApi(client).order_status(EVENT).message == "for the first"
        assert OrderStatusApi(client).order_status(EVENT).message == "for the second"


@pytest.mark.parametrize("padding", [0, 100, 8192])
def test_a_second_response_that_nobody_asked_for_is_not_taken_for_the_next_calls(padding: int) -> None:
    twice = raw(message(200, b'{"message": "%s"}' % (b"x" * padding)) + message(200, b'{"message": "forged"}'))
    with FaultServer(twice, respond()) as server, make_client(server.url) as client:
        OrderStatusApi(client).order_status(EVENT)
        assert OrderStatusApi(client).order_status(EVENT).message == "taken"


def test_a_dripped_head_and_body_that_end_in_time_are_a_success() -> None:
    with FaultServer(drip(message(), 0.001)) as server, make_client(server.url, timeout=0.5) as client:
        assert OrderStatusApi(client).order_status(EVENT).message == "taken"
