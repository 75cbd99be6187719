"""The short way to JSON writes what the careful way writes, or leaves the event to it."""

import json
from typing import Any

import pytest
from hypothesis import given

import thirdwatch_api
from test.events import events
from thirdwatch_api import ApiValueError, CreateOrder, Item, OrderStatus, Tag
from thirdwatch_api.models._encoder import _Encoder, to_json
from thirdwatch_api.models._model import Model
from thirdwatch_api.models._shapes import write_shape


def carefully(event: Model) -> Any:
    """Write an event the careful way."""
    encoder = _Encoder(validate=True)
    text = encoder.model(type(event), event, "event")
    encoder.finish("refused")
    return json.loads(text)


@given(pair=events())
def test_both_ways_write_the_same(pair: Any) -> None:
    event = pair[0]
    if isinstance(event, Model) and (text := write_shape(event)) is not None:
        assert json.loads(text) == carefully(event)


def test_a_plain_event_goes_the_short_way() -> None:
    event = CreateOrder(
        user_id="u",
        order_id="o",
        is_gift=True,
        items=[Item(item_id="1", quantity=2, is_on_sale=False), Item(item_id="2", quantity=-1)],
        custom_info={"a": "b%s"},
    )
    text = write_shape(event)
    assert text is not None
    assert json.loads(text) == carefully(event)
    assert to_json(CreateOrder, event) == text


@pytest.mark.parametrize(
    "event",
    [
        OrderStatus(user_id="é", order_id="o"),
        OrderStatus(user_id="\ud800", order_id="o"),
        OrderStatus(user_id="u", order_id=5),
        OrderStatus(user_id="u", order_id=True),
        OrderStatus(user_id="u"),
        CreateOrder(user_id="u", order_id=""),
        CreateOrder(user_id="u", amount="1"),
        CreateOrder(user_id="u", order_id="o", items=[{"_itemId": "1"}]),
        CreateOrder(user_id="u", order_id="o", items=(Item(item_id="1", sku="s"),)),
        CreateOrder(user_id="u", order_id="o", items=[Item(item_id="1", quantity=2**70)]),
        CreateOrder(user_id="u", order_id="o", custom_info={"a": 1}),
        CreateOrder(user_id="u", order_id="o", origin_timestamp="1500000000000"),
    ],
    ids=lambda event: repr(event)[:60],
)
def test_what_has_to_be_looked_at_goes_the_careful_way(event: Model) -> None:
    assert write_shape(event) is None


def test_an_event_without_an_identity_is_refused_whatever_its_shape() -> None:
    for _ in range(2):
        with pytest.raises(ApiValueError, match="needs user_id or session_id"):
            to_json(OrderStatus, OrderStatus(order_id="o", order_status="_held"))
        with pytest.raises(ApiValueError, match="needs user_id"):
            to_json(Tag, Tag(analyst="a", is_bad=True))
        with pytest.raises(ApiValueError, match="needs user_id or session_id"):
            to_json(OrderStatus, OrderStatus(user_id="", session_id="", order_id="o"))


def test_a_model_keeps_a_bounded_number_of_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    from thirdwatch_api.models import _shapes

    monkeypatch.setattr(_shapes, "_shapes", {})
    monkeypatch.setattr(_shapes, "_MAX_SHAPES", 2)
    names = ["reason", "source", "description", "analyst"]
    for name in names:
        event = OrderStatus(user_id="u", **{name: "x"})  # type: ignore[arg-type]  # none of these is custom_info
        assert json.loads(to_json(OrderStatus, event)) == carefully(event)
    assert len(_shapes._shapes[thirdwatch_api.OrderStatus]) == 2
