"""The documentation site that ``tox -e site`` built: its anchors, its links, its reference, and what it loads."""

import os
import pkgutil
import re
import zlib
from functools import cache
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import thirdwatch_api
from thirdwatch_api import exceptions, models
from thirdwatch_api.apis._api import Options
from thirdwatch_api.models._fields import field_table
from thirdwatch_api.models._help import field_docs

from .test_docs import PAGES, README, ROOT, name_of, slugs

SITE = Path(os.environ.get("SITE", ""))
pytestmark = pytest.mark.skipif("SITE" not in os.environ, reason="looks at the built site: tox -e site")


class Page(HTMLParser):
    """What a page holds and asks for."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self.loaded: set[str] = set()
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        self.ids |= {named[name] for name in ("id", "name") if name in named}
        if tag == "a" and "href" in named:
            self.links.add(named["href"])
        elif tag == "link" and not re.search("search|index|next|prev|author|canonical", named.get("rel", "")):
            self.loaded.add(named.get("href", ""))
        elif "src" in named:
            self.loaded.add(named["src"])

    def handle_data(self, data: str) -> None:
        self.words += data


@cache
def read(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


def built() -> list[Path]:
    return sorted(SITE.rglob("*.html"))


@cache
def inventory() -> dict[str, str]:
    """The names that other projects may refer to, and their kinds."""
    head, body = (SITE / "objects.inv").read_bytes().split(b"zlib.\n", 1)
    assert head.startswith(b"# Sphinx inventory version 2\n")
    lines = zlib.decompress(body).decode().splitlines()
    return dict(re.match(r"(\S+) (\S+) ", line).groups() for line in lines if " py:" in line)  # type: ignore[union-attr,misc]  # each line has both


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_keeps_its_name_and_its_anchors(page: Path) -> None:
    made = SITE / page.relative_to(ROOT).with_suffix(".html")
    assert slugs(page) - read(made).ids == set()


def test_each_link_within_the_site_leads_somewhere() -> None:
    broken: list[str] = []
    for path in built():
        for link in read(path).links:
            parts = urlsplit(link)
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if parts.scheme:
                continue
            anchors = read(target).ids if target.suffix == ".html" and target.exists() else set[str]()
            if not target.exists() or (parts.fragment and unquote(parts.fragment) not in anchors):
                broken.append(f"{path.relative_to(SITE)}: {link}")
    assert [each for each in broken if not each.endswith(": #")] == []


def test_no_page_loads_anything_from_another_host() -> None:
    loaded = {each for path in built() for each in read(path).loaded}
    assert len(loaded) > 5
    assert [each for each in loaded if urlsplit(each).netloc] == []
    styles = "".join(path.read_text(encoding="utf-8") for path in SITE.rglob("*.css"))
    assert [url for url in re.findall(r"(?:url\(|@import)\s*['\"]?([^'\")]+)", styles) if urlsplit(url).netloc] == []


def test_the_first_page_is_the_readme() -> None:
    assert 'url=README.html"' in (SITE / "index.html").read_text(encoding="utf-8")
    assert read(SITE / "README.html").words.count("Which event when") >= 1


@pytest.mark.parametrize("word", ["chargeback", "_fulfil", "thirdwatch_sandbox", "deadlin"])
def test_a_search_finds(word: str) -> None:
    assert f'"{word}"' in (SITE / "searchindex.js").read_text(encoding="utf-8")


def test_the_reference_has_every_public_name_of_the_root() -> None:
    names = {f"thirdwatch_api.{name}" for name in import_module("thirdwatch_api").__all__}
    assert names - inventory().keys() == {"thirdwatch_api.__version__"}


AT_THE_ROOT = {"api_client", "apis", "attempt", "callbacks", "configuration", "exceptions", "models", "version"}
OTHERS = [
    info.name
    for info in pkgutil.iter_modules(thirdwatch_api.__path__)
    if not info.name.startswith("_") and info.name not in AT_THE_ROOT | {"contrib"}
]


@pytest.mark.parametrize("module", ["models.values", *OTHERS])
def test_the_reference_has_every_public_name_of_a_module(module: str) -> None:
    loaded = import_module(f"thirdwatch_api.{module}")
    names = set(loaded.__all__) - set(exceptions.__all__)
    missing = {f"thirdwatch_api.{module}.{name}" for name in names} - inventory().keys()
    assert {"outbox", "sandbox"} <= set(OTHERS)
    assert missing <= {"thirdwatch_api.rest.URLLIB3_VERSION"}  # says all by its name


@pytest.mark.parametrize("name", models.__all__)
def test_the_reference_has_every_field_of_a_model_with_its_text(name: str) -> None:
    model = getattr(models, name)
    names = {f"thirdwatch_api.{name}.{f.name}" for f in field_table(model)}
    assert names - inventory().keys() == set()
    assert names <= read(SITE / "docs/site/reference/models.html").ids
    words = plain(read(SITE / "docs/site/reference/models.html").words)
    wanted = {*(f.name for f in field_table(model)), "additional_properties"}
    texts = [text for name, text in field_docs(model).items() if name in wanted]
    assert [text for text in texts if plain(text) not in words] == []


def test_the_reference_has_every_setting_and_every_option() -> None:
    settings = {f"thirdwatch_api.Configuration.{name}" for name in field_docs(thirdwatch_api.Configuration)}
    options = {f"thirdwatch_api.apis._api.Options.{name}" for name in Options.__annotations__}
    assert (settings | options) - inventory().keys() == set()


def plain(text: str) -> str:
    """Words alone: without marks of code and with plain quotes."""
    return " ".join(text.replace("`", "").replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").split())


def test_pages_can_be_read_without_a_mouse_and_without_a_screen() -> None:
    pages = {path: path.read_text(encoding="utf-8") for path in built() if path.name != "index.html"}
    for path, text in pages.items():
        tags = re.findall(r"<(?:pre|aside|p|div)\b[^>]*>", text)
        assert [tag for tag in tags if 'role="heading"' in tag and "aria-level" not in tag] == [], path
        assert [tag for tag in tags if tag.startswith("<pre") and "tabindex" not in tag] == [], path
        assert [tag for tag in tags if "table-wrapper" in tag and "tabindex" not in tag] == [], path
        assert [tag for tag in tags if "sidebar-drawer" in tag and "aria-label" not in tag] == [], path
        assert text.count("<h1") == 1, path


def test_the_site_is_not_in_the_repository() -> None:
    assert not list((README.parent / "docs").rglob("*.html"))
