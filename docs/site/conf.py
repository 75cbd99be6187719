"""Settings of the documentation site, which is made of the README and the pages of this folder: ``tox -e site``.

The pages are written for a reader of the repository. What the site needs beside that is added here while it reads them.
"""

import inspect
import pkgutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from jinja2 import Environment, StrictUndefined
from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # the site describes this checkout, whatever is installed

import thirdwatch_api  # noqa: E402 - needs the path
from thirdwatch_api import apis, exceptions, models  # noqa: E402 - needs the path
from thirdwatch_api.models._fields import Field, field_table  # noqa: E402 - needs the path
from thirdwatch_api.models._help import field_docs  # noqa: E402 - needs the path

project = "thirdwatch_api"
author = copyright = "Thirdwatch SDK maintainers"  # noqa: A001 - Sphinx gives the name
version = release = thirdwatch_api.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
root_doc = "README"
include_patterns = ["*.md", "docs/*.md", "docs/site/**.rst"]
exclude_patterns = [".*", "build", "dist", "test", "thirdwatch_api", "*.egg-info"]

html_theme = "furo"
html_title = f"thirdwatch_api {release}"
html_copy_source = False
html_theme_options: dict[str, list[str]] = {"top_of_page_buttons": []}

myst_heading_anchors = 6  # as GitHub makes them
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_display_short_literal_types = True
toc_object_entries = False  # the models have hundreds of fields

FIRST = [
    "which-event-when",
    "testing",
    "command-line",
    "configuration",
    "recipes",
    "delivery",
    "backfill",
    "postbacks",
    "other-languages",
]
LAST = ["transport", "performance", "migration", "architecture"]
"""The order of the guide. Pages that are not named stand between."""

_UNDER_THE_README = """

```{{toctree}}
:hidden:
:caption: Guide

{guide}
```

```{{toctree}}
:hidden:
:caption: Reference

docs/site/endpoints
docs/site/models
docs/site/reference/index
```

```{{toctree}}
:hidden:
:caption: Project

{project}
```
"""


def _contents() -> str:
    """List the pages for the navigation: those of the guide, then those that no list names."""
    pages = sorted(path.stem for path in (ROOT / "docs").glob("[a-z]*.md"))
    guide = [*FIRST, *(page for page in pages if page not in {*FIRST, *LAST}), *LAST]
    project = sorted(path.stem for path in ROOT.glob("*.md") if path.stem != root_doc)
    return _UNDER_THE_README.format(guide="\n".join(f"docs/{page}" for page in guide), project="\n".join(project))


def _modules() -> list[str]:
    """Name the modules whose public names are neither at the root nor private."""
    found = [info.name for info in pkgutil.walk_packages(thirdwatch_api.__path__, "thirdwatch_api.")]
    return [name for name in found if "._" not in name and name.split(".")[1] not in _AT_THE_ROOT]


_AT_THE_ROOT = (
    "api_client",
    "apis",
    "attempt",
    "callbacks",
    "configuration",
    "contrib",
    "exceptions",
    "models",
    "version",
)
"""Modules whose names are those of the package. The adapters of ``contrib`` are on pages of their own."""


def _fields(model: str) -> Iterator[tuple[str, str, str]]:
    """Describe the fields of a model: name, type, and text in the form that Sphinx reads."""
    cls = getattr(models, model)
    docs = field_docs(cls)
    for f in field_table(cls):
        yield f.name, f.label, " ".join([*docs[f.name].split(), *_notes(cls, f)])
    if "additional_properties" in docs:
        yield "additional_properties", "dict", " ".join(docs["additional_properties"].split())


def _notes(model: Any, f: Field) -> Iterator[str]:
    keys = getattr(model, "json_keys", {}).get(f.name, (f.wire,))
    yield f"Wire key: {', else '.join(f'``{key}``' for key in keys)}."
    if f.known:
        yield f"Known value{'s' * (len(f.known) > 1)}: {', '.join(f'``{value}``' for value in f.known)}."
    if f.required:
        yield "Required."
    if f.personal:
        yield "Masked by ``repr``."


def _read(app: Sphinx, page: str, source: list[str]) -> None:
    """Complete a page while it is read."""
    if page == root_doc:
        source[0] += _contents()
    if page.startswith("docs/site/"):
        template = Environment(undefined=StrictUndefined, autoescape=False).from_string(source[0])  # noqa: S701 - no HTML
        source[0] = template.render(
            apis=apis.__all__,
            exceptions=exceptions.__all__,
            models=models.__all__,
            threshold=thirdwatch_api.RISK_THRESHOLD,
            fields=_fields,
            modules=_modules(),
        )
    # The theme has a button for it.
    source[0] = source[0].replace("[[Back to top]](#) ", "")


def _complete(app: Sphinx, what: str, name: str, thing: Any, options: object, lines: list[str]) -> None:
    """Prepare a docstring for Sphinx."""
    if what == "class" and (docstring := vars(thing).get("__doc__")) and hasattr(docstring, "text"):
        lines[:] = [*inspect.cleandoc(docstring.text).splitlines(), ""]  # each field has an entry of its own
    lines[:] = list(_with_code_blocks(lines))


def _with_code_blocks(lines: Iterable[str]) -> Iterator[str]:
    """Mark what is indented in a docstring as code: else it would be a quotation."""
    above, last, in_code = "text", "", False
    for line in lines:
        is_indented = line.startswith("    ")
        if is_indented and not in_code and not above and not last.endswith("::"):
            yield from (".. code-block:: python", "")
        if line:
            in_code, last = is_indented and (in_code or not above), line
        above = line
        yield line


def _keep_anchors(app: Sphinx, page: nodes.document) -> None:
    """Give each heading the anchor that it has on GitHub: Sphinx makes ``order-status`` of ``order_status``."""
    for section in page.findall(nodes.section):
        slug = section.get("slug")
        if slug and slug not in page.ids:
            section["ids"].append(slug)
            page.ids[slug] = section


_READABLE = {
    '<p class="caption" role="heading">': '<p class="caption" role="heading" aria-level="2">',
    '<aside class="sidebar-drawer">': '<aside class="sidebar-drawer" aria-label="All pages">',
    '<div class="table-wrapper': '<div tabindex="0" class="table-wrapper',
    "<pre>": '<pre tabindex="0">',
    '<div id="search-results">': '<h1>Search</h1><div id="search-results">',
}
"""What axe-core misses in the pages of the theme: a level, a name, a heading, and scrolling without a mouse."""


def _finish(app: Sphinx, error: Exception | None) -> None:
    """Make the pages readable for all, and lead to the first one, which has the name of its source."""
    if error:
        return
    for path in Path(app.outdir).rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        for given, wanted in _READABLE.items():
            text = text.replace(given, wanted)
        path.write_text(text, encoding="utf-8")
    start = f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>{project}</title>'
    start += f'<meta http-equiv="refresh" content="0; url={root_doc}.html"><a href="{root_doc}.html">{project}</a>'
    (Path(app.outdir) / "index.html").write_text(start, encoding="utf-8")


def setup(app: Sphinx) -> None:
    """Connect what completes the pages."""
    app.connect("source-read", _read)
    app.connect("autodoc-process-docstring", _complete)
    app.connect("doctree-read", _keep_anchors)
    app.connect("build-finished", _finish)
