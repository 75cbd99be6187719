"""Masking hides what it has to, wherever a text is cut, and no text costs more than linear time."""

from __future__ import annotations

import gzip
import json
import re
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from thirdwatch_api import (
    ApiException,
    BadRequestException,
    CreateOrder,
    CreateOrderApi,
    CustomInfo,
    EventResponse,
    InvalidResponseException,
    Item,
    OrderStatusApi,
    PostbackApi,
    ScoreApi,
    Seller,
    ServiceException,
    TimeoutException,
    _redaction,
)
from thirdwatch_api._redaction import Redactor, short, without_emails, without_user
from thirdwatch_api.rest import Request

from .programs import run_script
from .servers import EVENT, KEY, Clock, FaultServer, gzip_bomb, head, make_client, raw, respond

MEGABYTES = 4 << 20
PIECE = 64 * 1024
WINDOW = 2000
"""More than any text that is looked at before it is shown."""


def redactor(*texts: str, key: str = KEY) -> Redactor:
    """Make the redactor of an event with personal texts."""
    return Redactor(key, {}, json.dumps({"_private": texts, "_public": "in the open"}).encode(), lambda: {"_public"})


class Work:
    """Stand before ``re`` and write down how many characters it is handed at once."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(re, name)

    def finditer(self, pattern: str, text: str) -> Iterator[Any]:
        self.sizes.append(len(text))
        return re.finditer(pattern, text)

    def sub(self, pattern: str, new: Any, text: str) -> str:
        self.sizes.append(len(text))
        return re.sub(pattern, new, text)

    def compile(self, pattern: str) -> Any:
        return _Pattern(pattern, self.sizes)


class _Pattern:
    def __init__(self, pattern: str, sizes: list[int]) -> None:
        self.pattern = pattern
        self._compiled = re.compile(pattern)
        self._sizes = sizes

    def finditer(self, text: str, start: int, end: int) -> Iterator[Any]:
        self._sizes.append(min(len(text), end) - start)
        return self._compiled.finditer(text, start, end)

    def search(self, text: str, start: int = 0, end: int = 1 << 30) -> Any:
        self._sizes.append(min(len(text), end) - start)
        return self._compiled.search(text, start, end)


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    work = Work()
    monkeypatch.setattr(_redaction, "re", work)
    return work


HOSTILE = {
    "one run and an at sign": "@ " + "a" * MEGABYTES,
    "at signs": "@" * MEGABYTES,
    "addresses": "a@b " * (MEGABYTES // 4),
    "words": "word " * (MEGABYTES // 5),
    "escapes": "\\u00e9" * (MEGABYTES // 6),
    "backslashes": "\\" * MEGABYTES,
    "percent signs": "%" * MEGABYTES,
    "percent": "%C3%AB" * (MEGABYTES // 6),
    "the key": KEY * (MEGABYTES // len(KEY)),
    "most of the key": KEY[:-1] * (MEGABYTES // len(KEY)),
    "a personal text": "Canary Nightingale " * (MEGABYTES // 19),
}
each_hostile_text = pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)


@each_hostile_text
def test_a_line_is_cut_before_it_is_masked(text: str, work: Work) -> None:
    line = redactor("Canary Nightingale").line(text)
    assert len(line) < WINDOW
    assert max(work.sizes, default=0) < WINDOW  # a text without any mark of an address or an escape needs no pattern
    assert len(work.sizes) < 10


@each_hostile_text
def test_a_whole_text_is_masked_piece_by_piece_and_each_piece_once(text: str, work: Work) -> None:
    masked = redactor().whole(text)
    assert KEY not in masked
    assert max(work.sizes) < PIECE + 1000
    assert sum(work.sizes) < 1.1 * len(text)


@each_hostile_text
def test_the_text_of_an_error_costs_the_same_however_long_the_response_is(text: str, work: Work) -> None:
    body = json.dumps({"error": text})[:MEGABYTES].rstrip("\\") + '"}'
    with FaultServer(respond(400, body.encode())) as server, make_client(server.url) as client:
        with pytest.raises(BadRequestException) as caught:
            OrderStatusApi(client).order_status(EVENT)
    assert max(work.sizes) < PIECE + 1000
    assert sum(work.sizes) < 2.2 * len(body) + 10_000  # the body, and its JSON
    before = len(work.sizes)
    assert len(str(caught.value)) < 500
    assert len(work.sizes) == before  # what str() shows was masked once and for all


@pytest.mark.parametrize(
    "step",
    [
        respond(400, b"", {"X-Long": "@ " + "a" * 60_000}),
        raw(head(f"HTTP/1.1 400 @ {'a' * 60_000}", {"Content-Length": "0"})),
        respond(200, b"<html>", {"Content-Type": "@ " + "a" * 60_000}),
        respond(302, b"", {"Location": "https://@" + "a" * 60_000}),
        respond(302, b"", {"Location": "https://other.example/@" + "a" * 1900}),
    ],
    ids=["header", "reason", "content type", "long redirect", "redirect"],
)
def test_the_head_of_a_response_costs_no_more_than_its_length(step: Any, work: Work) -> None:
    with FaultServer(step) as server, make_client(server.url) as client:
        with pytest.raises(ApiException) as caught:
            OrderStatusApi(client).order_status(EVENT)
    assert sum(work.sizes) < 150_000
    assert len(str(caught.value)) < 600
    assert len(repr(caught.value)) < WINDOW


def test_an_event_that_is_repeated_costs_one_pass_however_many_texts_it_holds(work: Work) -> None:
    items = [Item(item_id=f"i-{i}", seller=Seller(email=f"s{i}@shop.example", phone=f"+91-{i:09}")) for i in range(500)]
    order = CreateOrder(user_id="u-42", order_id="o-1", amount="1", currency_code="INR", items=items)
    with FaultServer(lambda peer: peer.send(_refusal(peer.last.body.decode()))) as server:
        with make_client(server.url) as client:
            with pytest.raises(BadRequestException) as caught:
                CreateOrderApi(client).create_order(order)
    assert "i-0" in str(caught.value)
    assert "s0@" not in str(caught.value)
    assert "+91" not in str(caught.value)
    assert sum(work.sizes) < 3 * len(caught.value.body or "")


def _refusal(said: str) -> bytes:
    body = json.dumps({"error": said}).encode()
    return head(400, {"Content-Length": str(len(body))}) + body


def test_repr_of_an_event_looks_at_the_beginning_of_a_text_only(work: Work) -> None:
    text = "@" + "a" * (1 << 20)
    order = CreateOrder(order_id="o-1", items=[Item(item_id=text)], promotions=[])
    shown = repr(order)
    assert len(shown) < WINDOW
    assert work.sizes
    assert max(work.sizes) < WINDOW
    assert "item_id='@aaa" in shown
    assert "aaa...'" in shown


def test_repr_of_an_event_shows_a_part_of_it_whole() -> None:
    item = Item(item_id="i-1")
    item.seller = Seller(seller_id="s" * 500, created_date="d" * 500)
    assert "d" * 500 in repr(CreateOrder(items=[item]))


@given(st.text("ab@. \\u00e9%C3+", max_size=40), st.integers(540, 660))
def test_a_secret_never_shows_by_half_where_a_text_is_cut(noise: str, place: int) -> None:
    secret = "Canary-Nightingale-" * 20 + "the end"
    for text in (secret, secret[:30], f"{secret[:20]}@shop.example"):
        spelled = [text, "".join(f"\\u{ord(c):04X}" for c in text), "".join(f"%{ord(c):02x}" for c in text)]
        for form in spelled:
            line = redactor(text).line("x" * place + " " + form + " " + noise * 100)
            shown = line.replace("\\u00", "").replace("%", "")
            assert re.search("Canary|43616e|43616E", shown, re.IGNORECASE) is None


@given(st.lists(st.text("abc@ +%\\", min_size=4, max_size=9), max_size=5), st.text("abc@ +%\\", max_size=60))
def test_no_secret_is_left_in_a_line(secrets: list[str], text: str) -> None:
    line = redactor(*secrets, key="").line(text)
    assert [secret for secret in secrets if secret.strip() and secret in line and "*" not in secret] == []


@given(st.text("k3y-/ x", max_size=80), st.integers(1, 40))
def test_a_key_across_two_pieces_is_masked_as_one_within_a_piece(text: str, piece: int) -> None:
    every = Redactor("k3y-", {"Cookie": "a=k3y-/k3y; b=k3y-/k3y-x; c=short"})
    expected = every.whole(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_redaction, "_PIECE", piece)
        assert every.whole(text) == expected
    assert not {"k3y-/k3y", "k3y-"} & set(re.findall("k3y-/k3y|k3y-", expected))


def test_secrets_that_overlap_are_masked_as_one() -> None:
    assert redactor("abcdef", "defghi", "efgh").line("1 abcdefghi 2 abcdefghijk") == "1 *** 2 ***jk"
    assert redactor("stra\xdfe 7").line("STRASSE 7, Stra\xdfe 7") == "***, ***"


def test_the_beginning_of_a_long_text_is_masked_too() -> None:
    text = "Canary " * 50
    assert redactor(text).line(f"bad: {text[:100]}, {text[:30]}") == f"bad: ***, {text[:30]}"


def test_an_address_in_any_spelling_is_masked_though_it_is_not_of_the_event() -> None:
    line = redactor().line("ann@a.example zoe+x@b.example zoe%2Bx%40c.example \\u007aoe\\u0040d.example")
    assert line == "*** *** *** ***"
    assert without_emails("of ann@a.example.") == "of ***"
    assert without_emails("a@b@c") == "***@c"


def test_what_looks_like_an_escape_hides_no_secret() -> None:
    assert redactor("nancy", "4111-1111").line("DOMAIN\\nancy LIKE '%4111-1111%'") == "DOMAIN\\*** LIKE '%***%'"


@pytest.mark.parametrize("length", [200, 201, 600, 601, 5000])
def test_a_line_says_that_it_was_cut(length: int) -> None:
    text = "y" * length
    assert redactor().line(text) == without_emails(text) == (text if length <= 600 else text[:600] + "...")
    assert redactor(text).line(text).startswith("***")
    assert short(text) == (text if length <= 200 else text[:200] + "...")


def test_without_keys_there_is_nothing_to_mask_in_a_whole_text() -> None:
    bare = Redactor()
    headers = {"a": "b"}
    assert bare.whole("text") == "text"
    assert bare.headers(headers) is headers
    response: dict[str, Any] = {"a": ["b"]}
    bare.json(response, json.dumps(response).encode())
    assert response == {"a": ["b"]}
    assert without_user("https://ann:secret@a.example/x@y") == "https://***@a.example/x@y"


def test_at_the_deadline_the_rest_of_a_body_is_dropped() -> None:
    text = f"{KEY} " + "x" * (3 * PIECE)
    masked = redactor().whole(text, until=time.monotonic() - 1)
    assert masked == "*** " + "x" * (PIECE - len(KEY) - 1) + "... (cut: the deadline of the call passed)"
    assert redactor().whole("x" * PIECE, until=0) == "x" * PIECE


@pytest.mark.parametrize("values", [b"[]," * 60_000, b'"",' * 110_000, b'{"\\\\":1},' * 40_000])
@pytest.mark.parametrize("status", [200, 400])
def test_json_of_too_many_values_is_no_response(status: int, values: bytes) -> None:
    body = b'{"error": "no", "a": [' + values + b"1]}"
    with FaultServer(respond(status, body)) as server, make_client(server.url) as client:
        with pytest.raises(BadRequestException if status == 400 else InvalidResponseException) as caught:
            OrderStatusApi(client).order_status(EVENT)
    assert caught.value.error_response is None
    assert caught.value.body == body.decode()


def test_a_text_may_hold_what_would_be_many_values_elsewhere() -> None:
    text = '[{"a": 1}, "\\\\"], ' * 40_000
    body = json.dumps({"error": text}).encode()
    with FaultServer(respond(400, body), respond(200, body)) as server, make_client(server.url) as client:
        with pytest.raises(BadRequestException) as caught:
            OrderStatusApi(client).order_status(EVENT)
        assert OrderStatusApi(client).order_status(EVENT).additional_properties == {"error": text}
    assert caught.value.error_response is not None
    assert caught.value.error_response.message == text


def test_json_of_many_values_is_masked_in_every_place() -> None:
    body = json.dumps({"error": "no", KEY: [KEY, {KEY: [f"x{KEY}"]}], "list": [1, None, "x" * 300_000]}).encode()
    with FaultServer(respond(400, body)) as server, make_client(server.url) as client:
        with pytest.raises(BadRequestException) as caught:
            OrderStatusApi(client).order_status(EVENT)
    assert caught.value.error_response is not None
    assert caught.value.error_response.additional_properties["***"] == ["***", {"***": ["x***"]}]
    assert KEY not in (caught.value.body or "")


COUNT_IMPORTS = """
import sys
from thirdwatch_api import ApiClient, ApiException, BillingAddress, Configuration
from thirdwatch_api import CreateOrder, CreateOrderApi, OrderStatus, OrderStatusApi

host, kind = sys.argv[1:]
client = ApiClient(configuration=Configuration(host=host, api_key="0123456789abcdef"))
calls = {
    "OrderStatus": lambda: OrderStatusApi(client).order_status(OrderStatus(user_id="u", session_id="s-canary")),
    "dict": lambda: OrderStatusApi(client).order_status({"_userId": "u", "_sessionId": "s-canary"}),
    "CreateOrder": lambda: CreateOrderApi(client).create_order(
        CreateOrder(user_id="u", order_id="o", billing_address=BillingAddress(name="s-canary"))
    ),
}
calls[kind]()
before = set(sys.modules)
try:
    calls[kind]()
except ApiException as error:
    print(str(error).count("canary"), *sorted(set(sys.modules) - before))
"""


@pytest.mark.parametrize("kind", ["OrderStatus", "dict", "CreateOrder"])
def test_the_first_refusal_imports_the_model_of_its_response_and_no_more(kind: str) -> None:
    with FaultServer(respond(), respond(400, b'{"error": "bad s-canary"}')) as server:
        done = run_script(COUNT_IMPORTS, server.url, kind)
    assert done.stderr == ""
    assert done.stdout.split() == ["0", "thirdwatch_api.models.error_response"]


def test_a_dict_without_a_model_is_masked_as_every_model_would_be() -> None:
    body = {"_userId": "u-42", "_phone": "+91-canary", "_seller": {"_name": "canary"}, "_new": {"x": ["canary-x"]}}
    said = "u-42 +91-canary canary canary-x"
    with FaultServer(respond(400, json.dumps({"error": said}).encode())) as server, make_client(server.url) as client:
        with pytest.raises(BadRequestException, match=r": u-42 \*\*\* \*\*\* \*\*\*\. "):
            client.call_api("/v1/new", "POST", body=body)


def test_a_model_without_its_endpoint_is_masked_as_itself() -> None:
    order = CreateOrder(order_id="o-canary", user_email="canary.mail", custom_info=CustomInfo({"x": "canary-x"}))
    said = "o-canary canary.mail canary-x"
    with FaultServer(respond(400, json.dumps({"error": said}).encode())) as server, make_client(server.url) as client:
        with pytest.raises(BadRequestException, match=r": o-canary \*\*\* \*\*\*\. "):
            client.call_api("/v1/new", "POST", body=order)


def test_an_unknown_key_of_a_dict_that_is_not_checked_holds_something_personal() -> None:
    event = {"_userId": "u-42", "_nickname": "canary"}
    with FaultServer(respond(400, b'{"error": "u-42 canary"}')) as server:
        with make_client(server.url, client_side_validation=False) as client:
            with pytest.raises(BadRequestException, match=r": u-42 \*\*\*\. "):
                OrderStatusApi(client).order_status(event)


@pytest.mark.parametrize(
    ("call", "shown"),
    [
        (lambda client: ScoreApi(client).score_with_http_info("o-1"), "***"),
        (
            lambda client: PostbackApi(client).register_with_http_info({"score_postback": "https://shop.example/"}),
            "***",
        ),
        (lambda client: OrderStatusApi(client).order_status_with_http_info(EVENT), KEY),
    ],
)
def test_a_success_is_masked_where_the_key_travels_in_places_that_are_logged(call: Any, shown: str) -> None:
    body = json.dumps({"message": "ok", "score": 7, "echo": KEY}).encode()
    with FaultServer(respond(200, body, {"X-Said": KEY})) as server, make_client(server.url) as client:
        data, _, headers = call(client)
    assert (data.additional_properties["echo"], headers["x-said"]) == (shown, shown)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """List how many bytes urllib3's decoder of gzip is handed at once."""
    sizes: list[int] = []
    decoder: Any = urllib3.response.GzipDecoder
    decompress = decoder.decompress

    def watched(self: Any, data: bytes, max_length: int = -1) -> Any:
        sizes.append(len(data))
        return decompress(self, data, max_length)

    monkeypatch.setattr(decoder, "decompress", watched)
    return sizes


@pytest.mark.parametrize("status", [200, 400])
def test_a_body_is_decompressed_piece_by_piece(status: int, decoded: list[int]) -> None:
    members = gzip.compress(b"") * 20_000 + gzip.compress(b'{"message": "taken"}')
    step = respond(status, members, {"Content-Encoding": "gzip"})
    with FaultServer(step) as server, make_client(server.url) as client:
        try:
            result: Any = OrderStatusApi(client).order_status(EVENT)
        except ApiException as error:
            result = error
    assert isinstance(result, EventResponse if status == 200 else BadRequestException)
    assert sum(decoded) == len(members)
    assert max(decoded) <= PIECE


def test_the_deadline_holds_while_a_body_is_decompressed(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    decompress = urllib3.response.GzipDecoder.decompress

    def slow(self: Any, *args: Any, **kwargs: Any) -> Any:
        clock.advance(25)
        return decompress(self, *args, **kwargs)

    monkeypatch.setattr(urllib3.response.GzipDecoder, "decompress", slow)
    bomb = respond(200, gzip_bomb(1), {"Content-Encoding": "gzip"})  # a few packets, which are read at once
    with FaultServer(bomb) as server, make_client(server.url, deadline=60) as client:
        with pytest.raises(TimeoutException, match="before the deadline") as caught:
            OrderStatusApi(client).order_status(EVENT)
    assert caught.value.attempts == 1


def test_a_refused_body_above_the_limit_is_cut() -> None:
    with FaultServer(respond(503, b"x" * 5000)) as server, make_client(server.url, max_response_size=1000) as client:
        with pytest.raises(ServiceException) as caught:
            OrderStatusApi(client).order_status(EVENT, _retries=0)
    assert caught.value.body == "x" * 1000


def test_a_redirect_to_an_address_with_a_user_part_shows_none_of_it() -> None:
    for location in ("https://ann:canary@other.example/", "https://other.example/ann:canary@x", "//ann:canary@[::1/"):
        with FaultServer(respond(307, b"", {"Location": location})) as server, make_client(server.url) as client:
            with pytest.raises(ApiException, match="refused to follow a redirect to ") as caught:
                OrderStatusApi(client).order_status(EVENT)
        assert "canary" not in str(caught.value) + repr(caught.value)


@pytest.mark.parametrize("coding", ["deflate", "Deflate ", "x-gzip"])
def test_a_coding_that_each_python_knows_is_read(coding: str) -> None:
    body = b'{"message": "taken"}'
    packed = gzip.compress(body) if "gzip" in coding else zlib.compress(body)
    with FaultServer(respond(200, packed, {"Content-Encoding": coding})) as server, make_client(server.url) as client:
        assert OrderStatusApi(client).order_status(EVENT).message == "taken"


def test_without_its_declarations_each_text_of_an_event_is_personal() -> None:
    def unreadable() -> Any:
        raise OSError("Too many open files")

    assert Redactor(KEY, {}, b'{"_userId": "u-42", "_more": ["canary"]}', unreadable).line("u-42 canary") == "*** ***"
    with FaultServer(respond(400, b'{"error": "canary"}', {"X-Said": "canary"})) as server:
        with make_client(server.url) as client:
            with pytest.raises(BadRequestException) as caught:
                client.rest_client.request(Request("POST", "/v1/new", body=b'{"_name": "X canary"}', key="canary"))
    assert caught.value.error_response is None
    assert (caught.value.headers or {})["X-Said"] == "***"
    assert caught.value.body == '{"error": "***"}'
    with FaultServer(raw(head("HTTP/1.1 400 X Canary", {"Content-Length": "0"}))) as server:
        with make_client(server.url) as client:
            with pytest.raises(BadRequestException, match=r"\(400\) \*\*\*\. "):
                client.rest_client.request(Request("POST", "/v1/new", body=b'{"_name": "X canary"}'))


def test_at_the_deadline_no_text_of_the_service_is_shown_that_is_not_masked_yet() -> None:
    many = redactor(*(f"value {number}" for number in range(1000)))
    assert many.line("no value 7, value 8x", until=0) == "***"
    assert many.line("no value 7, value 8x") == "no ***, ***x"
    assert many.line("no value", until=0) == "***"
    assert many.line("", until=0) == ""
    found = redactor(*(f"found {number}" for number in range(20)))
    assert found.line("found 1, found 7", until=0) == "***"
    assert redactor("100 %, Canary").line("Canary", until=0) == "***"
    assert redactor("Canary").line("a Canary", until=0) == "a ***"  # what takes no time is shown


def test_no_text_is_shown_of_the_refusal_of_an_event_that_is_too_large_to_search() -> None:
    order = CreateOrder(
        user_id="u-42",
        order_id="o-1",
        amount="1",
        currency_code="INR",
        items=[],
        custom_info={"n": "canary " * 160_000},
    )
    with FaultServer(respond(400, b'{"error": "no canary"}', {"X-Request-Id": "r-7"})) as server:
        with make_client(server.url) as client, pytest.raises(BadRequestException) as caught:
            CreateOrderApi(client).create_order(order)
    assert str(caught.value).startswith("(400) ***: *** (request id ***). ")
    assert caught.value.body == '{"error": "no canary"}'


@given(st.lists(st.text("sSß\u0130 +a", min_size=1, max_size=6), max_size=5), st.text("sSß\u0130 +a", max_size=30))
def test_the_look_at_how_a_text_begins_overlooks_none(secrets: list[str], text: str) -> None:
    line = redactor(*secrets, key="").line(text)
    assert [secret for secret in secrets if len(secret) >= 4 and secret.strip() and secret in line] == []


NESTED: dict[str, Any] = {
    "JSON in JSON": lambda text: json.dumps(json.dumps({"_name": text})),
    "JSON in JSON in JSON": lambda text: json.dumps(json.dumps(json.dumps({"_name": text}))),
    "URL in a URL": lambda text: quote(quote(text, safe=""), safe=""),
    "URL in a URL in a URL": lambda text: quote(quote(quote(text, safe=""), safe=""), safe=""),
    "JSON in a URL": lambda text: quote_plus(json.dumps(text)),
    "a URL in JSON": lambda text: json.dumps(json.dumps(quote_plus(text))),
}


@pytest.mark.parametrize("spell", NESTED.values(), ids=NESTED)
def test_escapes_of_escapes_hide_no_text(spell: Any) -> None:
    name = 'Zoë "Canary" 😀 Müller'
    assert redactor(name).line(f"bad: {spell(name)} here").startswith("bad: ")
    for shown in (redactor(name).line(f"bad: {spell(name)} here"), redactor(name).line("x" * 560 + spell(name))):
        assert re.search("Zo|Canary|ller", shown) is None
        assert "***" in shown
    assert redactor(name).line(f"bad: {spell(name)} here").endswith(" here")
    cut = redactor("a long text " * 20).line("x" * 575 + " " + spell("a long text " * 20))
    assert "a l" not in cut.replace("%2525", "%").replace("%25", "%").replace("%20", " ").replace("+", " ")


def test_an_event_that_is_repeated_below_another_key_is_masked() -> None:
    order = CreateOrder(
        user_id="u-42", order_id="o-1", amount="1", currency_code="INR", items=[], custom_info={"n": 'Zoë "Canary"'}
    )

    def parrot(peer: Any) -> None:
        body = json.dumps({"error": {"detail": peer.last.body.decode()}}).encode()
        peer.send(head(400, {"Content-Length": str(len(body))}) + body)

    with FaultServer(parrot) as server, make_client(server.url) as client:
        with pytest.raises(BadRequestException, match="o-1") as caught:
            CreateOrderApi(client).create_order(order)
    assert "Zo" not in str(caught.value)
    assert "Canary" not in str(caught.value)


def test_numbers_and_keys_of_the_shop_are_masked() -> None:
    info = {"phone": 4477009001234, "geo": 51.5074123, "Zoe Canary": "vip", "few": 123, "list": [{"Ann Canary": None}]}
    order = CreateOrder(user_id="u-42", order_id="o-1", amount="1", currency_code="INR", items=[], custom_info=info)
    said = "bad 4477009001234, 51.5074123, zoe canary, Ann Canary, 123 of _customInfo"
    with FaultServer(respond(400, json.dumps({"error": said}).encode())) as server, make_client(server.url) as client:
        with pytest.raises(BadRequestException) as caught:
            CreateOrderApi(client).create_order(order)
    assert ": bad ***, ***, ***, ***, 123 of _customInfo. " in str(caught.value)


def test_the_mask_stands_in_one_module_only() -> None:
    package = Path(_redaction.__file__).parent
    users = [path.name for path in package.rglob("*.py") if '"***"' in path.read_text(encoding="utf-8")]
    assert users == ["_redaction.py"]
