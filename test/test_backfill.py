"""The import of a history: nothing is lost, order is kept, and it goes on after whatever ended it."""

from __future__ import annotations

import json
import random
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from thirdwatch_api.backfill import Backfill, BackfillError
from thirdwatch_api.backfill._state import Checkpoint, Note

from .backfills import backfill, line, lines, reasons, reject_lines, start, write
from .delivery import QUICK, Service
from .servers import cut, eventually, respond
from .terminal import environment

BAD = "{this is no JSON"
KIND = ("--kind", "order_status")


def with_bad_rows(count: int, orders: int, every: int) -> list[str]:
    """Write events, of which one in so many is none."""
    rows = lines(count, orders)
    rows[every - 1 :: every] = [f"{BAD} {i}" for i in range(every - 1, count, every)]
    return rows


def steps(rows: list[str]) -> set[int]:
    return {int(json.loads(row)["_orderStatus"]) for row in rows if not row.startswith(BAD)}


def has_taken(service: Service, number: int) -> bool:
    return len(service.taken) >= number


def taken(service: Service) -> set[int]:
    return {int(event["_orderStatus"]) for event in service.taken}


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait less, in this process."""
    timing = type(QUICK)(**{**vars(QUICK), "tries": 3, "dead_in_row": 20})
    monkeypatch.setattr(Backfill, "_timing", timing)


def run(path: Path, service: Service, **settings: Any) -> Any:
    with service.client() as client:
        given: dict[str, Any] = {"kind": "order_status", "rate": None, "api_client": client} | settings
        return Backfill(path, **given).run()


def test_every_row_is_sent_once_and_in_the_order_of_its_order(tmp_path: Path) -> None:
    path = write(tmp_path / "orders.jsonl", lines(600, 40))
    with Service() as service:
        done = backfill(path, *KIND, service=service)
        again = backfill(path, *KIND, service=service)
    assert (done.returncode, done.stdout) == (0, "sent 600, rejected 0\n")
    assert "sending at no bound (--rate)" in done.stderr
    assert (again.returncode, again.stdout) == (0, "sent 600, rejected 0\n")
    assert len(service.taken) == 600
    assert (service.twice, service.out_of_order) == (0, [])
    assert {found.name for found in tmp_path.iterdir()} == {"orders.jsonl", "orders.jsonl.checkpoint"}


def test_bad_rows_are_rejected_and_can_be_imported_when_they_are_corrected(tmp_path: Path) -> None:
    rows = with_bad_rows(100, 10, 20)
    path = write(tmp_path / "orders.jsonl", rows)
    with Service(lambda event: 422 if event["_orderStatus"] == "7" else 200) as service:
        done = backfill("orders.jsonl", *KIND, service=service, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout == (
        "sent 94, rejected 6; they are in orders.jsonl.rejects, the reasons in orders.jsonl.rejects.log\n"
    )
    assert sorted(reject_lines(path)) == sorted([rows[7], *rows[19::20]])
    assert min(reasons(path)).startswith("orders.jsonl:100: is not JSON: Expecting property name")
    assert len([reason for reason in reasons(path) if reason.startswith("orders.jsonl:8: (422)")]) == 1
    with Service() as service:
        again = backfill("orders.jsonl.rejects", *KIND, service=service, cwd=tmp_path)
    assert again.returncode == 1
    assert (taken(service), len(reject_lines(Path(f"{path}.rejects")))) == ({7}, 5)


def test_what_it_writes_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "orders.jsonl", [line("o-1", 1), BAD])
    with Service(lambda event: 401) as service:
        done = backfill(path, *KIND, service=service)
    assert done.returncode == 3
    modes = {found.name: stat.S_IMODE(found.stat().st_mode) for found in tmp_path.iterdir() if found != path}
    names = ("checkpoint", "checkpoint.journal", "rejects", "rejects.log")
    assert modes == {f"orders.jsonl.{name}": 0o600 for name in names}


@pytest.mark.parametrize("seed", range(3))
def test_after_three_kills_nothing_is_lost_and_every_reject_is_there_once(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    rows = with_bad_rows(6000, 300, 100)
    path = write(tmp_path / "orders.jsonl", rows)
    with Service() as service:
        for kill in range(3):
            after = 2000 * kill + chance.randrange(100, 1900)
            process = start("orders.jsonl", *KIND, "--rate", 0, service=service, cwd=tmp_path)
            eventually(partial(has_taken, service, after))
            process.kill()
            assert process.wait() == -signal.SIGKILL
        done = backfill("orders.jsonl", *KIND, service=service, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("sent 5,940, rejected 60")
    assert taken(service) == steps(rows)
    assert service.twice <= 100
    assert service.twice <= 3 * 8  # no more than were on their way
    assert service.out_of_order == []
    assert sorted(reject_lines(path)) == sorted(row for row in rows if row.startswith(BAD))
    assert len(reasons(path)) == len(set(reasons(path))) == 60


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_cleanly_and_the_same_command_goes_on(tmp_path: Path, number: signal.Signals) -> None:
    chance = random.Random(number)
    rows = with_bad_rows(3000, 100, 100)
    path = write(tmp_path / "orders.jsonl", rows)
    with Service() as service:
        for stop in range(3):
            after = 800 * stop + chance.randrange(100, 700)
            process = start("orders.jsonl", *KIND, "--rate", 0, service=service, cwd=tmp_path)
            eventually(partial(has_taken, service, after))
            process.send_signal(number)
            assert process.wait() == 130
        done = backfill("orders.jsonl", *KIND, service=service, cwd=tmp_path)
    assert done.stdout.startswith("sent 2,970, rejected 30")
    assert taken(service) == steps(rows)
    assert (service.twice, service.out_of_order) == (0, [])
    assert len(reject_lines(path)) == len(set(reject_lines(path))) == 30


@pytest.mark.parametrize("status", [401, 403, 404, 405, 302])
def test_a_wrong_setting_stops_it_and_loses_nothing(tmp_path: Path, status: int) -> None:
    path = write(tmp_path / "orders.jsonl", lines(200, 20))
    refuses: list[bool] = []
    with Service(lambda event: status if refuses else 200) as service:
        service.decide = lambda event: status if len(service.taken) >= 50 else 200
        done = backfill(path, *KIND, service=service)
        assert done.returncode == 3
        assert f"thirdwatch backfill: stopped: ({status})" in done.stderr
        assert len(service.taken) == 50
        service.decide = lambda event: 200
        done = backfill(path, *KIND, service=service)
    assert (done.returncode, done.stdout) == (0, "sent 200, rejected 0\n")
    assert (len(service.taken), service.twice, service.out_of_order) == (200, 0, [])


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("failure", [429, 503, (429, {"Retry-After": "0.05"}), cut])
def test_all_wait_for_a_service_that_is_away(tmp_path: Path, failure: Any) -> None:
    path = write(tmp_path / "orders.jsonl", lines(200, 20))
    with Service() as service:
        service.decide = lambda event: failure if 30 <= service.calls < 36 else 200
        assert run(path, service) == (200, 0, True, None)
    expected = 6 if callable(failure) else 0  # the service took what it lost the response of
    assert (service.twice, service.out_of_order) == (expected, [])
    assert service.calls == 206


@pytest.mark.usefixtures("quick")
def test_a_row_that_the_service_fails_on_is_tried_again_and_then_rejected(tmp_path: Path) -> None:
    path = write(tmp_path / "orders.jsonl", lines(60, 6))
    with Service(lambda event: 500 if event["_orderStatus"] == "12" else 200) as service:
        assert run(path, service) == (59, 1, True, None)
    assert service.calls == 59 + 3
    assert reject_lines(path) == [line("o-0", 12)]
    assert service.out_of_order == []


@pytest.mark.usefixtures("quick")
def test_a_row_that_makes_the_service_go_away_does_not_hold_up_all_others(tmp_path: Path) -> None:
    path = write(tmp_path / "orders.jsonl", lines(300, 50))
    with Service(lambda event: 503 if event["_orderStatus"] == "12" else 200) as service:
        assert run(path, service) == (299, 1, True, None)


@pytest.mark.usefixtures("quick")
def test_a_service_that_refuses_everything_stops_it_before_all_is_among_the_rejects(tmp_path: Path) -> None:
    path = write(tmp_path / "orders.jsonl", lines(500, 50))
    with Service(lambda event: 400) as service:
        sent, rejected, complete, reason = run(path, service)
    assert (sent, complete) == (0, False)
    assert 20 <= rejected <= 20 + 8
    assert reason is not None
    assert reason.startswith("the service refused 20 rows in a row; the last: (400)")
    with Service() as service:
        assert run(path, service) == (500 - rejected, rejected, True, None)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("seed", range(5))
def test_whatever_fails_nothing_is_lost_and_order_is_kept(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    rows = lines(600, 60)
    path = write(tmp_path / "orders.jsonl", rows)
    failures: list[Any] = [429, 503, 500, 500, cut, (429, {"Retry-After": "0.02"}), 400]
    with Service() as service:
        service.decide = lambda event: chance.choice(failures) if chance.random() < 0.1 else 200
        sent, rejected, complete, _ = run(path, service)
    assert (sent + rejected, complete) == (600, True)
    assert taken(service) | steps(reject_lines(path)) == steps(rows)
    assert len(reject_lines(path)) == rejected
    assert service.out_of_order == []


def test_the_rate_bounds_all_threads_together(tmp_path: Path) -> None:
    path = write(tmp_path / "orders.jsonl", lines(30, 30))
    with Service() as service, service.client() as client:
        importer = Backfill(path, kind="order_status", rate=100, api_client=client)
        assert importer.run().sent == 30
        assert importer.progress().seconds >= 0.19  # 30 rows, of which the first ten may come at once


def test_without_an_option_the_rate_is_fifty_a_second_and_is_shown(tmp_path: Path) -> None:
    path = write(tmp_path / "orders.jsonl", lines(2, 1))
    with Service() as service:
        done = backfill(path, *KIND, "--rate", 50, service=service)
        assert "sending at most 50 rows a second (--rate), by 8 threads (--threads)\n" in done.stderr
    assert "default: 50" in backfill("--help").stdout


def test_parts_share_the_orders_and_each_uses_all_of_its_threads(tmp_path: Path) -> None:
    rows = with_bad_rows(1000, 200, 50)
    path = write(tmp_path / "orders.jsonl", rows)
    seen: list[set[int]] = []
    with Service() as service:
        for index in range(4):
            before = taken(service)
            connections = service.connections
            done = backfill(path, *KIND, "--part", f"{index}/4", "--threads", 4, service=service)
            assert done.returncode in {0, 1}
            seen.append(taken(service) - before)
            assert service.connections - connections == 4
    assert all(len(part) > 100 for part in seen)
    assert sum(map(len, seen)) == len(service.taken) == 980
    assert taken(service) == steps(rows)
    assert service.out_of_order == []
    rejects = [row for i in range(4) for row in reject_lines(Path(f"{path}.{i}-of-4"))]
    assert sorted(rejects) == sorted(row for row in rows if row.startswith(BAD))


def change_first_row(path: Path) -> None:
    path.write_text(path.read_text().replace('"_orderStatus": "0"', '"_orderStatus": "9"', 1))


def cut_in_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 8])


@pytest.mark.parametrize("change", [change_first_row, cut_in_half])
def test_a_changed_input_is_not_gone_on_with(tmp_path: Path, change: Callable[[Path], None]) -> None:
    path = write(tmp_path / "orders.jsonl", lines(400, 10))
    with Service() as service:
        service.decide = lambda event: 401 if len(service.taken) >= 100 else 200
        assert backfill(path, *KIND, "--threads", 1, service=service).returncode == 3
        change(path)
        done = backfill(path, *KIND, service=service)
    assert done.returncode == 2
    assert "the input is not the one that this was made for: rows that were sent have changed" in done.stderr
    assert len(service.taken) == 100


def test_rows_that_come_behind_are_sent_when_it_is_run_again(tmp_path: Path) -> None:
    rows = lines(50, 5)
    path = write(tmp_path / "orders.jsonl", rows[:30])
    with Service() as service:
        backfill(path, *KIND, service=service)
        write(path, rows)
        assert backfill(path, *KIND, service=service).stdout == "sent 50, rejected 0\n"
    assert (len(service.taken), service.twice) == (50, 0)


def test_other_settings_need_another_checkpoint(tmp_path: Path) -> None:
    path = write(tmp_path / "orders.jsonl", lines(5, 5))
    with Service() as service:
        backfill(path, *KIND, service=service)
        done = backfill(path, "--kind", "create_order", service=service)
    assert done.returncode == 2
    assert "was made with another kind; go on with the same, or name another checkpoint" in done.stderr


def test_two_processes_can_not_work_with_one_checkpoint(tmp_path: Path) -> None:
    write(tmp_path / "orders.jsonl", lines(400, 10))
    with Service() as service:
        process = start("orders.jsonl", *KIND, "--rate", 20, service=service, cwd=tmp_path)
        eventually(lambda: service.taken)
        done = backfill("orders.jsonl", *KIND, service=service, cwd=tmp_path)
        process.kill()
        process.wait()
    assert done.returncode == 2
    assert "another process is at work with this checkpoint" in done.stderr


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 1}', "\x00" * 40])
def test_a_file_that_is_no_checkpoint_is_left_alone(tmp_path: Path, text: str) -> None:
    path = write(tmp_path / "orders.jsonl", lines(5, 5))
    checkpoint = Path(f"{path}.checkpoint")
    checkpoint.write_text(text)
    with Service() as service:
        done = backfill(path, *KIND, service=service)
    assert done.returncode == 2
    assert "is no checkpoint; name another file, or delete it to begin anew" in done.stderr
    assert checkpoint.read_text() == text


def test_a_checkpoint_of_another_version_is_not_guessed_at(tmp_path: Path) -> None:
    path = write(tmp_path / "orders.jsonl", lines(5, 5))
    (tmp_path / "orders.jsonl.checkpoint").write_text('{"version": 2}')
    with Service() as service, pytest.raises(BackfillError, match="was made by another version"):
        run(path, service)


def test_rejects_of_another_import_are_not_mixed_with_ours(tmp_path: Path) -> None:
    path = write(tmp_path / "orders.jsonl", lines(5, 5))
    write(tmp_path / "orders.jsonl.rejects", ["somebody's"])
    with Service() as service, pytest.raises(BackfillError, match="there are rejects of an earlier import"):
        run(path, service)


def test_rejects_that_are_gone_are_missed(tmp_path: Path) -> None:
    path = write(tmp_path / "orders.jsonl", [BAD, *lines(50, 5)])
    with Service(lambda event: 401) as service:
        assert run(path, service).reason
        (tmp_path / "orders.jsonl.rejects").unlink()
        with pytest.raises(BackfillError, match="rejects are missing that were there"):
            run(path, service)


LIMITED = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
sys.argv[1:] = sys.argv[2:]
try:
    runpy.run_module("thirdwatch_api", run_name="__main__")
finally:  # what coverage measured has to be written
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
"""


def limited(size: int, *arguments: object, service: Service, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command where no file may be larger."""
    env = environment(None, {"THIRDWATCH_HOST": service.url, "THIRDWATCH_API_KEY": "k"})
    return subprocess.run(
        [sys.executable, "-c", LIMITED, str(size), "backfill", *map(str, arguments), "--rate", "0"],
        check=False,
        capture_output=True,
        text=True,
        cwd=cwd,
        env=env,
    )


def test_without_room_for_rejects_it_stops_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    rows = with_bad_rows(6000, 50, 2)
    rows = [f"{row} {'x' * 40}" if row.startswith(BAD) else row for row in rows]
    path = write(tmp_path / "orders.jsonl", rows)
    with Service() as service:
        done = limited(70_000, "orders.jsonl", *KIND, service=service, cwd=tmp_path)
        assert done.returncode == 3, done.stderr
        assert "stopped: orders.jsonl.rejects" in done.stderr
        assert "File too large" in done.stderr
        done = backfill("orders.jsonl", *KIND, service=service, cwd=tmp_path)
    assert done.stdout.startswith("sent 3,000, rejected 3,000")
    assert sorted(reject_lines(path)) == sorted(row for row in rows if row.startswith(BAD))
    assert (service.twice, taken(service)) == (0, steps(rows))


@pytest.mark.parametrize("size", [0, 1000])
def test_without_room_for_the_checkpoint_nothing_is_sent(tmp_path: Path, size: int) -> None:
    write(tmp_path / "orders.jsonl", lines(50, 5))
    with Service() as service:
        done = limited(size, "orders.jsonl", *KIND, service=service, cwd=tmp_path)
    assert done.returncode == 2
    assert "orders.jsonl.checkpoint.journal: " in done.stderr
    assert service.taken == []


def test_when_the_checkpoint_can_no_more_be_written_it_stops(tmp_path: Path) -> None:
    path = write(tmp_path / "orders.jsonl", lines(400, 40))
    checkpoint = tmp_path / "orders.jsonl.checkpoint"
    with Service() as service:

        def decide(_: Any) -> int:
            if service.calls == 50:
                checkpoint.unlink()
                checkpoint.mkdir()
            return 200

        service.decide = decide
        result = run(path, service, rate=100)
        assert result.reason is not None
        assert "orders.jsonl.checkpoint" in result.reason
        assert not result.complete


def test_the_window_survives_more_rows_than_the_journal_holds(tmp_path: Path) -> None:
    path = write(tmp_path / "orders.jsonl", [BAD] * 20_000)
    with Service() as service:
        assert run(path, service)[:3] == (0, 20_000, True)
    assert len(reject_lines(path)) == 20_000


def waits_for_room(importer: Backfill) -> bool:
    """Return whether the thread that reads waits: it is the one that waits for this condition."""
    ledger: Any = importer._ledger
    return bool(ledger._changed._waiters)


def test_a_second_import_of_large_rows_waits_for_room_in_memory(tmp_path: Path) -> None:
    rows = [line(f"o-{i}", i, description="x" * 600_000) for i in range(60)]
    path = write(tmp_path / "orders.jsonl", rows)
    is_full = Event()
    with Service() as service, service.client() as client:
        importer = Backfill(path, kind="order_status", rate=None, api_client=client)

        def decide(_: Any) -> int:
            eventually(lambda: is_full.is_set() or waits_for_room(importer))
            is_full.set()
            return 200

        service.decide = decide
        assert importer.run() == (60, 0, True, None)
    assert is_full.is_set()


def test_it_stops_while_it_waits_for_room_in_memory(tmp_path: Path) -> None:
    rows = [line(f"o-{i}", i, description="x" * 600_000) for i in range(60)]
    path = write(tmp_path / "orders.jsonl", rows)
    with Service() as service, service.client() as client:
        importer = Backfill(path, kind="order_status", rate=None, api_client=client)

        def decide(_: Any) -> int:
            eventually(lambda: importer._turns.is_stopped or waits_for_room(importer))
            importer.stop()
            return 200

        service.decide = decide
        sent, rejected, complete, reason = importer.run()
        assert (rejected, complete, reason) == (0, False, None)
        assert 0 < sent < 60
        service.decide = lambda event: 200
        assert run(path, service) == (60, 0, True, None)
    assert service.twice == 0


def test_a_row_that_was_sent_and_then_changed_is_noticed(tmp_path: Path) -> None:
    path = write(tmp_path / "orders.jsonl", lines(5, 5))
    with Service() as service, service.client() as client:
        importer = Backfill(path, kind="order_status", rate=None, api_client=client)
        note = Note(0, 12345, is_sent=True)
        Checkpoint(importer._identity, ahead=(note.pack(),)).write(f"{path}.checkpoint")
        with pytest.raises(BackfillError, match="rows that were sent have changed"):
            importer.run()
    assert service.taken == []


@pytest.mark.parametrize("part", ["reader", "sender"])
def test_a_fault_of_ours_stops_it_and_shows_no_row(tmp_path: Path, part: str) -> None:
    path = write(tmp_path / "orders.jsonl", lines(500, 3))
    with Service() as service, service.client() as client:
        importer: Any = Backfill(path, kind="order_status", rate=None, api_client=client, threads=2)
        if part == "reader":
            importer._source.reader = None
        else:
            importer._sender = None
        result = importer.run()
        assert (result.complete, result.reason) == (False, "internal error (AttributeError)")
        assert run(path, service).sent == 500


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--checkpoint", "none/x"), "none/x.journal: No such file or directory"),
        (("--checkpoint", "folder"), "folder: Is a directory"),
        (("--rejects", "none/x"), "none/x: No such file or directory"),
    ],
)
def test_files_that_can_not_be_written_are_an_error_before_anything_is_sent(
    tmp_path: Path, more: tuple[str, str], said: str
) -> None:
    write(tmp_path / "orders.jsonl", lines(5, 5))
    (tmp_path / "folder").mkdir()
    with Service() as service:
        done = backfill("orders.jsonl", *KIND, *more, service=service, cwd=tmp_path)
        again = backfill("-", *KIND, "--rejects", "none/x", service=service, stdin=b"{}", cwd=tmp_path)
    assert (done.returncode, again.returncode) == (2, 2)
    assert said in done.stderr
    assert "none/x: No such file or directory" in again.stderr
    assert service.taken == []


def test_a_journal_whose_checkpoint_was_deleted_is_not_believed(tmp_path: Path) -> None:
    path = write(tmp_path / "orders.jsonl", lines(2000, 50))
    with Service() as service:
        process = start("orders.jsonl", *KIND, "--rate", 0, service=service, cwd=tmp_path)
        eventually(partial(has_taken, service, 300))
        process.kill()
        process.wait()
        assert any(Path(f"{path}.checkpoint.journal").read_bytes())
        Path(f"{path}.checkpoint").unlink()
        service.taken.clear()
        assert run(path, service) == (2000, 0, True, None)
    assert (len(service.taken), service.twice) == (2000, 0)


def test_another_file_of_rejects_is_not_cut(tmp_path: Path) -> None:
    path = write(tmp_path / "orders.jsonl", lines(5, 5))
    other = write(tmp_path / "precious", ["data"])
    with Service() as service:
        assert run(path, service).complete
        with pytest.raises(BackfillError, match="was made with another file of rejects"):
            run(path, service, rejects=other)
    assert other.read_text() == "data\n"


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_whatever_the_hook_raises_ends_it_cleanly(tmp_path: Path, error: type[BaseException]) -> None:
    path = write(tmp_path / "orders.jsonl", lines(500, 20))

    def hook(progress: Any) -> None:
        if progress.sent >= 50:
            raise error

    with Service() as service, service.client() as client:
        with pytest.raises(error):
            Backfill(path, kind="order_status", rate=1000, api_client=client).run(hook, 0.01)
        assert 50 <= len(service.taken) < 500
        assert run(path, service) == (500, 0, True, None)
    assert service.twice == 0


def test_a_reason_is_one_line(tmp_path: Path) -> None:
    path = write(tmp_path / "orders.jsonl", lines(1, 1))
    body = b'{"error": "one\\ntwo"}'
    with Service(lambda event: respond(400, body)) as service:
        run(path, service)
    assert len(reasons(path)) == 1
