"""Reading JSON: one rule for its depth on every Python, for NaN, and what only the strict reader refuses."""

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given

from thirdwatch_api import (
    ApiClient,
    BadRequestException,
    Configuration,
    Custom,
    CustomEventApi,
    ErrorResponse,
    InvalidResponseException,
    OrderStatus,
    OrderStatusApi,
    ScoreApi,
    postback,
)
from thirdwatch_api._json import MAX_DEPTH, load, load_lenient
from thirdwatch_api.sandbox import Sandbox

from .events import json_values
from .facts import API_KEY_HEADER
from .servers import FaultServer, make_client, respond

READERS: list[Callable[[str], Any]] = [lambda text: load(text.encode()), load_lenient]
each_reader = pytest.mark.parametrize("read", READERS, ids=["strict", "lenient"])
SHAPES = {
    "lists": ("[", "1", "]"),
    "objects": ('{"a": ', "1", "}"),
    "with brackets in texts": ('{"[[[{": ', '"]]}} \\" ]] \\\\"', "}"),
    "wide": ("[[], {}, ", "1", ', {"a": []}]'),
}
each_shape = pytest.mark.parametrize("shape", SHAPES)


def nested(shape: str, depth: int) -> str:
    opening, middle, closing = SHAPES[shape]
    return opening * depth + middle + closing * depth


@each_reader
@each_shape
def test_json_is_read_down_to_the_depth_that_is_allowed(read: Callable[[str], Any], shape: str) -> None:
    deepest = MAX_DEPTH - (2 if shape == "wide" else 0)
    assert read(nested(shape, deepest)) == json.loads(nested(shape, deepest))
    for depth in (MAX_DEPTH + 1, 900, 60_000):
        with pytest.raises(ValueError, match=rf"^it is nested more than {MAX_DEPTH} deep$"):
            read(nested(shape, depth))


@each_reader
@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 100_000, "]" * 500, "[" * 500 + '"' + "]" * 500, '["' + "\\" * 501, '"' * 501]
)
def test_what_is_deep_and_no_json_is_refused_as_well(read: Callable[[str], Any], text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read(text)


@each_reader
def test_brackets_in_texts_have_no_depth(read: Callable[[str], Any]) -> None:
    for text in ("[" * 1000, "{[" * 1000, '\\"[' * 1000, '\\\\"[' * 1000, "é[" * 1000):
        assert read(json.dumps([text, {text: text}], ensure_ascii=False)) == [text, {text: text}]


@each_reader
@pytest.mark.parametrize("deep", [MAX_DEPTH - 1, MAX_DEPTH])
def test_a_long_text_is_looked_at_to_its_end(read: Callable[[str], Any], deep: int) -> None:
    text = "[" + "[]," * 70_000 + "[" * deep + "]" * deep + "]"
    if deep < MAX_DEPTH:
        assert len(read(text)) == 70_001
    else:
        with pytest.raises(ValueError, match=r"deep$"):
            read(text)


@each_reader
@given(value=json_values)
def test_whatever_is_not_too_deep_is_read_as_the_standard_library_does(read: Callable[[str], Any], value: Any) -> None:
    many = {"many": [value] * 40, "empty": [[] for _ in range(MAX_DEPTH)]}
    text = json.dumps(many)
    assert json.dumps(read(text)) == text


@each_reader
@pytest.mark.parametrize("name", ["NaN", "Infinity", "-Infinity"])
def test_no_reader_knows_nan(read: Callable[[str], Any], name: str) -> None:
    with pytest.raises(ValueError, match=rf"^it holds {name}$"):
        read(f'{{"score": {name}}}')


def test_only_the_strict_reader_refuses_what_readers_disagree_about() -> None:
    text = '{"a": 1, "a": 2}'
    assert load_lenient(text) == {"a": 2}
    with pytest.raises(ValueError, match=r"twice"):
        load(text.encode())


@each_reader
@pytest.mark.parametrize("number", ["1e999", "-1e1111", "1" * 400 + ".0"])
def test_no_reader_makes_infinity_of_a_number(read: Callable[[str], Any], number: str) -> None:
    with pytest.raises(ValueError, match=r"^a number must be finite$"):
        read(f'{{"score": {number}}}')


@pytest.mark.parametrize("number", ["NaN", "1e999"])
def test_a_score_that_is_no_number_is_no_json(sandbox: Sandbox, client: ApiClient, number: str) -> None:
    sandbox.fail(200, body=f'{{"score": {number}}}')
    with pytest.raises(InvalidResponseException, match="not a JSON object"):
        ScoreApi(client).score("o-1001")


LONG_NUMBERS = {
    "floats": "1.2345678901234567890123456789e-300," * 98_000,
    "integers": ("9" * 4000 + ",") * 1000,
}


@pytest.mark.parametrize("numbers", LONG_NUMBERS.values(), ids=LONG_NUMBERS)
@pytest.mark.parametrize("status", [200, 400])
def test_json_of_too_many_digits_is_no_object(status: int, numbers: str) -> None:
    body = f'{{"error": [{numbers}1], "message": "no"}}'.encode()
    with FaultServer(respond(status, body)) as server, make_client(server.url) as client:
        with pytest.raises(InvalidResponseException if status == 200 else BadRequestException) as caught:
            OrderStatusApi(client).order_status(OrderStatus("u-42"))
    assert caught.value.error_response is None
    assert caught.value.body == body.decode()


def test_a_text_may_hold_any_number_of_digits() -> None:
    body = json.dumps({"message": '\\" ' + "1" * 3_000_000, "ids": list(range(10_000))}).encode()
    with FaultServer(respond(200, body)) as server, make_client(server.url) as client:
        response = OrderStatusApi(client).order_status(OrderStatus("u-42"))
    assert response.message == '\\" ' + "1" * 3_000_000


def test_a_message_of_other_json_is_written_up_to_the_length_that_somebody_reads() -> None:
    class Unwritten:
        """What no encoder takes: it must not be reached."""

    small: Any = {"detail": ["no", 1.5, None]}
    assert ErrorResponse.from_dict({"error": small}).message == json.dumps(small)
    for large in (["x"] * 3000 + [Unwritten()], [10**4000] * 10 + [Unwritten()], {"k": ["x" * 20_000, Unwritten()]}):
        response = ErrorResponse.from_dict({"error": large})
        assert response.message is None
        assert response.additional_properties == {"error": large}


@pytest.mark.parametrize("hostile", ["[" * 100 + "]" * 100, "[],", '"",', '\\"', "\\", '"', "[[]"])
def test_the_depth_of_a_long_text_is_found_in_linear_time(hostile: str) -> None:
    """A text of four times the length takes about four times as long: quadratic work would take sixteen times."""

    def seconds(length: int) -> float:
        text = (hostile * (length // len(hostile))) + "[" * 101
        started = time.thread_time()
        for read in READERS:
            with pytest.raises(ValueError, match=r"."):
                read(text)
        return time.thread_time() - started

    small = min(seconds(250_000) for _ in range(3))
    assert min(seconds(1_000_000) for _ in range(3)) < 10 * small + 0.05


@pytest.mark.parametrize("depth", [MAX_DEPTH, 500, 100_000])
def test_a_response_that_is_too_deep_is_no_json_object(sandbox: Sandbox, client: ApiClient, depth: int) -> None:
    body = '{"message": "ok", "x": ' + "[" * depth + "]" * depth + "}"
    sandbox.fail(200, body=body)
    with pytest.raises(InvalidResponseException, match="not a JSON object"):
        OrderStatusApi(client).order_status(OrderStatus("u-42"))
    sandbox.fail(200, body=body.replace("[" * depth, "[" * (MAX_DEPTH - 1)).replace("]" * depth, "]" * (MAX_DEPTH - 1)))
    assert OrderStatusApi(client).order_status(OrderStatus("u-42")).message == "ok"


def test_the_deepest_event_that_may_be_sent_can_be_read(sandbox: Sandbox, client: ApiClient) -> None:
    deep: Any = "end"
    for _ in range(64):
        deep = [deep]
    assert CustomEventApi(client).custom_event(Custom("u-42", custom_info={"deep": deep[0]})).message
    assert json.loads(sandbox.requests[0].body)["_customInfo"]["deep"] == deep[0]


@pytest.mark.parametrize("depth", [MAX_DEPTH, 500, 30_000])
def test_a_postback_that_is_too_deep_is_refused(depth: int) -> None:
    start = '{"order_id": "o-1001", "flag": "green", "score": 82, "x": '
    configuration, headers = Configuration(api_key="key"), {API_KEY_HEADER: "key"}
    with pytest.raises(postback.BadPostbackException, match="nested more than 100 deep"):
        postback.parse(headers, start + "[" * depth + "]" * depth + "}", configuration)
    depth = MAX_DEPTH - 1
    assert isinstance(
        postback.parse(headers, start + "[" * depth + "]" * depth + "}", configuration), postback.ScorePostback
    )


def test_deserialize_takes_what_is_too_deep_for_text(client: ApiClient) -> None:
    class Reply:
        data = "[" * 5000 + "]" * 5000

    assert client.deserialize(Reply, "str") == Reply.data


def test_a_response_is_read_in_a_thread_with_a_small_stack(sandbox: Sandbox, client: ApiClient) -> None:
    sandbox.fail(200, body='{"message": ' + "[" * 100_000 + "]" * 100_000 + "}")
    seen: list[object] = []

    def call() -> None:
        try:
            seen.append(OrderStatusApi(client).order_status(OrderStatus("u-42")))
        except InvalidResponseException as error:
            seen.append(error)

    size = threading.stack_size(256 * 1024)
    try:
        thread = threading.Thread(target=call)
        thread.start()
        thread.join(30)
    finally:
        threading.stack_size(size)
    assert [type(each) for each in seen] == [InvalidResponseException]
