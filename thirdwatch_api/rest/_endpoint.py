"""The endpoint of a call: the host checked, TLS and proxy set up, a connection pool opened."""

import ipaddress
import logging
import os
import re
import socket
import ssl
from typing import Any, NamedTuple
from urllib.parse import unquote

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager, ProxyManager
from urllib3.exceptions import HTTPError
from urllib3.util import Url, create_urllib3_context, make_headers, parse_url

from .._lazy import load
from ..configuration import Configuration
from ..exceptions import ApiValueError
from ._connections import DeadlineSocketOptions, with_deadline
from ._pool import ConnectionQueue, Pool, TLSPool

__all__ = ["Endpoint", "open_endpoint"]

_logger = logging.getLogger(__name__.partition(".")[0])
_UNSAFE = r"[^\x21-\x7e]"
_HOST_HINT = "; configuration.host or THIRDWATCH_HOST is a URL such as https://api.thirdwatch.ai/event"


_POOLS: dict[str, type[HTTPConnectionPool] | type[HTTPSConnectionPool]] = {"http": Pool, "https": TLSPool}


class Endpoint(NamedTuple):
    """A connection pool for one host, and the parts of the request line that stand before a path."""

    pool: HTTPConnectionPool
    queue: ConnectionQueue
    root: str
    """The service's scheme and authority where a proxy has to read them; else empty."""
    prefix: str
    """The path of ``configuration.host``, without a trailing slash."""
    name: str
    """The service's scheme and authority, for messages."""


def open_endpoint(configuration: Configuration, host: str) -> Endpoint:
    """Check a host, and open a connection pool for it.

    :raises ApiValueError: the host, the proxy or a certificate file can't be used
    """
    url = _check_host(host, configuration.allow_insecure_http)
    # The look-up of a name imports this codec. A fork during that import would leave its lock held in the child.
    load("encodings.idna")
    secure = url.scheme == "https"
    name = Url(url.scheme, host=url.host, port=url.port).url
    options: dict[str, Any] = {
        "maxsize": configuration.connection_pool_maxsize,
        "block": True,
        "socket_options": _SOCKET_OPTIONS,
    }
    proxy = _proxy_for(configuration, url)
    context = _tls_context(configuration) if secure or (proxy or "").lower().startswith("https:") else None
    if context:
        options["ssl_context"] = context
    manager = _proxy_manager(proxy, options, context) if proxy else PoolManager(**options)
    manager.pool_classes_by_scheme = _POOLS
    pool = manager.connection_from_host(url.host, url.port, url.scheme)
    queue = pool.pool
    assert isinstance(queue, ConnectionQueue)  # noqa: S101 - type checkers need it: QueueCls made the queue
    queue.idle_timeout = configuration.idle_timeout
    return Endpoint(pool, queue, name if proxy and not secure else "", (url.path or "").rstrip("/"), name)


def _check_host(host: str, allow_insecure_http: bool) -> Url:
    if not host.strip():
        raise ApiValueError("host: is empty" + _HOST_HINT)
    if re.search(_UNSAFE, host):
        raise ApiValueError("host: holds a blank, a control or a non-ASCII character" + _HOST_HINT)
    try:
        url = parse_url(host)
    except (HTTPError, ValueError):
        raise ApiValueError("host: is not a URL" + _HOST_HINT) from None
    if url.scheme not in ("http", "https") or not url.host:
        raise ApiValueError("host: must begin with https://" + _HOST_HINT)
    if url.auth or url.query or url.fragment:
        raise ApiValueError("host: has a user, a query or a fragment" + _HOST_HINT)
    if url.scheme == "http" and not allow_insecure_http and not _is_loopback(url.host):
        raise ApiValueError(
            "host: http:// would send the API key unencrypted; use https://, or set allow_insecure_http to allow it"
        )
    _check_name("host", url.host)
    return url


def _check_name(setting: str, name: str) -> None:
    """Reject a name that DNS can't hold. urllib3 would reject it later, without the name of the setting."""
    labels = name.strip("[]").removesuffix(".").split(".")
    if not all(0 < len(label) < 64 for label in labels):
        raise ApiValueError(f"{setting}: a part of its name is empty, or longer than 63 characters")


def _is_loopback(host: str) -> bool:
    if host == "localhost":  # not x.localhost: the system may ask a DNS server for that
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _socket_options() -> DeadlineSocketOptions:
    """Return options: send at once, as urllib3 does, and let the kernel probe a silent peer."""
    options = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    for option, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):  # pragma: no branch - not everywhere
            options.append((socket.IPPROTO_TCP, getattr(socket, option), value))
    return DeadlineSocketOptions(options)


_SOCKET_OPTIONS = _socket_options()


def _tls_context(configuration: Configuration) -> ssl.SSLContext:
    """Make a TLS context. It serves all connections of a pool: parsing the trust store takes longer than a call."""
    context = create_urllib3_context(ssl_minimum_version=ssl.TLSVersion.TLSv1_2)
    context.sslsocket_class = with_deadline(context.sslsocket_class or ssl.SSLSocket)
    if configuration.verify_ssl:
        setting, path = _trust_store(configuration)
        folder = os.path.isdir(path)  # noqa: PTH112 - pathlib is slow to import
        try:
            context.load_verify_locations(cafile=None if folder else path, capath=path if folder else None)
        except (OSError, ssl.SSLError) as error:
            raise ApiValueError(f"{setting}: no certificates can be read from {path!r} ({_why(error)})") from error
    else:
        _logger.warning("verify_ssl is off: anybody on the way can read the events and forge responses")
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if configuration.cert_file:
        try:
            # OpenSSL would ask at the terminal for the password of an encrypted key, and wait for ever.
            context.load_cert_chain(configuration.cert_file, configuration.key_file, password=_no_password)
        except (OSError, ssl.SSLError) as error:
            raise ApiValueError(f"cert_file, key_file: can't be read ({_why(error)})") from error
    return context


def _no_password() -> str:
    raise ssl.SSLError(0, "the private key is encrypted")


def _why(error: OSError) -> str:
    return error.strerror or str(error)


def _trust_store(configuration: Configuration) -> tuple[str, str]:
    if configuration.ssl_ca_cert:
        return "ssl_ca_cert", configuration.ssl_ca_cert
    for variable in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        if path := os.environ.get(variable):
            return variable, path
    return "certifi", load("certifi").where()


def _proxy_for(configuration: Configuration, url: Url) -> str | None:
    """Return the configured proxy, else the one of the environment; None for loopback."""
    if _is_loopback(url.host or ""):
        return None
    if configuration.proxy is not None:
        return configuration.proxy or None
    from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415 - takes as long to import as urllib3

    if proxy_bypass(url.netloc or ""):
        return None
    return getproxies().get(url.scheme or "")


def _proxy_manager(proxy: str, options: dict[str, Any], context: ssl.SSLContext | None) -> ProxyManager:
    try:
        url = parse_url(proxy if "://" in proxy else f"http://{proxy}")
        headers = make_headers(proxy_basic_auth=unquote(url.auth)) if url.auth else None
        # urllib3 shows this URL in messages, so it must not hold the user part.
        bare = url._replace(auth=None, path=None, query=None, fragment=None).url
        _check_name("proxy", url.host or "")
        return ProxyManager(bare, proxy_headers=headers, proxy_ssl_context=context, **options)
    except ApiValueError:
        raise
    except (HTTPError, ValueError):
        raise ApiValueError("proxy: is not a URL such as http://user:password@proxy.example:3128") from None
