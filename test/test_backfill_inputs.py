"""What an import reads: lines of JSON, CSV, compressed files, stdin, databases; and how it says what is wrong there."""

from __future__ import annotations

import gzip
import json
import sqlite3
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from time import process_time
from typing import Any

import pytest

from thirdwatch_api.backfill import Backfill, BackfillError, Finding, check
from thirdwatch_api.backfill._events import EventReader
from thirdwatch_api.backfill._ledger import Task
from thirdwatch_api.backfill._mapping import _as_int, _time_reader
from thirdwatch_api.backfill._source import Files

from .backfills import backfill, line, lines, reasons, reject_lines, start, write
from .benchmark.backfill import peak_memory, write_orders
from .delivery import Service
from .servers import eventually

KIND = ("--kind", "order_status")
SECRET = "hunter2-secret"


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as running:
        yield running


def findings(path: Path, **settings: Any) -> list[Finding]:
    found: list[Finding] = []
    check(path, on_finding=found.append, **settings)
    return found


def run(path: Any, service: Service, **settings: Any) -> Any:
    with service.client() as client:
        return Backfill(path, rate=None, api_client=client, **settings).run()


LONG = b'{"_userId": "' + b"x" * (3 << 20) + b'"}'
ROWS = {
    b'{"_userId": "\xff"}': "is not UTF-8 at byte 14",
    b'{"_userId": "a\x00b"}': "is not JSON: Invalid control character at",
    b"\x00\x00\x00": "is not JSON: Expecting value",
    LONG: "is longer than 1,048,576 bytes; it is not copied to the rejects",
    b'{"_userId": "u", "_userId": "v"}': "is not JSON: an object holds the same key twice",
    b'{"_userId": NaN}': "is not JSON: it holds NaN",
    b"[" * 2000: "is not JSON: it is nested more than 100 deep",
    b"[1]": "is no JSON object",
    b'"text"': "is no JSON object",
    b"{}": "OrderStatus: needs user_id or session_id: the customer's, not the order's",
    b'{"_userId": "u", "_oderId": "o"}': "OrderStatus._oderId: unknown key; did you mean '_orderId'?",
    b'{"kind": "order_state", "event": {}}': "kind: is none that exists; did you mean 'order_status'?",
    b'{"kind": 5, "event": {}}': "kind: is none that exists",
    b'{"kind": "tag", "event": []}': "event: is no JSON object",
}


@pytest.mark.parametrize("row", ROWS, ids=ROWS.values())
def test_a_bad_row_is_rejected_with_its_line_and_path(tmp_path: Path, service: Service, row: bytes) -> None:
    path = tmp_path / "orders.jsonl"
    path.write_bytes(b"%s\n\n%s\n%s\n" % (line(1).encode(), row, line(2).encode()))
    assert run(path, service, kind="order_status") == (2, 1, True, None)
    (reason,) = reasons(path)
    assert reason.startswith(f"{path}:3: {ROWS[row]}")
    kept = Path(f"{path}.rejects")
    if row is LONG:
        assert not kept.exists()
    else:
        assert kept.read_bytes() == row + b"\n"
    (found,) = findings(path, kind="order_status")
    assert found.place == f"{path}:3"
    assert found.text.startswith(ROWS[row])


def test_the_ends_of_lines_and_a_mark_at_the_start_are_no_part_of_a_row(tmp_path: Path, service: Service) -> None:
    path = tmp_path / "orders.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join([line(1), "", "  ", line(2), "\t", line(3)]).encode())
    assert run(path, service, kind="order_status") == (3, 0, True, None)


def test_what_is_said_of_a_row_holds_no_value_of_it(tmp_path: Path, service: Service) -> None:
    rows = [
        f'{{"_userId": "{SECRET}", ',
        f'{{"_userId": "u", "_shippingCost": ["{SECRET}"]}}',
        f'{{"kind": "{SECRET}", "event": {{}}}}',
        f'{{"_userId": "u", "{SECRET}@shop.example": 1}}',
        f'"{SECRET}"',
    ]
    path = write(tmp_path / "orders.jsonl", rows)
    checked = backfill("orders.jsonl", *KIND, "--dry-run", cwd=tmp_path)
    sent = backfill("orders.jsonl", *KIND, service=service, cwd=tmp_path)
    assert (checked.returncode, sent.returncode) == (1, 1)
    said = checked.stdout + checked.stderr + sent.stdout + sent.stderr + "".join(reasons(path))
    written = [found for found in tmp_path.iterdir() if found.suffix in {".log", ".checkpoint", ".journal"}]
    said += "".join(found.read_text("latin-1") for found in written)
    assert said.count("orders.jsonl:") >= 10
    assert SECRET not in said
    assert reject_lines(path) == rows


def test_what_an_error_tracker_sees_holds_no_value(tmp_path: Path) -> None:
    path = write(tmp_path / "orders.jsonl", [line(SECRET)])
    (record,) = Files([str(path)], "order_status", None, None, lambda: False).records()
    event = EventReader("order_status", None).read(record)
    assert (SECRET in event.text, SECRET in event.key) == (True, True)
    assert SECRET not in repr(Task(record, 0, 0, 0, 0, 0, event))


def test_several_kinds_are_in_one_stream(service: Service) -> None:
    rows = [
        '{"kind": "create_order", "event": {"_userId": "u", "_orderId": "o-1", "_orderStatus": "a"}}',
        '{"kind": "order_status", "event": {"_userId": "u", "_orderId": "o-1", "_orderStatus": "b"}}',
        '{"event": {"_userId": "u", "_orderId": "o-1"}}',
        '{"_userId": "u", "_orderId": "o-1"}',
    ]
    done = subprocess.run(
        [sys.executable, "-m", "thirdwatch_api", "backfill", "-", "--dry-run"],
        input="\n".join(rows),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines()[1:3] == [
        f'stdin:{number}: has no kind; write {{"kind": "create_order", "event": {{...}}}}, or name it by --kind'
        for number in (3, 4)
    ]
    assert "CreateOrder._orderStatus: unknown key" in done.stdout


def test_stdin_goes_on_where_a_checkpoint_is_named(tmp_path: Path, service: Service) -> None:
    rows = "\n".join(lines(300, 20)).encode()
    service.decide = lambda event: 401 if len(service.taken) >= 100 else 200
    done = backfill("-", *KIND, "--checkpoint", "h.ck", service=service, stdin=rows, cwd=tmp_path)
    assert (done.returncode, len(service.taken)) == (3, 100)
    service.decide = lambda event: 200
    done = backfill("-", *KIND, "--checkpoint", "h.ck", service=service, stdin=rows, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "sent 300, rejected 0\n")
    assert service.twice == 0
    done = backfill("-", *KIND, service=service, stdin=rows, cwd=tmp_path)
    assert "without --checkpoint FILE it begins anew when it is stopped" in done.stderr
    assert len(service.taken) == 600


def test_ctrl_c_ends_an_import_that_waits_for_stdin(tmp_path: Path, service: Service) -> None:
    process = start("-", *KIND, service=service, cwd=tmp_path, stdin=subprocess.PIPE)
    assert process.stdin
    process.stdin.write(line().encode() + b"\n")
    process.stdin.flush()
    eventually(lambda: service.taken)  # although nothing comes behind it
    process.send_signal(2)
    assert process.wait() == 130
    process.stdin.close()


def zst(data: bytes) -> bytes:
    if sys.version_info >= (3, 14):
        from compression import zstd

        packed: bytes = zstd.compress(data)
        return packed
    made: bytes = pytest.importorskip("zstandard", reason="no zstd here").ZstdCompressor().compress(data)
    return made


PACKERS = {"gz": gzip.compress, "zst": zst}


@pytest.mark.parametrize("suffix", PACKERS)
def test_compressed_files_are_read_whatever_their_name(tmp_path: Path, service: Service, suffix: str) -> None:
    rows = [line(f"o-{i % 20}", i, reason=f"{zlib.crc32(b'%d' % i):x}") for i in range(3000)]
    data = "\n".join(rows).encode() + b"\n"
    pack = PACKERS[suffix]
    path = tmp_path / f"orders.jsonl.{suffix}"
    path.write_bytes(pack(data) + pack(line("o-x", 7).encode()))  # two members
    assert run(path, service, kind="order_status") == (3001, 0, True, None)
    done = backfill("-", *KIND, "--dry-run", stdin=pack(data))
    assert "\n3,000 rows can be sent, 0 can't" in done.stdout


@pytest.mark.parametrize("suffix", PACKERS)
def test_a_compressed_file_that_is_cut_off_stops_behind_its_last_whole_row(
    tmp_path: Path, service: Service, suffix: str
) -> None:
    rows = [line(f"o-{i % 20}", i, reason=f"{zlib.crc32(b'%d' % i):x}" * 20) for i in range(3000)]
    data = PACKERS[suffix]("\n".join(rows).encode())
    path = tmp_path / f"orders.jsonl.{suffix}"
    path.write_bytes(data[: len(data) // 2])
    done = backfill(path, *KIND, service=service)
    assert done.returncode == (3 if service.taken else 2)
    assert "is cut off: its compressed data have no end; copy it again" in done.stderr
    assert not Path(f"{path}.rejects").exists()
    before = len(service.taken)
    path.write_bytes(data)
    done = backfill(path, *KIND, service=service)
    assert done.stdout == "sent 3,000, rejected 0\n"
    assert (before < 3000, service.twice, service.out_of_order) == (True, 0, [])


@pytest.mark.parametrize("suffix", PACKERS)
def test_a_damaged_file_is_named(tmp_path: Path, suffix: str) -> None:
    data = bytearray(PACKERS[suffix](("\n".join(lines(3000, 20))).encode()))
    data[len(data) // 2 : len(data) // 2 + 40] = bytes(40)
    path = tmp_path / "orders.jsonl"
    path.write_bytes(data)
    with pytest.raises(BackfillError, match=r"orders\.jsonl: "):
        check(path, kind="order_status")


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="Python reads zstd itself")
def test_without_zstd_it_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "orders.jsonl.zst"
    path.write_bytes(b"\x28\xb5\x2f\xfd" + bytes(20))
    hidden = "import sys; sys.modules['zstandard'] = None; from thirdwatch_api.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", hidden, "backfill", str(path), *KIND, "--dry-run"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "pip install zstandard, or pipe it in: zstdcat orders.jsonl.zst | thirdwatch backfill - ..." in done.stderr


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "No such file or directory"),
        (Path.mkdir, "is a folder; name the files in it"),
        (lambda path: path.write_bytes("{}".encode("utf-16")), "is UTF-16; convert it: iconv -f UTF-16 -t UTF-8"),
    ],
    ids=["missing", "folder", "utf-16"],
)
def test_an_input_that_can_not_be_read_is_an_error_of_usage(
    tmp_path: Path, service: Service, make: Callable[[Path], Any], said: str
) -> None:
    make(tmp_path / "orders.jsonl")
    done = backfill("orders.jsonl", *KIND, service=service, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("thirdwatch backfill: orders.jsonl: ")
    assert said in done.stderr


def test_several_files_are_one_import(tmp_path: Path, service: Service) -> None:
    first = write(tmp_path / "a.jsonl", lines(10, 2))
    second = write(tmp_path / "b.jsonl", [line("o-0", 99), "{"])
    assert run([first, second], service, kind="order_status") == (11, 1, True, None)
    assert reasons(first)[0].startswith(f"{second}:2: ")
    write(tmp_path / "c.csv", ["_userId"])
    with pytest.raises(BackfillError, match="JSONL and CSV can't be mixed"):
        check([first, tmp_path / "c.csv"], kind="order_status")


def test_an_empty_file_is_done_at_once(tmp_path: Path, service: Service) -> None:
    for name in ("a.jsonl", "a.csv"):
        path = write(tmp_path / name, [])
        assert run(path, service, kind="order_status") == (0, 0, True, None)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"files": []}, "files: name at least one, or - for stdin, or a database, and not both"),
        ({"query": "SELECT 1"}, "sql, query: belong together"),
        ({"part": (2, 2)}, "part: expected"),
        ({"format": "xml"}, "format: expected"),
        ({"threads": 0}, "threads: expected a whole number"),
        ({"kind": "create_ordr"}, "there is no 'create_ordr'; .*; did you mean 'create_order'"),
    ],
    ids=str,
)
def test_a_setting_of_an_import_that_makes_no_sense_is_refused(
    tmp_path: Path, settings: dict[str, Any], said: str
) -> None:
    given: dict[str, Any] = {"files": write(tmp_path / "a.jsonl", [])} | settings
    with pytest.raises(BackfillError, match=said):
        Backfill(given.pop("files"), **given)


MAP = """
kind = "create_order"
delimiter = ";"
encoding = "cp1252"
timezone = "UTC"

[fields]
"_userId" = "customer"
"_orderId" = "no"
"_amount" = "total"
"_isPrePaid" = "paid"
"_billingAddress._city" = "town"
"_items[0]._itemId" = "sku"
"_items[0]._quantity" = "count"
"_items[1]._itemId" = "sku2"
"_originTimestamp" = "date"
"_customInfo.shop" = "shop"

[constants]
"_currencyCode" = "EUR"

[times]
"_originTimestamp" = "%d.%m.%Y %H:%M"

[values]
"_isPrePaid" = { ja = true, nein = false }
"""
HEAD = "no;customer;total;paid;town;sku;count;sku2;date;shop"


def map_file(folder: Path, text: str = MAP) -> Path:
    """Write a mapping file, as JSON where Python reads no TOML."""
    if sys.version_info >= (3, 11):
        import tomllib

        json.dumps(tomllib.loads(text))
        path = folder / "orders.toml"
        path.write_text(text, encoding="utf-8")
        return path
    path = folder / "orders.json"
    path.write_text(json.dumps(AS_JSON if text == MAP else {}), encoding="utf-8")
    return path


AS_JSON = {
    "kind": "create_order",
    "delimiter": ";",
    "encoding": "cp1252",
    "timezone": "UTC",
    "fields": {
        "_userId": "customer",
        "_orderId": "no",
        "_amount": "total",
        "_isPrePaid": "paid",
        "_billingAddress._city": "town",
        "_items[0]._itemId": "sku",
        "_items[0]._quantity": "count",
        "_items[1]._itemId": "sku2",
        "_originTimestamp": "date",
        "_customInfo.shop": "shop",
    },
    "constants": {"_currencyCode": "EUR"},
    "times": {"_originTimestamp": "%d.%m.%Y %H:%M"},
    "values": {"_isPrePaid": {"ja": True, "nein": False}},
}


def json_map(folder: Path, **changes: Any) -> Path:
    path = folder / "map.json"
    path.write_text(json.dumps({key: value for key, value in (AS_JSON | changes).items() if value is not None}))
    return path


def test_a_mapping_file_says_what_columns_hold(tmp_path: Path, service: Service) -> None:
    path = tmp_path / "orders.csv"
    rows = [
        HEAD,
        '1;u-1;"49,90";ja;M\xfcnchen;A;2;B;24.12.2025 10:30;x',
        '2;u-2;5;no;"Bad\n""Ems""";;;C;;',
        "",
        "3;u-3;1",
    ]
    path.write_bytes("\r\n".join(rows).encode("cp1252"))
    done = backfill(path, "--map", map_file(tmp_path), service=service)
    assert (done.returncode, done.stdout.split(";")[0]) == (1, "sent 2, rejected 1")
    time = int(datetime(2025, 12, 24, 10, 30, tzinfo=timezone.utc).timestamp() * 1000)
    assert sorted(service.taken, key=str) == [
        {
            "_userId": "u-1",
            "_orderId": "1",
            "_amount": "49,90",
            "_isPrePaid": True,
            "_billingAddress": {"_city": "M\xfcnchen"},
            "_items": [{"_itemId": "A", "_quantity": 2}, {"_itemId": "B"}],
            "_originTimestamp": f"{time}",
            "_customInfo": {"shop": "x"},
            "_currencyCode": "EUR",
        },
        {
            "_userId": "u-2",
            "_orderId": "2",
            "_amount": "5",
            "_isPrePaid": False,
            "_billingAddress": {"_city": 'Bad\n"Ems"'},
            "_items": [{"_itemId": "C"}],
            "_currencyCode": "EUR",
        },
    ]
    assert reasons(path) == [f"{path}:6: has 3 fields, and the first line names 10 columns"]
    assert Path(f"{path}.rejects").read_bytes() == f"{HEAD}\r\n3;u-3;1\n".encode()


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("1;u;5;vielleicht;;;;;;", "CreateOrder._isPrePaid: is neither true nor false"),
        ("1;u;5;;;A;2.5;;;", "CreateOrder._items[0]._quantity: is no whole number"),
        ("1;u;5;;;A;x;;;", "CreateOrder._items[0]._quantity: is no whole number"),
        ("1;u;5;;;;;;yesterday;", "CreateOrder._originTimestamp: is no time of the form '%d.%m.%Y %H:%M'"),
        ("1;;5;;;;;;;", "CreateOrder: needs user_id or session_id"),
        ('1;"u"x;5;;;;;;;', "is no CSV: ';' expected after '\"'"),
        ('1;"u;5;;;;;;;', "opens a quote that is never closed"),
        ("1;\x81;5;;;;;;;", "is not cp1252 at byte 3"),
    ],
)
def test_a_bad_row_of_csv_is_rejected_alone(tmp_path: Path, service: Service, row: str, said: str) -> None:
    path = tmp_path / "orders.csv"
    good = "{};u;5;;;;;;;"
    path.write_bytes("\n".join([HEAD, good.format(1), row, good.format(3), good.format(4)]).encode("latin-1"))
    assert run(path, service, map=json_map(tmp_path))[:2] == (3, 1)
    assert reasons(path)[0].startswith(f"{path}:3: {said}")
    assert Path(f"{path}.rejects").read_bytes() == f"{HEAD}\n{row}\n".encode("latin-1")
    with Service() as other:
        assert run(Path(f"{path}.rejects"), other, map=json_map(tmp_path))[:2] == (0, 1)


def test_an_inch_mark_opens_no_quote(tmp_path: Path, service: Service) -> None:
    path = write(tmp_path / "orders.csv", ["_userId,_orderId,_description", 'u,1,5" pipe', 'u,2,"a\nb"', 'u,3,7" pipe'])
    assert run(path, service, kind="order_status") == (3, 0, True, None)
    assert sorted(event["_description"] for event in service.taken) == ['5" pipe', '7" pipe', "a\nb"]


def test_columns_may_have_the_names_of_the_fields(tmp_path: Path, service: Service) -> None:
    path = tmp_path / "orders.tsv"
    path.write_bytes("\ufeff_userId\t_orderId\t_billingAddress._city\nu\t1\tUlm\n".encode())
    assert run(path, service, kind="create_order") == (1, 0, True, None)
    assert service.taken == [{"_userId": "u", "_orderId": "1", "_billingAddress": {"_city": "Ulm"}}]


def test_files_of_csv_have_the_same_columns(tmp_path: Path) -> None:
    first = write(tmp_path / "a.csv", ["_userId,_orderId", "u,1"])
    second = write(tmp_path / "b.csv", ["_orderId,_userId", "2,u"])
    with pytest.raises(BackfillError, match=r"b\.csv: has other columns than the file before it"):
        check([first, second], kind="order_status")
    assert check([first, first], kind="order_status").good == 2


@pytest.mark.parametrize("head", ["a,a", "\x00\xff", '"a', "x" * (2 << 20)], ids=["twice", "bytes", "quote", "long"])
def test_a_first_line_that_names_no_columns_is_an_error(tmp_path: Path, head: str) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(head.encode("latin-1") + b"\n1,2\n")
    with pytest.raises(BackfillError, match="the first line, which has to name the columns, "):
        check(path, kind="order_status")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"filds": {}}, "there is no setting 'filds'; did you mean 'fields'?"),
        ({"fields": []}, "fields: expected a table"),
        ({"kind": 5}, "kind: expected text"),
        ({"fields": {"_orderId": 5}}, "fields: _orderId: expected text"),
        ({"times": {"_orderId": 5}}, "times: _orderId: expected text"),
        ({"values": {"_orderId": 5}}, "values: _orderId: expected a table"),
        ({"delimiter": ";;"}, "delimiter: expected one character"),
        ({"encoding": "utf-16"}, "encoding: 'utf-16' can't be read; convert the file: iconv -t UTF-8"),
        ({"encoding": "klingon"}, "encoding: 'klingon' can't be read"),
        ({"timezone": "Mars/Olympus"}, "timezone: there is no 'Mars/Olympus' on this machine"),
        ({"fields": {"_orderId": "nr"}}, "fields: the first line of the input names no column 'nr'"),
        ({"fields": {"_oderId": "no"}}, "'_oderId': CreateOrder has no such field; did you mean '_orderId'?"),
        ({"fields": {"_orderId._x": "no"}}, "'_orderId._x': CreateOrder has no such field"),
        ({"fields": {"_orderId[0]": "no"}}, r"'_orderId\[0\]': there is no list before \[0\]"),
        ({"fields": {"_items": "no"}}, "'_items' holds other fields; name one of those"),
        ({"fields": {"_items[0]": "no"}}, r"'_items\[0\]' holds other fields; name one of those"),
        ({"fields": {"_a..b": "no"}}, "'_a..b' is no path"),
        ({"constants": {"_currency": "EUR"}}, "'_currency': CreateOrder has no such field"),
        ({"times": {"_date": "iso"}}, "times, values: there is no field '_date'"),
        ({"kind": None}, "kind: is missing; name it by --kind"),
        ({"kind": "tag"}, "'_orderId': Tag has no such field"),
    ],
    ids=str,
)
def test_a_mapping_file_that_does_not_fit_is_an_error_of_usage(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    path = write(tmp_path / "orders.csv", [HEAD])
    given = changes if "times" in changes or "constants" in changes else {"times": None, "values": None} | changes
    with pytest.raises(BackfillError, match=said):
        check(path, map=json_map(tmp_path, **given))


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.json", "{", "is no mapping file: Expecting property name"),
        ("a.json", "[]", "is no mapping file: expected an object"),
        ("none/a.json", None, "can't be read: No such file or directory"),
        ("a.toml", "= 5", "is no mapping file: |Python 3.10 reads no TOML; write the same as JSON"),
    ],
)
def test_a_file_that_is_no_mapping_file_is_an_error(tmp_path: Path, name: str, text: str | None, said: str) -> None:
    path = write(tmp_path / "orders.csv", [HEAD])
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(BackfillError, match=said):
        check(path, map=tmp_path / name)


def test_the_kind_of_the_command_and_of_the_mapping_file_must_agree(tmp_path: Path) -> None:
    path = write(tmp_path / "orders.csv", [HEAD])
    with pytest.raises(BackfillError, match=r"'tag' was given, and .* says 'create_order'"):
        check(path, kind="tag", map=json_map(tmp_path))


@pytest.mark.parametrize(
    ("form", "text", "sent"),
    [
        ("iso", "2025-12-24T10:30:00Z", "1766572200000"),
        ("iso", "2025-12-24T10:30:00", "1766568600000"),
        ("seconds", "1766572200.5", "1766572200500"),
        ("milliseconds", "1766572200000", "1766572200000"),
        ("%Y-%m-%d %H:%M %z", "2025-12-24 11:30 +0100", "1766572200000"),
        ("seconds", "x", None),
        ("iso", "x", None),
    ],
)
def test_times_are_read_in_the_form_that_they_are_written_in(
    tmp_path: Path, service: Service, form: str, text: str, sent: str | None
) -> None:
    path = write(tmp_path / "a.csv", ["u,t", f"u-1,{text}"])
    layout = {
        "kind": "login",
        "timezone": "Europe/Berlin",
        "fields": {"_userId": "u", "_originTimestamp": "t"},
        "times": {"_originTimestamp": form},
    }
    mapping = tmp_path / "m.json"
    mapping.write_text(json.dumps(layout))
    run(path, service, map=mapping)
    expected = [] if sent is None else [{"_userId": "u-1", "_originTimestamp": sent}]
    assert service.taken == expected
    layout.pop("timezone")
    mapping.write_text(json.dumps(layout))
    (found, *_) = [*findings(path, map=mapping), None]
    if "Z" not in text and "+" not in text and form == "iso" and sent:
        assert found
        assert found.text.endswith("has no time zone; name it in the mapping file: timezone = ")


def test_rows_of_json_may_have_columns_of_their_own(tmp_path: Path, service: Service) -> None:
    path = write(tmp_path / "a.jsonl", ['{"no": 7, "customer": "u", "paid": 1, "count": "3", "sku": "A", "rest": []}'])
    mapping = json_map(tmp_path, times=None, values=None, delimiter=None, encoding=None)
    assert run(path, service, map=mapping) == (1, 0, True, None)
    assert service.taken[0]["_items"] == [{"_itemId": "A", "_quantity": 3}]
    assert service.taken[0]["_isPrePaid"] is True


@pytest.fixture
def shop(tmp_path: Path) -> str:
    pytest.importorskip("sqlalchemy", reason="reads with SQLAlchemy")
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, no, customer, state, at TIMESTAMP)")
        rows = [(f"o-{i % 30}", "u" if i != 77 else None, str(i), "2025-12-24 10:30:00") for i in range(1500)]
        connection.executemany("INSERT INTO orders (no, customer, state, at) VALUES (?, ?, ?, ?)", rows)
    connection.close()
    return f"sqlite:///{path}"


QUERY = "SELECT no, customer, state, '10:30' AS noon FROM orders ORDER BY id"


def test_rows_of_a_database_are_sent_and_gone_on_with(tmp_path: Path, service: Service, shop: str) -> None:
    mapping = tmp_path / "map.json"
    fields = {"_orderId": "no", "_userId": "customer", "_orderStatus": "state", "_description": "noon"}
    mapping.write_text(json.dumps({"kind": "order_status", "fields": fields}))
    given = ("--sql", shop, "--query", QUERY, "--map", mapping)
    assert backfill(*given, "--dry-run", cwd=tmp_path).stdout.startswith(
        "sql:78: OrderStatus: needs user_id or session_id"
    )
    service.decide = lambda event: 401 if len(service.taken) >= 400 else 200
    assert backfill(*given, service=service, cwd=tmp_path).returncode == 3
    service.decide = lambda event: 200
    done = backfill(*given, service=service, cwd=tmp_path)
    assert done.stdout.startswith("sent 1,499, rejected 1; they are in sql.rejects")
    assert (len(service.taken), service.twice, service.out_of_order) == (1499, 0, [])
    (row,) = reject_lines(tmp_path / "sql")
    assert json.loads(row) == {"no": "o-17", "customer": None, "state": "77", "noon": "10:30"}
    write(tmp_path / "again.jsonl", [row.replace("null", '"u"')])
    assert backfill("again.jsonl", "--map", mapping, service=service, cwd=tmp_path).stdout == "sent 1, rejected 0\n"


def test_columns_of_a_query_may_have_the_names_of_the_fields(service: Service, shop: str, tmp_path: Path) -> None:
    query = 'SELECT no AS "_orderId", customer AS "_userId", state AS "_orderStatus" FROM orders ORDER BY id LIMIT 9'
    result = run(
        (), service, sql=shop, query=query, kind="order_status", checkpoint=tmp_path / "c", rejects=tmp_path / "r"
    )
    assert result == (9, 0, True, None)


def moment(data: bytes) -> datetime:
    return datetime.fromisoformat(data.decode())


def test_times_of_a_database_are_those_of_the_zone_that_the_mapping_file_names(
    tmp_path: Path, service: Service
) -> None:
    sqlalchemy = pytest.importorskip("sqlalchemy", reason="reads with SQLAlchemy")
    sqlite3.register_converter("moment", moment)
    engine = sqlalchemy.create_engine(
        f"sqlite:///{tmp_path / 'x.db'}", connect_args={"detect_types": sqlite3.PARSE_DECLTYPES}
    )
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (no, at moment, price, raw)")
        values = "VALUES (1, '2025-12-24 10:30:00', 5.5, 'x'), (2, '2025-12-24 10:30:00', 'five', x'78')"
        connection.exec_driver_sql(f"INSERT INTO t {values}")
    query = "SELECT no, 'u' AS customer, at, price, raw FROM t ORDER BY no"
    mapping = tmp_path / "m.json"
    fields = {
        "_userId": "customer",
        "_orderId": "no",
        "_originTimestamp": "at",
        "_amount": "price",
        "_userEmail": "raw",
    }
    layout = {"kind": "create_order", "fields": fields, "timezone": "UTC", "times": {"_originTimestamp": "iso"}}
    mapping.write_text(json.dumps(layout))
    files = {"checkpoint": tmp_path / "c", "rejects": tmp_path / "r"}
    assert run((), service, sql=engine, query=query, map=mapping, **files) == (1, 1, True, None)
    taken = {"_userId": "u", "_orderId": "1", "_amount": "5.5", "_originTimestamp": "1766572200000", "_userEmail": "x"}
    assert service.taken == [taken]
    assert json.loads((tmp_path / "r").read_text()) == {
        "no": 2,
        "customer": "u",
        "at": "1766572200000",
        "price": "five",
        "raw": "78",
    }
    mapping.write_text(json.dumps({"kind": "create_order", "fields": fields}))
    found: list[Finding] = []
    check(sql=engine, query=query, map=mapping, on_finding=found.append)
    assert found[0].text == "CreateOrder._originTimestamp: has no time zone; name it in the mapping file: timezone = "
    with pytest.raises(BackfillError, match=r"sql: the rows can't be read \(ResourceClosedError\)"):
        check(sql=engine, query="DELETE FROM t WHERE no IN (SELECT no FROM t ORDER BY no)", map=mapping)
    engine.dispose()


def test_a_list_may_stand_in_what_has_no_form(tmp_path: Path, service: Service) -> None:
    path = write(tmp_path / "a.csv", ["_userId,_customInfo.tags[1],_customInfo.tags[0]", "u,b,a", "v,,"])
    assert run(path, service, kind="login") == (2, 0, True, None)
    assert [event.get("_customInfo") for event in sorted(service.taken, key=str)] == [{"tags": ["a", "b"]}, None]


def test_without_a_reader_of_toml_it_says_what_to_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tomllib", None)
    (tmp_path / "m.toml").write_text('kind = "login"')
    with pytest.raises(BackfillError, match=r"Python 3\.10 reads no TOML; write the same as JSON, in a file \*\.json"):
        check(write(tmp_path / "a.csv", []), map=tmp_path / "m.toml")


def test_rows_that_belong_to_nobody_are_sent_as_well(tmp_path: Path, service: Service) -> None:
    path = write(tmp_path / "a.jsonl", [f'{{"_sessionId": "s-{i}"}}' for i in range(3)])
    assert run(path, service, kind="link_session_to_user").sent + len(reasons(path)) == 3


@pytest.mark.parametrize(
    ("url", "query", "said"),
    [
        (None, "SELECT 1", "query: needs ORDER BY"),
        (None, "SELECT x FROM orders ORDER BY 1", "sql: the database refuses: no such column: x"),
        (
            None,
            "SELECT id, id FROM orders ORDER BY id",
            "query: two columns have the name 'id'; name one of them by AS",
        ),
        (None, "SELECT no FROM orders ORDER BY id", "columns: 'no': OrderStatus has no such field"),
        ("nonsense", QUERY, "--sql: is no URL of a database"),
        ("klingon://host/shop", QUERY, "sql: is no URL of a database"),
        ("mysql+mysqldb://host/shop", QUERY, "sql: the driver MySQLdb is missing"),
        ("sqlite:////none/none.db", QUERY, "sql: the database refuses: unable to open database file"),
        ("postgresql://shop:hunter2@host/shop", QUERY, "--sql: `ps` would show the password"),
    ],
)
def test_a_database_that_can_not_be_read_is_an_error_of_usage(
    tmp_path: Path, shop: str, url: str | None, query: str, said: str
) -> None:
    done = backfill("--sql", url or shop, "--query", query, *KIND, "--dry-run", cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert "hunter2" not in done.stderr


def test_the_password_of_a_database_comes_from_the_environment_or_a_file(tmp_path: Path, shop: str) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2\n")
    url = "postgresql+psycopg://shop@127.0.0.1:1/shop"
    by_file: tuple[object, ...] = ("--sql-password", secret)
    for arguments, password in ((by_file, {}), ((), {"THIRDWATCH_SQL_PASSWORD": "hunter2"})):
        variables: Any = password
        done = backfill("--sql", url, "--query", QUERY, *KIND, "--dry-run", *arguments, cwd=tmp_path, **variables)
        assert done.returncode == 2
        assert "hunter2" not in done.stdout + done.stderr


def test_without_sqlalchemy_it_says_what_to_install(tmp_path: Path) -> None:
    hidden = "import sys; sys.modules['sqlalchemy'] = None; from thirdwatch_api.cli import main; sys.exit(main())"
    given = ["backfill", "--sql", "sqlite:///x.db", "--query", QUERY, *KIND, "--dry-run"]
    done = subprocess.run([sys.executable, "-c", hidden, *given], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert 'pip install "thirdwatch-api[sqlalchemy]"' in done.stderr


def test_a_dry_run_lists_every_bad_row_and_sends_nothing(tmp_path: Path, service: Service) -> None:
    rows = lines(100, 10)
    rows[9::10] = ['{"_userId": "u", "_oderId": 1, "_x": 2}'] * 10
    write(tmp_path / "orders.jsonl", rows)
    done = backfill("orders.jsonl", *KIND, "--dry-run", service=service, cwd=tmp_path)
    assert done.returncode == 1
    said = [text for text in done.stdout.splitlines() if "unknown key" in text]
    assert len(said) == 20
    assert said[0] == "orders.jsonl:10: OrderStatus._oderId: unknown key; did you mean '_orderId'?"
    assert done.stdout.endswith("90 rows can be sent, 10 can't; nothing was sent\n")
    assert "warning: 90 rows of order_status can't be back-dated: the service takes them for new\n" in done.stdout
    assert (service.calls, [found.name for found in tmp_path.iterdir()]) == (0, ["orders.jsonl"])


def test_a_dry_run_warns_of_rows_that_are_out_of_order(tmp_path: Path) -> None:
    rows = [
        json.dumps({"_userId": "u", "_orderId": f"o-{i % 2}", "_originTimestamp": time})
        for i, time in enumerate(
            ["1700000000300", "1700000000100", "1700000000200", "1700000000150", None, "x", "9" * 30]
        )
    ]
    path = write(tmp_path / "orders.jsonl", rows)
    found = findings(path, kind="create_order")
    assert [(each.place, each.is_error) for each in found] == [(f"{path}:3", False)]
    done = backfill("orders.jsonl", "--kind", "create_order", "--dry-run", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout == (
        "orders.jsonl:3: warning: is earlier than the row of the same order before it, and is sent after it\n"
        "7 rows can be sent, 0 can't, 1 are out of order; nothing was sent\n"
    )


def test_warnings_are_counted_where_there_are_many(tmp_path: Path) -> None:
    rows = [
        json.dumps({"_userId": "u", "_orderId": "o", "_originTimestamp": f"{1700000009999 - i}"}) for i in range(50)
    ]
    write(tmp_path / "orders.jsonl", rows)
    done = backfill("orders.jsonl", "--kind", "create_order", "--dry-run", cwd=tmp_path)
    assert done.stdout.count("warning") == 20
    assert "49 are out of order" in done.stdout
    as_json = backfill("orders.jsonl", "--kind", "create_order", "--dry-run", "--json", cwd=tmp_path)
    records = [json.loads(text) for text in as_json.stdout.splitlines()]
    assert len(records) == 50
    assert records[-1] == {"good": 50, "bad": 0, "unordered": 49, "undated": {}}


def test_parts_of_a_dry_run_share_the_rows(tmp_path: Path) -> None:
    path = write(tmp_path / "orders.jsonl", [*lines(200, 50), *("{" + "x" * i for i in range(40))])
    parts = [check(path, kind="order_status", part=(i, 3)) for i in range(3)]
    assert (sum(part.good for part in parts), sum(part.bad for part in parts)) == (200, 40)
    assert all(part.good and part.bad for part in parts)


def test_memory_does_not_grow_with_the_file(tmp_path: Path, service: Service) -> None:
    if not Path("/proc/self/status").exists():
        pytest.skip("memory is read where there is /proc")
    peaks: list[float] = []
    for number, size in enumerate((1, 8)):
        path = tmp_path / f"orders-{number}.jsonl"
        write_orders(path, rows=None, size=size << 20)
        peaks += [peak_memory(service.url, path, "--dry-run"), peak_memory(service.url, path, "--rate", 0)]
    assert max(peaks) < 64
    assert abs(peaks[2] - peaks[0]) < 4
    assert abs(peaks[3] - peaks[1]) < 6


@pytest.mark.parametrize("read", [_as_int, _time_reader("seconds")])
def test_a_number_of_a_million_digits_is_refused_at_once(read: Callable[[Any], Any]) -> None:
    began = process_time()
    with pytest.raises(ValueError, match="is no "):
        read("1e999990")
    assert process_time() - began < 1  # it took 24 seconds of the processor
    assert read("12e2") in (1200, "1200000")
