"""ScoreApi: GET /neo/v1/score."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from ..api_client import ApiResponse
from ..exceptions import ApiTypeError, ApiValueError
from ..models._model import Model
from ..models.score_response import ScoreResponse
from ._api import Api, Options, Unpack

if TYPE_CHECKING:

    class _ScoreApiResponse(NamedTuple):
        data: ScoreResponse
        status: int
        headers: Mapping[str, str]
else:
    # A NamedTuple can be generic from Python 3.11 on; until then type checkers are told what data is here.
    _ScoreApiResponse = ApiResponse

__all__ = ["ScoreApi"]


class ScoreApi(Api):
    """Make the score call."""

    path = "/neo/v1/score"
    model: ClassVar[type[Model]] = ScoreResponse
    at_root = True
    auth = "api_key_query"

    def score(self, order_id: str | int, **options: Unpack[Options]) -> ScoreResponse:
        """Ask for the score of an order, after the order and its successful transaction were reported.

        :param order_id: number of the order, exactly as it was given to create_order
        :raises InvalidResponseException: the service has no score for this order; the message tells what it said
        """
        result: ScoreResponse = self._get(_query(order_id), {**options, "_return_http_data_only": True})
        return result

    def score_with_http_info(self, order_id: str | int, **options: Unpack[Options]) -> _ScoreApiResponse:
        """Do as score does, and return the HTTP status and headers as well.

        :param order_id: number of the order, exactly as it was given to create_order
        :raises InvalidResponseException: the service has no score for this order; the message tells what it said
        """
        result: _ScoreApiResponse = self._get(_query(order_id), options)
        return result


def _query(order_id: object) -> dict[str, str]:
    if order_id is None or order_id == "":
        raise ApiValueError("order_id: is missing; pass the number that was given to create_order")
    if isinstance(order_id, bool) or not isinstance(order_id, (str, int)):
        raise ApiTypeError(f"order_id: expected text or a whole number, got {type(order_id).__name__}")
    try:
        text = str(order_id)
        text.encode()
    except ValueError:  # a lone surrogate, or an int of thousands of digits
        raise ApiValueError("order_id: has no form in a URL") from None
    return {"order_id": text}
