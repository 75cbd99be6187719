"""What the control API shows of requests, postbacks and scripts: plain values for JSON."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from .._redaction import without_emails
from ..models._model import Model
from ..models.score_response import RISK_THRESHOLD
from ._http import Request
from ._received import user_of
from ._scripts import Script
from ._service import Service, kinds, result_of
from ._state import Delivery

__all__ = ["show_order", "show_postback", "show_request", "show_state", "summarize", "summarize_postback"]

_MAX_CELL = 100  # characters
_MAX_NOTE = 300
_MAX_RUNS = 20
_MAX_STEPS = 200

_kinds = cache(kinds)


def summarize(request: Request) -> dict[str, Any]:
    """Return a request as a row of a list, without its body and personal data."""
    error = request.error
    return {
        "number": request.number,
        "time": request.time.timestamp() * 1000,
        "ms": round(request.duration * 1000, 1),
        "method": request.method[:_MAX_CELL],
        "kind": _kinds().get(request.path) or _cell(request.path),
        "order_id": _cell(request.order_id),
        "user_id": _cell(user_of(request)),
        "status": request.status,
        "result": result_of(request),
        "error": None if error is None else without_emails(error)[:_MAX_NOTE],
        "hints": request.hints[:1],
    }


def _cell(text: object) -> str:
    """Return a text as a list shows it: short, without e-mail addresses and without what can't be encoded."""
    return without_emails(str(text))[:_MAX_CELL].encode("utf-8", "replace").decode()


def show_request(request: Request, models: Mapping[str, type[Model]]) -> dict[str, Any]:
    """Return all that is known of a request, personal data included.

    :param models: the model of each path
    """
    model = models.get(request.path)
    return {
        "number": request.number,
        "time": request.time.isoformat(),
        "duration": request.duration,
        "method": request.method,
        "path": request.path,
        "kind": _kinds().get(request.path),
        "order_id": request.order_id,
        "headers": request.headers.items(),
        "query": request.query,
        "body": request.body.decode("utf-8", "surrogateescape"),
        "authorized": request.authorized,
        "status": request.status,
        "model": model.__name__ if model and request.event is not None else None,
        "error": request.error,
        "hints": request.hints,
    }


def show_postback(delivery: Delivery) -> dict[str, Any]:
    """Return all that is known of a postback, personal data included."""
    return {
        "kind": delivery.kind,
        "url": delivery.url,
        "body": delivery.body,
        "status": delivery.status,
        "error": delivery.error,
        "time": delivery.time.isoformat(),
    }


def _show_script(script: Script, times: int) -> dict[str, Any]:
    """Return a script, and for how many requests it is."""
    return {"status": script.status, "delay": script.delay, "cut": script.cut, "times": times}


def show_state(service: Service) -> dict[str, Any]:
    """Return the state of the sandbox in numbers. The caller holds the lock."""
    runs = service.scripts.runs()
    urls = service.state.urls.to_dict()
    return {
        "instance": service.instance,
        "counts": service.counts,
        "scripts": [_show_script(script, times) for script, times in runs[:_MAX_RUNS]],
        "scripted": len(service.scripts),
        "scores": service.state.bars.copy(),
        "threshold": RISK_THRESHOLD,
        "urls": {name: bool(url) for name, url in urls.items()},
    }


def show_order(service: Service, order_id: str) -> dict[str, Any]:
    """Return an order with its score, and the last requests and postbacks about it."""
    with service.lock:
        known, paid, fixed = service.state.steps(order_id)
        score = service.state.score(order_id)
    requests = [each for each in service.requests.since(0)[0] if each.order_id == order_id]
    postbacks = [each for each in service.state.finished.since(0)[0] if _postback_order(each) == order_id]
    return {
        "order_id": order_id,
        "known": known,
        "paid": paid,
        "fixed_score": fixed,
        "score": score,
        "requests": [summarize(each) for each in requests[-_MAX_STEPS:]],
        "postbacks": [summarize_postback(each) for each in postbacks[-_MAX_STEPS:]],
    }


def summarize_postback(delivery: Delivery) -> dict[str, Any]:
    """Return a postback as a step in the life of an order, without personal data."""
    return {
        "kind": delivery.kind,
        "order_id": _cell(_postback_order(delivery)),
        "status": delivery.status,
        "error": delivery.error,
        "time": delivery.time.timestamp() * 1000,
        "score": delivery.body.get("score"),
        "action": delivery.body.get("action_type"),
    }


def _postback_order(delivery: Delivery) -> object:
    payload = delivery.body.get("payload", delivery.body)
    return payload.get("order_id")
