"""Keys and personal data stay where they belong, with all debugging on and whatever goes wrong."""

from __future__ import annotations

import base64
import http.client
import json
import logging
import pickle
import re
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
import urllib3

from thirdwatch_api import (
    ApiClient,
    ApiException,
    ApiValueError,
    Attempt,
    BadRequestException,
    BillingAddress,
    Configuration,
    ConnectionException,
    CreateOrder,
    CreateOrderApi,
    CustomInfo,
    Item,
    PaymentMethod,
    PostbackApi,
    ScoreApi,
    Seller,
)
from thirdwatch_api.rest import Request

from .servers import (
    FaultServer,
    Peer,
    Proxy,
    Step,
    closed_port,
    cut,
    eventually,
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

KEY = "canary-key-7f3a9c"
PERSONAL = {
    "e-mail": "canary.mail@shop.example",
    "phone": "+91-98765-43210",
    "name": "Canary Nightingale",
    "street": "77 Canary Wharf",
    "zip": "E14-5AB",
    "card bin": "411111776655443322",
    "card last 4": "canary-4242",
    "session": "canary-session-5d2e",
    "device": "203.0.113.77",
    "custom": "canary-custom-1b7f",
    "seller e-mail": "canary.seller@shop.example",
}
SECRETS = {"key": KEY, **PERSONAL}


def event() -> CreateOrder:
    """Make an order with personal data in every place that takes some."""
    address = BillingAddress(
        name=PERSONAL["name"], phone=PERSONAL["phone"], address1=PERSONAL["street"], zipcode=PERSONAL["zip"]
    )
    return CreateOrder(
        user_id="u-42",
        session_id=PERSONAL["session"],
        order_id="o-1001",
        device_ip=PERSONAL["device"],
        user_email=PERSONAL["e-mail"],
        amount="10.50",
        currency_code="INR",
        billing_address=address,
        payment_methods=[PaymentMethod(card_bin=PERSONAL["card bin"], card_last4=PERSONAL["card last 4"])],
        items=[Item(item_id="i-1", seller=Seller(email=PERSONAL["seller e-mail"]))],
        custom_info=CustomInfo({"note": PERSONAL["custom"]}),
    )


class Ears(logging.Handler):
    """Take every record as a handler might write it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(logging.Formatter().format(record))
        self.heard.append(repr(record.__dict__))


@pytest.fixture
def ears(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ears]:
    """Switch on all debugging there is, and listen to every logger."""
    ears = Ears()
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.DEBUG)
    root.addHandler(ears)
    urllib3_logger = logging.getLogger("urllib3")
    urllib3_logger.setLevel(logging.DEBUG)
    monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 1)
    yield ears
    root.removeHandler(ears)
    root.setLevel(level)
    urllib3_logger.setLevel(logging.NOTSET)


def values_within(thing: object, depth: int = 5) -> Iterator[str]:
    """Walk all that can be reached from a hook's argument by attributes, items and causes."""
    if isinstance(thing, (str, bytes)):
        yield thing if isinstance(thing, str) else thing.decode("latin-1")
    elif depth and not isinstance(thing, (type, int, float)) and not callable(thing):
        yield repr(thing)
        names = [*getattr(thing, "__dict__", {}), *getattr(type(thing), "__slots__", ())]
        parts = [getattr(thing, name, None) for name in names]
        if isinstance(thing, BaseException):
            parts += [thing.args, thing.__cause__, thing.__context__]
        if isinstance(thing, Mapping):
            parts += [part for pair in thing.items() for part in pair]
        elif isinstance(thing, (list, tuple, set, frozenset)):
            parts += thing
        for part in parts:
            yield from values_within(part, depth - 1)


def echo(status: int, where: str) -> Step:
    """Respond with what came in: the whole request in the body, the key and an address in a header or the reason."""

    def step(peer: Peer) -> None:
        request = peer.last
        body = (
            b"not JSON: " + request.raw
            if where in ("text", "reason, HTML")
            else b'{"error": "%s"}' % _quoted(request.raw)
        )
        said = f"{KEY} {PERSONAL['e-mail']} {PERSONAL['phone']}"
        headers = {"X-Said": said} if where == "header" else {}
        reasons = {"reason": said, "reason, HTML": said, "reason, the key": KEY}
        line = f"HTTP/1.1 {status} {reasons[where]}" if where in reasons else status
        peer.send(head(line, {**headers, "Content-Length": str(len(body))}) + body)

    return step


def _quoted(data: bytes) -> bytes:
    return data.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\r\n", b" ")


def said_as(before: str, after: str) -> Step:
    """Send the key and an address between two texts, and hang up."""
    return raw(f"{before}{KEY} {PERSONAL['e-mail']}{after}".encode(), "close")


REDIRECT = f"http://{KEY}:{KEY}@other.example/event?key={KEY}&mail={PERSONAL['e-mail']}#{KEY}"
STEPS: dict[str, Step] = {
    "success": respond(),
    "400": respond(400, b'{"error": "no"}'),
    "401": respond(401),
    "503": respond(503),
    "cut": cut,
    "reset": reset,
    "stall": stall,
    "half a response": raw(message()[:-3], "close"),
    "cut chunk": raw(head(200, {"Transfer-Encoding": "chunked"}) + in_chunks(b"{}")[:4], "close"),
    "HTML": respond(200, b"<html>"),
    "broken gzip": respond(200, b"x", {"Content-Encoding": "gzip"}),
    "garbage": raw(b"SSH-2.0\r\n", "close"),
    "redirect": respond(307, b"", {"Location": REDIRECT}),
    "a redirect to the key": respond(307, b"", {"Location": f"https://other.example/{KEY}"}),
    "an echo in JSON": echo(400, "JSON"),
    "an echo in text": echo(401, "text"),
    "an echo with a 503": echo(503, "JSON"),
    "an echo with a 200": echo(200, "text"),
    "an echo in a header": echo(400, "header"),
    "an echo in the reason": echo(400, "reason"),
    "an echo of the key in the reason": echo(400, "reason, the key"),
    "an echo of the key in the reason of a 503": echo(503, "reason, the key"),
    "an echo of the key in the reason of a 302": echo(302, "reason, the key"),
    "an echo in the reason of a 503": echo(503, "reason"),
    "an echo in the reason of a 302": echo(302, "reason"),
    "an echo in the reason of a 200": echo(200, "reason"),
    "an echo in the reason of a 200 that is HTML": echo(200, "reason, HTML"),
    "an echo in the type of the content": respond(200, b"<html>", {"Content-Type": PERSONAL["phone"]}),
    "an echo in the address of a redirect": respond(
        307, b"", {"Location": f"https://other.example/{PERSONAL['phone']}"}
    ),
    "an echo instead of a response": said_as("", "\r\n\r\n"),
    "an echo that is no header": said_as("HTTP/1.1 400 No\r\n", "\r\nContent-Length: 0\r\n\r\n"),
    "an echo that continues no header": said_as("HTTP/1.1 400 No\r\n ", "\r\nContent-Length: 0\r\n\r\n"),
    "an echo in an envelope": said_as("HTTP/1.1 400 No\r\nX-A: b\r\nFrom ", "\r\nContent-Length: 0\r\n\r\n"),
    "an echo as the size of a chunk": said_as(
        head(200, {"Transfer-Encoding": "chunked"}).decode(), "\r\n{}\r\n0\r\n\r\n"
    ),
    "an echo as the coding": respond(200, b"x", {"Content-Encoding": f"gzip, {KEY}"}),
    "an echo as the name of a header": respond(400, b"", {f"X-{KEY}": "x"}),
    "an echo as the id of the request": respond(400, b"", {"X-Request-Id": f"{KEY} {PERSONAL['name']}"}),
    "an echo as the version": raw(head(f"HTTP/{KEY} 200 OK"), "close"),
    "an echo as the length": raw(head(200, {"Content-Length": f"{PERSONAL['card bin']}, 7"}) + b"{}", "close"),
}


@pytest.mark.parametrize("name", STEPS)
def test_nothing_secret_or_personal_shows_anywhere(
    name: str, ears: Ears, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    attempts: list[Attempt] = []
    settings: dict[str, Any] = {"timeout": (4.0, 0.03)} if name == "stall" else {}
    settings.update(on_request=attempts.append, on_response=attempts.append, on_retry=attempts.append)
    shown: list[str] = []
    with FaultServer(STEPS[name]) as server:
        with make_client(server.url, api_key=KEY, debug=True, **settings) as client:
            client.configuration.logger_file = str(tmp_path / "log")
            record_waits(client)
            order = event()
            for options in ({}, {"_preload_content": False}, {"callback": _ignore}):
                given: Any = options
                try:
                    result: Any = CreateOrderApi(client).create_order(order, **given)
                    if "callback" in given:
                        result = result.result(5)
                    elif "_preload_content" in given:
                        result.close()
                        result.release_conn()
                    shown.append(repr(result) if name == "success" else "")
                except ApiException as error:
                    shown += [str(error), repr(error), *traceback.format_exception(error), repr(error.args)]
                    twin = pickle.loads(pickle.dumps(error))
                    shown += [str(twin), repr(twin)]
                    assert KEY not in (error.body or "") + repr(dict(error.headers or {}))
            shown += [repr(order), repr(client), repr(client.configuration), client.configuration.to_debug_report()]
            shown.append(repr(CreateOrderApi(client)))
            client.configuration.logger_file = None
        assert all(value.encode() in server.requests[0].raw for value in SECRETS.values())
    log = (tmp_path / "log").read_text()
    assert "POST /v1/createOrder" in log
    shown += [*ears.heard, log, *capfd.readouterr(), *map(repr, attempts)]
    everything = "\n".join(shown)
    assert [secret for secret, value in SECRETS.items() if value in everything] == []
    assert [value for attempt in attempts for value in values_within(attempt) if KEY in value] == []


def test_what_instruments_of_urllib3_see_quotes_no_response(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[BaseException] = []
    send = urllib3.HTTPConnectionPool.urlopen

    def urlopen(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            response = send(self, *args, **kwargs)
            read = response.read

            def watched(*args: Any, **kwargs: Any) -> Any:
                try:
                    return read(*args, **kwargs)
                except Exception as error:
                    seen.append(error)
                    raise

            monkeypatch.setattr(response, "read", watched)
        except Exception as error:
            seen.append(error)
            raise
        return response

    monkeypatch.setattr(urllib3.HTTPConnectionPool, "urlopen", urlopen)
    for name in ("an echo instead of a response", "an echo as the version", "an echo as the size of a chunk"):
        with FaultServer(STEPS[name]) as server, make_client(server.url, api_key=KEY, retries=0) as client:
            with pytest.raises(ConnectionException):
                _refused(client)
    assert len(seen) == 3
    shown = [value for error in seen for value in values_within(error, 8)]
    assert [value for value in shown if KEY in value or PERSONAL["e-mail"] in value] == []


def _ignore(result: object) -> None:
    pass


def _refused(client: ApiClient) -> None:
    CreateOrderApi(client).create_order(event())


def _invalid(client: ApiClient) -> None:
    order = event()
    order.user_id = order.order_id = None
    order.session_id = None
    order.billing_address = PERSONAL["street"]  # type: ignore[assignment]  # a mistake
    order.payment_methods = [PERSONAL["card bin"]]  # type: ignore[list-item]  # a mistake
    order.amount = PERSONAL["card last 4"].encode()  # type: ignore[assignment]  # a mistake
    order.is_gift = PERSONAL["e-mail"]  # type: ignore[assignment]  # a mistake
    CreateOrderApi(client).create_order(order)


def _unknown_keys(client: ApiClient) -> None:
    CreateOrderApi(client).create_order({"_userId": "u-42", PERSONAL["e-mail"]: PERSONAL["phone"]})


def _no_event(client: ApiClient) -> None:
    CreateOrderApi(client).create_order(PERSONAL["e-mail"])  # type: ignore[arg-type]  # a mistake


def _bad_header(client: ApiClient) -> None:
    client.set_default_header("X-Shop", f"{PERSONAL['e-mail']}\r\n{KEY}")
    _refused(client)


def _bad_key(client: ApiClient) -> None:
    client.configuration.api_key = f"{KEY}\n{KEY}"
    _refused(client)


@pytest.mark.parametrize("act", [_refused, _invalid, _unknown_keys, _no_event, _bad_header, _bad_key])
def test_nothing_shows_of_what_is_not_sent(
    act: Callable[[ApiClient], None], ears: Ears, capfd: pytest.CaptureFixture[str]
) -> None:
    with make_client(f"http://127.0.0.1:{closed_port()}", api_key=KEY, debug=True) as client:
        record_waits(client)
        with pytest.raises(ApiException) as caught:
            act(client)
    error = caught.value
    shown = [str(error), repr(error), *traceback.format_exception(error), *ears.heard, *capfd.readouterr()]
    everything = "\n".join(shown)
    assert [secret for secret, value in SECRETS.items() if value in everything] == []


def test_a_request_shows_neither_the_key_nor_the_event() -> None:
    headers = {"X-THIRDWATCH-API-KEY": KEY}
    request = Request("POST", "/v1/login", headers=headers, body=KEY.encode(), key=KEY)
    assert repr(request) == "Request('POST', '/v1/login')"


def parrot(peer: Peer) -> None:
    """Respond with what came in, as an echo server does."""
    peer.send(peer.last.raw)
    peer.hang_up()


@pytest.mark.parametrize("name", ["success", "400", "503", "cut", "stall", "redirect", "an echo in text", "parrot"])
def test_a_key_in_the_query_shows_nowhere(name: str, ears: Ears, capfd: pytest.CaptureFixture[str]) -> None:
    attempts: list[Attempt] = []
    shown: list[str] = []
    settings: dict[str, Any] = {"debug": True, "on_response": attempts.append}
    if name == "stall":
        settings["timeout"] = 0.1
    with FaultServer(parrot if name == "parrot" else STEPS[name]) as server:
        with make_client(server.url, api_key=KEY, **settings) as client:
            record_waits(client)
            try:
                shown.append(repr(ScoreApi(client).score("o-1001")))
            except ApiException as error:
                shown += [str(error), repr(error), *traceback.format_exception(error), error.body or ""]
        eventually(lambda: server.requests)
        assert server.requests[0].line == f"GET /neo/v1/score?order_id=o-1001&api_key={KEY} HTTP/1.1"
    shown += [*ears.heard, *capfd.readouterr(), *map(repr, attempts)]
    assert [text for text in shown if KEY in text] == []
    assert [value for attempt in attempts for value in values_within(attempt) if KEY in value] == []


def test_nothing_shows_through_proxies(ears: Ears, capfd: pytest.CaptureFixture[str]) -> None:
    shown: list[str] = []
    with FaultServer(echo(400, "JSON")) as server, Proxy(server.port, "user:canary-password") as proxy:
        for url in (proxy.url("user:canary-password"), proxy.url("user:canary-wrong")):
            # The tunnel is asked for, and refused: for the wrong password, or for no TLS behind it.
            for host in ("http://shop.example", "https://shop.example"):
                settings: dict[str, Any] = {
                    "allow_insecure_http": True,
                    "proxy": url,
                    "debug": True,
                    "timeout": 0.15,
                }
                with make_client(host, api_key=KEY, **settings) as client:
                    record_waits(client)
                    with pytest.raises(ApiException) as caught:
                        _refused(client)
                    shown += [*traceback.format_exception(caught.value), repr(client.configuration)]
    everything = "\n".join([*shown, *ears.heard, *capfd.readouterr()])
    hidden = {**SECRETS, "password": "canary-password", "other password": "canary-wrong"}
    assert [secret for secret, value in hidden.items() if value in everything] == []


@pytest.mark.parametrize("status", [200, 407])
def test_the_password_of_a_proxy_that_repeats_it_is_masked(status: int) -> None:
    sent = base64.b64encode(b"user:canary-password").decode()

    def parrot(peer: Peer) -> None:
        said = peer.last.headers["proxy-authorization"]
        body = json.dumps({"error": said}).encode()[status == 200 :]
        peer.send(head(f"HTTP/1.1 {status} {said}", {"Content-Length": str(len(body)), "X-Said": said}) + body)

    with FaultServer(parrot) as proxy:
        url = f"http://user:canary-password@127.0.0.1:{proxy.port}"
        with make_client("http://shop.example", proxy=url, allow_insecure_http=True) as client:
            with pytest.raises(ApiException) as caught:
                _refused(client)
    error = caught.value
    assert error.status == status
    assert "***" in (error.body or "")
    assert (error.headers or {})["X-Said"] == "***"
    assert (error.error_response is None) == (status == 200)
    shown = [str(error), repr(error), *traceback.format_exception(error), *values_within(error)]
    assert [text for text in shown if sent in text] == []


def test_a_hook_that_fails_shows_nothing_of_the_call(ears: Ears) -> None:
    def broken(attempt: Attempt) -> None:
        raise ValueError(attempt)

    with FaultServer(echo(400, "JSON")) as server:
        with make_client(server.url, api_key=KEY, on_request=broken, on_response=broken) as client:
            with pytest.raises(BadRequestException):
                _refused(client)
    assert "a hook of the configuration failed" in "".join(ears.heard)
    assert [secret for secret, value in SECRETS.items() if value in "".join(ears.heard)] == []


def test_debug_does_not_switch_on_the_printing_of_http_client(capfd: pytest.CaptureFixture[str]) -> None:
    before = http.client.HTTPConnection.debuglevel
    with FaultServer() as server, make_client(server.url, debug=True) as client:
        _refused(client)
        assert http.client.HTTPConnection.debuglevel == before
        plain = urllib3.HTTPConnectionPool("127.0.0.1", server.port)
        plain.request("POST", "/", body=b"{}")
        plain.close()
    assert capfd.readouterr().out == ""


def test_the_key_of_an_error_response_is_masked_in_every_spelling() -> None:
    key = 'canary/"k" 7f3a9c'
    spelled = b'{"error": "canary/\\"k\\" 7f3a9c, canary\\/\\"k\\" 7f3a9c, canary%2F%22k%22+7f3a9c"}'
    with FaultServer(respond(401, spelled)) as server, make_client(server.url, api_key=key) as client:
        with pytest.raises(ApiException) as caught:
            _refused(client)
    assert "canary" not in str(caught.value) + (caught.value.body or "")


SPELLED = 'Zo\u00eb "M\u00fcller"/Canary\n2 \U0001f600'


@pytest.mark.parametrize(
    "spelled",
    [
        json.dumps(SPELLED)[1:-1],
        json.dumps(SPELLED)[1:-1].replace("/", "\\/"),
        json.dumps(SPELLED, ensure_ascii=False)[1:-1],
        re.sub(r"\\u....", lambda found: found[0][:2] + found[0][2:].upper(), json.dumps(SPELLED)[1:-1]),
        quote(SPELLED),
        quote(SPELLED, safe=""),
        quote_plus(SPELLED),
        quote_plus(SPELLED).lower(),
        SPELLED.upper(),
    ],
)
def test_what_is_personal_is_masked_in_every_spelling(spelled: str) -> None:
    order = event()
    order.billing_address = BillingAddress(name=SPELLED)
    body = json.dumps({"error": f"bad: {spelled}."}).encode()
    with FaultServer(respond(400, body)) as server, make_client(server.url) as client:
        with pytest.raises(BadRequestException) as caught:
            CreateOrderApi(client).create_order(order)
    assert str(caught.value).startswith("(400) Reason: bad: ***. ")


def test_what_is_about_nobody_is_shown() -> None:
    body = b'{"error": "no order o-1001 of u-42 in INR"}'
    with FaultServer(respond(400, body)) as server, make_client(server.url) as client:
        with pytest.raises(BadRequestException) as caught:
            _refused(client)
    assert ": no order o-1001 of u-42 in INR. " in str(caught.value)


@pytest.mark.parametrize("key", ["k3y!", "\u00e9t\u00e9s"])
def test_a_key_of_four_characters_is_masked(key: str) -> None:
    body = json.dumps({"error": f"bad key {key}"}).encode()
    with FaultServer(respond(401, body, {"X-Said": key})) as server, make_client(server.url, api_key=key) as client:
        with pytest.raises(ApiException) as caught:
            _refused(client)
    error = caught.value
    assert ": bad key ***. " in str(error)
    assert error.body == '{"error": "bad key ***"}'
    assert (error.headers or {})["X-Said"] == "***"


def test_a_text_of_three_characters_is_no_secret() -> None:
    order = event()
    order.billing_address = BillingAddress(name="Ann", city="Rome")
    with FaultServer(respond(400, b'{"error": "Ann in Rome with abc"}')) as server:
        with make_client(server.url, api_key="abc") as client:
            with pytest.raises(ApiException) as caught:
                CreateOrderApi(client).create_order(order)
    assert ": Ann in *** with abc. " in str(caught.value)


def test_credentials_in_headers_of_the_shop_are_masked() -> None:
    secrets = ["canary-bearer-1", "canary-sid-22", "canary-gate-333"]
    said = " ".join(secrets)
    body = json.dumps({"error": said}).encode()
    with FaultServer(respond(403, body, {"X-Said": said})) as server, make_client(server.url) as client:
        client.set_default_header("Authorization", f"Bearer {secrets[0]}")
        client.set_default_header("X-Gateway-Token", secrets[2])
        client.set_default_header("X-Trace", "o-trace")
        client.set_default_header("X-Auth-Mode", "Reason")
        client.cookie = f"theme=dark; sid={secrets[1]}"
        with pytest.raises(ApiException) as caught:
            _refused(client)
        assert all(secret.encode() in server.requests[0].raw for secret in secrets)
    error = caught.value
    everything = str(error) + repr(error) + (error.body or "") + repr(dict(error.headers or {})) + repr(vars(error))
    assert "canary" not in everything
    assert str(error).startswith("(403) Reason: *** *** ***. ")


def test_a_client_shows_no_key_after_a_call() -> None:
    with FaultServer() as server, make_client(server.url, api_key=KEY) as client:
        _refused(client)
        assert KEY not in f"{vars(client)} {vars(client.rest_client)}"


def test_a_key_that_is_no_text_is_refused_without_being_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THIRDWATCH_API_KEY", f"{KEY}\udcff")
    for call in (
        lambda client: ScoreApi(client).score("o-1"),
        lambda client: PostbackApi(client).register({"score_postback": "https://shop.example/"}),
        _refused,
    ):
        with FaultServer() as server, ApiClient(configuration=Configuration(host=server.url)) as client:
            with pytest.raises(ApiValueError) as caught:
                call(client)
            assert server.requests == []
        shown = "".join([*traceback.format_exception(caught.value), *values_within(caught.value, 8)])
        assert KEY not in shown


def test_the_key_with_a_prefix_is_masked_with_and_without_it() -> None:
    body = f'{{"error": "bad key: Token {KEY}; {KEY}"}}'.encode()
    with FaultServer(respond(401, body)) as server, make_client(server.url, api_key=KEY) as client:
        client.configuration.api_key_prefix["X-THIRDWATCH-API-KEY"] = "Token"
        with pytest.raises(ApiException) as caught:
            _refused(client)
        assert server.requests[0].headers["x-thirdwatch-api-key"] == f"Token {KEY}"
    assert KEY not in str(caught.value) + (caught.value.body or "")


def test_the_settings_show_neither_keys_nor_the_proxys_password() -> None:
    configuration = Configuration(api_key=KEY, proxy=f"http://user:{KEY}@proxy.example", password=KEY)
    configuration.api_key["Other-Key"] = KEY
    shown = [repr(configuration), str(configuration), repr(configuration.api_key), configuration.to_debug_report()]
    assert KEY not in "".join(shown)
