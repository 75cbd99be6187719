"""One call for one event, and what it means."""

import logging
from contextlib import nullcontext
from functools import partial
from time import time
from typing import Literal

from ..api_client import ApiClient
from ..apis._api import Api
from ..exceptions import ApiException
from ..models._encoder import JsonText
from ..models.event_response import EventResponse
from ._cipher import Cipher, open_body
from ._dispatch import Outcome
from ._judge import Verdict, judge
from ._kinds import find_kind
from ._records import Row, StoredEvent, as_time
from ._trace import traced

__all__ = ["Sender"]

_SENT = Outcome(Verdict.SENT)
_UNTRACED = nullcontext()
_logger = logging.getLogger(__name__.partition(".")[0])


class Sender:
    """Send events as they were stored, once each.

    :param api_client: the client to send with; when left out, the one that ``thirdwatch_api.configuration`` holds
    :param cipher: what the events were encrypted with
    """

    def __init__(self, api_client: ApiClient | None, cipher: Cipher | None) -> None:
        self._api_client = api_client
        self._cipher = cipher
        self._apis: dict[str, Api] = {}

    def show(self, row: Row, state: Literal["dead", "sent"], error: str | None) -> StoredEvent:
        """Return an event as hooks see it."""
        return StoredEvent(
            id=row.id,
            kind=row.kind,
            order=row.order_key,
            created=as_time(row.created),
            attempts=row.attempts + 1,
            state=state,
            since=as_time(time()),
            due=None,
            error=error,
            _open=partial(open_body, row.body, self._cipher),
        )

    def _api(self, kind: str) -> Api:
        api = self._apis[kind] = find_kind({}, kind).api(self._api_client)
        return api

    def send(self, row: Row) -> Outcome:
        """Send an event, and return what became of it. It never raises."""
        try:
            api = self._apis.get(row.kind) or self._api(row.kind)
            body = JsonText(open_body(row.body, self._cipher))
        except ApiException as error:  # stored by a newer version, or with another key: only its order waits
            _logger.error("event %d of the outbox can't be sent: %s", row.id, error)
            return Outcome(Verdict.LATER, str(error))
        try:
            with traced(row.trace) if row.trace else _UNTRACED:
                api.api_client.call_api(
                    api.path,
                    "POST",
                    body=body,
                    response_type=EventResponse,
                    auth_settings=[api.auth],
                    _return_http_data_only=True,
                    _retries=0,  # the relay knows better when
                    at_root=api.at_root,
                    any_body=api.any_body,
                )
        except ApiException as error:
            return Outcome(judge(error), str(error), error.retry_after)
        except BaseException as error:  # noqa: BLE001 - a hook may call sys.exit(), and a thread that ends here would leave its order behind
            _logger.error("event %d of the outbox could not be sent: %s", row.id, type(error).__name__)
            return Outcome(Verdict.LATER, f"the call broke: {type(error).__name__}")
        return _SENT
