"""The transport: bytes of a request in, bytes of a response out, every failure an ApiException.

This package is the only place that knows urllib3. ``_messages`` holds what goes in and out, ``_transport`` the
connections of a client, ``_call`` one call with its attempts, ``_endpoint`` the place that a call goes to, ``_pool``
and ``_connections`` the sockets and their deadlines, ``_fast_response`` the fast path for the head of a response,
``_retries`` the rules for another attempt, ``_errors`` the translation of what urllib3 raises.
"""

from ..exceptions import ApiException
from ._messages import Request, RESTResponse
from ._retries import retry_after
from ._transport import URLLIB3_VERSION, RESTClientObject

__all__ = ["URLLIB3_VERSION", "ApiException", "RESTClientObject", "RESTResponse", "Request", "retry_after"]
