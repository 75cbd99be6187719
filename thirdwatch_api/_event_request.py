"""EventRequest: a request with an event. It reads its response, and lists what of the event may be shown."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from ._json import load_object
from ._lazy import load
from ._redaction import Redactor, decode_lenient, short
from .exceptions import ApiException, InvalidResponseException, make_error
from .models._deserialize import convert
from .models._public import public_keys
from .models._response import ServiceResponse
from .rest import Request, RESTResponse, retry_after

if TYPE_CHECKING:
    from .models.error_response import ErrorResponse

__all__ = ["OUT_OF_DESCRIPTORS", "EventRequest"]

OUT_OF_DESCRIPTORS = (ImportError, OSError)
"""Raised by a lazy import when the process is out of file descriptors."""

_NO_CONTENT = 204


class EventRequest(Request):
    """A request with an event, or with any other value."""

    __slots__ = ()

    def public_keys(self) -> Collection[str]:
        """Return the JSON keys of the model whose texts are not personal."""
        return public_keys(self.model)

    def read(self, response: RESTResponse) -> Any:
        """Read a response with a 2xx status.

        :raises InvalidResponseException: it is not a JSON object, or lacks a required field
        """
        if self.response_type is None:
            return None
        fields = {} if response.status == _NO_CONTENT else load_object(response.data)
        if fields is None and self.any_body:
            text = decode_lenient(response.data).strip()
            fields = {"message": text} if text else {}
        if fields is None:
            raise self._invalid(response)
        if self.any_body or self.secret_query:
            self.redactor(response.proxy_headers).json(fields, response.data)
        data = convert(fields, self.response_type)
        if isinstance(data, ServiceResponse) and (missing := data.missing_field()):
            raise self._invalid(response, data.incomplete, f"the response has no {missing}")
        return data

    def read_error(self, redactor: Redactor, data: bytes) -> ErrorResponse | None:
        """Read the body of an error response; None when it is not a JSON object."""
        fields = load_object(data) if data else None
        if fields is None:
            return None
        redactor.json(fields, data)
        try:
            response: ErrorResponse = load(".models.error_response", __package__).ErrorResponse.from_dict(fields)
        except OUT_OF_DESCRIPTORS:  # the error does without: its status is enough
            return None
        return response

    def _invalid(
        self,
        response: RESTResponse,
        failure: type[InvalidResponseException] = InvalidResponseException,
        reason: str = "",
    ) -> ApiException:
        """Make the error for a 2xx status whose body is not what it should be.

        :param reason: what is wrong with it; when left out, that it is not a JSON object
        """
        redactor = self.redactor(response.proxy_headers)
        if not reason:
            kind = response.headers.get("Content-Type", "no content type").partition(";")[0]
            shown = short(redactor.line(kind, response.until))
            reason = f"the response is not a JSON object ({shown}, {len(response.data)} bytes)"
        return make_error(
            failure,
            response.status,
            reason,
            redactor,
            body=response.data,
            headers=response.headers,
            error_response=self.read_error(redactor, response.data),
            attempts=response.attempts,
            retry_after=retry_after(response),
            until=response.until,
        )
