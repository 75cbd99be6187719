"""What disks, files, forks and kills do to an outbox in a file."""

from __future__ import annotations

import gc
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from thirdwatch_api import OutboxCorruptException, OutboxException, OutboxFullException
from thirdwatch_api._lazy import FORK_LOCK
from thirdwatch_api.outbox import Outbox, Relay, RelayResult, drain, salvage
from thirdwatch_api.outbox import _lock as lock_module
from thirdwatch_api.outbox import _salvage as salvage_module
from thirdwatch_api.outbox import _sqlite as sqlite_module
from thirdwatch_api.outbox._store import Part

from .delivery import QUICK, Service, event, events
from .programs import run_script
from .servers import OK, Peer, respond
from .test_outbox_relay import running, settle, until

FORKS = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "thirdwatch.db"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Relay, "_timing", QUICK)


def fill(outbox: Outbox, most: int = 100_000) -> int:
    """Add events until no more fit."""
    for number in range(most):
        try:
            outbox.add(event(number % 50, number))
        except OutboxFullException as error:  # noqa: PERF203 - each may be the last
            assert "takes no event" in str(error)
            return number
    raise AssertionError("it never was full")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("no right to mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_refuses_what_is_new_and_delivers_what_it_took(small_disk: Path) -> None:
    with Outbox(small_disk / "x.db") as outbox, Service() as service:
        outbox.create()
        (small_disk / "other").write_bytes(bytes(6 << 20))
        number = fill(outbox)
        assert number > 300
        # Somebody else takes the rest.
        with (small_disk / "filler").open("wb", buffering=0) as filler, suppress(OSError):
            while filler.write(bytes(4096)):
                pass
        with pytest.raises(OutboxFullException, match="the disk is full"):
            outbox.add(event())
        assert settle(outbox, service) == RelayResult(number, 0, 0)
        assert (service.out_of_order, service.twice) == ([], 0)
        outbox.add(event())


def test_max_bytes_bounds_the_file_and_room_comes_back(path: Path) -> None:
    with Outbox(path, max_bytes=200_000, fsync=False) as outbox, Service() as service:
        number = fill(outbox)
        assert path.stat().st_size <= 200_000
        with pytest.raises(OutboxFullException, match="max_bytes is reached"):
            outbox.add_all(events(1000, 10))
        assert outbox.status().pending == number
        assert settle(outbox, service).sent == number
        outbox.add(event())


def test_a_limit_on_the_size_of_files_empties_the_log_and_tries_again(path: Path) -> None:
    program = """
        import resource, sys
        from test.delivery import event
        from thirdwatch_api.outbox import Outbox
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
        outbox = Outbox(sys.argv[1], fsync=False)
        outbox.create()
        reader = outbox.executor.for_relay()
        for i in range(600):
            outbox.add(event(i, i))
        print(outbox.status().pending, outbox.check())
        outbox.close()
        reader.close()
    """
    assert run_here(program, str(path)) == "600 []\n"


def test_a_disk_without_any_room_takes_no_new_file(path: Path) -> None:
    program = """
        import resource, sys
        from test.delivery import event
        from thirdwatch_api.outbox import Outbox, OutboxFullException
        outbox = Outbox(sys.argv[1])
        outbox._row(event(), None, None)  # what is imported may be compiled, and written
        import thirdwatch_api.outbox._sqlite
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, most))
        try:
            outbox.add(event())
        except OutboxFullException as error:
            print(type(error).__name__)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        outbox.add(event())
        print(outbox.status().pending)
        outbox.close()
    """
    assert run_here(program, str(path)) == "OutboxFullException\n1\n"


def run_here(program: str, *arguments: str, measured: bool = True) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore:This process:DeprecationWarning", "-c", textwrap.dedent(program), *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env={name: value for name, value in os.environ.items() if measured or not name.startswith("COVERAGE")}
        | {"PYTHONPATH": str(Path(__file__).parents[1])},
    )
    assert done.stderr == ""
    return done.stdout


def corrupt(path: Path, first: int, last: int) -> None:
    """Overwrite pages, as a disk that dies does."""
    with path.open("r+b") as file:
        for page in range(first, last):
            file.seek(page * 4096)
            file.write(b"\xde\xad" * 2048)


def filled(path: Path, count: int = 1000) -> None:
    with Outbox(path, fsync=False) as outbox:
        outbox.add_all(events(count, 20))
    assert not path.with_name(path.name + "-wal").exists()


def test_a_file_that_is_no_outbox_is_refused(path: Path) -> None:
    path.write_bytes(b"a letter to the bank\n" * 1000)
    with Outbox(path) as outbox, pytest.raises(OutboxCorruptException, match=r"is damaged .*not a database"):
        outbox.add(event())
    assert path.read_bytes().startswith(b"a letter")
    with (
        Outbox(path.with_name("new.db")) as new,
        pytest.raises(OutboxCorruptException, match="restore a backup"),
    ):
        salvage(path, new)


def test_a_file_that_was_cut_in_half_is_not_guessed_at(path: Path) -> None:
    filled(path)
    os.truncate(path, path.stat().st_size // 2)
    with Outbox(path) as outbox, pytest.raises(OutboxCorruptException, match="move it and its -wal file away"):
        outbox.status()
    with (
        Outbox(path) as outbox,
        Service() as service,
        service.client() as client,
        pytest.raises(OutboxCorruptException),
    ):
        drain(outbox, api_client=client)


def test_a_damaged_page_is_found_by_check_and_the_rest_is_rescued_in_order(path: Path) -> None:
    filled(path)
    with Outbox(path) as outbox:
        assert outbox.check() == []
    corrupt(path, 20, 23)
    with Outbox(path) as outbox, pytest.raises(OutboxCorruptException, match=r"thirdwatch_api\.outbox\.salvage"):
        for _ in range(3):
            assert any("the file is damaged" in problem for problem in outbox.check())
            outbox.events("pending", limit=1000)
    with Outbox(path.with_name("new.db")) as new, Service() as service:
        rescued = salvage(path, new)
        assert 700 < rescued < 1000
        assert new.status().pending == rescued
        assert settle(new, service).sent == rescued
        assert service.out_of_order == []


def test_a_file_that_never_held_an_event_has_none_to_rescue(path: Path) -> None:
    with Outbox(path) as outbox:
        outbox.create()
    with Outbox(path.with_name("new.db")) as new:
        assert salvage(path, new) == 0


def test_what_died_is_not_sent_by_a_rescue(path: Path) -> None:
    with Outbox(path) as outbox, Service(lambda _: 400) as service:
        outbox.add(event("o-1", 1))
        settle(outbox, service)
        outbox.add(event("o-1", 2))
    with Outbox(path.with_name("new.db")) as new:
        assert salvage(path, new) == 1
        assert '_orderStatus":"2' in new.events("pending")[0].body


def test_a_rescue_of_nothing_is_none(path: Path) -> None:
    with Outbox(path) as outbox, Service() as service:
        outbox.add(event())
        settle(outbox, service)
    with Outbox(path.with_name("new.db")) as new:
        assert salvage(path, new) == 0


def test_a_file_that_nobody_may_write_refuses_at_once() -> None:
    folder = tempfile.TemporaryDirectory()  # the user nobody may not look into those of pytest
    path = Path(folder.name, "thirdwatch.db")
    filled(path, 1)
    program = """
        import os, sys
        from test.delivery import event
        from thirdwatch_api.outbox import Outbox, OutboxException
        made, path = event(), sys.argv[1]
        outbox = Outbox(path)
        outbox._row(made, None, None)  # imports what a user without rights could not
        import thirdwatch_api.outbox._sqlite
        if os.getuid() == 0:
            os.chown(path, 65534, 65534)
            os.chown(os.path.dirname(path), 65534, 65534)
            os.setuid(65534)
        os.chmod(path, 0o400)
        try:
            outbox.add(made)
        except OutboxException as error:
            print(type(error).__name__, "readonly database" in str(error))
        outbox.close()
    """
    assert run_here(program, str(path), measured=False) == "OutboxException True\n"
    folder.cleanup()


def test_a_folder_that_is_missing_is_an_error_of_the_family(path: Path) -> None:
    with Outbox(path / "x.db") as outbox, pytest.raises(OutboxException, match=r"can't be used: .*No such file"):
        outbox.add(event())


def test_a_writer_that_does_not_let_go_is_waited_for(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_module, "_BUSY", 0.1)
    with Outbox(path) as outbox:
        outbox.add(event())
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(OutboxException, match=r"is locked by another process for 0\.1 seconds"):
            outbox.add(event())
        with pytest.raises(OutboxException, match="is locked"):
            outbox.add_all(events(2, 2))
        other.close()
        outbox.add(event())


def test_a_new_file_that_somebody_else_makes_at_the_moment_is_waited_for(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("CREATE TABLE x (y)")
    other.execute("BEGIN EXCLUSIVE")
    outbox = Outbox(path)
    monkeypatch.setattr(sqlite_module, "_BUSY", 0.05)
    with pytest.raises(OutboxException, match="is locked"):
        outbox.add(event())
    monkeypatch.undo()
    monkeypatch.setattr(time, "sleep", lambda _: other.in_transaction and other.execute("ROLLBACK"))
    monkeypatch.setattr(sqlite_module, "_BUSY", 0.05)
    outbox.add(event())
    outbox.close()
    other.close()


def test_a_file_that_is_moved_away_is_noticed(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Outbox(path) as outbox:
        outbox.add(event(1, 1))
        path.rename(path.with_name("moved.db"))
        path.with_name(path.name + "-wal").rename(path.with_name("moved.db-wal"))
        outbox.add(event(1, 2))
        assert outbox.status().pending == 1
    assert "was moved or deleted while it was in use" in caplog.text
    with Outbox(path.with_name("moved.db")) as moved:
        assert moved.status().pending == 1


def test_a_file_shrinks_when_its_events_are_gone(path: Path) -> None:
    with Outbox(path, fsync=False) as outbox, Service() as service:
        outbox.add_all(events(5000, 5000))
        assert path.stat().st_size + path.with_name("thirdwatch.db-wal").stat().st_size > 400_000
        settle(outbox, service)
        assert path.stat().st_size < 100_000
        assert path.with_name("thirdwatch.db-wal").stat().st_size == 0


@pytest.mark.parametrize(
    ("mounts", "kind"),
    [
        ("/dev/a / ext4 rw 0 0\nhost:/x {folder} nfs4 rw 0 0\n", "nfs4"),
        ("host:/x / nfs rw 0 0\n/dev/b {folder} xfs rw 0 0\n", None),
        ("", None),
        (None, None),
    ],
)
def test_a_network_file_system_is_named(
    path: Path, monkeypatch: pytest.MonkeyPatch, mounts: str | None, kind: str | None
) -> None:
    table = path.with_name("mounts")
    if mounts is not None:
        table.write_text(mounts.format(folder=path.parent))
    monkeypatch.setattr(salvage_module, "_MOUNTS", table)
    with Outbox(path) as outbox:
        assert [f"({kind})" in problem for problem in outbox.check()] == [True] * (kind is not None)


def test_an_outbox_that_nobody_closes_leaves_nothing_open(path: Path, recwarn: pytest.WarningsRecorder) -> None:
    outbox = Outbox(path)
    outbox.add(event())
    del outbox
    gc.collect()
    assert not list(recwarn)
    assert not path.with_name("thirdwatch.db-wal").exists()  # the last connection took it along


@FORKS
def test_children_write_while_the_parent_leads(path: Path) -> None:
    program = """
        import atexit, os, sys, time
        from test.delivery import Service, event
        from thirdwatch_api.outbox import Outbox, Relay
        outbox = Outbox(sys.argv[1], fsync=False)
        with Service() as service, service.client() as client:
            relay = outbox.start(api_client=client)
            while not outbox.status().leader:
                time.sleep(0.01)
            children = []
            for child in range(8):
                outbox.add(event(f"parent-{child}", 0))
                pid = os.fork()
                if not pid:
                    for step in range(20):
                        outbox.executor.insert([outbox._row(event(f"child-{child}", step), None, None)], None)
                    if child == 3:
                        outbox.executor.close()
                    if child % 2:
                        atexit._run_exitfuncs()
                    os._exit(0)
                children.append(pid)
            for pid in children:
                assert os.waitpid(pid, 0)[1] == 0
            leader = outbox.status().leader
            assert leader.split(":")[1] == str(os.getpid()), leader
            while outbox.status().pending:
                time.sleep(0.01)
            assert (sum(map(len, service.steps.values())), service.out_of_order) == (168, []), service.steps
            outbox.close()
            print(outbox.check(), relay.stop().left)
            outbox.close()
    """
    assert run_here(program, str(path)) == "[] 0\n"


@FORKS
def test_nobody_forks_while_a_lock_is_opened_or_closed(path: Path) -> None:
    # The child would share the lock, and keep it as long as it lives: nobody else could lead.
    could_fork: list[bool] = []

    def look(frame: FrameType, kind: str, function: Any) -> None:
        code = frame.f_code
        is_ours = code.co_filename == lock_module.__file__ and code.co_name != "make_private"  # which locks nothing
        if kind == "c_call" and is_ours and function in (os.open, os.close):
            sys.setprofile(None)
            other = threading.Thread(target=lambda: could_fork.append(FORK_LOCK.acquire(blocking=False)))
            other.start()
            other.join()
            sys.setprofile(look)

    lock = lock_module.FileLock(str(path), Part(0, 1), 30.0)
    try:
        sys.setprofile(look)
        assert lock.take()
        assert lock_module.is_locked(f"{path}-relay")
        lock.leave()
    finally:
        sys.setprofile(None)
    assert could_fork == [False] * 6


@FORKS
def test_a_child_that_adds_starts_a_relay_of_its_own(path: Path) -> None:
    program = """
        import os, sys
        from test.delivery import Service, event
        from thirdwatch_api.outbox import Outbox
        outbox = Outbox(sys.argv[1], fsync=False)
        with Service() as service:
            client = service.client()
            outbox.start(api_client=client)
            if not os.fork():
                outbox.add(event("child", 1))
                while outbox.status().pending:
                    pass
                outbox.close()  # neither waits for the parent's relay nor for ever
                os._exit(0)
            assert os.wait()[1] == 0
            outbox.close()
            if not os.fork():  # the parent does not lead any more
                outbox._relay_settings = {"api_client": service.client()}
                outbox.start(api_client=service.client())
                outbox.add(event("second", 1))
                while outbox.status().pending:
                    pass
                os._exit(0)
            assert os.wait()[1] == 0
            print(sorted(service.steps))
            outbox.close()
    """
    assert run_here(program, str(path)) == "['child', 'second']\n"


def test_a_relay_in_the_background_ends_with_the_process_and_notes_what_it_sent(path: Path) -> None:
    program = """
        import sys
        from test.delivery import events
        from thirdwatch_api import ApiClient, Configuration
        from thirdwatch_api.outbox import Outbox
        outbox = Outbox(sys.argv[1])
        outbox.add_all(events(50, 50))
        outbox.start(api_client=ApiClient(configuration=Configuration(host=sys.argv[2], api_key="k")))
        while outbox.status().pending == 50:
            pass
    """
    with Service() as service, Outbox(path) as outbox:
        assert run_here(program, str(path), service.url) == ""
        assert 0 < len(service.taken) == 50 - outbox.status().pending


RELAY = """
    import sys
    from test.delivery import QUICK
    from thirdwatch_api import ApiClient, Configuration
    from thirdwatch_api.outbox import Outbox, Relay
    Relay._timing = QUICK
    outbox = Outbox(sys.argv[1])
    client = ApiClient(configuration=Configuration(host=sys.argv[2], api_key="k"))
    Relay(outbox, api_client=client, lease=float(sys.argv[3])).run()
"""


def spawn(program: str, *arguments: object, **settings: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)],
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        **settings,
    )


def test_a_relay_that_is_killed_is_replaced_at_once(path: Path) -> None:
    with Outbox(path) as outbox, Service() as service, service.client() as client:
        outbox.create()
        first = spawn(RELAY, path, service.url, 30, stdout=subprocess.DEVNULL)
        try:
            until(lambda: ":" in str(outbox.status().leader))
            with running(Relay(outbox, api_client=client)):
                leader = outbox.status().leader
                assert leader
                assert leader.split(":")[1] == str(first.pid)
                first.kill()
                outbox.add(event())
                until(lambda: service.taken)
                assert str(outbox.status().leader).split(":")[1] == str(os.getpid())
        finally:
            first.kill()
            first.wait()


def added_beside(relay: Any, outbox: Outbox) -> bool:
    """Add an event while a relay is frozen. One that is frozen while it writes holds up whoever adds."""
    relay.send_signal(signal.SIGSTOP)
    try:
        outbox.add(event("late", 1000))
    except OutboxException:
        return False
    finally:
        relay.send_signal(signal.SIGCONT)
    return True


def test_a_frozen_relay_goes_on_where_it_was(path: Path) -> None:
    with Outbox(path) as outbox, Service() as service:
        outbox.add_all(events(600, 60))
        relay = spawn(RELAY, path, service.url, 30, stdout=subprocess.DEVNULL)
        try:
            until(lambda: len(service.taken) > 50)
            until(lambda: added_beside(relay, outbox))
            until(lambda: outbox.status().pending == 0)
        finally:
            relay.kill()
            relay.wait()
        assert (sum(map(len, service.steps.values())), service.out_of_order, service.twice) == (601, [], 0)


@pytest.mark.parametrize("turns", [1, 3])
def test_a_frozen_relay_is_replaced_within_a_lease_and_finds_out_when_it_wakes(path: Path, turns: int) -> None:
    """It is frozen while all its calls are under way, and it holds no lock of the database."""
    with Outbox(path) as outbox, Service() as service, service.client() as client:
        outbox.add_all(events(600, 60))
        for turn in range(turns):
            release = threading.Event()

            def held(peer: Peer, release: Any = release) -> None:
                release.wait(60)
                respond(200, OK)(peer)

            service.decide = lambda _, held=held: held
            before = service.calls
            frozen = spawn(RELAY, path, service.url, 0.5, stdout=subprocess.DEVNULL)
            try:
                until(lambda: service.calls == before + 8)  # noqa: B023 - called here
                frozen.send_signal(signal.SIGSTOP)
                assert os.waitpid(frozen.pid, os.WUNTRACED)[0] == frozen.pid
                outbox.add(event("late", turn))  # who adds is not held up
                service.decide = lambda _: 200
                before = service.calls
                with running(Relay(outbox, api_client=client, lease=0.5)):
                    until(lambda: service.calls > before + 50)  # noqa: B023 - called here
                    assert str(outbox.status().leader).split(":")[1] == str(os.getpid())
                    release.set()
                    frozen.send_signal(signal.SIGCONT)
                    until(lambda: outbox.status().pending == 0)
                    time.sleep(0.1)
                    assert str(outbox.status().leader).split(":")[1] == str(os.getpid())
            finally:
                frozen.kill()
                frozen.wait()
            outbox.add_all(event(f"o-{i % 60}", 600 + 100 * turn + i) for i in range(100))
        assert settle(outbox, service).left == 0
        assert (sum(map(len, service.steps.values())), service.out_of_order) == (600 + 101 * turns, [])
        assert service.twice <= turns * (8 + 100)
    assert not [
        name for name in path.parent.iterdir() if name.suffix not in (".db", ".db-relay", ".db-turn", ".db-reserve")
    ]


def test_who_is_replaced_while_it_stands_by_or_leads_does_not_lead(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Outbox(path) as outbox:
        outbox.create()
        first, second, third = (outbox.executor.lead(Part(0, 1), name, 0.5) for name in ("1st", "2nd", "3rd"))
        assert [first.take(), second.take()] == [True, False]
        until(second.take)  # the first one does not renew
        assert [first.take(), second.take(), third.take()] == [False, True, False]
        part = outbox.executor.lead(Part(0, 2), "part", 0.5)
        assert not part.take()
        second.leave()
        assert part.take()
        part.leave()
        assert first.take()


def test_a_frozen_relay_is_not_replaced_by_one_of_other_parts(path: Path) -> None:
    with Outbox(path) as outbox:
        outbox.create()
        parts = [outbox.executor.lead(Part(0, 2), name, 0.5) for name in ("frozen", "waiting")]
        whole = outbox.executor.lead(Part(0, 1), "whole", 0.5)
        assert [parts[0].take(), whole.take()] == [True, False]
        monotonic_end = time.monotonic() + 0.6
        until(lambda: time.monotonic() > monotonic_end)
        assert not whole.take()
        assert parts[1].take()
        assert not whole.take()


def test_a_lock_that_is_missing_or_may_not_be_read_is_held_by_nobody(path: Path) -> None:
    assert not lock_module.is_locked(str(path))


def test_a_turn_that_does_not_come_is_no_lead(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_module, "_PATIENCE", 0.05)
    with Outbox(path) as outbox:
        outbox.create()
        lead = outbox.executor.lead(Part(0, 1), "1st", 30)
        assert lead.take()
        with lock_module._turn(str(path)) as is_ours:
            assert is_ours
            assert not lead.take()
        assert lead.take()
        lead.leave()


def test_a_replacement_that_meets_another_part_gives_up(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Outbox(path) as outbox:
        outbox.create()
        first, second = (outbox.executor.lead(Part(0, 1), name, 0.5) for name in ("1st", "2nd"))
        assert first.take()
        other = path.with_name(path.name + "-relay-0-of-2")
        file = os.open(other, os.O_CREAT | os.O_RDWR)
        assert lock_module._lock(file)
        end = time.monotonic() + 0.6
        until(lambda: time.monotonic() > end)
        assert not second.take()
        os.close(file)
        assert second.take()
        second.leave()


@FORKS
def test_a_child_leads_at_once_when_its_parent_is_killed(path: Path) -> None:
    program = """
        import os, signal, sys, time
        from test.delivery import event
        from thirdwatch_api import ApiClient, Configuration
        from thirdwatch_api.outbox import Outbox
        outbox = Outbox(sys.argv[1], fsync=False)
        client = ApiClient(configuration=Configuration(host=sys.argv[2], api_key="k"))
        outbox.start(api_client=client)
        while not outbox.status().leader:
            time.sleep(0.01)
        if os.fork():
            while outbox.status().pending < 1:
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGKILL)
        parent = os.getppid()
        with outbox._lock:
            pass
        outbox.add(event("child", 1))  # starts a relay, which stands by
        while os.getppid() == parent:
            time.sleep(0.01)
        outbox.add(event("child", 2))
        while outbox.status().pending:
            time.sleep(0.01)
        os._exit(0)
    """
    ready = threading.Event()

    def decide(given: Any) -> Any:
        ready.wait(60)
        return 200

    with Service(decide) as service:
        parent = spawn(program, path, service.url)
        parent.wait(60)
        assert parent.returncode == -signal.SIGKILL
        ready.set()
        until(lambda: service.steps.get("child") == [1, 2])
        with Outbox(path) as outbox:
            until(lambda: outbox.status().pending == 0)


def test_limits_are_those_of_this_test_alone() -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    assert run_script("print(1)").stdout == "1\n"
