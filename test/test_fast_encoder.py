"""The fast path writes what the slow path writes, or leaves the event to it."""

import json
import traceback
from datetime import datetime, timezone, tzinfo
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from test.events import common_events, events
from test.facts import EVENTS
from thirdwatch_api import ApiValueError, BillingAddress, CreateOrder, Item, OrderStatus, Tag
from thirdwatch_api.models._encoder import _Encoder, to_json
from thirdwatch_api.models._fast_encoder import encode_fast
from thirdwatch_api.models._model import Model


def slowly(event: Model) -> Any:
    """Write an event by the slow path."""
    encoder = _Encoder(validate=True)
    text = encoder.model(type(event), event, "event")
    encoder.finish("refused")
    return json.loads(text)


def test_both_paths_write_the_same() -> None:
    taken: list[bool] = []

    @given(usual=st.sampled_from(sorted(EVENTS)).flatmap(common_events), other=events())
    def write_both_ways(usual: Any, other: tuple[str, Any]) -> None:
        for event in (usual, other[1]):
            text = encode_fast(event) if isinstance(event, Model) else None
            taken.append(text is not None)
            if text is not None:
                assert json.loads(text) == slowly(event)

    write_both_ways()
    assert sum(taken) >= len(taken) / 2, "the test may not come to depend on events that take the slow path"


@given(event=st.sampled_from(sorted(EVENTS)).flatmap(common_events))
def test_the_fast_path_takes_every_event_of_the_usual_kind(event: Model) -> None:
    assert encode_fast(event) is not None


@pytest.mark.parametrize(
    "event",
    [
        OrderStatus(user_id="u"),
        OrderStatus(user_id='é "\\\n', order_id=5, reason="\ud55c\uae00"),
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
    ],
    ids=lambda event: repr(event)[:60],
)
def test_a_correct_event_takes_the_fast_path(event: Model) -> None:
    text = encode_fast(event)
    assert text is not None
    assert json.loads(text) == slowly(event)
    assert to_json(type(event), event) == text


@pytest.mark.parametrize(
    "event",
    [
        OrderStatus(user_id="\ud800", order_id="o"),
        OrderStatus(user_id="\U0001f600", order_id="o"),
        OrderStatus(user_id="u", order_id=True),
        OrderStatus(user_id="u", order_id=float("nan")),
        OrderStatus(user_id="u", order_id=datetime(2026, 1, 1)),  # noqa: DTZ001 - the mistake that is tested
        OrderStatus(user_id="u", order_id=b"o"),  # type: ignore[arg-type]  # the mistake that is tested
        CreateOrder(user_id="u", order_id=""),
        CreateOrder(user_id="u", amount="1"),
        CreateOrder(user_id="u", order_id="o", is_gift=1),  # type: ignore[arg-type]  # the mistake that is tested
        CreateOrder(user_id="u", order_id="o", items=[{"_itemId": "1"}]),
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
    ],
    ids=lambda event: repr(event)[:60],
)
def test_an_unusual_event_takes_the_slow_path(event: Model) -> None:
    assert encode_fast(event) is None


def test_a_list_that_is_cleared_while_it_is_written_leaves_json() -> None:
    items: list[Item] = []

    class Clearing(Decimal):
        def is_finite(self) -> bool:
            items.clear()
            return True

    items.append(Item(item_id=Clearing(1), sku="s"))
    event = CreateOrder(user_id="u", order_id="o", items=items)
    assert json.loads(to_json(CreateOrder, event))["_items"] == [{"_itemId": "1", "_sku": "s"}]


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


class Loud(Decimal):
    """A number that quotes itself when something is wrong."""

    def is_finite(self) -> bool:
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
        (OrderStatus(user_id=datetime(2026, 1, 1, tzinfo=Vague())), "can't be read .NotImplementedError"),
        (OrderStatus(user_id=Loud(1)), "can't be read .ValueError"),
        (OrderStatus(user_id="u", custom_info=Broken(a=1)), "can't be read .OSError"),
        (CreateOrder(user_id="u", order_id=Odd()), "order_id: expected text, got Odd"),  # type: ignore[arg-type]  # that is the point
    ],
)
def test_what_the_values_of_an_event_raise_is_told_as_a_problem_of_the_event(event: Model, why: str) -> None:
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
