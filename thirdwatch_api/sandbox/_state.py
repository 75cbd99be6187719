"""State of the sandbox: orders, their scores, and the postbacks to the shop."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from http.client import HTTPConnection, HTTPException
from json import dumps
from threading import Lock, Thread, current_thread
from typing import Any
from urllib.parse import urlsplit

from ..configuration import API_KEY_HEADER
from ..exceptions import ApiValueError
from ..models._model import Model
from ..models.create_order import CreateOrder
from ..models.postback_urls import PostbackUrls
from ..models.score_response import RISK_THRESHOLD
from ..models.transaction import Transaction
from ..models.update_order import UpdateOrder
from ._checks import is_loopback
from ._log import Log

__all__ = ["Delivery", "ServiceState"]

_POSTBACK_TIMEOUT = 5.0  # seconds
_MAX_KEPT = 10_000
_HIGHEST = 99
_BARS = 10
_BAR_WIDTH = 10
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(slots=True)
class Delivery:
    """A postback that the sandbox sent."""

    kind: str
    """Field of PostbackUrls that holds the URL: ``score_postback``, ``action_postback``, ..."""

    url: str
    """URL that it was sent to."""

    body: dict[str, Any] = field(repr=False)
    """JSON of the postback, without the API key."""

    status: int = 0
    """HTTP status of the shop's response; 0 when there was none."""

    error: str | None = None
    """Why it was not delivered; None if it was."""

    time: datetime = field(default_factory=lambda: datetime.now(timezone.utc), repr=False, compare=False)
    """When it was sent, in UTC."""


@dataclass(slots=True)
class _OrderState:
    """An order as the service knows it."""

    order: CreateOrder | None = None
    first_seen: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    paid: bool = False
    failures: int = 0
    fixed_score: int | None = None
    bar: int | None = None
    """Which of ``ServiceState.bars`` counts it; None without a score."""


class ServiceState:
    """The orders, their scores and the shop's URLs. Not thread-safe: the sandbox holds its lock during each call."""

    def __init__(
        self, key: str, on_postback: Callable[[Delivery], object] | None, changed: Callable[[], object]
    ) -> None:
        self._key = key
        self._on_postback = on_postback
        self._changed = changed
        self._hook_lock = Lock()
        self.clear()

    def clear(self) -> None:
        """Forget the orders, the URLs and the postbacks."""
        self._orders: dict[str, _OrderState] = {}
        self._sent: deque[tuple[Thread | None, Delivery]] = deque(maxlen=_MAX_KEPT)
        self.finished: Log[Delivery] = Log()
        """The postbacks whose result is known."""
        self.bars = [0] * _BARS
        """How many orders have a score below 10, below 20, and so on; the last one counts all from 90."""
        self.urls = PostbackUrls()
        """The URLs that the shop registered."""

    def register(self, urls: PostbackUrls) -> None:
        """Store the given URLs; the others stay as they are."""
        _merge(self.urls, urls)

    def record(self, event: Model) -> None:
        """Update the orders by an event. After a successful transaction of a known order, send its score."""
        if isinstance(event, CreateOrder):
            self._order(str(event.order_id)).order = replace(event)
            self._count(str(event.order_id))
        elif isinstance(event, UpdateOrder):
            order = self._order(str(event.order_id)).order
            if order is not None:
                _merge(order, event)
                self._count(str(event.order_id))
        elif isinstance(event, Transaction):
            state = self._order(str(event.order_id))
            state.paid |= event.transaction_status == "_success"
            state.failures += event.transaction_status in ("_failure", "_failed")
            self._count(str(event.order_id))
            if event.transaction_status == "_success":
                self._send_score(str(event.order_id))

    def set_score(self, order_id: str, score: int) -> None:
        """Set the score of an order. If it has a score already, send the new one."""
        self._order(order_id).fixed_score = score
        self._count(order_id)
        self._send_score(order_id)

    def score(self, order_id: str) -> dict[str, Any] | None:
        """Return the score of an order; None without the order or a successful transaction."""
        state = self._orders.get(order_id)
        if state is None or state.order is None or not state.paid:
            return None
        score = _score_by_amount(state.order.amount) if state.fixed_score is None else state.fixed_score
        return {
            "order_id": order_id,
            **({} if state.order.user_id is None else {"user_id": state.order.user_id}),
            "order_timestamp": _iso(state.order.origin_timestamp, state.first_seen),
            "score": score,
            "flag": "red" if score > RISK_THRESHOLD else "green",
            "reasons": _reasons(state.order, state.failures),
        }

    def send(
        self, kind: str, body: Mapping[str, object], *, with_header: bool = True
    ) -> tuple[Thread | None, Delivery]:
        """Start to send a postback in a thread. If no thread can be started, the delivery has an error.

        :raises ApiValueError: no URL is registered for it
        """
        url = getattr(self.urls, kind)
        if not url:
            raise ApiValueError(f"no {kind} was registered; register one by PostbackApi().register")
        delivery = Delivery(kind, str(url), dict(body))
        headers = {"Content-Type": "application/json", **({API_KEY_HEADER: self._key} if with_header else {})}
        secret = {} if with_header else {"api_key": self._key}
        message = dumps({**body, **secret}).encode()
        thread = Thread(target=self._deliver, args=(delivery, message, headers, self.finished), daemon=True)
        started: Thread | None = thread
        try:
            thread.start()
        except RuntimeError as error:  # since 3.12 CPython starts no thread while the program ends
            started = None
            delivery.error = f"{type(error).__name__}: {error}"
            self.finished.append(delivery)
            self._changed()
        self._sent.append((started, delivery))
        return started, delivery

    def sent(self) -> list[tuple[Thread | None, Delivery]]:
        """Return the postbacks and their threads, except the one that the current thread sends."""
        return [(thread, delivery) for thread, delivery in self._sent if thread is not current_thread()]

    def steps(self, order_id: str) -> tuple[bool, bool, int | None]:
        """Return whether an order came, whether it was paid, and the score that was set."""
        state = self._orders.get(order_id) or _OrderState()
        return state.order is not None, state.paid, state.fixed_score

    def _count(self, order_id: str) -> None:
        """Move an order to the bar of its score."""
        state = self._order(order_id)
        score = self.score(order_id)
        bar = None if score is None else min(max(score["score"] // _BAR_WIDTH, 0), _BARS - 1)
        if bar != state.bar:
            for each, change in ((state.bar, -1), (bar, 1)):
                if each is not None:
                    self.bars[each] += change
            state.bar = bar

    def _order(self, order_id: str) -> _OrderState:
        return self._orders.setdefault(order_id, _OrderState())

    def _send_score(self, order_id: str) -> None:
        score = self.score(order_id)
        if score and self.urls.score_postback:
            self.send("score_postback", {name: score[name] for name in ("order_id", "flag", "score", "reasons")})

    def _deliver(self, delivery: Delivery, message: bytes, headers: Mapping[str, str], finished: Log[Delivery]) -> None:
        try:
            delivery.status = _post(delivery.url, message, {n: v.encode() for n, v in headers.items()})
        except (OSError, HTTPException, ValueError) as error:
            delivery.error = f"{type(error).__name__}: {error}"
        finished.append(delivery)
        self._changed()
        if self._on_postback:
            with self._hook_lock:
                self._on_postback(delivery)


def _post(url: str, body: bytes, headers: Mapping[str, Any]) -> int:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "http" or not is_loopback(host):
        raise ValueError("postbacks are sent to http:// URLs of this machine only")
    connection = HTTPConnection(host, parts.port, timeout=_POSTBACK_TIMEOUT)
    connection.set_debuglevel(0)  # else the global debug level of http.client would print the key
    try:
        connection.request("POST", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), body, headers)
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


def _merge(into: Model, update: Any) -> None:
    for f in fields(update):
        value = getattr(update, f.name)
        if value is not None:
            setattr(into, f.name, value)


def _score_by_amount(amount: object) -> int:
    try:
        return int(min(max(Decimal(str(amount)) / 100, Decimal(0)), Decimal(_HIGHEST)))
    except (InvalidOperation, ValueError):
        return 0


def _iso(milliseconds: object, default: datetime) -> str:
    text = str(milliseconds)
    known = text.isascii() and text.isdigit() and len(text) < 15
    time = _EPOCH + timedelta(milliseconds=int(text)) if known else default
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _reasons(order: CreateOrder, failures: int) -> list[dict[str, object]]:
    values = order.to_dict()
    same = values["billing_address"] == values["shipping_address"]
    known = None not in (order.billing_address, order.shipping_address)
    return [
        _reason("_numOfFailedTransactions", "Failed transactions", "red" if failures else "green", str(failures)),
        _reason(
            "_sameBillShippAddress",
            "Billing and shipping address are the same",
            ("green" if same else "red") if known else "grey",
            str(same).lower() if known else "unknown",
        ),
    ]


def _reason(name: str, display_name: str, flag: str, value: str) -> dict[str, object]:
    return {"name": name, "display_name": display_name, "flag": flag, "value": value, "is_display": True}
