"""The README and the pages: generated pages are current, links lead somewhere, and examples run."""

import ast
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import NamedTuple

import pytest

import thirdwatch_api
from thirdwatch_api import ApiClient, ApiException, Configuration, apis, models, postback
from thirdwatch_api.models._model import Model
from thirdwatch_api.sandbox import Sandbox

from .terminal import reach, reaching

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
EXAMPLE = DOCS / "examples" / "order_status.py"
PAGES = [
    README,
    *sorted(DOCS.rglob("*.md")),
    *(ROOT / f"{name}.md" for name in ("CHANGELOG", "CONTRIBUTING", "SECURITY")),
]
API_PAGES = [DOCS / f"{name}.md" for name in apis.__all__]

GUESTS = {
    *("apscheduler", "celery", "cryptography", "django", "dramatiq", "fastapi", "flask", "huey", "opentelemetry", "rq"),
    *("sqlalchemy", "vcr"),
}
"""What a block may import beside the package and its dependencies. It is skipped where they are not installed."""

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    page: Path
    number: int
    code: str

    @property
    def name(self) -> str:
        return f"{self.page.stem}-{self.number}"


def blocks(page: Path, language: str = "python") -> list[Block]:
    found = (match[2] for match in _FENCE.finditer(page.read_text(encoding="utf-8")) if match[1] == language)
    return [Block(page, number, code) for number, code in enumerate(found, 1)]


def name_of(value: object) -> str:
    return value.name if isinstance(value, (Block, Path)) else str(value)


WRITTEN = [block for page in PAGES if page not in API_PAGES for block in blocks(page)]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The environment of a program that finds the package under test, and no key."""
    own = re.compile(r"THIRDWATCH_.*|.*_PROXY", re.IGNORECASE)
    variables = {name: value for name, value in os.environ.items() if not own.fullmatch(name)}
    package = str(Path(thirdwatch_api.__file__).parents[1])
    return variables | {"PYTHONPATH": package, "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.fixture
def service() -> Iterator[Sandbox]:
    with Sandbox("YOUR_API_KEY") as sandbox:  # as the examples write it
        yield sandbox


def assess_an_order(sandbox: Sandbox) -> None:
    """Report the order whose score examples ask for."""
    with ApiClient(configuration=sandbox.configuration()) as client:
        order = thirdwatch_api.CreateOrder(user_id="u-42", order_id="o-1001", amount="2500")
        payment = thirdwatch_api.Transaction(user_id="u-42", order_id="o-1001", transaction_status="_success")
        thirdwatch_api.CreateOrderApi(client).create_order(order)
        thirdwatch_api.TransactionApi(client).transaction(payment)


def python(*arguments: object, env: dict[str, str], cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, env=env, cwd=cwd, capture_output=True, text=True, timeout=120, check=False)


def test_pages_and_tables_are_what_the_code_makes(environment: dict[str, str], tmp_path: Path) -> None:
    done = python(DOCS / "generate.py", "--check", env=environment, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_generate_names_and_fixes_what_differs(environment: dict[str, str], tmp_path: Path) -> None:
    shutil.copytree(DOCS, tmp_path / "docs")
    readme = README.read_text(encoding="utf-8")
    (tmp_path / "README.md").write_text(readme.replace("- **Type**: API key", "- **Type**: key"), encoding="utf-8")
    settings = tmp_path / "docs" / "configuration.md"
    settings.write_text(settings.read_text(encoding="utf-8").replace("| `host` |", "| `hosts` |"), encoding="utf-8")
    page, gone = tmp_path / "docs" / "OrderStatus.md", tmp_path / "docs" / "Gone.md"
    page.write_text("# thirdwatch_api.OrderStatus\n", encoding="utf-8")
    gone.write_text("# thirdwatch_api.Gone\n", encoding="utf-8")
    (tmp_path / "docs" / "Tag.md").unlink()
    differing = "README.md, docs/Gone.md, docs/OrderStatus.md, docs/Tag.md, docs/configuration.md"

    checked = python("docs/generate.py", "--check", env=environment, cwd=tmp_path)
    assert checked.returncode == 1
    assert checked.stderr == f"out of date, run python docs/generate.py: {differing}\n"
    assert gone.exists()

    written = python("docs/generate.py", env=environment, cwd=tmp_path)
    assert sorted(written.stdout.split()) == differing.split(", ")
    assert not gone.exists()
    for path in ("README.md", "docs/OrderStatus.md", "docs/Tag.md", "docs/configuration.md"):
        assert (tmp_path / path).read_bytes() == (ROOT / path).read_bytes()


def test_pages_of_the_api_say_what_is_required_and_what_is_raised() -> None:
    pages = [path.read_text(encoding="utf-8") for path in sorted(DOCS.glob("*Api.md"))]
    assert len(pages) == 23
    for page in pages:
        assert page.count("\nRaises [**ApiException**](../README.md#errors): ") == page.count("\n## **")
    order_status = (DOCS / "OrderStatusApi.md").read_text(encoding="utf-8")
    said = (
        "which should contain the order info: its number and its new state. Only `_userId` or `_sessionId` is required."
    )
    assert said in order_status


def test_generate_says_which_marker_the_readme_lacks(environment: dict[str, str], tmp_path: Path) -> None:
    shutil.copytree(DOCS, tmp_path / "docs")
    readme = README.read_text(encoding="utf-8").replace("<!-- end of models -->", "")
    (tmp_path / "README.md").write_text(readme, encoding="utf-8")
    done = python("docs/generate.py", env=environment, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "README.md lacks the marker <!-- end of models -->\n")


def cells(table: str) -> list[list[str]]:
    """The rows of a table, without links and emphasis."""
    rows = [re.split(r" (?<!\\)\| ", line.strip("| ")) for line in table.splitlines() if line.startswith("| ")]
    return [[re.sub(r"\[(\*\*[^*]+\*\*)\]\([^)]*\)", r"\1", cell).strip("*") for cell in row] for row in rows[2:]]


@pytest.mark.parametrize("name", models.__all__)
def test_a_model_page_describes_every_field(name: str) -> None:
    model: type[Model] = getattr(models, name)
    table = (DOCS / f"{name}.md").read_text(encoding="utf-8").partition("## Properties")[2]
    rows = [row for row in cells(table) if row[0] != "additional_properties"]
    assert [row[0] for row in rows] == list(model.swagger_types)
    assert [row[2] for row in rows] == list(model.swagger_types.values())
    # A field of a response may have several: "`message`, else `status`".
    keys = [row[1].split(", else ") for row in rows]
    assert all(f"`{key}`" in of for key, of in zip(model.attribute_map.values(), keys, strict=True))
    assert all(description for _, _, _, description, _ in rows)


def test_notes_say_what_is_required() -> None:
    def notes(name: str) -> dict[str, str]:
        return {row[0]: row[4] for row in cells((DOCS / f"{name}.md").read_text(encoding="utf-8"))}

    assert notes("CreateOrder")["order_id"] == "required"
    assert notes("Tag")["user_id"] == "required"
    assert notes("Tag")["is_bad"] == "[optional]"
    assert notes("Login")["user_id"] == "[optional], one of `user_id` and `session_id` is required"
    assert notes("Seller")["email"] == "[optional], masked by `repr`"


@pytest.mark.parametrize("page", API_PAGES, ids=name_of)
def test_an_api_page_has_the_parts_of_its_form(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    api = getattr(apis, page.stem)
    plain, *others = (
        name for name in vars(api) if not name.startswith("_") and callable(getattr(api, name)) and name != "model"
    )
    assert re.findall(r"^#+ (.*)$", _FENCE.sub("", text), re.MULTILINE) == [
        f"thirdwatch_api.{page.stem}",
        f"**{plain}**",
        "Example",
        "Parameters",
        "Return type",
        "Authorization",
        "HTTP request headers",
        *(f"**{other}**" for other in others),
    ]
    assert f"{plain}_with_http_info" in others
    assert text.count(f"]({page.name}#{plain})") == 1 + len(others)
    assert f" {api.path} |" in text


def slugs(page: Path) -> set[str]:
    """The anchors of a page, by GitHub's rule."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    found: set[str] = set(re.findall(r'<a (?:id|name)="([^"]+)"', text))
    for heading in re.findall(r"^#{1,6} (.*)$", text, re.MULTILINE):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)|[*`]", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", shown.strip().lower()).replace(" ", "-")
        number = 0
        while (f"{slug}-{number}" if number else slug) in found:
            number += 1
        found.add(f"{slug}-{number}" if number else slug)
    return found


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"`[^`\n]*`", "", _FENCE.sub("", page.read_text(encoding="utf-8")))
    links = re.findall(r"\]\(([^)\s]*)\)", text)
    broken: list[str] = []
    for link in links:
        path, _, anchor = link.partition("#")
        target = page if not path else (page.parent / path).resolve()
        if link == "#" or path.startswith("https://"):
            continue
        if not target.exists() or not target.is_relative_to(ROOT) or (anchor and anchor not in slugs(target)):
            broken.append(link)
    assert not broken
    assert "](" not in re.sub(r"\]\([^)\s]*\)", "", text), "a link that is not understood"


def skip_without_guests(code: str) -> bool:
    """Skip a block whose framework is not installed, and return whether it has one."""
    imported = {
        name.partition(".")[0]
        for node in ast.walk(ast.parse(code))
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else []
        )
    }
    for guest in sorted(imported & GUESTS):
        if importlib.util.find_spec(guest) is None:
            pytest.skip(f"{guest} is not installed")
    return bool(imported & GUESTS)


@pytest.mark.parametrize("with_key", [True, False], ids=["with-key", "without-key"])
@pytest.mark.parametrize("block", WRITTEN, ids=name_of)
def test_a_block_of_a_written_page_runs(
    block: Block, with_key: bool, service: Sandbox, environment: dict[str, str], tmp_path: Path
) -> None:
    has_guest = skip_without_guests(block.code)
    is_test = "\ndef test_" in block.code
    script = tmp_path / ("test_block.py" if is_test else "block.py")
    script.write_text(block.code, encoding="utf-8")
    assess_an_order(service)
    warnings = [] if has_guest else ["-W", "error"]
    runner = ["-m", "pytest", "-q", "-p", "no:cacheprovider"] if is_test else []
    env = environment | (reaching(service) if with_key else {})
    if 'api_key["X-THIRDWATCH-API-KEY"] = ' in block.code:  # with a key of its own it must not reach the real service
        env["THIRDWATCH_HOST"] = service.host
    done = python(*warnings, *runner, script, env=env, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "ResourceWarning" not in done.stderr
    assert [request.error for request in service.requests if request.error] == []


@pytest.mark.parametrize("page", API_PAGES, ids=name_of)
def test_the_example_of_an_api_page_prints_the_response(
    page: Path, service: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reach(service, monkeypatch)
    configuration = Configuration()
    monkeypatch.setattr(thirdwatch_api, "configuration", configuration)
    assess_an_order(service)
    (example,) = blocks(page)
    exec(compile(example.code, example.name, "exec"), {"__name__": "__main__"})
    client = configuration.api_client
    assert client is not None
    client.close()
    assert re.match(r"\w+Response\(", capsys.readouterr().out)
    last = service.requests[-1]
    assert (last.status, last.path.endswith(getattr(apis, page.stem).path)) == (200, True)


def test_an_example_without_a_key_says_how_to_set_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("THIRDWATCH_API_KEY", raising=False)
    monkeypatch.setattr(thirdwatch_api, "configuration", Configuration())
    (example,) = blocks(DOCS / "OrderStatusApi.md")
    exec(compile(example.code, example.name, "exec"), {"__name__": "__main__"})
    out = capsys.readouterr().out
    assert out.startswith("Exception when calling OrderStatusApi->order_status: no API key: set")


def test_the_migration_page_shows_what_the_example_of_the_old_page_prints(
    environment: dict[str, str], tmp_path: Path
) -> None:
    page = DOCS / "migration.md"
    (example,) = blocks(page)
    (shown,) = blocks(page, "text")
    script = tmp_path / "example.py"
    script.write_text(example.code, encoding="utf-8")
    done = python("-W", "error", script, env=environment, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.rstrip("\n") == shown.code.rstrip("\n")
    assert "thirdwatch_api.OrderStatus()" in example.code


def test_the_example_of_the_readme_is_what_the_script_does() -> None:
    first = blocks(README)[0].code.splitlines()
    script = EXAMPLE.read_text(encoding="utf-8").splitlines()
    kept = [line for line in first if "YOUR_API_KEY" not in line]
    assert len(first) - len(kept) == 1
    remaining = iter(script)
    assert [line for line in kept if line not in remaining] == []


def test_the_example_of_the_readme_prints_what_the_readme_says(
    service: Sandbox, environment: dict[str, str], tmp_path: Path
) -> None:
    script = tmp_path / "example.py"
    script.write_text(blocks(README)[0].code, encoding="utf-8")
    done = python("-W", "error", script, env=environment | {"THIRDWATCH_HOST": service.host}, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "EventResponse(message='OrderStatus received')\n", "")
    assert f"prints `{done.stdout.strip()}`" in " ".join(README.read_text(encoding="utf-8").split())


def test_the_script_runs_without_a_key(environment: dict[str, str], tmp_path: Path) -> None:
    done = python("-X", "dev", "-W", "error", EXAMPLE, env=environment, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "EventResponse(message='OrderStatus received')\n", "")


def test_the_script_sends_its_event_with_a_key(service: Sandbox, environment: dict[str, str], tmp_path: Path) -> None:
    done = python("-W", "error", EXAMPLE, env=environment | reaching(service), cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "EventResponse(message='OrderStatus received')\n", "")
    assert service.events == [
        thirdwatch_api.OrderStatus(user_id="u-42", order_id="o-1001", order_status="_fulfilled"),
    ]


@pytest.mark.parametrize("with_key", [True, False], ids=["with-key", "without-key"])
@pytest.mark.parametrize("script", sorted(EXAMPLE.parent.glob("*.py")), ids=name_of)
def test_an_example_runs_as_a_script(
    script: Path, with_key: bool, service: Sandbox, environment: dict[str, str], tmp_path: Path
) -> None:
    skip_without_guests(script.read_text(encoding="utf-8"))
    env = environment | (reaching(service) if with_key else {})
    done = python("-W", "error", script, env=env, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout
    assert "Exception" not in done.stdout


def test_the_shop_takes_orders_while_the_service_is_down(environment: dict[str, str], tmp_path: Path) -> None:
    script = EXAMPLE.parent / "shop" / "run.py"
    skip_without_guests(script.with_name("shop.py").read_text(encoding="utf-8"))
    done = python("-W", "error", script, env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout.splitlines() == [
        "2 orders were taken while the service was down; 4 events wait",
        "{'o-1001': 'approved', 'o-1002': 'on hold'}",
        "0 events are left",
    ]


@pytest.mark.parametrize(
    ("heading", "does"),
    [("Run it", "python docs/examples/order_status.py"), ("Test it", "python -m tox")],
)
def test_a_heading_of_the_readme_holds_one_command(heading: str, does: str) -> None:
    section = re.split(
        r"^## ", README.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2], flags=re.MULTILINE
    )[0]
    ((_, command),) = _FENCE.findall(section)
    assert command.count("\n") == 1
    assert command.startswith("python3 -m venv .venv && ")
    assert command.rstrip().endswith(does)


Hop = tuple[str, str]
"""A file of the package, and the name of a function in it."""


def hops(*headings: str) -> list[Hop]:
    """The trip that the page on the architecture describes below some headings."""
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    named: list[Hop] = []
    for heading in headings:
        section = page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
        rows = re.findall(r"^\| `([\w/]+\.py)` \| `([\w.]+)` \|", section, re.MULTILINE)
        assert rows, heading
        named += [(file, function.rpartition(".")[2]) for file, function in rows]
    return named


def followed(work: Callable[[], object]) -> list[Hop]:
    """The functions of the package that are called, in their order."""
    root = Path(thirdwatch_api.__file__).parent
    seen: list[Hop] = []

    def note(frame: FrameType, event: str, _: object) -> None:
        path = Path(frame.f_code.co_filename)
        if event == "call" and path.is_relative_to(root):
            seen.append((path.relative_to(root).as_posix(), frame.f_code.co_name))

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return seen


def not_in_order(named: list[Hop], seen: list[Hop]) -> list[Hop]:
    """The hops that the page names and that were not seen, or not in this order."""
    rest = iter(seen)
    return [hop for hop in named if hop not in rest]


def report(client: ApiClient) -> str:
    event = thirdwatch_api.OrderStatus(user_id="u-42", order_id="o-1001", order_status="_fulfilled")
    try:
        return str(thirdwatch_api.OrderStatusApi(client).order_status(event))
    except ApiException as error:
        return str(error)


def test_an_event_and_its_response_travel_as_the_architecture_says(service: Sandbox) -> None:
    with ApiClient(configuration=service.configuration()) as client:
        report(client)  # what is made once was made
        seen = followed(lambda: report(client))
    assert not_in_order(hops("An event out", "The response back"), seen) == []


def test_an_error_travels_as_the_architecture_says(service: Sandbox) -> None:
    with ApiClient(configuration=service.configuration()) as client:
        service.fail(400, body={"error": "no order of u-42"}, times=2)
        report(client)
        seen = followed(lambda: report(client))
    assert not_in_order(hops("An error"), seen) == []


def test_a_postback_travels_as_the_architecture_says() -> None:
    configuration = Configuration(api_key="YOUR_API_KEY")
    headers = {"X-THIRDWATCH-API-KEY": "YOUR_API_KEY"}
    seen = followed(
        lambda: postback.parse(headers, b'{"order_id": "o-1001", "flag": "red", "score": 90}', configuration)
    )
    assert not_in_order(hops("A postback in"), seen) == []


def test_each_function_that_the_architecture_names_is_in_its_file() -> None:
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    package = Path(thirdwatch_api.__file__).parent
    named = re.findall(r"`([\w.]+)` in `([\w/]+\.py)`", page)
    named += [
        (function, file) for file, function in re.findall(r"^\| `([\w/]+\.py)` \| `([\w.]+)` \|", page, re.MULTILINE)
    ]
    assert len(named) > 40
    missing: list[str] = []
    for name, file in named:
        path = ROOT / file if file.startswith("test/") else package / file
        source = path.read_text(encoding="utf-8")
        lacking = [
            part for part in name.split(".") if not re.search(rf"^ *((def|class) )?{part} ?[(:=]", source, re.MULTILINE)
        ]
        missing += [f"{part} in {file}" for part in lacking]
    assert missing == []
