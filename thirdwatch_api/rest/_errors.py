"""Translation of urllib3's errors to ours."""

import re
import ssl
from http.client import BadStatusLine, RemoteDisconnected, UnknownProtocol, responses

from urllib3.exceptions import (
    ClosedPoolError,
    ConnectTimeoutError,
    DecodeError,
    EmptyPoolError,
    InvalidHeader,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

from ..exceptions import (
    ApiException,
    ConnectionException,
    InvalidResponseException,
    TimeoutException,
    TLSException,
)

__all__ = ["is_cut", "safe_cause", "translate"]

_REFUSED_TUNNEL = r"Tunnel connection failed: (\d+)"
_CUT = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)
# X509_V_ERR_... numbers of OpenSSL, which the ssl module passes on as verify_code.
_UNTRUSTED = frozenset({2, 18, 19, 20, 21})
_EXPIRED = 10
_NOT_YET_VALID = 9
_OTHER_HOST = frozenset({62, 64})


def is_cut(error: Exception) -> bool:
    """Return whether the peer closed a TLS connection early: that is a cut connection, not a failure of trust."""
    return isinstance(error, SSLError) and isinstance(_cause(error), _CUT)


def translate(error: Exception, name: str, proxy: str, deadline_passed: bool) -> tuple[type[ApiException], str]:
    """Turn an error of urllib3 into the class of one of ours and its reason. The order of the cases matters.

    :param name: scheme and authority of the service
    :param proxy: authority of the proxy, if there is one
    :param deadline_passed: whether the call ran out of time
    """
    if isinstance(error, DecodeError):
        return InvalidResponseException, "the response can't be decompressed"
    if isinstance(error, InvalidHeader):
        return InvalidResponseException, "the response's Content-Length makes no sense"
    if isinstance(error, ClosedPoolError):
        return ConnectionException, "the client was closed during the call"
    if isinstance(error, EmptyPoolError):
        return TimeoutException, f"all connections to {name} were in use until the deadline"
    if deadline_passed:
        return TimeoutException, f"no response from {name} before the deadline"
    if isinstance(error, SSLError) and not is_cut(error):
        return TLSException, _tls_reason(_cause(error), name)
    if isinstance(error, ProxyError):
        return ConnectionException, f"the proxy {proxy} did not connect to {name}: {_proxy_reason(error)}"
    if isinstance(error, NameResolutionError):
        return ConnectionException, f"no such host: the name of {name} can't be resolved"
    if isinstance(error, NewConnectionError):
        return ConnectionException, f"no connection to {name}: {_os_reason(error)}"
    if isinstance(error, (ConnectTimeoutError, ReadTimeoutError)):
        what = "no connection to" if isinstance(error, ConnectTimeoutError) else "no response from"
        return TimeoutException, f"{what} {name} within the time-out"
    return ConnectionException, f"the connection to {name} was cut before the whole response was received"


def safe_cause(error: Exception | None) -> Exception | None:
    """Return the error, or None when it or one behind it quotes the response, which may repeat the key or the event."""
    pending: list[object] = [error]
    seen: set[int] = set()
    while pending:
        inner = pending.pop()
        if isinstance(inner, BaseException) and id(inner) not in seen:
            seen.add(id(inner))
            if _quotes(inner):
                return None
            pending += [inner.__cause__, inner.__context__, *inner.args]
    return error


def _quotes(error: BaseException) -> bool:
    # RemoteDisconnected is a BadStatusLine, and a failed verification a ValueError, but neither quotes the response.
    if isinstance(error, (RemoteDisconnected, ssl.SSLError)):
        return False
    return isinstance(error, (BadStatusLine, DecodeError, UnknownProtocol, ValueError)) or bool(_refused_tunnel(error))


def _cause(error: Exception) -> Exception:
    """Return the ssl module's error, which urllib3 wraps in its own."""
    inner = error.args[0] if error.args else error
    return inner if isinstance(inner, Exception) else error


def _os_reason(error: BaseException) -> str:
    """Return the system's reason, which urllib3 keeps as the cause."""
    cause = error.__cause__ or error.__context__
    return (getattr(cause, "strerror", None) or "it can't be opened").lower()


def _proxy_reason(error: ProxyError) -> str:
    original = error.original_error
    if isinstance(original, NameResolutionError):
        return "the name of the proxy can't be resolved"
    if isinstance(original, NewConnectionError):
        return f"it can't be reached, {_os_reason(original)}"
    if isinstance(original, (ConnectTimeoutError, ReadTimeoutError)):
        return "it did not respond within the time-out"
    if refused := _refused_tunnel(original):
        status = int(refused[1])  # without the proxy's own text, which may repeat its password
        return f"{status} {responses.get(status, '')}".rstrip()
    return type(original).__name__


def _refused_tunnel(error: object) -> re.Match[str] | None:
    """Find the status in what http.client raises when a proxy refuses a tunnel."""
    return re.match(_REFUSED_TUNNEL, str(error)) if isinstance(error, OSError) else None


def _tls_reason(error: Exception, name: str) -> str:
    code = getattr(error, "verify_code", None)
    if code in _OTHER_HOST or type(error).__name__ == "CertificateError":
        return f"the certificate of {name} is for another host"
    if code == _EXPIRED:
        return f"the certificate of {name} has expired"
    if code == _NOT_YET_VALID:
        return f"the certificate of {name} is not valid yet; is this machine's clock right?"
    if code in _UNTRUSTED:
        return f"the certificate of {name} is signed by an authority that is not trusted"
    reason = getattr(error, "reason", None) or type(error).__name__
    if "CERTIFICATE_REQUIRED" in reason or "HANDSHAKE_FAILURE" in reason:
        return f"{name} wants a client certificate: set cert_file ({reason})"
    if "WRONG_VERSION_NUMBER" in reason or "RECORD_LAYER_FAILURE" in reason:
        return f"the server at {name} does not speak TLS ({reason})"
    return f"no TLS connection to {name} ({reason})"
