"""The service, played: decides on the response to each request, and records the request."""

import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from secrets import token_hex
from threading import RLock
from time import perf_counter
from typing import Any

from .._lazy import load as load_module
from ..apis.client_action_api import ClientActionApi
from ..apis.postback_api import PostbackApi
from ..apis.score_api import ScoreApi
from ..configuration import API_KEY_HEADER
from ..models._model import Model
from ..models.client_action import ClientAction
from ..models.postback_urls import PostbackUrls
from ._http import HTTPError, Request, Response, json_response
from ._log import Log, Watch
from ._received import authorize, check_media_type, order_of, pop_key, read_event, shorten
from ._scripts import Script, ScriptQueue
from ._state import Delivery, ServiceState

__all__ = ["Service", "event_models", "kinds", "result_of"]

_SCRIPTED = "scripted"


def _apis() -> list[Any]:
    apis = load_module("..apis", __package__)
    return [getattr(apis, name) for name in apis.__all__]


def event_models() -> dict[str, type[Model]]:
    """Return the model of the body for each path that takes one."""
    return {api.path if api.at_root else f"/event{api.path}": api.model for api in _apis() if api.path != ScoreApi.path}


def kinds() -> dict[str, str]:
    """Return the name of each path: the method of the SDK that uses it, such as ``create_order``."""
    suffix = "_with_http_info"
    return {
        api.path if api.at_root else f"/event{api.path}": name.removesuffix(suffix)
        for api in _apis()
        for name in vars(api)
        if name.endswith(suffix)
    }


def result_of(request: Request) -> str:
    """Return ``accepted``, ``refused``, or ``scripted`` for a request whose response was a script's."""
    if request.error is None:
        return "accepted"
    return "scripted" if request.error == _SCRIPTED else "refused"


class Service:
    """All that a sandbox knows, and its responses."""

    def __init__(
        self,
        api_key: str,
        *,
        validate: bool,
        on_request: Callable[[Request], object] | None,
        on_postback: Callable[[Delivery], object] | None,
    ) -> None:
        self.api_key = api_key
        self.validate = validate
        self._on_request = on_request
        self.lock = RLock()  # reentrant: on_request may read the sandbox
        self.watch = Watch()
        self.requests: Log[Request] = Log()
        self.scripts = ScriptQueue()
        self.state = ServiceState(api_key, on_postback, self.watch.touch)
        self.instance = token_hex(8)
        """Another one after each ``clear()``, and in each process: who follows starts again from the first request."""
        self.counts = {"accepted": 0, "refused": 0, "scripted": 0}
        """How many requests had which result."""
        self.models = event_models()
        self._routes: dict[str, tuple[str, Callable[[Request], Response]]] = {
            path: ("POST", partial(self._accept_event, model)) for path, model in self.models.items()
        }
        self._routes[ScoreApi.path] = ("GET", self._serve_score)
        self._routes[ClientActionApi.path] = ("POST", self._accept_decision)
        self._routes[PostbackApi.path] = ("POST", self._accept_urls)

    def clear(self) -> None:
        """Forget the requests, scripts, orders, scores, postbacks and URLs."""
        with self.lock:
            self.requests.clear()
            self.scripts.clear()
            self.state.clear()
            self.instance = token_hex(8)
            self.counts = dict.fromkeys(self.counts, 0)
        self.watch.touch()

    def respond(self, request: Request, error: HTTPError | None) -> Response:
        """Decide on a response, and record the request.

        :param error: what is wrong with the HTTP of the request; such a request uses up no script
        """
        start = perf_counter()
        request.authorized = hmac.compare_digest(pop_key(request), self.api_key.encode())
        with self.lock:
            script = Script() if error else self.scripts.pop()
            if script.status is None:
                response = self._serve(request, error)
            else:
                request.error = _SCRIPTED
                response = json_response(script.status, request.error)
                if not request.authorized:
                    shorten(request)
            request.status = 0 if script.cut else response.status
            request.duration = perf_counter() - start + script.delay
            self._record(request)
        return replace(
            response,
            body=response.body if script.body is None else script.body,
            headers={**response.headers, **script.headers},
            delay=script.delay,
            cut=script.cut,
        )

    def _record(self, request: Request) -> None:
        request.number = self.requests.last + 1  # nobody else appends: the lock is held
        request.order_id = order_of(request)
        self.requests.append(request)
        self.counts[result_of(request)] += 1
        self.watch.touch()
        if self._on_request:
            self._on_request(request)

    def _serve(self, request: Request, error: HTTPError | None) -> Response:
        try:
            if error:
                raise error
            if request.path not in self._routes:
                raise HTTPError(404, "no endpoint at this path")
            method, accept = self._routes[request.path]
            if request.method != method:
                raise HTTPError(405, f"expected {method}, got {request.method[:20]}", {"Allow": method})
            return accept(request)
        except HTTPError as refused:
            request.error = str(refused)
            shorten(request)
            return refused.response

    def _accept_event(self, model: type[Model], request: Request) -> Response:
        _check(request, f"the header {API_KEY_HEADER}")
        request.event = read_event(model, request, validate=self.validate)
        self.state.record(request.event)
        return json_response(200, f"{model.__name__} received")

    def _accept_decision(self, request: Request) -> Response:
        _check(request, "secret in the body")
        request.event = read_event(ClientAction, request, validate=self.validate)
        return json_response(200, "ClientAction received")

    def _accept_urls(self, request: Request) -> Response:
        _check(request, "secret in the body")
        urls = read_event(PostbackUrls, request, validate=self.validate)
        request.event = urls
        self.state.register(urls)
        return json_response(200, "PostbackUrls received")

    def _serve_score(self, request: Request) -> Response:
        authorize(request, "api_key in the query")
        score = self.state.score(request.query.get("order_id", ""))
        if score is None:
            request.error = "there is no such order, or no successful transaction yet"
            score = {"msg": request.error}
        return Response(200, json.dumps(score).encode())


def _check(request: Request, key_place: str) -> None:
    """Refuse a body that is not JSON by its headers, or comes without the key."""
    check_media_type(request)
    authorize(request, key_place)
