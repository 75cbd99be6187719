"""The fast path writes what the slow path writes, or leaves the event to it."""

import json
import linecache
import traceback
from collections import OrderedDict
from datetime import datetime, timezone, tzinfo
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from test.events import common_events, events, model_class
from test.facts import EVENTS
from thirdwatch_api import (
    ApiValueError,
    BillingAddress,
    ClientAction,
    CreateOrder,
    CustomInfo,
    Item,
    Login,
    OrderStatus,
    PostbackUrls,
    ScoreResponse,
    Tag,
)
from thirdwatch_api.models import _encoder
from thirdwatch_api.models._encoder import _Encoder, to_json
from thirdwatch_api.models._fast_encoder import encode_fast
from thirdwatch_api.models._fields import field_table
from thirdwatch_api.models._model import Model


def slowly(model: type[Model], event: object) -> Any:
    """Write an event by the slow path."""
    encoder = _Encoder(validate=True)
    text = encoder.model(model, event, "event")
    encoder.check_identity(model, event)
    encoder.finish("refused")
    return json.loads(text)


def as_dicts(value: Any) -> Any:
    """The same event as dicts with wire keys."""
    if isinstance(value, CustomInfo) or not isinstance(value, (list, Model)):
        return value
    if isinstance(value, list):
        return [as_dicts(part) for part in value]
    return {f.wire: as_dicts(getattr(value, f.name)) for f in field_table(type(value))}


def test_both_paths_write_the_same() -> None:
    taken: list[bool] = []

    @given(usual=st.sampled_from(sorted(EVENTS)).flatmap(common_events), other=events())
    def write_both_ways(usual: Any, other: tuple[str, Any]) -> None:
        name = type(usual).__name__
        for model, event in ((name, usual), (name, as_dicts(usual)), other):
            text = encode_fast(model_class(model), event)
            taken.append(text is not None)
            if text is not None:
                assert json.loads(text) == slowly(model_class(model), event)

    write_both_ways()
    assert sum(taken) >= len(taken) / 2, "this says nothing about events that take the slow path"


@given(event=st.sampled_from(sorted(EVENTS)).flatmap(common_events))
def test_the_fast_path_takes_every_event_of_the_usual_kind(event: Model) -> None:
    assert encode_fast(type(event), event) == encode_fast(type(event), as_dicts(event)) is not None


@pytest.mark.parametrize(
    "event",
    [
        OrderStatus(user_id="u"),
        OrderStatus(user_id='é "\\\n', order_id=5, reason="\ud55c\uae00"),
        OrderStatus(user_id="\U0001f600\U0001f600", order_id="\\ud800\\udc00", reason="\\\U0001f600"),
        CreateOrder(user_id="u", order_id=Decimal("1E+3"), amount=2.5, items=[], billing_address=BillingAddress()),
        CreateOrder(user_id="u", order_id="o", origin_timestamp="1500000000000"),
        CreateOrder(user_id="u", order_id="o", origin_timestamp=datetime(2026, 1, 1, tzinfo=timezone.utc)),
        CreateOrder(
            user_id="u",
            order_id="o",
            is_gift=True,
            is_pre_paid=False,
            items=[Item(item_id="1", quantity=2, is_on_sale=False), Item(), Item(item_id="2", quantity=-1)],
            custom_info={"a": "b%s", "c": 1, "d": None, "e": True, "f": 0.1},
        ),
        CreateOrder(user_id="u", order_id="o", items=[{"_itemId": "1"}, Item(), {}], billing_address={"_city": "Pune"}),
        CreateOrder(user_id="u", order_id="o", items=[Item(quantity=2**1024 - 1), Item(quantity=1 - 2**1024)]),
        OrderStatus(user_id=0),
        OrderStatus(user_id=UUID(int=1)),
        OrderStatus(user_id="", session_id="s"),
        ClientAction(order_id="o", action_type="approved"),
        PostbackUrls(url="https://shop.example"),
    ],
    ids=lambda event: repr(event)[:60],
)
def test_a_correct_event_takes_the_fast_path_alone(event: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = slowly(type(event), event)
    monkeypatch.setattr(_encoder, "_Encoder", None)  # nothing is encoded twice
    assert json.loads(to_json(type(event), event)) == wanted
    assert json.loads(to_json(type(event), as_dicts(event))) == wanted


@pytest.mark.parametrize(
    "event",
    [
        OrderStatus(user_id="\ud800", order_id="o"),
        OrderStatus(user_id="\ud800\\udc00", order_id="o"),
        OrderStatus(user_id="\\ud800\udc00", order_id="o"),
        OrderStatus(user_id="\U0001f600\udc00", order_id="o"),
        OrderStatus(user_id="\ud800", order_id="\udc00"),
        OrderStatus(user_id="u", order_id=True),
        OrderStatus(user_id="u", order_id=float("nan")),
        OrderStatus(user_id="u", order_id=datetime(2026, 1, 1)),  # noqa: DTZ001 - the mistake that is tested
        OrderStatus(user_id="u", order_id=b"o"),  # type: ignore[arg-type]  # the mistake that is tested
        CreateOrder(user_id="u", order_id=""),
        CreateOrder(user_id="u", amount="1"),
        CreateOrder(user_id="u", order_id="o", is_gift=1),  # type: ignore[arg-type]  # the mistake that is tested
        CreateOrder(user_id="u", order_id="o", items=[{"_itemId": "1", "_x": 2}]),
        CreateOrder(user_id="u", order_id="o", items=(Item(item_id="1", sku="s"),)),
        CreateOrder(user_id="u", order_id="o", items=[Item(item_id="1", quantity=2**1024)]),
        CreateOrder(user_id="u", order_id="o", items=[Item(item_id="1", quantity=True)]),
        CreateOrder(user_id="u", order_id="o", custom_info={"a": [1]}),
        CreateOrder(user_id="u", order_id="o", custom_info={"a": float("inf")}),
        CreateOrder(user_id="u", order_id="o", custom_info={1: "a"}),  # type: ignore[dict-item]  # the mistake that is tested
        CreateOrder(user_id="u", order_id="o", custom_info=MappingProxyType({"a": "b"})),
        CreateOrder(user_id="u", order_id="o", origin_timestamp="1500000000"),
        CreateOrder(user_id="u", order_id="o", origin_timestamp=1500000000),
        CreateOrder(user_id="u", order_id="o", origin_timestamp=True),
        OrderStatus(user_id="", session_id=""),
        Tag(analyst="a"),
    ],
    ids=lambda event: repr(event)[:60],
)
def test_an_unusual_event_takes_the_slow_path(event: Model) -> None:
    assert encode_fast(type(event), event) is None
    assert encode_fast(type(event), as_dicts(event)) is None


@pytest.mark.parametrize("event", [None, 5, "u", [], {1: 2}, {"_userId": "u", "_x": None}, {}, Login(user_id="u")])
def test_what_is_no_event_of_the_model_takes_the_slow_path(event: object) -> None:
    assert encode_fast(OrderStatus, event) is None


def test_what_only_responses_hold_takes_the_slow_path() -> None:
    response = ScoreResponse(order_id="o", score=82.5)
    assert encode_fast(ScoreResponse, response) is None


def test_debuggers_and_tracebacks_see_the_generated_source() -> None:
    event = OrderStatus(user_id="u")
    for given_ in (event, as_dicts(event)):
        file = f"<fast encoder of {'' if given_ is event else 'dicts for '}OrderStatus>"
        encode_fast(OrderStatus, given_)
        assert "mapping(value)" in "".join(linecache.getlines(file))
        linecache.checkcache(file)  # throws out what is not, or no longer, in a file
        assert linecache.getlines(file)[0] == "def write(source, parts):\n"


def test_a_list_that_is_cleared_while_it_is_written_leaves_json() -> None:
    items: list[Item] = []

    class Clearing:
        def __index__(self) -> int:
            items.clear()
            return 1

    items.append(Item(item_id=Clearing(), sku="s"))
    event = CreateOrder(user_id="u", order_id="o", items=items)
    assert json.loads(to_json(CreateOrder, event))["_items"] == [{"_itemId": "1", "_sku": "s"}]
    assert items == []


class Shuffling:
    """A number that takes a key out of a dict, and puts it back, as another thread may."""

    def __init__(self, shuffled: dict[str, object]) -> None:
        self._shuffled = shuffled

    def __index__(self) -> int:
        self._shuffled["a"] = self._shuffled.pop("a")
        return 1


@pytest.mark.parametrize("kind", [dict, CustomInfo, OrderedDict])
def test_a_key_that_is_put_back_meanwhile_is_written_once(kind: type[dict[str, object]]) -> None:
    info = kind(a=1, b=2, c=3)
    info["b"] = Shuffling(info)
    for event in (OrderStatus(user_id="u", custom_info=info), {"_userId": "u", "_customInfo": info}):
        pairs = json.loads(to_json(OrderStatus, event), object_pairs_hook=list)
        assert sorted(dict(pairs)["_customInfo"]) == [("a", 1), ("b", 1), ("c", 3)]


class Vague(tzinfo):
    """A time zone that knows no offset."""

    def utcoffset(self, dt: object) -> Any:
        raise NotImplementedError("canary")

    def tzname(self, dt: object) -> Any: ...

    def dst(self, dt: object) -> Any: ...


class Broken(dict[str, object]):
    """A mapping that can't be read."""

    def items(self) -> Any:
        raise OSError("canary")


class Loud:
    """A number that quotes itself when something is wrong."""

    def __index__(self) -> int:
        raise ValueError("canary")


class Odd:
    """A value that can't be compared."""

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("canary")

    def __hash__(self) -> int:
        return 1


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (OrderStatus(user_id=datetime(2026, 1, 1, tzinfo=Vague())), "user_id: can't be read .NotImplementedError"),
        (OrderStatus(user_id=Loud()), "user_id: can't be read .ValueError"),
        (OrderStatus(user_id="u", custom_info=Broken(a=1)), "custom_info: can't be read .OSError"),
        (OrderStatus(user_id="u", custom_info={"a": {"b": Broken(a=1)}}), "custom_info.a.b: can't be read .OSError"),
        (CreateOrder(user_id="u", order_id=Odd()), "order_id: expected text, got Odd"),  # type: ignore[arg-type]  # that is the point
    ],
)
def test_what_the_values_of_an_event_raise_is_reported_as_a_problem_of_the_event(event: Model, why: str) -> None:
    with pytest.raises(ApiValueError, match=why) as caught:
        to_json(type(event), event)
    assert "canary" not in "".join(traceback.format_exception(caught.value))


def test_an_event_without_an_attribute_is_refused() -> None:
    event = OrderStatus(user_id="u")
    del event.order_id
    with pytest.raises(ApiValueError, match="AttributeError"):
        to_json(OrderStatus, event)


def test_an_event_without_an_identity_is_refused_whatever_its_shape() -> None:
    for _ in range(2):
        with pytest.raises(ApiValueError, match="needs user_id or session_id"):
            to_json(OrderStatus, OrderStatus(order_id="o", order_status="_held"))
        with pytest.raises(ApiValueError, match="needs user_id"):
            to_json(Tag, Tag(analyst="a", is_bad=True))
        with pytest.raises(ApiValueError, match="needs user_id or session_id"):
            to_json(OrderStatus, OrderStatus(user_id="", session_id="", order_id="o"))
