"""The control API under ``/_sandbox/``: what the page and programs in other processes use."""

import hmac
import inspect
import json
from collections.abc import Callable, Mapping
from secrets import token_urlsafe
from typing import Any

from ..exceptions import ApiException, ApiTypeError, ApiValueError
from ..version import __version__
from ._annotate import annotate
from ._http import HTTPError, Request, Response
from ._page import SAFE_HEADERS
from ._received import check_media_type, parse
from ._service import Service
from ._state import Delivery
from ._stream import stream
from ._view import show_order, show_postback, show_request, show_state

__all__ = ["PREFIX", "TOKEN_HEADER", "Control"]

PREFIX = "/_sandbox/"
TOKEN_HEADER = "X-Sandbox-Token"  # noqa: S105 - the name of a header

_PAGE_BYTES = 4 * 1024 * 1024  # bodies of one response with requests


class Control:
    """Routes of the control API. None of its requests is recorded.

    :param service: what is shown
    :param commands: what is done, by the last part of the path
    :param postbacks: waits for all postbacks and returns them
    :param host: returns the value for ``configuration.host``
    """

    def __init__(
        self,
        service: Service,
        commands: Mapping[str, Callable[..., Delivery | None]],
        postbacks: Callable[[], list[Delivery]],
        host: Callable[[], str],
    ) -> None:
        self._service = service
        self._commands = commands
        self._postbacks = postbacks
        self._host = host
        self._token = token_urlsafe(24)
        self._views: dict[str, Callable[[Request], Response]] = {
            "state": self._show_state,
            "requests": self._show_requests,
            "request": self._show_request,
            "order": self._show_order,
            "postbacks": self._show_postbacks,
            "stream": self._stream,
        }

    def respond(self, request: Request) -> Response | None:
        """Return the response to a request; None when it is not for the control API."""
        if not request.path.startswith(PREFIX):
            return None
        try:
            return self._route(request, request.path.removeprefix(PREFIX))
        except HTTPError as error:
            response = error.response
            return Response(response.status, response.body, {**SAFE_HEADERS, **response.headers})

    def _route(self, request: Request, name: str) -> Response:
        method = "GET" if name in self._views else "POST" if name in self._commands else None
        if method is None:
            raise HTTPError(404, "no such part of the control API; docs/testing.md lists them")
        if request.method != method:
            raise HTTPError(405, f"expected {method}, got {request.method[:20]}", {"Allow": method})
        if method == "GET":
            return self._views[name](request)
        self._authorize(request)
        return _run(self._commands[name], parse(request.body))

    def _authorize(self, request: Request) -> None:
        """Refuse what a form or a script of another site could send."""
        if "Content-Type" not in request.headers:
            raise HTTPError(415, "Content-Type must be application/json")
        check_media_type(request)
        token = request.headers.get(TOKEN_HEADER, "")
        if not hmac.compare_digest(token.encode("utf-8", "replace"), self._token.encode()):
            raise HTTPError(403, f"send the header {TOKEN_HEADER}: the token that GET {PREFIX}state shows")

    def _show_state(self, _: Request) -> Response:
        settings = {
            "host": self._host(),
            "api_key": self._service.api_key,
            "token": self._token,
            "version": __version__,
        }
        with self._service.lock:
            return _json({**settings, **show_state(self._service)})

    def _show_requests(self, request: Request) -> Response:
        """Return requests with their bodies, as many as a response should hold."""
        number = _number(request, "after")
        requests, _ = self._service.requests.since(number)
        shown: list[dict[str, Any]] = []
        size = 0
        for each in requests:
            size += len(each.body)
            if shown and size > _PAGE_BYTES:
                break
            shown.append(show_request(each, self._service.models))
        return _json({"requests": shown, "more": len(shown) < len(requests)})

    def _show_request(self, request: Request) -> Response:
        """Return a request with the lines of its JSON."""
        found = self._service.requests.get(_number(request, "number"))
        if found is None:
            raise HTTPError(404, "the sandbox does not keep this request any more, or not yet")
        lines = annotate(self._service.models.get(found.path), found.body, validate=self._service.validate)
        return _json({**show_request(found, self._service.models), "lines": lines})

    def _show_order(self, request: Request) -> Response:
        """Return an order: the one with this number, or the one that a request is about."""
        found = self._service.requests.get(_number(request, "request"))
        order_id = found.order_id if found else request.query.get("order_id", "")
        return _json(show_order(self._service, order_id))

    def _show_postbacks(self, _: Request) -> Response:
        return _json({"postbacks": [show_postback(each) for each in self._postbacks()]})

    def _stream(self, request: Request) -> Response:
        headers = {**SAFE_HEADERS, "Content-Type": "text/event-stream"}
        return Response(200, b"", headers, stream=stream(self._service, request.headers.get("Last-Event-ID", "")))


def _run(command: Callable[..., Delivery | None], arguments: Mapping[str, object]) -> Response:
    """Call a method of the sandbox with arguments by name, and return what it returns."""
    try:
        inspect.signature(command).bind(**arguments)
        delivery = command(**arguments)
    except ApiException as error:
        kind = ApiTypeError if isinstance(error, ApiTypeError) else ApiValueError
        return _json({"error": error.reason, "type": kind.__name__}, 400)
    except TypeError as error:
        return _json({"error": str(error), "type": ApiTypeError.__name__}, 400)
    return _json({"postback": None if delivery is None else show_postback(delivery)})


def _number(request: Request, name: str) -> int:
    text = request.query.get(name, "0")
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise HTTPError(400, f"{name}: expected an integer in the query")
    return int(text)


def _json(value: object, status: int = 200) -> Response:
    return Response(status, json.dumps(value).encode(), SAFE_HEADERS)
