"""The transport: bytes of a request in, bytes of an answer out, every failure an ApiException.

This package is the only place that knows urllib3. ``_client`` sends and tries again, ``_origin`` decides where to
and opens pools, ``_connections`` keeps deadlines, ``_retries`` decides when to try again, ``_failures`` translates.
"""

from ..exceptions import ApiException
from ._client import URLLIB3_VERSION, Request, RESTClientObject, RESTResponse

__all__ = ["URLLIB3_VERSION", "ApiException", "RESTClientObject", "RESTResponse", "Request"]
