"""What ``thirdwatch check`` looks at, one step a function, each behind those that it needs."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any, NamedTuple

from .._redaction import MASK, without_user
from ..api_client import ApiClient, ApiResponse
from ..apis.order_status_api import OrderStatusApi
from ..configuration import API_KEY_HEADER, Configuration
from ..exceptions import ApiException, ApiValueError
from ..rest._endpoint import Endpoint, open_endpoint
from ._exit import advice, one_line

__all__ = ["STEPS", "Finding", "Probe"]

_TIMEOUT = 10.0  # seconds, for each step
_CLOCK = 60.0  # seconds that the clock may differ
_SOON = 14 * 86400.0  # seconds before the end of a certificate

_EXPIRED, _TOO_EARLY, _WRONG_NAME, _WRONG_ADDRESS = 10, 9, 62, 64
"""Codes of OpenSSL for what is wrong with a certificate; most others say that nobody trusted issued it."""


class Finding(NamedTuple):
    """What a step found."""

    state: str
    """``ok``, ``wrong``, ``unsure`` (worth a look), or ``-`` for what could not be looked at."""

    text: str
    """What was found, nothing secret in it."""

    remedy: str = ""
    """What to do, where it is wrong."""


class Probe:
    """What the steps know.

    :param configuration: the settings that are looked at
    :param send: whether to send an empty event
    :param key_file: the file that the key is of
    """

    def __init__(self, configuration: Configuration, *, send: bool, key_file: Path | None) -> None:
        self.configuration: Configuration = configuration
        self.send: bool = send
        self.key_file: Path | None = key_file
        self.has_key: bool = False
        self.endpoint: Endpoint | None = None
        self.reached: bool = True
        """Whether nothing was wrong on the way so far."""
        self.offset: float | None = None
        """Seconds that this machine's clock is ahead of the service's."""
        self._client = ApiClient(configuration=configuration)

    @property
    def target(self) -> tuple[str, int]:
        """Name and port that a connection is opened to: those of the proxy, or of the service."""
        pool: Any = self.endpoint.pool if self.endpoint else None
        of = pool.proxy or pool
        return str(of.host).strip("[]"), int(of.port or (443 if of.scheme == "https" else 80))

    def call(self, method: str, path: str, *, with_key: bool, body: object = None) -> ApiResponse:
        """Make one call as a program would."""
        auth = [OrderStatusApi.auth] if with_key else None
        response: ApiResponse = self._client.call_api(
            path, method, body=body, auth_settings=auth, _request_timeout=_TIMEOUT
        )
        return response

    def close(self) -> None:
        """Close what is open."""
        self._client.close()


def _key(probe: Probe) -> Finding:
    try:
        key = probe.configuration.get_api_key_with_prefix(API_KEY_HEADER)
    except ApiValueError as error:
        return Finding("wrong", str(error), "the key is text: get it again from Thirdwatch")
    if not key:
        return Finding("wrong", "none", "set THIRDWATCH_API_KEY in the environment, or name a file with --key-file")
    probe.has_key = True
    return Finding("ok", f"{MASK} ({len(key)} characters), of {probe.key_file or 'THIRDWATCH_API_KEY'}")


def _host(probe: Probe) -> Finding:
    host = probe.configuration.host
    try:
        probe.endpoint = open_endpoint(probe.configuration, host)
    except ApiValueError as error:
        probe.reached = False
        setting, _, what = str(error).partition(": ")
        return Finding("wrong", f"{without_user(host)}: {what}", f"correct {setting}: {what}")
    return Finding("ok", host)


def _proxy(probe: Probe) -> Finding:
    if probe.endpoint is None:
        return _not_reached()
    proxy = probe.endpoint.pool.proxy
    return Finding("ok", "none" if proxy is None else f"{proxy.url}, of the environment")


def _look_up(probe: Probe) -> Finding:
    if not probe.reached:
        return _not_reached()
    name, port = probe.target
    begin = time.monotonic()
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        probe.reached = False
        remedy = f"check the spelling of {name}, and the name server of this machine (/etc/resolv.conf)"
        return Finding("wrong", f"{name} has no address: {one_line(error)}", remedy)
    addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
    more = f" and {len(addresses) - 3} more" if len(addresses) > 3 else ""
    return Finding("ok", f"{', '.join(addresses[:3])}{more} ({_milliseconds(begin)})")


def _connection(probe: Probe) -> Finding:
    if not probe.reached:
        return _not_reached()
    name, port = probe.target
    begin = time.monotonic()
    try:
        socket.create_connection((name, port), _TIMEOUT).close()
    except OSError as error:
        probe.reached = False
        remedy = f"let this machine open connections to {name} port {port}: a firewall, or a proxy that is needed"
        return Finding("wrong", f"{name} port {port}: {one_line(error)}", remedy)
    return Finding("ok", f"{name} port {port} ({_milliseconds(begin)})")


def _tls(probe: Probe) -> Finding:
    if not probe.reached or probe.endpoint is None:
        return _not_reached()
    pool: Any = probe.endpoint.pool
    if pool.scheme == "http":
        return Finding("ok", "none: http, to this machine alone")
    if pool.proxy is not None and pool.proxy.scheme == "https":
        return Finding("-", "not looked at: TLS within TLS of a proxy")
    connection = HTTPSConnection(*probe.target, timeout=_TIMEOUT, context=pool.conn_kw["ssl_context"])
    if pool.proxy is not None:
        connection.set_tunnel(pool.host.strip("[]"), pool.port or 443, dict(pool.proxy_headers))
    try:
        connection.connect()
        return _certificate(connection.sock)
    except (OSError, HTTPException) as error:
        probe.reached = False
        return _bad_tls(error, pool.host)
    finally:
        connection.close()


def _certificate(sock: Any) -> Finding:
    certificate: Mapping[str, Any] = sock.getpeercert()
    issuer = {name: value for part in certificate["issuer"] for name, value in part}
    left = ssl.cert_time_to_seconds(certificate["notAfter"]) - time.time()
    by = issuer.get("organizationName") or issuer.get("commonName") or "?"
    text = f"{sock.version()}, certificate by {by}, valid for {left / 86400:.0f} more days"
    return Finding("unsure" if left < _SOON else "ok", text)


def _bad_tls(error: Exception, host: str) -> Finding:
    if "407" in str(error):
        remedy = f"add user and password to HTTPS_PROXY, or let the proxy allow {host}"
        return Finding("wrong", one_line(error), remedy)
    if not isinstance(error, ssl.SSLCertVerificationError):
        return Finding("wrong", one_line(error), "let this machine speak TLS 1.2 to the service: see what is between")
    remedies = {
        _EXPIRED: "check the clock of this machine; else the certificate of the service has to be renewed",
        _TOO_EARLY: "check the clock of this machine",
        **dict.fromkeys((_WRONG_NAME, _WRONG_ADDRESS), f"check the host: who responds is not {host}"),
    }
    untrusted = "where a proxy inspects the traffic, set SSL_CERT_FILE to a file with its authority"
    return Finding("wrong", error.verify_message, remedies.get(error.verify_code, untrusted))


def _response(probe: Probe) -> Finding:
    if not probe.reached:
        return _not_reached()
    begin = time.monotonic()
    try:
        response = probe.call("GET", "/", with_key=False)
        status, headers = response.status, response.headers
    except ApiException as error:
        if not error.status or error.headers is None:
            probe.reached = False
            error.hint = ""
            return Finding("wrong", str(error), "see what is between: a firewall, or a proxy that is needed")
        status, headers = error.status, error.headers
    probe.offset = _offset(headers, time.monotonic() - begin)
    if 300 <= status < 400:
        probe.reached = False
        return Finding("wrong", f"{status}, no response of the service", "set the host to its final address")
    state = "unsure" if status >= 500 else "ok"
    return Finding(state, f"{status} to a request that asks for nothing ({_milliseconds(begin)})")


def _offset(headers: Mapping[str, str], seconds: float) -> float | None:
    """Return how far this machine's clock is ahead of that of a response.

    :param seconds: how long the response took
    """
    try:
        date = parsedate_to_datetime(headers.get("Date") or "")
        return time.time() - seconds / 2 - date.timestamp()
    except (TypeError, ValueError, OverflowError):  # none, or no date
        return None


def _clock(probe: Probe) -> Finding:
    if probe.offset is None:
        return Finding("-", "not looked at: no response says what time it is")
    text = f"{abs(probe.offset):.0f} s {'ahead of' if probe.offset > 0 else 'behind'} the service's"
    if abs(probe.offset) <= _CLOCK:
        return Finding("ok", text)
    return Finding("wrong", text, "set the clock of this machine, by NTP: events would be dated wrongly")


def _event(probe: Probe) -> Finding:
    if not probe.send:
        return Finding("-", "not sent: --send tries the key with an empty event")
    if not (probe.reached and probe.has_key):
        return _not_reached()
    try:
        response = probe.call("POST", OrderStatusApi.path, with_key=True, body={})
    except ApiException as error:
        if error.status in (400, 422):
            return Finding("ok", f"the key is accepted; an empty event is refused ({error.status}), as it should be")
        remedy, error.hint = advice(error), ""
        return Finding("wrong", str(error), remedy)
    return Finding("ok", f"the key is accepted ({response.status})")


def _not_reached() -> Finding:
    return Finding("-", "not looked at: see above")


def _milliseconds(begin: float) -> str:
    return f"{(time.monotonic() - begin) * 1000:.0f} ms"


STEPS: dict[str, Callable[[Probe], Finding]] = {
    "key": _key,
    "host": _host,
    "proxy": _proxy,
    "look-up": _look_up,
    "connection": _connection,
    "TLS": _tls,
    "response": _response,
    "clock": _clock,
    "event": _event,
}
"""The steps in their order."""
