"""The command: how it starts, parses, ends, and what it never shows."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from thirdwatch_api import __main__
from thirdwatch_api.cli import _main, main
from thirdwatch_api.cli._main import COMMANDS, whole_parser
from thirdwatch_api.cli._parser import Parser
from thirdwatch_api.outbox import Outbox
from thirdwatch_api.sandbox import Sandbox

from .delivery import events
from .servers import eventually
from .terminal import LIMIT, Done, at_terminal, call, command, environment, reach, run

Capture = pytest.CaptureFixture[str]


def parsers(parser: Parser) -> list[Parser]:
    """All parsers of commands and actions."""
    below = [each for command in parser.commands.values() for each in parsers(command)]
    return [parser, *below]


ALL = {parser.prog: parser for parser in parsers(whole_parser())}


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_without_a_command_the_help_names_all_of_them(arguments: list[str], capsys: Capture) -> None:
    done = call(capsys, *arguments)
    assert done.code == (0 if arguments else 2)
    for name, what in COMMANDS.items():
        shown = done.out if arguments else done.err
        assert f"  {name} " in shown or f"  {name}\n" in shown
        assert what in shown


@pytest.mark.parametrize("prog", ALL)
def test_the_help_of_a_command_fits_a_screen_and_ends_with_examples(
    prog: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    done = call(capsys, *prog.split()[1:], "--help")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert len(lines) <= 45
    assert max(map(len, lines)) <= 80
    assert "thirdwatch " in done.out.partition("\nexamples:\n")[2]


@pytest.mark.parametrize("prog", ALL)
def test_the_examples_of_the_help_are_understood(prog: str) -> None:
    assert ALL[prog].examples
    for line, _ in ALL[prog].examples:
        words = line.partition("thirdwatch ")[2].partition(" | ")[0].partition(" < ")[0]
        arguments = words.removesuffix(')"').split()
        assert whole_parser().read(arguments).command == arguments[0]


@pytest.mark.parametrize("prog", ALL)
def test_every_argument_is_explained(prog: str) -> None:
    for action in ALL[prog]._actions:
        assert action.help or action.dest in ("command", "action"), action.dest


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("chek", "thirdwatch: argument COMMAND: there is no 'chek'; did you mean 'check'?; see thirdwatch --help"),
        ("zzz", "thirdwatch: argument COMMAND: there is no 'zzz'; there are check, send"),
        ("--x", "thirdwatch: the following arguments are required: COMMAND; see thirdwatch --help"),
        ("outbox", "thirdwatch outbox: the following arguments are required: ACTION; see thirdwatch outbox --help"),
        ("outbox stats", "thirdwatch outbox: argument ACTION: there is no 'stats'; did you mean 'status'?"),
        ("relay --tread 4", "thirdwatch relay: unknown argument --tread; did you mean '--threads'?"),
        ("relay a b", "thirdwatch relay: unknown argument b; see thirdwatch relay --help"),
        ("--json relay x.db", "thirdwatch relay: unknown argument --json: it goes behind 'thirdwatch relay'; see"),
        ("relay --threads 0", "thirdwatch relay: argument --threads: expected a whole number above 0, got '0'"),
        ("relay --threads x", "thirdwatch relay: argument --threads: expected a whole number above 0, got 'x'"),
        ("relay --rate -1", "thirdwatch relay: argument --rate: expected events per second, or 0 for no bound"),
        ("relay --rate nan", "thirdwatch relay: argument --rate: expected events per second, or 0 for no bound"),
        ("relay --part 4/4", "thirdwatch relay: argument --part: expected I/N, from 0/4 to 3/4"),
        ("relay --part x", "thirdwatch relay: argument --part: expected I/N, from 0/4 to 3/4"),
        ("relay --seconds 2w", "thirdwatch relay: argument --seconds: expected seconds, or a time such as 90s"),
        ("outbox purge x.db", "thirdwatch outbox purge: the following arguments are required: --older-than"),
        (
            "outbox purge x.db --older-than 30",
            "thirdwatch outbox purge: argument --older-than: expected a time with its unit, such as 30d or 30h",
        ),
        ("completion csh", "thirdwatch completion: argument SHELL: there is no 'csh'; did you mean 'zsh'?"),
    ],
)
def test_a_wrong_argument_is_one_line_that_says_what_to_write(arguments: str, said: str, capsys: Capture) -> None:
    done = call(capsys, *arguments.split())
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(said)
    assert done.err.count("\n") == 1


def test_an_argument_can_not_steer_the_terminal(capsys: Capture) -> None:
    assert "\x1b" not in call(capsys, "\x1b[2J").err


def test_times_have_units() -> None:
    parser = whole_parser()
    for text, expected in {"90": 90, "1.5": 1.5, "90s": 90, "5m": 300, "2h": 7200, "1d": 86400}.items():
        assert parser.read(["outbox", "status", "--max-age", text]).max_age == expected
    assert parser.read(["relay", "--rate", "0"]).rate is None
    assert parser.read(["relay", "--rate", "2.5", "--part", "3/16"]).part == (3, 16)


def test_the_package_is_a_command_as_well() -> None:
    assert run("--version").out.startswith("thirdwatch 1.")
    (script,) = entry_points(group="console_scripts", name="thirdwatch")
    assert script.load() is main
    assert vars(__main__)["main"] is main


def test_the_help_imports_no_part_that_it_does_not_need() -> None:
    program = (
        "import sys; before = set(sys.modules); from thirdwatch_api.cli import main; main([])\n"
        "print(*(set(sys.modules) - before))"  # what measures coverage imports sqlite3
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    loaded = set(done.stdout.split())
    slow = {"sqlite3", "rich", "argcomplete", "thirdwatch_api.outbox", "thirdwatch_api.sandbox", "thirdwatch_api.apis"}
    assert loaded & slow == set()
    assert not [name for name in loaded if name.startswith(("thirdwatch_api.models.", "thirdwatch_api.rest"))]


def test_an_import_of_the_package_imports_nothing_of_the_command() -> None:
    program = "import sys, thirdwatch_api; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert not [name for name in done.stdout.split() if name.startswith("thirdwatch_api.cli") or name == "argparse"]


KEY = "Canary-Key-0123456789"


@pytest.fixture
def service() -> object:
    with Sandbox(KEY) as sandbox:
        yield sandbox


@pytest.fixture
def reached(service: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """A service that commands in this process call."""
    return reach(service, monkeypatch)


def test_no_option_takes_a_key() -> None:
    # `ps` shows arguments. The sandbox's key is none: it opens nothing.
    names = {
        option for prog, parser in ALL.items() if "sandbox" not in prog for option in parser._option_string_actions
    }
    assert {name for name in names if "key" in name} == {"--key-file"}


def test_the_key_is_read_from_a_file(service: Sandbox, tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "key"
    path.write_text(f"  {KEY}\n")
    done = call(capsys, "send", "login", "user_id=u-1", "--host", service.host, "--key-file", path)
    assert done == Done(0, "200 Login received\n", "")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "can't read the API key: {path}: No such file or directory"),
        (b"", "{path}: expected the API key in one line, and nothing else"),
        (b"a\nb\n", "{path}: expected the API key in one line, and nothing else"),
        (b"\xff\xfe", "{path}: is not UTF-8; expected the API key alone"),
    ],
)
def test_a_file_that_holds_no_key_is_named(content: bytes | None, said: str, tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    done = call(capsys, "send", "login", "user_id=u-1", "--key-file", path)
    assert done == Done(2, "", f"thirdwatch send: {said.format(path=path)}\n")


@pytest.mark.parametrize("arguments", [["send", "login", "user_id=u"], ["score", "o-1"], ["relay", "x.db"]])
def test_without_a_key_the_error_says_how_to_set_it(
    arguments: list[str], capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = call(capsys, *arguments)
    assert (done.code, done.out) == (2, "")
    assert "no API key: set THIRDWATCH_API_KEY in the environment, or name a file" in done.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (400, 1, "Correct the event before sending it again."),
        (409, 1, "Check what was sent about the same order"),
        (401, 3, "Check THIRDWATCH_API_KEY or --key-file: the service does not know this key."),
        (403, 3, "Ask Thirdwatch which calls this API key permits."),
        (404, 3, "Check THIRDWATCH_HOST or --host, its path included."),
        (302, 3, "Set THIRDWATCH_HOST or --host to the final address."),
        (429, 3, "Send more slowly, or again later."),
        (503, 3, "The service failed; send the event again later."),
    ],
)
def test_a_failed_call_is_one_line_with_advice_for_people(
    status: int, code: int, said: str, reached: Sandbox, capsys: Capture
) -> None:
    reached.fail(status, times=9, headers={"Retry-After": "0"}, body={"error": f"not with {KEY}"})
    done = call(capsys, "send", "login", "user_id=u-1")
    assert (done.code, done.out) == (code, "")
    assert done.err.startswith(f"thirdwatch send: ({status}) ")
    assert done.err.endswith(f"{said}\n") or said in done.err
    assert done.err.count("\n") == 1
    assert "configuration" not in done.err
    assert KEY not in done.err


def test_a_dead_host_is_one_line(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THIRDWATCH_API_KEY", KEY)
    done = call(capsys, "score", "o-1", "--host", "http://127.0.0.1:1/event")
    assert (done.code, done.out) == (3, "")
    assert done.err.endswith("`thirdwatch check` says what is wrong on the way.\n")
    assert done.err.count("\n") == 1


def test_debug_shows_requests_and_where_an_error_arose_but_no_key(reached: Sandbox, capsys: Capture) -> None:
    reached.fail(400)
    done = call(capsys, "send", "login", "user_id=u-1", "session_id=s-secret", "--debug")
    assert done.code == 1
    assert "DEBUG: " in done.err
    assert "Traceback" in done.err
    assert KEY not in done.err
    assert "s-secret" not in done.err


@pytest.mark.parametrize("debug", [[], ["--debug"]])
def test_a_bug_of_ours_is_one_line_without_the_text_of_the_error(
    debug: list[str], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> int:
        raise KeyError("somebody@example.com")

    monkeypatch.setattr(_main._module("score"), "run", broken)
    done = call(capsys, "score", "o-1", *debug)
    assert done.code == 3
    assert done.err.endswith("thirdwatch score: internal error (KeyError); --debug shows where\n")
    assert ("Traceback" in done.err) == bool(debug)


def test_ctrl_c_ends_quietly_with_130(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(_main._module("score"), "run", interrupted)
    assert call(capsys, "score", "o-1") == Done(130, "", "")


def test_ctrl_c_at_a_terminal_ends_a_wait_with_130(service: Sandbox) -> None:
    with at_terminal("score", "o-1", "--wait", "--deadline", "1h", service=service) as screen:
        eventually(lambda: service.requests or screen.process.poll() is not None)
        screen.type("\x03")
        assert screen.end() == 130
    assert screen.text.replace("^C", "").strip() == ""


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """An outbox in which a thousand events wait."""
    path = tmp_path / "outbox.db"
    with Outbox(path) as outbox:
        outbox.add_all(events(1000, 10))
    return path


@pytest.mark.skipif(os.name != "posix", reason="needs a shell")
@pytest.mark.parametrize(("lines", "code"), [(1, 141), (5000, 0)])
def test_a_reader_that_stops_reading_ends_the_command_quietly(filled: Path, lines: int, code: int) -> None:
    shown = " ".join(command("outbox", "list", filled, "--limit", "1000", "--json"))
    script = f"set -o pipefail; {shown} | head -n {lines} | wc -l"
    done = subprocess.run(
        ["bash", "-c", script], check=False, capture_output=True, text=True, timeout=LIMIT, env=environment()
    )
    assert (done.returncode, done.stdout.strip()) == (code, str(min(lines, 1000)))
    assert done.stderr == ("" if code else "these are the first 1000; --limit shows more\n")


@pytest.mark.skipif(os.name != "posix", reason="needs a shell")
def test_help_into_a_reader_that_is_gone_ends_quietly() -> None:
    script = f"{' '.join(command('send', '--help'))} | true"
    done = subprocess.run(
        ["bash", "-c", script], check=False, capture_output=True, text=True, timeout=LIMIT, env=environment()
    )
    assert done.stderr == ""


def test_what_an_encoding_can_not_show_is_escaped(tmp_path: Path) -> None:
    done = run(
        "send",
        "login",
        "user_id=\u00fc\u20ac",
        "--dry-run",
        cwd=tmp_path,
        variables={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
    )
    assert done == Done(0, "valid: Login(user_id='\\xfc\\u20ac')\n", "")


@pytest.mark.skipif(os.name != "posix", reason="needs a shell")
@pytest.mark.parametrize(
    ("redirection", "code", "err"),
    [
        (">&-", 0, ""),
        (">&- 2>&-", 0, ""),
        ("> /dev/full", 3, "thirdwatch: can't write the output: No space left on device\n"),
    ],
)
def test_output_that_goes_nowhere_is_no_accident(redirection: str, code: int, err: str, filled: Path) -> None:
    if "/dev/full" in redirection and not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    script = f"{' '.join(command('outbox', 'list', filled, '--json', '--quiet'))} {redirection}"
    done = subprocess.run(
        ["bash", "-c", script], check=False, capture_output=True, text=True, timeout=LIMIT, env=environment()
    )
    assert (done.returncode, done.stdout, done.stderr) == (code, "", err)


def test_json_is_one_object_in_a_line(reached: Sandbox, capsys: Capture) -> None:
    done = call(capsys, "send", "login", "user_id=u-1", "--json")
    assert (done.code, json.loads(done.out), done.err) == (0, {"status": 200, "message": "Login received"}, "")


def without(tmp_path: Path, module: str) -> dict[str, str]:
    """An environment in which a module seems not to be installed."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Missing:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.partition('.')[0] == {module!r}:\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "import importlib.util\n"
        "found = importlib.util.find_spec\n"
        f"importlib.util.find_spec = lambda name, package=None: None if name == {module!r} else found(name, package)\n"
        "sys.meta_path.insert(0, Missing())\n"
    )
    return {"PYTHONPATH": os.pathsep.join([str(tmp_path), environment()["PYTHONPATH"]])}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_code_for_a_shell(shell: str, capsys: Capture) -> None:
    pytest.importorskip("argcomplete")
    done = call(capsys, "completion", shell)
    assert done.code == 0
    assert "thirdwatch" in done.out
    assert done.err == ""
    assert json.loads(call(capsys, "completion", shell, "--json").out)["shell"] == shell


def test_completion_explains_what_is_missing(tmp_path: Path) -> None:
    done = run("completion", "bash", variables=without(tmp_path, "argcomplete"))
    assert done == Done(3, "", 'thirdwatch completion: argcomplete is missing: pip install "thirdwatch-api[cli]"\n')


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("thirdwatch ou", ["outbox "]),
        ("thirdwatch outbox re", ["replay "]),
        ("thirdwatch send order", ["order_status "]),
        ("thirdwatch relay x.db --th", ["--threads "]),
    ],
)
@pytest.mark.skipif(os.name != "posix", reason="needs a shell")
def test_a_shell_completes_commands_kinds_and_options(line: str, expected: list[str], tmp_path: Path) -> None:
    pytest.importorskip("argcomplete")
    found = tmp_path / "found"
    env = environment() | {
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_IFS": "\v",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(found),
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
        "COMP_TYPE": "9",
        "_ARGCOMPLETE_SUPPRESS_SPACE": "0",
    }
    subprocess.run(command(), check=False, env=env, timeout=LIMIT, capture_output=True)
    assert found.read_text().split("\v") == expected


def test_a_table_is_drawn_on_a_terminal_and_plain_elsewhere(filled: Path) -> None:
    pytest.importorskip("rich")
    with at_terminal("outbox", "list", filled, "--limit", "3") as screen:
        assert screen.end() == 0
    assert "\u2500" in screen.text
    assert "order_status" in screen.text
    done = run("outbox", "list", filled, "--limit", "3")
    assert done.out.splitlines()[0].split() == ["id", "state", "kind", "order", "added", "tries", "reason"]
    assert len(done.out.splitlines()) == 4
    assert "\x1b" not in done.out


@pytest.mark.parametrize(("variables", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_colours_are_for_terminals_that_want_them(variables: dict[str, str], coloured: bool, service: Sandbox) -> None:
    pytest.importorskip("rich")
    with at_terminal("send", "login", "user_id=u-1", service=service, variables=variables) as screen:
        assert screen.end() == 0
    assert screen.text.strip() == "200 Login received"
    assert ("\x1b[32m" in screen.raw) == coloured


def test_without_rich_a_terminal_gets_plain_lines(service: Sandbox, tmp_path: Path) -> None:
    with at_terminal("send", "login", "user_id=u-1", service=service, variables=without(tmp_path, "rich")) as screen:
        assert screen.end() == 0
    assert screen.raw == "200 Login received\r\n"


def test_a_signal_is_not_an_error_of_ours(service: Sandbox) -> None:
    with at_terminal("score", "o-1", "--wait", "--deadline", "1h", service=service) as screen:
        eventually(lambda: service.requests or screen.process.poll() is not None)
        screen.process.send_signal(signal.SIGTERM)
        assert screen.end() == 143
    assert screen.text == ""
