"""``thirdwatch outbox`` and ``thirdwatch relay``, on files and by SQLAlchemy."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from thirdwatch_api import CreateAccount
from thirdwatch_api.cli import _screen
from thirdwatch_api.cli._output import Output
from thirdwatch_api.outbox import Outbox, OutboxException
from thirdwatch_api.sandbox import Sandbox

from .delivery import event, events
from .servers import eventually
from .terminal import LIMIT, Done, at_terminal, call, reach, run, started

Capture = pytest.CaptureFixture[str]

PERSONAL = "Mrs. Canary"


@pytest.fixture(params=["file", "sqlalchemy"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an outbox is that has its tables, and is empty."""
    if request.param == "file":
        place = str(tmp_path / "outbox.db")
    else:
        pytest.importorskip("sqlalchemy")
        place = f"sqlite:///{tmp_path / 'shop.db'}"
    with Outbox(place) as outbox:
        outbox.create()
    return place


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A service that commands in this process call."""
    with Sandbox("Canary-Key-0123456789") as sandbox:
        yield reach(sandbox, monkeypatch)


def fill(place: str, *, dead: int = 0, pending: int = 0) -> None:
    """Put events into an outbox; the dead ones have the first numbers."""
    with Outbox(place) as outbox:
        for number in range(1, dead + pending + 1):
            outbox.add(CreateAccount(user_id=f"u-{number}", first_name=PERSONAL), key=f"o-{number}")
        for number in range(1, dead + 1):
            outbox._store.mark_dead(number, time.time(), "(400) Bad Request")


def test_status_says_what_waits_and_why(place: str, capsys: Capture) -> None:
    fill(place, pending=2)
    done = call(capsys, "outbox", "status", place)
    assert (done.code, done.err) == (0, "")
    assert re.fullmatch(
        r"waiting  2, the oldest for \d+ s\ndead     0\nrelay    none\nwhy      no relay is running\n", done.out
    )
    status = json.loads(call(capsys, "outbox", "status", place, "--json").out)
    assert (status["pending"], status["dead"], status["ok"], status["problems"]) == (2, 0, True, [])


def test_status_of_an_empty_outbox_is_good(place: str, capsys: Capture) -> None:
    done = call(capsys, "outbox", "status", place)
    assert done == Done(0, "waiting  0\ndead     0\nrelay    none\n", "")


def test_status_is_bad_for_monitors_where_events_are_dead(place: str, capsys: Capture) -> None:
    fill(place, dead=1)
    done = call(capsys, "outbox", "status", place)
    assert done.code == 1
    assert "wrong    1 dead: see `thirdwatch outbox list --state dead`" in done.out
    assert json.loads(call(capsys, "outbox", "status", place, "--json").out)["ok"] is False


def test_status_is_bad_for_monitors_where_an_event_waits_for_too_long(place: str, capsys: Capture) -> None:
    fill(place, pending=1)
    with Outbox(place) as outbox:
        outbox.executor.write("UPDATE thirdwatch_outbox SET created = created - 100000")
    done = call(capsys, "outbox", "status", place, "--max-age", "300")
    assert done.code == 1
    assert "an event waits for 1 d 3 h, more than 5 min" in done.out
    assert call(capsys, "outbox", "status", place, "--max-age", "2d").code == 0


def test_status_says_until_when_a_relay_waits(place: str, capsys: Capture) -> None:
    fill(place, pending=1)
    with Outbox(place) as outbox:
        from thirdwatch_api.outbox._store import Part

        outbox._store.note_leader(Part(0, 1), "me")
        outbox._store.note_pause(Part(0, 1), 4_000_000_000, "(503) Service Unavailable")
    done = call(capsys, "outbox", "status", place)
    assert "paused   until 2096-10-02 07:06:40Z\n" in done.out
    assert "why      no relay is running; the last one waited: (503) Service Unavailable\n" in done.out


def test_list_shows_the_dead_first_and_nothing_of_what_they_hold(place: str, capsys: Capture) -> None:
    fill(place, dead=1, pending=2)
    done = call(capsys, "outbox", "list", place)
    head, *rows = [line.split() for line in done.out.splitlines()]
    assert head == ["id", "state", "kind", "order", "added", "tries", "reason"]
    assert [row[:4] for row in rows] == [
        ["1", "dead", "create_account", "o-1"],
        ["2", "pending", "create_account", "o-2"],
        ["3", "pending", "create_account", "o-3"],
    ]
    assert rows[0][6:] == ["1", "(400)", "Bad", "Request"]
    assert PERSONAL not in done.out + call(capsys, "outbox", "list", place, "--json").out


def test_list_is_narrowed(place: str, capsys: Capture) -> None:
    fill(place, dead=2, pending=3)

    def ids(*arguments: str) -> list[int]:
        lines = call(capsys, "outbox", "list", place, "--json", *arguments).out.splitlines()
        return [json.loads(line)["id"] for line in lines]

    assert ids() == [1, 2, 3, 4, 5]
    assert ids("--state", "dead") == [1, 2]
    assert ids("--order", "o-4") == [4]
    assert ids("--limit", "1") == [1, 3]
    assert call(capsys, "outbox", "list", place, "--limit", "2").err == "these are the first 2; --limit shows more\n"
    assert call(capsys, "outbox", "list", place, "--order", "none") == Done(0, "", "no such event\n")


def test_list_of_an_empty_outbox_says_so(place: str, capsys: Capture) -> None:
    assert call(capsys, "outbox", "list", place) == Done(0, "", "the outbox is empty\n")
    assert call(capsys, "outbox", "list", place, "--quiet") == Done(0, "", "")


def test_show_masks_what_reveal_shows(place: str, capsys: Capture) -> None:
    fill(place, dead=1)
    masked = call(capsys, "outbox", "show", place, "1")
    assert masked.code == 0
    assert "id       1\nstate    dead\nkind     create_account\norder    o-1\n" in masked.out
    assert "error    (400) Bad Request\n" in masked.out
    assert "event    CreateAccount(user_id='u-1', first_name=***)\n" in masked.out
    assert PERSONAL not in masked.out + call(capsys, "outbox", "show", place, "1", "--json").out
    revealed = call(capsys, "outbox", "show", place, "--reveal", "1")
    assert 'event    {"_userId": "u-1", "_firstName": "Mrs. Canary"}\n' in revealed.out
    shown = json.loads(call(capsys, "outbox", "show", place, "1", "--reveal", "--json").out)
    assert shown["event"] == {"_userId": "u-1", "_firstName": PERSONAL}
    assert (shown["id"], shown["state"], shown["attempts"]) == (1, "dead", 1)


def test_options_may_stand_between_the_outbox_and_the_number(place: str, capsys: Capture) -> None:
    fill(place, pending=1)
    assert call(capsys, "outbox", "show", place, "--reveal", "1").code == 0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["show", "PLACE", "7"], 1, "there is no event 7: it was sent or deleted, or never was"),
        (["show", "PLACE"], 2, "which event? Name one number, as `thirdwatch outbox list` shows it"),
        (["show", "PLACE", "1", "2"], 2, "which event? Name one number, as `thirdwatch outbox list` shows it"),
        (["show", "PLACE", "x"], 2, "expected the number of an event, as `thirdwatch outbox list` shows it, got 'x'"),
        (
            ["show", "PLACE", "9" * 19],
            2,
            f"expected the number of an event, as `thirdwatch outbox list` shows it, got '{'9' * 19}'",
        ),
        (["replay", "PLACE"], 2, "which events? Name their numbers, or say --all"),
        (["replay", "PLACE", "1", "--all"], 2, "which events? Name their numbers, or say --all"),
    ],
)
def test_a_number_that_is_none_is_explained(
    words: list[str], code: int, said: str, place: str, capsys: Capture
) -> None:
    done = call(capsys, "outbox", *(place if word == "PLACE" else word for word in words))
    assert done == Done(code, "", f"thirdwatch outbox {words[0]}: {said}\n")


def test_replay_lets_dead_events_wait_again(place: str, capsys: Capture) -> None:
    fill(place, dead=3, pending=1)
    assert call(capsys, "outbox", "replay", place, "1") == Done(0, "1 wait again; no relay is running\n", "")
    some = call(capsys, "outbox", "replay", place, "1", "2", "4")
    assert some.code == 1
    assert some.err == "2 of the 3 named events are not dead: they wait, or are gone\n"
    assert json.loads(call(capsys, "outbox", "replay", place, "--all", "--json").out) == {"replayed": 1}
    assert json.loads(call(capsys, "outbox", "status", place, "--json").out)["pending"] == 4


def test_purge_deletes_only_what_died_long_ago(place: str, capsys: Capture) -> None:
    fill(place, dead=2, pending=1)
    with Outbox(place) as outbox:
        outbox.executor.write("UPDATE thirdwatch_outbox SET dead = dead - 1000000 WHERE id = 1")
    assert call(capsys, "outbox", "purge", place, "--older-than", "10d") == Done(0, "1 deleted\n", "")
    assert json.loads(call(capsys, "outbox", "purge", place, "--older-than", "0s", "--json").out) == {"deleted": 1}
    assert json.loads(call(capsys, "outbox", "status", place, "--json").out)["pending"] == 1


def test_check_finds_nothing_wrong(place: str, capsys: Capture) -> None:
    done = call(capsys, "outbox", "check", place)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("nothing is wrong with ")
    assert json.loads(call(capsys, "outbox", "check", place, "--json").out) == {"ok": True, "problems": []}


def test_check_finds_a_damaged_file(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "outbox.db"
    path.write_bytes(b"no database" * 1000)
    done = call(capsys, "outbox", "check", path)
    assert done.code == 1
    assert "is damaged" in done.out
    listing = call(capsys, "outbox", "list", path)
    assert (listing.code, listing.out) == (3, "")
    assert listing.err.startswith("thirdwatch outbox list: the outbox ")


def test_check_finds_that_tables_are_missing_and_create_makes_them(tmp_path: Path, capsys: Capture) -> None:
    pytest.importorskip("sqlalchemy")
    place = f"sqlite:///{tmp_path / 'shop.db'}"
    (tmp_path / "shop.db").touch()
    assert call(capsys, "outbox", "check", place).code == 1
    without = call(capsys, "outbox", "status", place)
    assert without.code == 3
    assert "the outbox has no tables" in without.err
    assert call(capsys, "outbox", "create", place) == Done(0, "the database has the tables of an outbox\n", "")
    assert json.loads(call(capsys, "outbox", "create", place, "--json").out) == {"created": True}
    assert call(capsys, "outbox", "check", place).code == 0


def test_salvage_copies_what_can_be_read(tmp_path: Path, capsys: Capture) -> None:
    damaged, new = str(tmp_path / "damaged.db"), str(tmp_path / "new.db")
    fill(damaged, dead=1, pending=3)
    done = call(capsys, "outbox", "salvage", damaged, new)
    assert done == Done(0, f"3 events of {damaged} wait in {new}\n", "")
    assert json.loads(call(capsys, "outbox", "salvage", damaged, new, "--json").out) == {"salvaged": 3}
    same = call(capsys, "outbox", "salvage", damaged, damaged)
    assert same.code == 2
    assert "can't take its own events" in same.err
    assert call(capsys, "outbox", "salvage", tmp_path / "none.db", new).code == 2


def test_the_outbox_may_be_named_by_the_environment_or_a_file(
    place: str, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(place, dead=1)
    path = tmp_path / "url"
    path.write_text(f"{place}\n")
    assert call(capsys, "outbox", "show", "1", "--url-file", path).code == 0
    monkeypatch.setenv("THIRDWATCH_OUTBOX", place)
    assert call(capsys, "outbox", "show", "1").code == 0
    assert call(capsys, "outbox", "replay", "1").code == 0
    twice = call(capsys, "outbox", "status", place, "--url-file", path)
    assert twice.err.endswith("the outbox is named twice: by an argument and by --url-file\n")


def test_an_outbox_that_is_not_named_or_not_there_is_explained_and_not_made(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    which = call(capsys, "outbox", "status")
    assert which.code == 2
    assert "which outbox? Name its file or URL, or set THIRDWATCH_OUTBOX" in which.err
    for name in ("typo.db", "sqlite:///typo.db"):
        missing = call(capsys, "outbox", "status", name)
        assert missing.code == 2
        assert "there is no file typo.db; an outbox is made by the program" in missing.err
    assert list(tmp_path.iterdir()) == []


def test_a_password_in_the_url_is_warned_of_and_never_shown(capsys: Capture) -> None:
    pytest.importorskip("psycopg")
    done = call(capsys, "outbox", "status", "postgresql+psycopg://shop:Canary-Password@127.0.0.1:1/shop")
    assert done.code == 3
    assert done.err.startswith("warning: `ps` shows the password in the URL to everybody: use $THIRDWATCH_OUTBOX")
    assert "Canary-Password" not in done.err + done.out


def test_a_cipher_opens_what_the_shop_encrypted(tmp_path: Path, capsys: Capture) -> None:
    fernet = pytest.importorskip("cryptography.fernet")
    key, other = (fernet.Fernet.generate_key() for _ in range(2))
    path, keys = tmp_path / "outbox.db", tmp_path / "keys"
    with Outbox(path, cipher=fernet.Fernet(key)) as outbox:
        outbox.add(event())
    keys.write_bytes(other + b"\n" + key + b"\n")
    done = call(capsys, "outbox", "show", path, "1", "--cipher-file", keys)
    assert "OrderStatus(user_id='u-42'" in done.out
    sealed = call(capsys, "outbox", "show", path, "1")
    assert (sealed.code, sealed.out) == (3, "")
    keys.write_text("no key")
    bad = call(capsys, "outbox", "show", path, "1", "--cipher-file", keys)
    assert bad == Done(
        2, "", f"thirdwatch outbox show: {keys}: expected Fernet keys, one in a line, the newest first\n"
    )
    none = call(capsys, "outbox", "show", path, "1", "--cipher-file", tmp_path / "none")
    assert "can't read the keys: " in none.err


def test_a_cipher_needs_cryptography(tmp_path: Path) -> None:
    from .test_cli import without

    (tmp_path / "outbox.db").touch()
    done = run(
        "outbox",
        "show",
        "outbox.db",
        "1",
        "--cipher-file",
        "k",
        cwd=tmp_path,
        variables=without(tmp_path, "cryptography"),
    )
    assert (done.code, done.out) == (2, "")
    assert done.err.endswith("--cipher-file: cryptography is missing: pip install cryptography\n")


def test_a_relay_sends_what_waits_and_ends_when_nothing_is_left(place: str, service: Sandbox, capsys: Capture) -> None:
    with Outbox(place) as outbox:
        outbox.add_all(events(20, 3))
    done = call(capsys, "relay", place, "--until-empty", "--threads", "4", "--rate", "500", "--lease", "5s")
    assert (done.code, done.out) == (0, "sent 20, dead 0, left 0\n")
    assert re.match(r"relay of .*: 20 events wait; Ctrl-C or SIGTERM ends it\n", done.err)
    assert len(service.events) == 20


def test_a_relay_says_what_it_gives_up(place: str, service: Sandbox, capsys: Capture) -> None:
    fill(place, pending=2)
    service.fail(400, body={"error": f"bad name {PERSONAL}"})
    done = call(capsys, "relay", place, "--until-empty", "--threads", "1", "--json")
    assert (done.code, json.loads(done.out)) == (0, {"sent": 1, "dead": 1, "left": 0})
    assert "gave up event 1 (create_account, order o-1): (400) Bad Request" in done.err
    assert PERSONAL not in done.err


def test_a_relay_says_by_its_exit_code_that_events_are_left(place: str, service: Sandbox, capsys: Capture) -> None:
    fill(place, pending=1)
    service.fail(503, times=100, headers={"Retry-After": "60"})
    done = call(capsys, "relay", place, "--until-empty", "--seconds", "3", "--quiet")
    assert (done.code, done.out) == (1, "sent 0, dead 0, left 1\n")
    assert done.err == ""


def test_parts_are_sent_by_relays_of_their_own(place: str, service: Sandbox, capsys: Capture) -> None:
    with Outbox(place) as outbox:
        outbox.add_all(events(40, 40))
    first = json.loads(call(capsys, "relay", place, "--part", "0/2", "--until-empty", "--json").out)
    assert 0 < first["sent"] < 40
    second = json.loads(call(capsys, "relay", place, "--part", "1/2", "--until-empty", "--json").out)
    assert first["sent"] + second["sent"] == 40


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_relay_after_the_calls_under_way(place: str, number: signal.Signals, service: Sandbox) -> None:
    fill(place, pending=1)
    service.fail(None, delay=0.3)
    with started("relay", place, service=service) as process:
        eventually(lambda: service.requests or process.poll() is not None)
        process.send_signal(number)
        out, err = process.communicate()
    assert (process.returncode, out) == (0, "sent 1, dead 0, left 0\n")
    assert err.count("\n") == 1
    assert len(service.events) == 1


def test_a_second_signal_ends_a_relay_at_once(place: str, service: Sandbox) -> None:
    fill(place, pending=1)
    service.fail(None, delay=20)
    with started("relay", place, service=service) as process:
        eventually(lambda: not service._scripts or process.poll() is not None)
        process.send_signal(signal.SIGTERM)
        while process.poll() is None:
            process.send_signal(signal.SIGTERM)
            time.sleep(0.02)
        assert process.returncode == -signal.SIGTERM
    service.close()


def test_a_relay_makes_the_file_that_a_shop_has_not_made_yet(tmp_path: Path, service: Sandbox, capsys: Capture) -> None:
    path = tmp_path / "outbox.db"
    done = call(capsys, "relay", path, "--until-empty", "--quiet")
    assert (done.code, done.out) == (0, "sent 0, dead 0, left 0\n")
    assert path.stat().st_mode & 0o777 == 0o600 or os.name != "posix"


def test_a_relay_reports_now_and_then(place: str, service: Sandbox, capsys: Capture, monkeypatch: Any) -> None:
    fill(place, pending=1)
    reported = threading.Event()
    state = _screen.Screen._state
    texts: list[str] = []

    def watched(screen: _screen.Screen, per_second: float) -> str:
        texts.append(state(screen, per_second))
        if texts[-2:] == [texts[-1]] * 2:
            reported.set()
        return texts[-1]

    monkeypatch.setattr(_screen, "_PLAIN", 0.01)
    monkeypatch.setattr(_screen.Screen, "_state", watched)
    service._service._on_request = lambda _: reported.wait(LIMIT)  # until the same was found twice, and shown once
    done = call(capsys, "relay", place, "--until-empty")
    assert re.search(r"^sent 0 \(0/s\)   dead 0   waiting 1(   no relay is running)?$", done.err, re.MULTILINE)
    assert len(re.findall(r"waiting 1$", done.err, re.MULTILINE)) <= 1
    assert done.out == "sent 1, dead 0, left 0\n"


def test_a_report_goes_on_when_the_database_does_not(
    place: str, service: Sandbox, capsys: Capture, monkeypatch: Any
) -> None:
    class Broken:
        def status(self) -> None:
            raise OutboxException(reason="the database is away")

    screen = _screen.Screen(Output(), Broken())  # type: ignore[arg-type]  # the one method that it calls
    assert screen._state(2.0) == "sent 0 (2/s)   dead 0   the database is away"


def test_a_relay_draws_its_state_on_a_terminal_and_ctrl_c_ends_it(place: str, service: Sandbox) -> None:
    pytest.importorskip("rich")
    fill(place, pending=3)
    with at_terminal("relay", place, service=service) as screen:
        screen.wait_for(lambda text: re.search(r"sent 3 .* waiting 0", text))
        screen.type("\x03")
        assert screen.end() == 0
    assert screen.text.splitlines()[-1] == "sent 3, dead 0, left 0"


def test_what_a_relay_gives_up_stands_on_a_line_of_its_own(place: str, service: Sandbox) -> None:
    pytest.importorskip("rich")
    fill(place, pending=2)
    service.fail(400, times=2)
    with at_terminal("relay", place, service=service) as screen:
        screen.wait_for(lambda text: re.search(r"sent 0 .* dead 2 .* waiting 0", text))
        screen.type("\x03")
        assert screen.end() == 0
    lines = screen.text.splitlines()
    given_up = sorted(line[:15] for line in lines if "gave up" in line)
    assert given_up == ["gave up event 1", "gave up event 2"]


def test_what_looks_like_markup_is_shown_as_it_is(place: str) -> None:
    pytest.importorskip("rich")
    with Outbox(place) as outbox:
        outbox.add(event("[bold]x[/bold]" + "y" * 90))
    with at_terminal("outbox", "list", place) as screen:
        assert screen.end() == 0
    assert "[bold]x[/bold]" in screen.text
    assert screen.text.count("y") == 90


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_another_user_is_warned_of(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "outbox.db"
    fill(str(path), pending=1)
    os.chown(path, 65534, 65534)
    assert call(capsys, "outbox", "status", path).err.startswith(f"warning: {path} belongs to another user")


def test_a_folder_that_is_missing_is_one_line(tmp_path: Path, service: Sandbox, capsys: Capture) -> None:
    done = call(capsys, "relay", tmp_path / "none" / "outbox.db")
    assert (done.code, done.out) == (3, "")
    assert "No such file or directory" in done.err
    assert done.err.count("\n") == 1


def test_no_key_and_no_person_is_in_the_output_of_any_command(place: str, service: Sandbox, capsys: Capture) -> None:
    fill(place, dead=1, pending=1)
    shown = ""
    for arguments in (["status"], ["list"], ["check"], ["show", "1"], ["show", "2"], ["replay", "1"]):
        done = call(capsys, "outbox", arguments[0], place, *arguments[1:], "--debug")
        shown += done.out + done.err
    done = call(capsys, "relay", place, "--until-empty", "--debug")
    shown += done.out + done.err
    assert "sent 2" in shown
    assert PERSONAL not in shown
    assert service.api_key not in shown


def test_ps_shows_no_key_of_a_relay(place: str, service: Sandbox) -> None:
    processes = Path("/proc")
    if not processes.exists():
        pytest.skip("this system shows no command lines there")
    with started("relay", place, service=service) as process:
        assert process.stderr
        process.stderr.readline()
        shown = (processes / str(process.pid) / "cmdline").read_text()
        process.send_signal(signal.SIGTERM)
        process.communicate()
    assert "relay" in shown
    assert service.api_key not in shown


def test_find_returns_an_event_by_its_number(place: str) -> None:
    fill(place, dead=1, pending=1)
    with Outbox(place) as outbox:
        first, second = outbox.find(1), outbox.find(2)
        assert outbox.find(3) is None
    assert first is not None
    assert second is not None
    assert (first.state, second.state) == ("dead", "pending")
    assert first.event == CreateAccount(user_id="u-1", first_name=PERSONAL)
