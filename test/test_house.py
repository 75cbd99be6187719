"""Rules of the house about words and about the tests themselves, which a reviewer would else have to remember."""

import ast
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TESTS = sorted((ROOT / "test").rglob("*.py"))
CODE = [*TESTS, *sorted((ROOT / "thirdwatch_api").rglob("*.py")), *sorted((ROOT / "docs").rglob("*.py"))]
PROSE = [
    *sorted((ROOT / "docs").rglob("*.md")),
    *(ROOT / name for name in ("README.md", "SECURITY.md", "CONTRIBUTING.md")),
    *sorted((ROOT / ".github").rglob("*.*")),  # not in an sdist, which is tested as well
]

WORDS = {
    r"answer(s|ed|ing)?": "response, to respond",
    r"(careful|short) way": "slow path, fast path",
    r"mend(s|ed|ing)?": "to fix",
    r"distrust(s|ed|ing)?": "to expire, not to trust",
    r"told": "reported, shown, named",
    r"(?<=\"\"\")Tell": "Return, Report",
}
"""Words that mean something else in the field, or nothing, and what to write instead."""

LOCAL = {
    "outbox": "each file about outboxes opens its own kind of store",
    "path": "the same",
    "_quick": "the same",
    "service": "each file about the command, and the plugin's, has its own",
    "shop": "round trips and the page have their own",
}
"""Fixtures whose name may stand in several files, and why."""


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _words(text: str) -> Iterator[tuple[int, str, str]]:
    """Find the words that are not the field's: the number of the line, the word, and what to write instead."""
    for number, line in enumerate(text.splitlines(), 1):
        for pattern, instead in WORDS.items():
            # In the name of a test, words are joined by underscores.
            for match in re.finditer(rf"(?<![A-Za-z]){pattern}(?![A-Za-z])", line, re.IGNORECASE):
                yield number, match[0], instead


def _dividers(text: str) -> Iterator[tuple[int, str]]:
    """Find comments that stand alone between blank lines as the title of what follows, and rulers."""
    lines = ["", *text.splitlines(), ""]
    for number, line in enumerate(lines):
        title = re.fullmatch(r"# ?[\w,;' -]{1,50}", line) and lines[number - 1] == lines[number + 1] == ""
        if title or re.search(r"# ?[-=#*_~]{4,}", line):
            yield number, line


def _is_fixture(node: ast.FunctionDef) -> bool:
    return any("fixture" in ast.unparse(each) for each in node.decorator_list)


def _twice(found: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Keep the names that stand in more than one place, with these places."""
    places: dict[str, list[str]] = defaultdict(list)
    for name, place in found:
        places[name].append(place)
    return {name: places[name] for name in places if len(places[name]) > 1}


def _functions(keep: Callable[[ast.FunctionDef], bool]) -> Iterator[tuple[str, str]]:
    """List functions at the top of the tests' files, each with its place."""
    for path in TESTS:
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.FunctionDef) and keep(node):
                yield node.name, f"{_name(path)}:{node.lineno}"


def test_a_fixture_has_a_name_of_its_own() -> None:
    every = _twice(_functions(_is_fixture))
    assert {name: every[name] for name in every if name not in LOCAL} == {}


def test_a_test_has_a_name_of_its_own() -> None:
    assert _twice(_functions(lambda node: node.name.startswith("test_"))) == {}


def test_a_helper_that_tests_share_is_made_once() -> None:
    def made(path: Path) -> set[str]:
        body = ast.parse(path.read_text("utf-8")).body
        return {node.name for node in body if isinstance(node, (ast.ClassDef, ast.FunctionDef))}

    servers = ROOT / "test" / "servers.py"
    shared = {name for name in made(servers) if name[0].isupper()} | {"make_client", "eventually"}
    assert {"FaultServer", "Peer"} | shared <= made(servers)
    others = [path for path in TESTS if path.parent == servers.parent and path != servers]
    assert {_name(path): sorted(made(path) & shared) for path in others if made(path) & shared} == {}


def test_a_file_of_tests_says_what_it_holds() -> None:
    trees = {_name(path): ast.parse(path.read_text("utf-8")) for path in TESTS}
    assert [name for name, tree in trees.items() if tree.body and not ast.get_docstring(tree)] == []


def test_exemptions_of_whole_files_are_in_pyproject_toml() -> None:
    assert [_name(path) for path in CODE if re.search(r"(?m)^# (ruff|mypy|pyright): ", path.read_text("utf-8"))] == []


def test_no_comment_divides_a_file() -> None:
    others = [path for path in CODE if path != Path(__file__)]
    found = [(path, *each) for path in others for each in _dividers(path.read_text("utf-8"))]
    assert [f"{_name(path)}:{number}: {line}" for path, number, line in found] == []


def test_words_are_those_of_the_field() -> None:
    others = [path for path in [*CODE, *PROSE] if path != Path(__file__)]
    found = [(_name(path), *each) for path in others for each in _words(path.read_text("utf-8"))]
    assert [f"{name}:{number}: {word!r}; write {instead}" for name, number, word, instead in found] == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def test_an_answer_is_read():", ["answer"]),
        ("ANSWERS = 1", ["ANSWERS"]),
        ('"""Tell what it is."""', ["Tell"]),
        ("It is told, then mended.", ["mended", "told"]),
        ("The response is amended; tell nobody.", []),
    ],
)
def test_such_words_are_found(text: str, words: list[str]) -> None:
    assert sorted(word for _, word, _ in _words(text)) == words


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("x = 1\n\n# Keys\n\ny = 2", [3]),
        ("# ----------\nx = 1", [1]),
        ("x = 1  # ====\n", [1]),
        ("# Why it is so\nx = 1", []),
        ("x = 1\n\n# One sentence, with a full stop.\n\ny = 2", []),
    ],
)
def test_such_comments_are_found(text: str, lines: list[int]) -> None:
    assert [number for number, _ in _dividers(text)] == lines
