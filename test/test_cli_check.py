"""``thirdwatch check``: it names what is wrong first, and what to do."""

from __future__ import annotations

import json
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from thirdwatch_api import ApiValueError, Configuration
from thirdwatch_api.sandbox import Sandbox

from .servers import Authority, FaultServer, Proxy, cut, respond
from .terminal import at_terminal, call, reach

Capture = pytest.CaptureFixture[str]

KEY = "Canary-Key-0123456789"
NAMES = ["key", "host", "proxy", "look-up", "connection", "TLS", "response", "clock", "event"]


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A service that commands in this process call."""
    with Sandbox(KEY) as sandbox:
        yield reach(sandbox, monkeypatch)


@pytest.fixture
def look(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Run the command with a key, and return what it found."""

    def look(*arguments: object) -> dict[str, Any]:
        monkeypatch.setenv("THIRDWATCH_API_KEY", KEY)
        done = call(capsys, "check", "--json", *arguments)
        assert KEY not in done.out + done.err
        found: dict[str, Any] = json.loads(done.out)
        assert list(found["steps"]) == NAMES
        assert done.code == (0 if found["ok"] else 1)
        return found

    return look


def test_ten_lines_say_that_this_machine_can_send(service: Sandbox, capsys: Capture) -> None:
    done = call(capsys, "check")
    assert (done.code, done.err) == (0, "")
    *steps, verdict = done.out.splitlines()
    assert [line.split()[1] for line in steps] == NAMES
    assert [line.split()[0] for line in steps] == ["ok"] * 8 + ["-"]
    assert verdict == "this machine can send"
    assert steps[0] == "ok      key         *** (21 characters), of THIRDWATCH_API_KEY"
    assert steps[1] == f"ok      host        {service.host}"
    assert [request.method for request in service.requests] == ["GET"]
    assert not service.requests[0].authorized


def test_the_key_is_tried_only_when_it_is_asked_for(service: Sandbox, capsys: Capture) -> None:
    done = call(capsys, "check", "--send")
    assert done.code == 0
    assert "ok      event       the key is accepted; an empty event is refused (400), as it should be\n" in done.out
    assert service.events == []
    assert service.requests[-1].authorized


def test_a_service_that_takes_the_empty_event_accepts_the_key(look: Any) -> None:
    with Sandbox(KEY, client_side_validation=False) as sandbox:
        found = look("--send", "--host", sandbox.host)
    assert found["steps"]["event"] == {"state": "ok", "text": "the key is accepted (200)"}


def test_a_key_that_the_service_does_not_know_is_wrong(look: Any) -> None:
    with Sandbox("another") as sandbox:
        found = look("--send", "--host", sandbox.host)
    assert found["wrong"] == "event"
    assert found["steps"]["event"]["text"].startswith("(401) Unauthorized")
    assert found["remedy"] == "Check THIRDWATCH_API_KEY or --key-file: the service does not know this key."


def test_without_a_key_the_rest_is_looked_at_too(service: Sandbox, capsys: Capture, monkeypatch: Any) -> None:
    monkeypatch.delenv("THIRDWATCH_API_KEY")
    done = call(capsys, "check", "--send")
    assert done.code == 1
    lines = done.out.splitlines()
    assert lines[0] == "wrong   key         none"
    assert lines[6].startswith("ok      response    404")
    assert lines[8] == "-       event       not looked at: see above"
    assert lines[9] == "key: set THIRDWATCH_API_KEY in the environment, or name a file with --key-file"


def test_a_key_of_a_file_is_named_by_its_file(service: Sandbox, capsys: Capture, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY)
    done = call(capsys, "check", "--key-file", tmp_path / "key")
    assert f"*** (21 characters), of {tmp_path / 'key'}\n" in done.out


def test_a_key_that_is_no_text_is_wrong(capsys: Capture, monkeypatch: Any) -> None:
    monkeypatch.setattr(Configuration, "get_api_key_with_prefix", _raise_bad_key)
    done = call(capsys, "check", "--host", "http://127.0.0.1:1")
    assert done.out.startswith("wrong   key         api_key: the bytes are not UTF-8\n")


def _raise_bad_key(*_: object) -> None:
    raise ApiValueError("api_key: the bytes are not UTF-8")


@pytest.mark.parametrize("host", ["", "http://shop.example", "api.thirdwatch.ai", "https://user:secret@x.example/"])
def test_a_host_that_can_not_be_one_is_wrong(host: str, look: Any) -> None:
    found = look("--host", host)
    assert found["wrong"] == "host"
    assert found["remedy"].startswith("correct host: ")
    assert "secret" not in json.dumps(found)
    assert {found["steps"][name]["state"] for name in NAMES[2:]} == {"-"}


def test_a_name_without_an_address_is_wrong(look: Any) -> None:
    found = look("--host", "https://shop.invalid/event")
    assert found["wrong"] == "look-up"
    assert found["steps"]["look-up"]["text"] == "shop.invalid has no address: Name or service not known"
    assert found["remedy"].startswith("check the spelling of shop.invalid")


def test_many_addresses_are_cut(look: Any, monkeypatch: Any) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"127.0.0.{i}", 1)) for i in range(1, 6)]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    text = look("--host", "http://127.0.0.1:1")["steps"]["look-up"]["text"]
    assert text.startswith("127.0.0.1, 127.0.0.2, 127.0.0.3 and 2 more (")


def test_a_port_where_nobody_listens_is_wrong(look: Any) -> None:
    found = look("--host", "http://127.0.0.1:1/event")
    assert found["wrong"] == "connection"
    assert found["remedy"].startswith("let this machine open connections to 127.0.0.1 port 1: a firewall")
    assert found["steps"]["response"]["state"] == "-"


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: Any) -> Authority:
    """An authority that this machine trusts."""
    authority = Authority()
    monkeypatch.setenv("SSL_CERT_FILE", authority.write(str(tmp_path / "ca.pem")))
    return authority


def test_a_certificate_is_described(trusted: Authority, look: Any) -> None:
    with FaultServer(respond(404, headers={"Date": formatdate(usegmt=True)}), tls=trusted.server()) as server:
        found = look("--host", server.url)
        assert server.requests[0].line == "GET /event/ HTTP/1.1"
    assert found["ok"]
    text = found["steps"]["TLS"]["text"]
    assert re.fullmatch(r"TLSv1\.3, certificate by trustme v[\d.]+, valid for \d+ more days", text)
    assert found["steps"]["clock"]["state"] == "ok"


def test_a_certificate_that_ends_soon_is_worth_a_look(trusted: Authority, look: Any) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    soon = datetime.now(timezone.utc) + timedelta(days=3)
    trusted.ca.issue_cert("127.0.0.1", not_after=soon).configure_cert(context)
    with FaultServer(respond(404), tls=context) as server:
        found = look("--host", server.url)
    assert found["ok"]
    assert found["steps"]["TLS"]["state"] == "unsure"


@pytest.mark.parametrize(
    ("names", "expired", "said", "remedy"),
    [
        (("127.0.0.1",), True, "certificate has expired", "check the clock of this machine; else the certificate"),
        (("another.example",), False, "IP address mismatch", "check the host: who responds is not 127.0.0.1"),
    ],
)
def test_a_certificate_that_is_wrong_has_its_remedy(
    names: tuple[str, ...], expired: bool, said: str, remedy: str, trusted: Authority, look: Any
) -> None:
    with FaultServer(tls=trusted.server(*names, expired=expired)) as server:
        found = look("--host", server.url)
    assert found["wrong"] == "TLS"
    assert said in found["steps"]["TLS"]["text"]
    assert found["remedy"].startswith(remedy)
    assert found["steps"]["response"]["state"] == "-"


def test_an_authority_that_nobody_knows_is_wrong(look: Any) -> None:
    with FaultServer(tls=Authority().server()) as server:
        found = look("--host", server.url)
    assert found["wrong"] == "TLS"
    assert found["remedy"].startswith("where a proxy inspects the traffic, set SSL_CERT_FILE")


def test_a_server_that_speaks_no_tls_is_wrong(look: Any) -> None:
    with FaultServer(at_accept=[cut, cut]) as server:
        found = look("--host", server.url.replace("http:", "https:"))
    assert found["wrong"] == "TLS"
    assert found["remedy"].startswith("let this machine speak TLS 1.2")


@pytest.mark.parametrize("credentials", ["", "user:pass-canary"])
def test_a_proxy_is_gone_through_and_its_password_is_not_shown(
    credentials: str, trusted: Authority, look: Any, monkeypatch: Any
) -> None:
    reply = respond(404, headers={"Date": formatdate(usegmt=True)})
    with FaultServer(reply, tls=trusted.server("shop.example")) as server, Proxy(server.port, credentials) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url(credentials))
        found = look("--host", "https://shop.example/event")
        assert found["steps"]["proxy"]["text"] == f"{proxy.url()}, of the environment"
        assert found["steps"]["connection"]["text"].startswith(f"127.0.0.1 port {proxy.port} (")
    assert found["ok"]
    assert "trustme" in found["steps"]["TLS"]["text"]
    assert "canary" not in json.dumps(found)


def test_a_proxy_that_wants_a_password_is_wrong(trusted: Authority, look: Any, monkeypatch: Any) -> None:
    with FaultServer(tls=trusted.server("shop.example")) as server, Proxy(server.port, "user:pass") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url())
        found = look("--host", "https://shop.example/event")
    assert found["wrong"] == "TLS"
    assert "407" in found["steps"]["TLS"]["text"]
    assert found["remedy"] == "add user and password to HTTPS_PROXY, or let the proxy allow shop.example"


def test_a_proxy_of_tls_is_not_looked_into(trusted: Authority, look: Any, monkeypatch: Any) -> None:
    with (
        FaultServer(respond(404), tls=trusted.server("shop.example")) as server,
        Proxy(server.port, tls=trusted.server()) as proxy,
    ):
        monkeypatch.setenv("HTTPS_PROXY", proxy.url())
        found = look("--host", "https://shop.example/event")
    assert found["ok"]
    assert found["steps"]["TLS"] == {"state": "-", "text": "not looked at: TLS within TLS of a proxy"}
    assert found["steps"]["response"]["text"].startswith("404 ")


@pytest.mark.parametrize(
    ("reply", "state", "text"),
    [
        (respond(503), "unsure", "503 to a request that asks for nothing"),
        (respond(200), "ok", "200 to a request that asks for nothing"),
        (respond(302, headers={"Location": "https://x.example"}), "wrong", "302, no response of the service"),
        (cut, "wrong", "was cut before"),
    ],
)
def test_what_responds_is_judged(reply: Any, state: str, text: str, look: Any) -> None:
    with FaultServer(reply) as server:
        found = look("--host", server.url)
    assert found["steps"]["response"]["state"] == state
    assert text in found["steps"]["response"]["text"]
    assert found["ok"] == (state != "wrong")


@pytest.mark.parametrize(
    ("seconds", "state", "text"),
    [
        (-3600, "wrong", "s ahead of the service's"),
        (3600, "wrong", "s behind the service's"),
        (0, "ok", "the service's"),
    ],
)
def test_a_clock_that_is_wrong_is_found_by_the_date_of_the_response(
    seconds: float, state: str, text: str, look: Any
) -> None:
    date = formatdate(time.time() + seconds, usegmt=True)
    with FaultServer(respond(404, headers={"Date": date})) as server:
        found = look("--host", server.url)
    assert found["steps"]["clock"]["state"] == state
    assert text in found["steps"]["clock"]["text"]
    assert found["wrong"] == ("clock" if seconds else None)
    assert not seconds or found["remedy"].startswith("set the clock of this machine, by NTP")


def test_a_date_that_is_none_says_nothing_of_the_clock(look: Any) -> None:
    with FaultServer(respond(404, headers={"Date": "yesterday"})) as server:
        found = look("--host", server.url)
    assert found["ok"]
    assert found["steps"]["clock"]["state"] == "-"


def test_the_lines_are_coloured_on_a_terminal(service: Sandbox) -> None:
    pytest.importorskip("rich")
    with at_terminal("check", service=service) as screen:
        assert screen.end() == 0
    assert "\x1b[32mok      key " in screen.raw
    assert screen.text.splitlines()[-1] == "this machine can send"
