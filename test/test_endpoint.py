"""Where a call goes: which hosts and files are refused, with which words, and which limits a connection keeps."""

from __future__ import annotations

import socket
import threading
import traceback
from pathlib import Path
from typing import Any

import pytest

from thirdwatch_api import ApiValueError, ConnectionException, OrderStatusApi, TimeoutException

from .programs import run_script
from .servers import (
    EVENT,
    PATIENCE,
    Authority,
    Clock,
    FaultServer,
    Stopwatch,
    closed_port,
    cut,
    eventually,
    full_backlog,
    in_time,
    latest,
    make_client,
    message,
    record_waits,
    respond,
)


def refusal(host: str, **settings: Any) -> ApiValueError:
    with make_client(host, retries=0, **settings) as client, pytest.raises(ApiValueError) as caught:
        OrderStatusApi(client).order_status(EVENT)
    return caught.value


UNREADABLE = [
    "https://[{}",
    "https://{}:99999/event",
    "https://{}]/event",
    "http://user:{}@[::1/event",
]


@pytest.mark.parametrize("form", UNREADABLE)
def test_a_traceback_does_not_show_a_host_that_is_no_url(form: str) -> None:
    error = refusal(form.format("canary"))
    assert "canary" not in "".join(traceback.format_exception(error))


@pytest.mark.parametrize("host", ["https://", "https:///event", "http:///event", "https://:443/event"])
def test_a_url_without_a_host_is_refused(host: str) -> None:
    assert str(refusal(host)).startswith("host: ")


@pytest.mark.parametrize("host", ["http://evil.localhost", "http://evil.localhost:8080/event", "http://a.b.localhost"])
def test_a_name_below_localhost_is_no_loopback(host: str) -> None:
    # The system may ask a DNS server for it, and the key would go wherever that says.
    text = str(refusal(host))
    assert "http:// would send the API key unencrypted" in text
    assert "allow_insecure_http" in text


@pytest.mark.parametrize("host", ["http://localhost", "http://LOCALHOST", "http://127.0.0.1", "http://[::1]"])
def test_loopback_needs_neither_tls_nor_a_proxy(host: str) -> None:
    settings: dict[str, Any] = {"retries": 0, "proxy": f"http://127.0.0.1:{closed_port()}"}
    with make_client(f"{host}:{closed_port()}", **settings) as client:
        with pytest.raises(ConnectionException, match="no connection to"):
            OrderStatusApi(client).order_status(EVENT)


def test_a_certificate_file_that_is_not_there_is_refused_with_the_systems_reason(tmp_path: Path) -> None:
    host, nowhere = "https://127.0.0.1", str(tmp_path / "nowhere.pem")
    assert "(No such file or directory)" in str(refusal(host, ssl_ca_cert=nowhere))
    assert str(refusal(host, cert_file=nowhere)) == "cert_file, key_file: can't be read (No such file or directory)"


def test_a_certificate_file_that_holds_none_is_refused_with_openssls_reason(tmp_path: Path) -> None:
    host, wrong = "https://127.0.0.1", tmp_path / "wrong.pem"
    wrong.write_text("no certificate")
    for error in (refusal(host, ssl_ca_cert=str(wrong)), refusal(host, cert_file=str(wrong))):
        text = str(error)
        assert text[text.index("(") :] not in ("()", "(None)")
        assert any(word in text for word in ("PEM", "NO_CERTIFICATE", "SSL"))


def test_an_encrypted_private_key_is_refused_and_nobody_is_asked_for_its_password(tmp_path: Path) -> None:
    files = Authority().ca.issue_cert("client@shop.example")
    path = tmp_path / "client.pem"
    files.cert_chain_pems[0].write_to_path(str(path))
    locked = tmp_path / "locked.key"
    locked.write_text(LOCKED)
    error = refusal("https://127.0.0.1", cert_file=str(path), key_file=str(locked))
    assert str(error) == "cert_file, key_file: can't be read (the private key is encrypted)"


LOCKED = """-----BEGIN RSA PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF

AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
-----END RSA PRIVATE KEY-----
"""


def test_the_codec_of_names_is_imported_while_nobody_can_fork() -> None:
    # The look-up of the host would import it otherwise: a child that is forked meanwhile waits for ever.
    script = """
    import sys, threading
    from thirdwatch_api import ApiClient, Configuration, OrderStatus, OrderStatusApi
    from thirdwatch_api._lazy import FORK_LOCK

    could_fork = []

    class Watch:
        def find_spec(self, name, path=None, target=None):
            if name == "encodings.idna":
                other = threading.Thread(target=lambda: could_fork.append(FORK_LOCK.acquire(blocking=False)))
                other.start()
                other.join()

    sys.meta_path.insert(0, Watch())
    client = ApiClient(configuration=Configuration(host=sys.argv[1], api_key="k"))
    OrderStatusApi(client).order_status(OrderStatus(user_id="u", order_id="o", order_status="s"))
    print(could_fork)
    """
    with FaultServer() as server:
        done = run_script(script, server.url)
    assert (done.stdout, done.stderr) == ("[False]\n", "")


@in_time
def test_a_call_that_waited_for_a_place_connects_within_what_is_left_of_its_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waiting = threading.Event()

    def respond_late(peer: Any) -> None:
        waiting.wait(PATIENCE)
        peer.closing.wait(0.3)
        peer.send(message(headers={"Connection": "close"}))
        peer.hang_up()

    settings: dict[str, Any] = {"connection_pool_maxsize": 1, "timeout": PATIENCE, "deadline": PATIENCE, "retries": 0}
    with full_backlog() as port, FaultServer(respond_late) as server, make_client(server.url, **settings) as client:
        first: Any = OrderStatusApi(client).order_status(EVENT, callback=lambda result: None)
        eventually(lambda: server.requests)
        address = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port))
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: [address])
        waiting.set()
        with Stopwatch() as watch, pytest.raises(TimeoutException):
            OrderStatusApi(client).order_status(EVENT, _deadline=0.5)
        assert first.result(PATIENCE).message == "taken"
    watch.check(latest(0.5))


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_a_fresh_connection_that_is_cut_is_backed_off_from(tls: bool, clock: Clock, tmp_path: Path) -> None:
    authority = Authority()
    settings: dict[str, Any] = {"ssl_ca_cert": authority.write(str(tmp_path / "ca.pem"))} if tls else {}
    with FaultServer(respond(), cut, respond(), tls=authority.server() if tls else None) as server:
        with make_client(server.url, idle_timeout=600, deadline=PATIENCE, **settings) as client:
            waits = record_waits(client)
            OrderStatusApi(client).order_status(EVENT)
            clock.advance(601)  # the kept connection is not used again: the next one is fresh
            OrderStatusApi(client).order_status(EVENT)
        assert [request.connection for request in server.requests] == [1, 2, 3]
    assert len(waits) == 1
    assert 0.2 <= waits[0] <= 0.4
