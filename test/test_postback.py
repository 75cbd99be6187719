"""Postbacks: who may send one, and what is read from it."""

import hmac
import io
import json
import pickle
import subprocess
import sys
from collections.abc import Iterator, Mapping
from email.message import Message
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import thirdwatch_api
from thirdwatch_api import (
    ApiException,
    ApiTypeError,
    ApiValueError,
    BadRequestException,
    Configuration,
    Reason,
    ShippingAddress,
    UnauthorizedException,
    postback,
)
from thirdwatch_api.postback import parse

from .ids import stable

KEY = "Key-One/8f3+"
NAME = "X-THIRDWATCH-API-KEY"
HEADERS = {NAME: KEY}
SETTINGS = Configuration(api_key=KEY)

SCORE: dict[str, Any] = {"order_id": "o-1001", "flag": "green", "score": 47, "reasons": [{"name": "_accountAge"}]}
ACTION = {"order_id": "o-1001", "action_type": "approved", "action_message": "fine"}
ADDRESS = {"order_id": "o-1001", "shipping_address": {"name": "Asha Rao", "city": "Pune", "zipcode": "411001"}}
LINK = {
    "entity": "payment_link",
    "api_key": KEY,
    "payload": {"order_id": "o-1001", "status": "paid", "payment_link": "https://pay.example/secret", "discount": 5.5},
}
PING = {"test": True}


def body(fields: object) -> bytes:
    return json.dumps(fields).encode()


def read(fields: object, headers: Any = HEADERS) -> Any:
    return parse(headers, fields if isinstance(fields, (bytes, str)) else body(fields), SETTINGS)


def refuse(status: int, fields: object, headers: Any = HEADERS) -> ApiException:
    """Expect a refusal that shows nothing of what came."""
    with pytest.raises(postback.PostbackException) as caught:
        read(fields, headers)
    error = caught.value
    kind = postback.UnauthorizedPostbackException if status == 401 else postback.BadPostbackException
    assert type(error) is kind
    assert isinstance(error, UnauthorizedException if status == 401 else BadRequestException)
    assert error.status == status
    assert "Do not act on it" in str(error)
    assert (error.__cause__, error.__context__) == (None, None)
    shown = f"{error} {error!r} {vars(error)}"
    for secret in (KEY, "o-1001", "Asha", "411001", "forged", "Forged"):
        assert secret not in shown
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy)) == (kind, str(error))
    return error


def test_a_score_postback() -> None:
    notice = read(SCORE)
    assert notice == postback.ScorePostback("o-1001", "green", 47, [Reason("_accountAge")])
    assert read({"order_id": 1001, "flag": "purple", "score": "high", "new": 1}) == postback.ScorePostback(
        "1001", "purple", None, [], additional_properties={"score": "high", "new": 1}
    )


@pytest.mark.parametrize(
    ("remark", "kept"), [("fine", "fine"), ("", None), (" None ", None), ("none", None), (None, None)]
)
def test_an_action_postback(remark: str | None, kept: str | None) -> None:
    notice = read({**ACTION, "action_message": remark})
    assert notice == postback.ActionPostback("o-1001", "approved", kept)
    assert "fine" not in repr(notice)
    assert read({"order_id": "o", "action_type": "later"}).action_message is None


def test_a_shipping_address_postback() -> None:
    notice = read(ADDRESS)
    assert notice.shipping_address == ShippingAddress(name="Asha Rao", city="Pune", zipcode="411001")
    assert "Asha" not in repr(notice)
    assert "411001" not in repr(notice)
    odd = {"zipcode": 411001, "country": None, "is_home_address": True, "landmark": "well"}
    notice = read({"order_id": "o", "shipping_address": odd, "note": "n"})
    assert notice.shipping_address == ShippingAddress(zipcode="411001", is_home_address=True)
    assert notice.additional_properties == {"shipping_address": {"landmark": "well"}, "note": "n"}
    assert read({"order_id": "o", "shipping_address": {}}).shipping_address == ShippingAddress()


@pytest.mark.parametrize("headers", [{}, HEADERS])
def test_a_payment_link_postback_carries_its_key_in_the_body(headers: Any) -> None:
    notice = read(LINK, headers)
    assert notice == postback.PaymentLinkPostback("o-1001", "paid", "https://pay.example/secret", "5.5")
    assert "secret" not in repr(notice)
    assert KEY not in notice.to_str()


@pytest.mark.parametrize("headers", [{}, HEADERS])
def test_a_trial_call_says_nothing_about_any_order(headers: Any) -> None:
    notice = read(PING, headers)
    assert type(notice) is postback.TestPing
    assert (repr(notice), notice.to_dict()) == ("TestPing()", {})
    assert not hasattr(notice, "order_id")


def test_a_key_in_the_body_is_not_kept() -> None:
    assert read({**SCORE, "api_key": KEY}).additional_properties == {}
    assert read({**LINK, "payload": {**LINK["payload"], "api_key": KEY}}).additional_properties == {}  # type: ignore[dict-item]  # a dict


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, bytes.decode])
def test_the_body_may_be_bytes_or_text(kind: Any) -> None:
    assert parse(HEADERS, kind(body(SCORE)), SETTINGS) == read(SCORE)


class Items:
    """Headers that are no mapping, as email.message and werkzeug have them."""

    def __init__(self, *pairs: tuple[object, object]) -> None:
        self.pairs = pairs

    def items(self) -> Iterator[tuple[object, object]]:
        yield from self.pairs


def message(*values: str) -> Message:
    made = Message()
    for value in values:
        made[NAME] = value
    return made


@pytest.mark.parametrize(
    "headers",
    [
        {NAME.lower(): KEY},
        {"x-ThirdWatch-Api-Key": KEY},
        {NAME.encode(): KEY.encode()},
        {NAME: KEY.encode(), "Host": "shop.example", 7: 8, None: b""},
        {NAME: [KEY]},
        {NAME: f" {KEY}\t"},
        [("Host", "shop.example"), (NAME, KEY)],
        ((NAME.lower().encode(), KEY.encode()),),
        iter([(NAME, KEY)]),
        MappingProxyType(HEADERS),
        Items((NAME, KEY)),
        message(KEY),
        {"HTTP_X_THIRDWATCH_API_KEY": KEY, "wsgi.input": io.BytesIO(), "REQUEST_METHOD": "POST"},
    ],
    ids=stable,
)
def test_the_right_key_is_found_however_headers_come(headers: Any) -> None:
    assert read(SCORE, headers).flag == "green"


FORGED: list[Any] = [
    {},
    [],
    {NAME: ""},
    {NAME: "forged"},
    {NAME: KEY.lower()},
    {NAME: KEY.upper()},
    {NAME: KEY[:-1]},
    {NAME: KEY + "x"},
    {NAME: f"Bearer {KEY}"},
    {NAME: f"{KEY},{KEY}"},
    {NAME: KEY.replace("e", "\u0435")},
    {NAME: KEY.replace("/", "\u4e00")},
    {NAME: "\ud800"},
    {NAME: "schl\xfcssel"},
    {NAME: b"\xff\xfe"},
    {NAME: None},
    {NAME: 7},
    {NAME: True},
    {NAME: {"key": KEY}},
    {NAME: [KEY, KEY]},
    {NAME: [[KEY]]},
    {NAME: [KEY, "forged"]},
    {NAME: []},
    {NAME: KEY, NAME.lower(): KEY},
    [(NAME, "forged"), (NAME, KEY)],
    [(NAME, KEY), (NAME, KEY)],
    message(KEY, KEY),
    {"X_THIRDWATCH_API_KEY": KEY},
    {"X-THIRDWATCH-APIKEY": KEY},
    {"Authorization": KEY},
]


@pytest.mark.parametrize("headers", FORGED, ids=stable)
@pytest.mark.parametrize("fields", [SCORE, ACTION, ADDRESS], ids=["score", "action", "address"])
def test_a_forged_postback_is_refused(headers: Any, fields: Any) -> None:
    refuse(401, fields, headers)


@pytest.mark.parametrize("key", [None, "", "forged", KEY.lower(), 7, True, [KEY], {"a": KEY}, "\u0435", KEY + " x"])
@pytest.mark.parametrize("headers", [{}, HEADERS], ids=["no header", "right header"])
def test_a_forged_payment_link_is_refused(key: Any, headers: Any) -> None:
    refuse(401, {**LINK, "api_key": key}, headers)
    refuse(401, {name: value for name, value in LINK.items() if name != "api_key"}, headers)


def test_a_body_that_carries_the_key_needs_its_header_all_the_same() -> None:
    for fields in (SCORE, ACTION, ADDRESS):
        refuse(401, {**fields, "api_key": KEY}, {})


def test_a_replayed_body_with_another_key_is_refused() -> None:
    other = Configuration(api_key="Forged-Key")
    assert read(SCORE)
    for fields in (SCORE, LINK):
        with pytest.raises(postback.UnauthorizedPostbackException):
            parse(HEADERS, body(fields), other)
        refuse(401, {**fields, "api_key": "Forged-Key"}, {NAME: "Forged-Key"})


@pytest.mark.parametrize(
    "fields",
    [
        {"test": 1},
        {"test": "true"},
        {"test": False},
        {"test": True, "order_id": "o-1001"},
        {"test": True, **SCORE},
        {"test": True, **ACTION},
        {"test": True, "x": None},
        b'{"test": true, "test": true}',
        [{"test": True}],
        "test",
    ],
    ids=str,
)
def test_what_is_no_exact_trial_call_is_refused_with_and_without_a_key(fields: Any) -> None:
    refuse(401, fields, {})
    refuse(400, fields, HEADERS)


def test_a_trial_call_with_a_wrong_key_is_refused() -> None:
    refuse(401, PING, {NAME: "forged"})


def test_a_trial_call_cant_become_a_payment_link() -> None:
    refuse(400, {**LINK, "test": True})
    refuse(401, {**LINK, "test": True, "api_key": "forged"})


def test_the_key_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []
    compare = hmac.compare_digest

    def spy(a: bytes, b: bytes) -> bool:
        compared.append((a, b))
        return compare(a, b)

    monkeypatch.setattr(hmac, "compare_digest", spy)
    refuse(401, SCORE, {NAME: "forged"})
    assert compared
    assert all(type(a) is type(b) is bytes for a, b in compared)


@pytest.mark.parametrize("key", ["schlüssel", "ключ"])
def test_a_key_outside_of_ascii_is_compared_by_its_bytes(key: str) -> None:
    settings = Configuration(api_key=key)
    for value in (key, key.encode(), key.encode().decode("latin-1")):
        assert parse({NAME: value}, body(SCORE), settings).to_dict()
    with pytest.raises(postback.UnauthorizedPostbackException):
        parse({NAME: key.encode("utf-16")}, body(SCORE), settings)


def test_the_prefix_of_the_configuration_has_to_be_there() -> None:
    settings = Configuration(api_key=KEY, api_key_prefix={NAME: "Bearer"})
    assert parse({NAME: f"Bearer {KEY}"}, body(SCORE), settings).to_dict()
    with pytest.raises(postback.UnauthorizedPostbackException):
        parse(HEADERS, body(SCORE), settings)


def test_the_global_configuration_is_the_default() -> None:
    thirdwatch_api.configuration.api_key = KEY
    assert parse(HEADERS, body(SCORE)).to_dict()
    thirdwatch_api.configuration = Configuration(api_key="another")
    with pytest.raises(postback.UnauthorizedPostbackException):
        parse(HEADERS, body(SCORE))


@pytest.mark.parametrize("api_key", [None, "", "  "])
@pytest.mark.parametrize("headers", [{}, {NAME: ""}, {NAME: "None"}, HEADERS])
def test_without_a_configured_key_nothing_is_accepted(api_key: str | None, headers: Mapping[str, str]) -> None:
    for fields in (SCORE, PING, LINK, {**LINK, "api_key": ""}):
        with pytest.raises(ApiValueError, match="no API key to check postbacks with") as caught:
            parse(headers, body(fields), Configuration(api_key=api_key))
        assert caught.value.status is None


@pytest.mark.parametrize(
    "fields",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"o-1001"',
        b'{"order_id": "o-1001", "flag": "green", "score": NaN}',
        b'{"order_id": "o-1001", "flag": "green", "score": -Infinity}',
        b'{"order_id": "o-1001", "flag": "green", "score": 1e999}',
        b'{"order_id": "o-1001", "flag": "green", "score": ' + b"9" * 5000 + b"}",
        b'{"order_id": "o-1001", "flag": "red", "flag": "green"}',
        b'{"order_id": "o-1001", "flag": "green", "reasons": [{"a": 1, "a": 2}]}',
        b'{"order_id": "\xff", "flag": "green"}',
        b'{"order_id": "\\ud800", "flag": "green"}',
        '{"order_id": "\ud800", "flag": "green"}',
        b'\xef\xbb\xbf{"order_id": "o-1001", "flag": "green"}',
        '{"order_id": "o-1001", "flag": "green"}'.encode("utf-16"),
        b"[" * 60_000,
        b'{"order_id": "o-1001", "flag": "green", "x": ' + b"[" * 30_000 + b"]" * 30_000 + b"}",
        b'{"order_id": "o-1001", "flag": "green"} {}',
        b"order_id=o-1001&flag=green",
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_body_that_is_no_clear_json_object_is_refused(fields: Any) -> None:
    refuse(400, fields)
    refuse(401, fields, {})


def test_a_body_is_bounded() -> None:
    start, end = b'{"order_id": "o-1001", "flag": "green", "x": "', b'"}'
    room = postback.MAX_BODY - len(start) - len(end)
    assert read(start + b"x" * room + end)
    refuse(400, start + b"x" * (room + 1) + end)
    refuse(400, (start + "ü".encode() * (room // 2) + b"xx" + end).decode())
    refuse(400, b" " * 10_000_000 + body(SCORE))
    refuse(400, " " * 10_000_000)
    refuse(401, b" " * 10_000_000, {})
    refuse(401, b" " * 10_000_000, {NAME: "forged"})


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"order_id": "o-1001"},
        {"order_id": "o-1001", "score": 82},
        {"order_id": "o-1001", "flag": None},
        {"order_id": "o-1001", "flag": ""},
        {"order_id": "o-1001", "flag": " "},
        {"order_id": "o-1001", "flag": True},
        {"order_id": "o-1001", "flag": ["green"]},
        {"order_id": "o-1001", "flag": "green", "action_type": "approved"},
        {"order_id": "o-1001", "flag": "green", "shipping_address": {}},
        {"flag": "green"},
        {"order_id": None, "flag": "green"},
        {"order_id": "", "flag": "green"},
        {"order_id": {"$ne": 1}, "flag": "green"},
        {"order_id": True, "flag": "green"},
        {"order_id": 1.5, "flag": "green"},
        {"order_id": "o-1001", "action_type": 0.5},
        {"action_type": "approved"},
        {"order_id": "o-1001", "shipping_address": "Pune"},
        {"order_id": "o-1001", "shipping_address": []},
        {"order_id": "o-1001", "shipping_address": {"city": ["Pune"]}},
        {"order_id": "o-1001", "shipping_address": {"city": False}},
        {"order_id": "o-1001", "shipping_address": {"is_home_address": "yes"}},
        {"shipping_address": {"city": "Pune"}},
        {**LINK, "entity": "refund"},
        {**LINK, "entity": None},
        {**LINK, "entity": ["payment_link"]},
        {**LINK, "payload": None},
        {**LINK, "payload": [1]},
        {**LINK, "payload": {"order_id": "o-1001"}},
        {**LINK, "payload": {"status": "paid"}},
    ],
    ids=str,
)
def test_an_object_that_is_no_postback_is_refused(fields: Any) -> None:
    assert "the postback was not understood: " in str(refuse(400, fields))


@pytest.mark.parametrize("headers", [None, 7, KEY, [KEY], [(NAME,)], [(NAME, KEY, 1)]], ids=stable)
def test_headers_of_an_impossible_type_are_misuse(headers: Any) -> None:
    with pytest.raises(ApiTypeError, match=r"^headers: ") as caught:
        parse(headers, body(SCORE), SETTINGS)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("content", [None, SCORE, 7, [1]], ids=stable)
def test_a_body_of_an_impossible_type_is_misuse(content: Any) -> None:
    with pytest.raises(ApiTypeError, match=r"^body: expected bytes or text"):
        parse(HEADERS, content, SETTINGS)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from([KEY, "green"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from([*SCORE, *ACTION, *ADDRESS, *LINK, *PING, "x"])


@given(st.dictionaries(NAMES, JSON) | JSON, st.booleans())
def test_whatever_comes_is_a_postback_or_a_refusal(fields: Any, signed: bool) -> None:
    try:
        notice = read(fields, HEADERS if signed else {})
    except postback.PostbackException as error:
        assert error.status in (400, 401)
    else:
        if not signed and not isinstance(notice, postback.TestPing):
            assert fields["api_key"] == KEY
        assert isinstance(notice, postback.TestPing) or notice.order_id
        assert repr(notice)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(postback.PostbackException):
        read(content)


def test_importing_the_package_does_not_import_the_module() -> None:
    code = "import sys, thirdwatch_api; assert 'thirdwatch_api.postback' not in sys.modules\n"
    code += "import thirdwatch_api.postback; thirdwatch_api.postback.parse"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_the_names_are_public_and_sorted() -> None:
    assert postback.__all__ == sorted(postback.__all__, key=lambda name: (name != name.upper(), name.islower(), name))
    assert all(hasattr(postback, name) for name in postback.__all__)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"\xff", "it is not UTF-8"),
        (b"{", "it is not JSON"),
        (b'{"flag": "\\ud800"}', "it holds half of a surrogate pair"),
        (b'{"flag": "red", "flag": "green"}', "an object holds the same key twice"),
        (b"[" * 200, "it is nested more than 100 deep"),
    ],
)
def test_a_body_that_cant_be_read_is_an_error_with_its_one_cause(body: bytes, problem: str) -> None:
    configuration = Configuration(api_key="test-key")
    with pytest.raises(postback.BadPostbackException) as caught:
        postback.parse({"X-THIRDWATCH-API-KEY": "test-key"}, body, configuration)
    assert caught.value.reason == f"the postback was not understood: the body can't be read: {problem}"
