"""What ``help()`` shows of a model. Nothing here is imported before somebody asks."""

import ast
import inspect
import sys
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import Any

from ._fields import Field, field_table

__all__ = ["documentation", "field_docs", "signature"]


def documentation(model: type[Any], docstring: str) -> str:
    """Return the docstring of a model with its fields: type, text and known values of each."""
    docs = field_docs(model)
    fields = "\n\n".join(_describe(f, docs.get(f.name, "")) for f in field_table(model))
    return f"{inspect.cleandoc(docstring)}\n\n{fields}".rstrip()


def signature(construct: Callable[..., None]) -> inspect.Signature:
    """Return the signature of a model's constructor without the types, which fill a screen."""
    parameters = inspect.signature(construct, follow_wrapped=False).parameters.values()
    return inspect.Signature([each.replace(annotation=each.empty) for each in parameters])


def field_docs(of: type[Any]) -> dict[str, str]:
    """Return the documentation of attributes: the string below each annotation, base classes first."""
    docs: dict[str, str] = {}
    for each in reversed(of.__mro__):
        if each.__module__.startswith("thirdwatch_api"):
            docs |= _own_field_docs(each)
    return docs


@cache
def _own_field_docs(of: type[Any]) -> dict[str, str]:
    try:
        module = ast.parse(inspect.getsource(sys.modules[of.__module__]))
    except OSError:  # installed without its source
        return {}
    body = next(node.body for node in module.body if isinstance(node, ast.ClassDef) and node.name == of.__name__)
    docs: dict[str, str] = {}
    for above, below in pairwise(body):
        match above, below:
            case ast.AnnAssign(target=ast.Name(name)), ast.Expr(value=ast.Constant(value=str(text))):
                docs[name] = inspect.cleandoc(text)
            case _:
                pass
    return docs


def _describe(f: Field, doc: str) -> str:
    lines = [f"{f.name}: {f.label}{', required' if f.required else ''}", *doc.splitlines()]
    if f.known:
        lines.append(f"Known values: {', '.join(f.known)}.")
    return "\n    ".join(lines)
