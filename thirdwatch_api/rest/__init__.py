"""The transport: bytes of a request in, bytes of a response out, every failure an ApiException.

No other package imports urllib3. Its modules, in the order in which a call passes them:

    _transport      RESTClientObject: the connections of a client
    _messages       Request and RESTResponse
    _endpoint       the host checked, TLS and proxy set up, a pool opened
    _call           one call: attempts, deadline, outcome
    _timeouts       the time-outs of an attempt
    _pool           connections that wait for a call
    _connections    sockets that check the deadline
    _fast_response  the head of a response, on a fast path
    _errors         urllib3's errors, translated to ours
    _retries        when a request is sent again
"""

from ..exceptions import ApiException
from ._messages import Request, RESTResponse
from ._retries import retry_after
from ._transport import URLLIB3_VERSION, RESTClientObject

__all__ = ["URLLIB3_VERSION", "ApiException", "RESTClientObject", "RESTResponse", "Request", "retry_after"]
