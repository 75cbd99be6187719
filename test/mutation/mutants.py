"""Changes of one token or one statement of a module."""

from __future__ import annotations

import ast
import io
import itertools
import tokenize
import warnings
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["Mutant", "mutants"]

_SWAPS = {
    "==": "!=",
    "!=": "==",
    "<": "<=",
    "<=": "<",
    ">": ">=",
    ">=": ">",
    "+": "-",
    "-": "+",
    "*": "+",
    "+=": "-=",
    "-=": "+=",
    "and": "or",
    "or": "and",
    "not": "",
    "is": "is not",
    "in": "not in",
    "if": "if not",
    "while": "while not",
    "break": "continue",
    "continue": "break",
    "True": "False",
    "False": "True",
}


class Mutant(NamedTuple):
    """A module in which one thing was changed."""

    line: int
    change: str
    """What was changed into what, for people."""
    source: str


class _Edit(NamedTuple):
    start: tuple[int, int]
    end: tuple[int, int]
    """Line and column, in characters."""
    text: str


def mutants(source: str) -> Iterator[Mutant]:
    """Make every mutant of a module that Python can compile."""
    lines = source.splitlines(keepends=True)
    starts = [0, *itertools.accumulate(map(len, lines))]
    for edit in sorted({*_tokens(source), *_statements(source)}):
        first, last = (starts[line - 1] + column for line, column in (edit.start, edit.end))
        changed = source[:first] + edit.text + source[last:]
        if "pragma: no" not in lines[edit.start[0] - 1] and _compiles(changed):
            before = " ".join(source[first:last].split())
            yield Mutant(edit.start[0], f"{before or '(nothing)'} -> {edit.text or '(nothing)'}", changed)


def _tokens(source: str) -> Iterator[_Edit]:
    before = ""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NUMBER and token.string.isdecimal():
            yield _Edit(token.start, token.end, str(int(token.string) + 1))
        elif token.type in (tokenize.NAME, tokenize.OP) and token.string in _SWAPS:
            yield _Edit(token.start, token.end, _SWAPS[token.string])
        elif (before, token.string) == ("from", "None"):
            yield _Edit((token.start[0], token.start[1] - len("from ")), token.end, "")
        before = token.string


def _statements(source: str) -> Iterator[_Edit]:
    """Leave out a call or an assignment; return nothing."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Expr(value=ast.Call()) | ast.Assign(targets=[ast.Attribute() | ast.Subscript(), *_]):
                yield _edit(source, node, "pass")
            case ast.Return(value=ast.expr()):
                yield _edit(source, node, "return None")
            case _:
                pass


def _edit(source: str, node: ast.stmt, text: str) -> _Edit:
    lines = source.splitlines()
    # ast counts columns in bytes of UTF-8.
    first, last = (
        (line, len(lines[line - 1].encode()[:column].decode()))
        for line, column in ((node.lineno, node.col_offset), (node.end_lineno or 0, node.end_col_offset or 0))
    )
    return _Edit(first, last, text)


def _compiles(source: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(source, "mutant", "exec")
    except SyntaxError:
        return False
    return True
