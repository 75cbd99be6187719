"""ScoreApi: GET /neo/v1/score."""

import random
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from .._settings import check_seconds
from ..api_client import ApiResponse
from ..exceptions import ApiTypeError, ApiValueError, ScoreNotReadyException, TimeoutException
from ..models._encoder import to_text
from ..models._fields import Text
from ..models._model import Model
from ..models.score_response import ScoreResponse
from ._api import Api, Options, Unpack

if TYPE_CHECKING:

    class _ScoreApiResponse(NamedTuple):
        data: ScoreResponse
        status: int
        headers: Mapping[str, str]
else:
    # A NamedTuple can be generic from Python 3.11 on. Until then this class gives type checkers the type of data.
    _ScoreApiResponse = ApiResponse

__all__ = ["ScoreApi"]

_FIRST_WAIT = 0.5  # seconds, all three
_LONGEST_WAIT = 5.0
_TIME_TO_ASK = 0.5


class ScoreApi(Api):
    """Scores of orders: how risky the service rates them."""

    path = "/neo/v1/score"
    model: ClassVar[type[Model]] = ScoreResponse
    at_root = True
    auth = "api_key_query"

    def score(self, order_id: Text, **options: Unpack[Options]) -> ScoreResponse:
        """Ask for the score of an order, after the order and its successful transaction were reported.

        :param order_id: number of the order, exactly as it was given to create_order
        :raises ScoreNotReadyException: the service has no score for this order yet; the message shows its reason
        :raises ApiException: the call failed otherwise; its class names the cause
        """
        result: ScoreResponse = self._get(_query(order_id), {**options, "_return_http_data_only": True})
        return result

    def wait(self, order_id: Text, *, deadline: float = 60.0, **options: Unpack[Options]) -> ScoreResponse:
        """Ask for the score of an order until there is one.

        The pauses between two requests begin at half a second and double up to five, or are as long as the service
        asks for. Any other error ends it at once. It takes no ``callback`` and no ``_preload_content``.

        :param order_id: number of the order, exactly as it was given to create_order
        :param deadline: seconds for all requests and pauses together
        :raises ScoreNotReadyException: there is still no score at the deadline
        :raises ApiException: the call failed otherwise; its class names the cause
        """
        query = _query(order_id)
        _check_wait(options)
        end = time.monotonic() + check_seconds("deadline", deadline)
        own = options.get("_deadline")
        longest = self.api_client.configuration.deadline if own is None else check_seconds("_deadline", own)
        return self._ask_until(end, query, {**options, "_deadline": longest, "_return_http_data_only": True})

    def score_with_http_info(self, order_id: Text, **options: Unpack[Options]) -> _ScoreApiResponse:
        """Do as score does, and return the HTTP status and headers as well.

        :param order_id: number of the order, exactly as it was given to create_order
        :raises ScoreNotReadyException: the service has no score for this order yet; the message shows its reason
        :raises ApiException: the call failed otherwise; its class names the cause
        """
        result: _ScoreApiResponse = self._get(_query(order_id), options)
        return result

    def _ask_until(self, end: float, query: Mapping[str, str], options: Mapping[str, Any]) -> ScoreResponse:
        """Ask until there is a score, or ``time.monotonic()`` is ``end``."""
        last: ScoreNotReadyException | None = None
        number = 0
        while True:
            left = max(end - time.monotonic(), 0.001)
            try:
                score: ScoreResponse = self._get(query, {**options, "_deadline": min(left, options["_deadline"])})
                return score  # noqa: TRY300 - an else would stand far from here
            except ScoreNotReadyException as error:
                last = error
            except TimeoutException:
                if last is None or time.monotonic() < end:
                    raise
                raise last from None
            pause = _pause(number, last.retry_after, end - time.monotonic())
            if pause is None:
                raise last
            self.api_client.rest_client.sleep(pause)
            if time.monotonic() >= end:  # the machine slept longer than it was asked to
                raise last
            number += 1


def _check_wait(options: Mapping[str, object]) -> None:
    for name in ("callback", "_preload_content"):
        if options.get(name) not in (None, True):
            raise ApiTypeError(f"ScoreApi.wait: takes no {name}; use score, which does")


def _pause(number: int, asked: float | None, left: float) -> float | None:
    """Return the seconds until the next request, or None when the deadline leaves no time for one.

    :param number: how many waits there were before
    :param asked: seconds that the service asked to wait, if it did
    :param left: seconds until the deadline
    """
    if asked is not None:
        pause = max(asked, _FIRST_WAIT)
    else:
        doubled = min(_LONGEST_WAIT, _FIRST_WAIT * 2.0 ** min(number, 10))
        # Random, so that clients spread out. It leaves time for the last request.
        pause = min(doubled * random.uniform(0.8, 1.2), left - _TIME_TO_ASK)  # noqa: S311 - hides nothing
    return pause if 0 < pause < left else None


def _query(order_id: object) -> dict[str, str]:
    text = "" if order_id is None else to_text("order_id", order_id)
    if not text:
        raise ApiValueError("order_id: is missing; pass the number that was given to create_order")
    return {"order_id": text}
