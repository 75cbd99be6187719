"""The transport: bytes of a request in, bytes of an answer out, every failure an ApiException.

This package is the only place that knows urllib3. ``client`` sends and tries again, ``origin`` decides where to
and opens pools, ``connections`` keeps deadlines, ``retries`` decides when to try again, ``failures`` translates.
"""

from ..exceptions import ApiException
from .client import URLLIB3_VERSION, Request, RESTClientObject, RESTResponse

__all__ = ["URLLIB3_VERSION", "ApiException", "RESTClientObject", "RESTResponse", "Request"]
