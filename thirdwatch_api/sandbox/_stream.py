"""Server-sent events: what is new in the sandbox, for as long as somebody listens."""

import json
import re
from collections.abc import Iterator
from typing import Any

from ._service import Service
from ._view import show_state, summarize, summarize_postback

__all__ = ["stream"]

_BATCH = 1_000  # requests a message: the first ones are drawn while the next are sent
_PAUSE = 0.1  # seconds between two messages, so that a thousand events a second make ten of them
_HEARTBEAT = 15.0  # seconds; a peer that went away is noticed when something is sent


def stream(service: Service, last_id: str) -> Iterator[bytes]:
    """Yield messages: at once what is there, then what comes, until the sandbox is closed.

    :param last_id: the id of the last message that the listener got; empty for none
    """
    instance, request, postback = _parse_id(last_id)
    seen = -1
    yield b"retry: 500\n\n"
    while not service.watch.ended.is_set():
        version = service.watch.wait(seen, _HEARTBEAT)
        if version == seen:
            yield b": still here\n\n"
            continue
        with service.lock:
            is_new = instance != service.instance
            if is_new:
                instance, request, postback = service.instance, 0, 0
            requests, request = service.requests.since(request, _BATCH)
            postbacks, postback = service.state.finished.since(postback, _BATCH)
            message: dict[str, Any] = {"state": show_state(service), "reset": is_new}
            is_all = request >= service.requests.last and postback >= service.state.finished.last
        seen = version if is_all else -1
        message["requests"] = [summarize(each) for each in requests]
        message["postbacks"] = [summarize_postback(each) for each in postbacks]
        yield f"id: {instance}.{request}.{postback}\ndata: {json.dumps(message)}\n\n".encode()
        if is_all:
            service.watch.ended.wait(_PAUSE)


def _parse_id(last_id: str) -> tuple[str, int, int]:
    found = re.fullmatch(r"(\w{1,64})\.(\d{1,18})\.(\d{1,18})", last_id, re.ASCII)
    return (found[1], int(found[2]), int(found[3])) if found else ("", 0, 0)
