"""Certificates are verified; what is wrong with one is reported, and the call is not tried again."""

from __future__ import annotations

import datetime
import gc
import logging
import shutil
import socket
import ssl
import subprocess
import time
import warnings
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from urllib3.exceptions import SSLError
from urllib3.util.ssl_match_hostname import CertificateError

from thirdwatch_api import ApiException, ApiValueError, ConnectionException, OrderStatusApi, TLSException
from thirdwatch_api.rest._connections import with_deadline
from thirdwatch_api.rest._errors import safe_cause, translate

from .servers import (
    EVENT,
    OK,
    Authority,
    FaultServer,
    Peer,
    Step,
    cut,
    head,
    make_client,
    message,
    raw,
    record_waits,
    reset,
    respond,
)

NOW = datetime.datetime.now(datetime.timezone.utc)
DAY = datetime.timedelta(days=1)


def written(tmp_path: Path, leaf: trustme.LeafCert) -> dict[str, str]:
    """Write a client certificate and its key."""
    leaf.cert_chain_pems[0].write_to_path(str(tmp_path / "client.pem"))
    leaf.private_key_pem.write_to_path(str(tmp_path / "client.key"))
    return {"cert_file": str(tmp_path / "client.pem"), "key_file": str(tmp_path / "client.key")}


def refused(server: FaultServer, **settings: Any) -> TLSException:
    """Make a call that has to fail without a second attempt, and without a byte of the event sent."""
    with make_client(server.url, **settings) as client:
        waits = record_waits(client)
        with pytest.raises(TLSException) as caught:
            OrderStatusApi(client).order_status(EVENT)
    assert (caught.value.status, caught.value.attempts, waits, server.requests) == (0, 1, [], [])
    return caught.value


def test_a_certificate_of_a_trusted_authority_is_accepted(authority: Authority, ca_file: str) -> None:
    with FaultServer(tls=authority.server()) as server, make_client(server.url, ssl_ca_cert=ca_file) as client:
        for _ in range(3):
            assert OrderStatusApi(client).order_status(EVENT).message == "taken"
        assert server.connections == 1


def test_an_expired_certificate_is_refused(authority: Authority, ca_file: str) -> None:
    with FaultServer(tls=authority.server(expired=True)) as server:
        assert "has expired" in str(refused(server, ssl_ca_cert=ca_file))


def test_a_certificate_that_is_not_valid_yet_is_refused(authority: Authority, ca_file: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.ca.issue_cert("127.0.0.1", not_before=NOW + DAY, not_after=NOW + 2 * DAY).configure_cert(context)
    with FaultServer(tls=context) as server:
        assert "not valid yet" in str(refused(server, ssl_ca_cert=ca_file))


@pytest.mark.parametrize("name", ["shop.example", "10.0.0.1"])
def test_a_certificate_of_another_host_is_refused(name: str, authority: Authority, ca_file: str) -> None:
    with FaultServer(tls=authority.server(name)) as server:
        assert "for another host" in str(refused(server, ssl_ca_cert=ca_file))


def test_a_certificate_of_another_name_is_refused(authority: Authority, ca_file: str) -> None:
    with FaultServer(tls=authority.server("shop.example"), host="localhost") as server:
        assert "for another host" in str(refused(server, ssl_ca_cert=ca_file))


def test_a_certificate_of_an_unknown_authority_is_refused(ca_file: str) -> None:
    with FaultServer(tls=Authority().server()) as server:
        assert "not trusted" in str(refused(server, ssl_ca_cert=ca_file))


def test_without_settings_certifi_decides_whom_to_trust(authority: Authority) -> None:
    with FaultServer(tls=authority.server()) as server:
        assert "not trusted" in str(refused(server))


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_the_environment_names_the_trusted_authorities(
    variable: str, authority: Authority, ca_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, ca_file)
    with FaultServer(tls=authority.server()) as server, make_client(server.url) as client:
        assert OrderStatusApi(client).order_status(EVENT).message == "taken"


def test_what_is_configured_wins_over_the_environment(
    authority: Authority, ca_file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Authority().write(str(tmp_path / "other.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", other)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", ca_file)
    with FaultServer(tls=authority.server()) as server:
        assert "not trusted" in str(refused(server))
        with make_client(server.url, ssl_ca_cert=ca_file) as client:
            assert OrderStatusApi(client).order_status(EVENT).message == "taken"


def test_a_folder_of_authorities_is_read(authority: Authority, tmp_path: Path) -> None:
    folder = tmp_path / "authorities"
    folder.mkdir()
    with FaultServer(tls=authority.server()) as server:
        assert "not trusted" in str(refused(server, ssl_ca_cert=folder))
        openssl = shutil.which("openssl")
        if openssl is None:
            pytest.skip("only openssl names the files of such a folder")
        authority.write(str(folder / "ca.pem"))
        subprocess.run([openssl, "rehash", str(folder)], check=True, capture_output=True)
        with make_client(server.url, ssl_ca_cert=folder) as client:
            assert OrderStatusApi(client).order_status(EVENT).message == "taken"


@pytest.mark.parametrize("setting", ["ssl_ca_cert", "SSL_CERT_FILE"])
@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_authorities_that_can_not_be_read_are_named_before_anything_is_sent(
    setting: str, content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "wrong.pem"
    if content is not None:
        path.write_text(content)
    settings: dict[str, Any] = {setting: str(path)} if setting == "ssl_ca_cert" else {}
    if not settings:
        monkeypatch.setenv(setting, str(path))
    with FaultServer() as server, make_client(server.url.replace("http:", "https:"), **settings) as client:
        with pytest.raises(ApiValueError, match=setting):
            OrderStatusApi(client).order_status(EVENT)
        assert server.connections == 0


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_certificate_that_is_asked_for_is_shown(
    version: ssl.TLSVersion, authority: Authority, ca_file: str, tmp_path: Path
) -> None:
    files = written(tmp_path, authority.ca.issue_cert("client@shop.example"))
    context = authority.server(client_ca=authority.ca)
    context.maximum_version = version
    with FaultServer(tls=context) as server, make_client(server.url, ssl_ca_cert=ca_file, **files) as client:
        assert OrderStatusApi(client).order_status(EVENT).message == "taken"


def test_a_client_certificate_may_come_with_its_key_in_one_file(
    authority: Authority, ca_file: str, tmp_path: Path
) -> None:
    leaf = authority.ca.issue_cert("client@shop.example")
    leaf.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "both.pem"))
    settings: dict[str, Any] = {"ssl_ca_cert": ca_file, "cert_file": tmp_path / "both.pem"}
    with FaultServer(tls=authority.server(client_ca=authority.ca)) as server:
        with make_client(server.url, **settings) as client:
            assert OrderStatusApi(client).order_status(EVENT).message == "taken"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_missing_client_certificate_is_a_clear_error(
    version: ssl.TLSVersion, authority: Authority, ca_file: str
) -> None:
    context = authority.server(client_ca=authority.ca)
    context.maximum_version = version
    with FaultServer(tls=context) as server:
        for _ in range(5):
            assert "wants a client certificate: set cert_file" in str(refused(server, ssl_ca_cert=ca_file))


def test_a_client_certificate_of_an_authority_that_the_service_does_not_know_is_refused(
    authority: Authority, ca_file: str, tmp_path: Path
) -> None:
    files = written(tmp_path, trustme.CA().issue_cert("client@shop.example"))
    with FaultServer(tls=authority.server(client_ca=authority.ca)) as server:
        refused(server, ssl_ca_cert=ca_file, **files)


def test_client_certificates_that_can_not_be_read_are_named_before_anything_is_sent(
    authority: Authority, ca_file: str, tmp_path: Path
) -> None:
    files = written(tmp_path, authority.ca.issue_cert("client@shop.example"))
    key = trustme.CA().issue_cert("other.example").private_key_pem
    key.write_to_path(str(tmp_path / "other.key"))
    loaded: Any = serialization.load_pem_private_key(key.bytes(), None)
    locked = serialization.BestAvailableEncryption(b"secret")
    (tmp_path / "locked.key").write_bytes(
        loaded.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)
    )
    with FaultServer(tls=authority.server()) as server:
        for wrong in (
            {"cert_file": files["cert_file"]},
            {"cert_file": str(tmp_path / "nowhere.pem")},
            {"cert_file": files["cert_file"], "key_file": str(tmp_path / "nowhere.key")},
            {"cert_file": files["cert_file"], "key_file": str(tmp_path / "other.key")},
            {"cert_file": files["cert_file"], "key_file": str(tmp_path / "locked.key")},
        ):
            settings: dict[str, Any] = {"ssl_ca_cert": ca_file, **wrong}
            with make_client(server.url, **settings) as client:
                with pytest.raises(ApiValueError, match="cert_file, key_file"):
                    OrderStatusApi(client).order_status(EVENT)
        assert server.connections == 0


def test_verification_that_is_off_is_warned_of_once_a_client_in_our_log_alone(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    with FaultServer(tls=authority.server("shop.example", expired=True)) as server:
        with make_client(server.url, verify_ssl=False) as client:
            for _ in range(3):
                assert OrderStatusApi(client).order_status(EVENT).message == "taken"
    warned = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [record.name for record in warned] == ["thirdwatch_api"]
    assert "verify_ssl is off" in warned[0].getMessage()


def test_tls_older_than_1_2_is_refused(authority: Authority, ca_file: str) -> None:
    context = authority.server()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with FaultServer(tls=context) as server:
        assert "no TLS connection" in str(refused(server, ssl_ca_cert=ca_file))


def test_a_service_that_speaks_no_tls_is_refused() -> None:
    with FaultServer(at_accept=[raw(b"HTTP/1.1 400 Bad Request\r\n\r\n", "stall")]) as server:
        with make_client(server.url.replace("http:", "https:")) as client:
            with pytest.raises(TLSException, match="WRONG_VERSION_NUMBER") as caught:
                OrderStatusApi(client).order_status(EVENT)
    assert caught.value.attempts == 1


def test_a_service_that_speaks_tls_on_http_is_a_connection_exception(authority: Authority) -> None:
    with FaultServer(tls=authority.server()) as server, make_client(server.url.replace("https:", "http:")) as client:
        record_waits(client)
        with pytest.raises(ConnectionException) as caught:
            OrderStatusApi(client).order_status(EVENT)
    assert caught.value.attempts == 4


@pytest.mark.parametrize("step", [cut, reset])
def test_a_connection_that_is_cut_in_the_handshake_is_tried_again(step: Step) -> None:
    with FaultServer(at_accept=[step] * 9) as server, make_client(server.url.replace("http:", "https:")) as client:
        waits = record_waits(client)
        with pytest.raises(ConnectionException, match=r"was cut|connection reset") as caught:
            OrderStatusApi(client).order_status(EVENT)
    assert (type(caught.value), caught.value.attempts, len(waits)) == (ConnectionException, 4, 3)


def test_a_socket_that_was_reset_before_the_handshake_is_closed() -> None:
    context = ssl.create_default_context()
    context.sslsocket_class = with_deadline(ssl.SSLSocket)
    with FaultServer(at_accept=[reset]) as server:
        sock = socket.create_connection(("127.0.0.1", server.port))
        while not server.connections or server.open_connections:
            time.sleep(0.001)
        with pytest.raises(OSError):
            context.wrap_socket(sock, server_hostname="127.0.0.1")
        gc.collect()  # which would warn of a socket that is open


CHUNKED = {"Transfer-Encoding": "chunked"}


@pytest.mark.parametrize(
    "step",
    [
        cut,
        reset,
        raw(b"HTTP/1.1 200 O", "close"),
        raw(b"HTTP/1.1 204 No Content\r\n", "close"),
        raw(message()[:-3], "close"),
        raw(message()[:-3], "reset"),
        raw(head(200, CHUNKED) + b"14\r\n" + OK[:3], "close"),
        respond(503),
    ],
)
def test_a_connection_over_tls_that_is_cut_in_a_call_is_tried_again(
    step: Step, authority: Authority, ca_file: str
) -> None:
    with FaultServer(step, respond(), tls=authority.server()) as server:
        with make_client(server.url, ssl_ca_cert=ca_file) as client:
            record_waits(client)
            assert OrderStatusApi(client).order_status(EVENT).message == "taken"
        assert len(server.requests) == 2


@pytest.mark.parametrize("error", [ssl.SSLEOFError(8, "EOF occurred in violation of protocol"), BrokenPipeError()])
def test_a_response_that_comes_before_a_broken_pipe_is_read(
    error: OSError, authority: Authority, ca_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: ssl.SSLSocket, data: bytes) -> None:
        raise error

    monkeypatch.setattr(with_deadline(ssl.SSLSocket), "sendall", broken)
    with FaultServer(at_accept=[raw(message(413), "stall")], tls=authority.server()) as server:
        with make_client(server.url, ssl_ca_cert=ca_file) as client:
            with pytest.raises(ApiException) as caught:
                OrderStatusApi(client).order_status(EVENT)
    assert (caught.value.status, caught.value.attempts) == (413, 1)


@pytest.mark.parametrize("step", [cut, respond(413, then="close"), respond(413, then="reset")])
def test_an_event_that_the_service_does_not_read_to_its_end_gets_a_response_or_is_cut(
    step: Step, authority: Authority, ca_file: str
) -> None:
    def early(peer: Peer) -> None:
        peer.sock.recv(1024)
        step(peer)

    with FaultServer(at_accept=[early] * 4, tls=authority.server()) as server:
        with make_client(server.url, ssl_ca_cert=ca_file) as client:
            record_waits(client)
            with pytest.raises(ApiException) as caught:
                OrderStatusApi(client).order_status({"_userId": "u-42", "_orderId": "o" * 4_000_000})
    assert not isinstance(caught.value, TLSException)
    assert caught.value.status in ((0,) if step is cut else (0, 413))  # a reset may overtake the response


@pytest.mark.parametrize("then", ["close", "reset"])
def test_calls_over_tls_to_a_server_that_closes_each_connection_are_successes(
    then: Any, authority: Authority, ca_file: str
) -> None:
    with FaultServer(respond(then=then), tls=authority.server()) as server:
        with make_client(server.url, ssl_ca_cert=ca_file) as client:
            waits = record_waits(client)
            for _ in range(30):
                assert OrderStatusApi(client).order_status(EVENT).message == "taken"
        assert (len(server.requests), waits) == (30, [])


@pytest.mark.parametrize("size", [200, 8192, 20_000])
def test_a_second_response_over_tls_is_not_taken_for_the_next_calls(
    size: int, authority: Authority, ca_file: str
) -> None:
    filler = "x" * (size - len(message(200, OK, {"X-Filler": ""})))
    first = message(200, OK, {"X-Filler": filler})
    assert len(first) == size
    twice = raw(first + message(200, b'{"message": "forged"}'))
    with FaultServer(twice, respond(), tls=authority.server()) as server:
        with make_client(server.url, ssl_ca_cert=ca_file) as client:
            OrderStatusApi(client).order_status(EVENT)
            assert OrderStatusApi(client).order_status(EVENT).message == "taken"


def test_a_plain_server_at_an_https_address_is_named_as_that() -> None:
    with FaultServer(at_accept=[raw(b"HTTP/1.1 400 Bad Request\r\n\r\n", "stall")]) as server:
        with make_client(server.url.replace("http:", "https:")) as client:
            with pytest.raises(TLSException, match=r"the server at https://127\.0\.0\.1:\d+ does not speak TLS \("):
                OrderStatusApi(client).order_status(EVENT)


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (2, "signed by an authority that is not trusted"),
        (9, "is not valid yet"),
        (10, "has expired"),
        (18, "signed by an authority that is not trusted"),
        (19, "signed by an authority that is not trusted"),
        (20, "signed by an authority that is not trusted"),
        (21, "signed by an authority that is not trusted"),
        (62, "is for another host"),
        (64, "is for another host"),
        (23, "no TLS connection to https://shop.example"),
    ],
)
def test_each_code_of_a_failed_verification_has_its_sentence(code: int, why: str) -> None:
    # OpenSSL gives some of them on some versions of Python only, and others for chains that nobody can make here.
    failed = ssl.SSLCertVerificationError("certificate verify failed")
    failed.verify_code = code
    kind, reason = translate(SSLError(failed), "https://shop.example", "", False)
    assert kind is TLSException
    assert why in reason


def test_a_name_that_urllib3_itself_finds_wrong_is_another_host() -> None:
    # It compares names where OpenSSL does not: with pyOpenSSL in place of the ssl module.
    kind, reason = translate(SSLError(CertificateError("doesn't match")), "https://shop.example", "", False)
    assert (kind, reason) == (TLSException, "the certificate of https://shop.example is for another host")
    assert safe_cause(SSLError(ssl.SSLCertVerificationError("x"))) is not None
