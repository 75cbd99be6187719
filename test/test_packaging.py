"""What is built and shipped, and how its parts depend on each other."""

import ast
import configparser
import email
import email.policy
import importlib.metadata
import importlib.util
import os
import re
import runpy
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Callable, Iterator
from graphlib import CycleError, TopologicalSorter
from importlib.resources import files
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import thirdwatch_api

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "thirdwatch_api"
SOURCES = sorted(PACKAGE.rglob("*.py"))

TOP_LEVEL = {
    ".ci",
    ".github",
    ".gitignore",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "MANIFEST.in",
    "README.md",
    "SECURITY.md",
    "_thirdwatch_pytest.py",
    "docs",
    "pyproject.toml",
    "requirements.txt",
    "setup.py",
    "test",
    "test-requirements.txt",
    "thirdwatch_api",
    "tox.ini",
}

GITHUB = ROOT / ".github"
of_a_clone = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="looks at .github, which no sdist has")

BELOW = {
    "version": set[str](),
    "exceptions": set[str](),
    "attempt": {"exceptions"},
    "models": {"exceptions"},
    "_settings": {"exceptions"},
    "_headers": {"_settings", "exceptions"},
    "configuration": {"_settings", "exceptions", "version"},
    "callbacks": {"configuration", "exceptions"},
    "rest": {"_settings", "attempt", "configuration", "exceptions", "version"},
    "_event_request": {"exceptions", "models", "rest"},
    "api_client": {
        "_event_request",
        "_headers",
        "_settings",
        "callbacks",
        "configuration",
        "exceptions",
        "models",
        "rest",
        "version",
    },
    "apis": {"_settings", "api_client", "configuration", "exceptions", "models"},
    "postback": {"configuration", "exceptions", "models"},
    "outbox": {"api_client", "apis", "exceptions", "models"},
    "backfill": {"api_client", "apis", "configuration", "exceptions", "models", "outbox"},
    "__main__": {"cli"},
    "__init__": {"api_client", "apis", "attempt", "callbacks", "configuration", "exceptions", "models", "version"},
}
"""Each part of the package, and the parts below it that it may import. The sandbox may import any; any may import a
helper, whose name begins with ``_`` and which imports none."""

DEPENDENCIES = {"certifi": "certifi", "dateutil": "python-dateutil", "six": "six", "urllib3": "urllib3"}
"""The distribution of each module that the package may import beside the standard library."""

STANDARD_LIBRARY = {*sys.stdlib_module_names, "compression", "tomllib"}
"""Modules of the standard library, those of later Pythons included."""

EXTRAS = {
    "argcomplete",
    "celery",
    "cryptography",
    "django",
    "opentelemetry",
    "pytest",
    "rich",
    "sqlalchemy",
    "zstandard",
}
"""What an extra installs, or the user has: imported where it is used, and nowhere at start-up."""

PLUGIN = "_thirdwatch_pytest"
"""The module outside of the package that pytest loads in each run; only ``contrib.pytest`` imports it."""

DISTRIBUTIONS = os.environ.get("DISTRIBUTIONS")
built = pytest.mark.skipif(not DISTRIBUTIONS, reason="looks at built distributions: tox -e package")


def requirements(name: str) -> list[Requirement]:
    lines = (line.partition("#")[0].strip() for line in (ROOT / name).read_text().splitlines())
    return [Requirement(line) for line in lines if line]


def module_name(source: Path) -> str:
    parts = source.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(source) for source in SOURCES}


def imports(source: Path, *, typing: bool = False, root: Path = ROOT) -> Iterator[str]:
    """Name the modules that a file imports at run time, wherever in the file it does.

    :param typing: name also those that it imports for type checkers alone
    :param root: the folder that the package is in
    """
    package = source.relative_to(root).parent.parts
    pending: list[ast.AST] = [ast.parse(source.read_text(encoding="utf-8"))]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            pending += node.orelse + (node.body if typing else [])
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *filter(None, [node.module])])
            inner = {f"{module}.{alias.name}" for alias in node.names} & MODULES
            yield from inner
            if len(inner) < len(node.names):
                yield module
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "load" and isinstance(node.args[0], ast.Constant):
            yield importlib.util.resolve_name(str(node.args[0].value), ".".join(package))
        else:
            pending += ast.iter_child_nodes(node)


def part(module: str) -> str:
    """Name the part of the package that a module belongs to."""
    return module.partition(".")[2].partition(".")[0] or "__init__"


PARTS = {part(module) for module in MODULES}
HELPERS = {name for name in PARTS if name.startswith("_")} - BELOW.keys()


def test_the_version_is_stated_once() -> None:
    stated = [path for path in [ROOT / "pyproject.toml", ROOT / "setup.py", *SOURCES] if _states_version(path)]
    assert stated == [PACKAGE / "version.py"]
    assert importlib.metadata.version("thirdwatch-api") == thirdwatch_api.__version__


def _states_version(path: Path) -> bool:
    return re.search(rf"\b{re.escape(thirdwatch_api.__version__)}\b", path.read_text(encoding="utf-8")) is not None


def test_the_changelog_opens_with_this_version() -> None:
    heading = re.search(r"^## \[([^]]+)\] - \d{4}-\d\d-\d\d$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert heading is not None
    assert heading[1] == thirdwatch_api.__version__


def test_the_dependencies_are_those_of_requirements_txt() -> None:
    every = map(Requirement, importlib.metadata.requires("thirdwatch-api") or ())
    installed = {each for each in every if each.marker is None or each.marker.evaluate({"extra": ""})}
    assert installed == set(requirements("requirements.txt"))
    assert {canonicalize_name(each.name) for each in installed} == set(DEPENDENCIES.values())


def test_dependencies_have_lower_bounds_only() -> None:
    assert {bound.operator for each in requirements("requirements.txt") for bound in each.specifier} == {">="}


def test_type_checkers_find_the_marker() -> None:
    assert files("thirdwatch_api").joinpath("py.typed").is_file()


@pytest.mark.skipif("TOX_ENV_DIR" not in os.environ, reason="outside of tox, the package in this folder will do")
def test_tox_tests_the_installed_package() -> None:
    assert Path(thirdwatch_api.__file__).is_relative_to(os.environ["TOX_ENV_DIR"])


def test_tox_installs_nothing_that_test_requirements_do_not_list() -> None:
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini")
    lines = "\n".join(section.get("deps", "") for section in tox.values()).splitlines()
    used = {line.rpartition(": ")[2] for line in lines if line.strip()}
    names = {Requirement(line).name for line in used if not line.startswith("-")}
    assert names
    assert names <= {each.name for each in requirements("test-requirements.txt")}


def test_every_list_of_python_versions_is_the_same() -> None:
    named = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', (ROOT / "pyproject.toml").read_text())
    tox = re.search(r"py3\{([\d,]+)\}", (ROOT / "tox.ini").read_text())
    assert tox is not None
    assert named == [f"3.{minor}" for minor in tox[1].split(",")]
    assert f"every Python from {named[0]} to {named[-1]} that it finds" in (ROOT / "README.md").read_text("utf-8")


@of_a_clone
def test_ci_runs_every_python_on_linux_and_the_oldest_and_the_newest_elsewhere() -> None:
    named = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', (ROOT / "pyproject.toml").read_text())
    workflow = (GITHUB / "workflows" / "ci.yml").read_text()
    assert re.findall(r"^ +(3\.\d+)$", workflow, re.MULTILINE) == named
    assert f'python: ["{named[0]}", "{named[-1]}"]' in workflow
    assert "os: [macos-latest, windows-latest]" in workflow


@of_a_clone
def test_a_release_is_published_by_its_workflow_alone_and_without_a_password() -> None:
    workflow = (GITHUB / "workflows" / "publish.yml").read_text()
    build, _, publish = workflow.partition("\n  publish:\n")
    for line in ("environment: pypi", "id-token: write", "attestations: true"):
        assert line in publish
        assert line not in build
    assert "permissions: {}\n" in build
    assert "if: vars.PUBLISH == 'true'" in build
    assert "secrets." not in workflow


@of_a_clone
def test_forms_ask_for_neither_a_key_nor_a_customers_data() -> None:
    forms = [
        *(GITHUB / "ISSUE_TEMPLATE").glob("[!c]*.yml"),
        GITHUB / "PULL_REQUEST_TEMPLATE.md",
        *ROOT.glob("CONTRIB*"),
    ]
    assert {form.name for form in forms} == {"CONTRIBUTING.md", "PULL_REQUEST_TEMPLATE.md", "bug.yml", "feature.yml"}
    for form in forms:
        assert re.search(r"Never paste your API\s+key or a\s+customer's\s+data", form.read_text()), form.name


@of_a_clone
def test_ci_pins_each_action_by_its_commit() -> None:
    # A tag can be moved to other code.
    used = [use for file in GITHUB.rglob("*.yml") for use in re.findall(r"uses: (.*)", file.read_text())]
    assert used
    assert [use for use in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+", use)] == []


def parts_imported_by(name: str) -> set[str]:
    modules = (m for source in SOURCES if part(module_name(source)) == name for m in imports(source))
    return {part(module) for module in modules if module.partition(".")[0] == "thirdwatch_api"} - {name}


@pytest.mark.parametrize("name", BELOW)
def test_a_part_imports_only_what_is_below_it(name: str) -> None:
    assert parts_imported_by(name) - HELPERS <= BELOW[name]


def test_a_helper_imports_no_part_of_the_package() -> None:
    assert {name: parts_imported_by(name) - HELPERS for name in HELPERS} == {name: set[str]() for name in HELPERS}


def test_the_map_of_the_architecture_names_every_part_of_the_package() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.*`) \|", page.partition("## The map")[2].partition("\n## ")[0], re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)/?`", row)}
    assert PARTS - {"__main__"} - named == set()


def test_every_part_of_the_package_has_its_place() -> None:
    assert {*BELOW, "cli", "contrib", "sandbox"} == PARTS - HELPERS


def test_no_module_takes_a_name_from_a_package_that_would_import_it_on_the_way() -> None:
    # Who does so waits for FORK_LOCK with the locks of its imports in hand, and who has FORK_LOCK may want just these.
    lazy = {"thirdwatch_api", "thirdwatch_api.models", "thirdwatch_api.apis"}
    assert [str(source) for source in SOURCES if lazy & set(top_level_imports(source))] == []


def top_level_imports(source: Path) -> Iterator[str]:
    for node in ast.parse(source.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            yield importlib.util.resolve_name(
                "." * node.level + (node.module or ""), ".".join(source.relative_to(ROOT).parent.parts)
            )


def test_an_import_of_the_package_imports_no_model_and_no_api_class() -> None:
    program = "import sys, thirdwatch_api; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True)
    loaded = {name for name in run.stdout.split() if name.startswith("thirdwatch_api")}
    assert "thirdwatch_api.configuration" in loaded
    assert {part(name) for name in loaded} & {"apis", "models", "rest", "api_client", "sandbox"} == set()


STAR = """
from thirdwatch_api import *
import thirdwatch_api

one: type[OrderStatus] = thirdwatch_api.OrderStatus
two: type[OrderStatusApi] = thirdwatch_api.OrderStatusApi
three: type[ApiException] = thirdwatch_api.ApiException
four: type[Configuration] = type(configuration)
five: int = RISK_THRESHOLD + PendingCall.nothing
thirdwatch_api.OrderStatuss
"""


@pytest.mark.skipif(not importlib.util.find_spec("mypy"), reason="checks with mypy: tox -e types installs it")
def test_mypy_knows_the_names_of_the_root_and_no_other(tmp_path: Path) -> None:
    (tmp_path / "star.py").write_text(STAR)
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--config-file=",
        f"--cache-dir={tmp_path / 'cache'}",
        "star.py",
    ]
    environment = {**os.environ, "MYPYPATH": str(ROOT)}
    run = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True, env=environment)
    assert re.findall(r"^star\.py:(\d+): error: .* \[(.*)\]", run.stdout, re.MULTILINE) == [
        ("9", "attr-defined"),
        ("10", "attr-defined"),
    ], run.stdout


def test_nothing_imports_in_a_circle() -> None:
    graph = {module_name(source): set(imports(source)) & MODULES for source in SOURCES}
    assert list(TopologicalSorter(graph).static_order())


TYPING_CYCLES = {
    "thirdwatch_api.configuration": "thirdwatch_api.api_client",  # configuration.api_client
    "thirdwatch_api.exceptions": "thirdwatch_api.models.error_response",  # error.error_response
}
"""The two imports for type checkers alone that close a cycle: the contract asks for these attributes."""

LAZY_PACKAGES = {"thirdwatch_api", "thirdwatch_api.apis", "thirdwatch_api.models"}
"""Packages that import their parts for type checkers, and at run time on first use: they are above their parts."""


def typing_graph() -> dict[str, set[str]]:
    """Name the modules that each module imports, for type checkers and late ones included."""
    graph = {module_name(source): set(imports(source, typing=True)) & MODULES for source in SOURCES}
    for module in graph.keys() - LAZY_PACKAGES:
        graph[module] -= LAZY_PACKAGES  # a part may look up a name in its package when it runs
    return graph


def close_a_cycle_only_by(graph: dict[str, set[str]], edges: dict[str, str]) -> None:
    for module, above in edges.items():
        with pytest.raises(CycleError):
            list(TopologicalSorter(graph).static_order())
        graph[module].remove(above)
    assert list(TopologicalSorter(graph).static_order())


def test_only_two_imports_for_type_checkers_close_a_cycle() -> None:
    close_a_cycle_only_by(typing_graph(), TYPING_CYCLES)


@pytest.mark.parametrize(
    "line",
    [
        "from .api_client import ApiClient",
        "if TYPE_CHECKING:\n    from .apis._api import Api",
        "def late() -> None:\n    from .rest._call import Call",
        'def late() -> None:\n    load(".postback", __package__)',
    ],
    ids=["at the top", "for type checkers", "late", "by load"],
)
def test_another_import_that_closes_a_cycle_is_found(tmp_path: Path, line: str) -> None:
    graph = typing_graph()
    source = tmp_path / "thirdwatch_api" / "_settings.py"
    source.parent.mkdir()
    source.write_text(f"{(PACKAGE / '_settings.py').read_text(encoding='utf-8')}\n\n{line}\n")
    graph["thirdwatch_api._settings"] = set(imports(source, typing=True, root=tmp_path)) & MODULES
    with pytest.raises(CycleError):
        close_a_cycle_only_by(graph, TYPING_CYCLES)


BRANCHES = (ast.If, ast.For, ast.While, ast.ExceptHandler, ast.match_case)


def too_large(source: str) -> list[str]:
    """Name the functions that have more than 40 lines of code, or more than 12 branches.

    Docstring, blank lines and comments are no code. A function within a function counts for both.
    """
    lines = source.splitlines()
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            docstring = node.body[0].end_lineno if ast.get_docstring(node) is not None else None
            own = [
                *lines[node.lineno - 1 : node.body[0].lineno - 1],
                *lines[docstring or node.body[0].lineno - 1 : node.end_lineno],
            ]
            code = [line for line in own if line.strip() and not line.lstrip().startswith("#")]
            branches = [inner for inner in ast.walk(node) if isinstance(inner, BRANCHES)]
            if len(code) > 40 or len(branches) > 12:
                found.append(node.name)
    return found


@pytest.mark.parametrize("source", SOURCES, ids=module_name)
def test_no_function_is_longer_than_a_screen_or_has_more_than_12_branches(source: Path) -> None:
    assert too_large(source.read_text(encoding="utf-8")) == []


def test_a_function_that_is_too_large_is_found() -> None:
    line, branch = "    x = 1\n", "    if x:\n        x = 1\n"
    docstring = '    """Say.\n\n    More.\n    """\n    # why\n\n'
    assert too_large(f"def f(\n    self,\n) -> None:\n{37 * line}") == []
    assert too_large(f"def f(\n    self,\n) -> None:\n{38 * line}") == ["f"]
    assert too_large(f"def f(self) -> None:\n{docstring}{39 * line}") == []
    assert too_large(f"def f(self) -> None:\n{12 * branch}") == []
    assert too_large(f"def f(self) -> None:\n{13 * branch}") == ["f"]


def test_only_rest_imports_urllib3() -> None:
    users = {part(module_name(s)) for s in SOURCES for m in imports(s) if m.partition(".")[0] == "urllib3"}
    assert users == {"rest"}


def test_only_the_dependencies_are_imported() -> None:
    foreign = {module.partition(".")[0] for source in SOURCES for module in imports(source)}
    assert foreign - STANDARD_LIBRARY - {"thirdwatch_api", PLUGIN} - EXTRAS == set(DEPENDENCIES)


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs a clone: it knows what belongs to the project")
def test_the_top_level_holds_only_what_the_contract_lists() -> None:
    git = ["git", "-c", f"safe.directory={ROOT}", "ls-files"]
    listing = subprocess.run(git, cwd=ROOT, check=True, capture_output=True, text=True)
    assert {path.partition("/")[0] for path in listing.stdout.splitlines()} == TOP_LEVEL


README = (ROOT / "README.md").read_text(encoding="utf-8")
long_description: Callable[[str, str | None], str] = runpy.run_path(str(ROOT / "setup.py"))["long_description"]
FENCES = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)


def targets(markdown: str) -> list[str]:
    """List where links of all forms lead: inline ones, references, HTML."""
    form = r"\]\(\s*<?([^)>\s]*)|^ {0,3}\[[^]]+\]: *(\S+)|(?:href|src)=[\"']?([^\"'>\s]*)"
    return ["".join(found) for found in re.findall(form, FENCES.sub("", markdown), re.MULTILINE)]


def test_a_long_description_leads_to_the_repository_where_the_readme_leads_to_files_and_headings() -> None:
    made = targets(long_description(README, "https://git.example/shop/sdk/"))
    base = "https://git.example/shop/sdk/blob/HEAD/"
    relative = [target for target in targets(README) if not target.startswith("https://")]
    assert len(relative) > 50
    absolute = {target: f"{base}{'README.md' * target.startswith('#')}{target}" for target in relative}
    assert made == [absolute.get(target, target) for target in targets(README)]
    for url in absolute.values():
        assert (ROOT / url.removeprefix(base).partition("#")[0]).is_file()


def test_a_long_description_without_a_repository_keeps_the_words_of_such_links_and_those_that_work() -> None:
    made = long_description(README, None)
    assert targets(made) == [target for target in targets(README) if target.startswith("https://")]
    words = re.sub(r"\]\([^)]*\)|\[", "", FENCES.sub("", README))
    assert re.sub(r"\]\([^)]*\)|\[", "", FENCES.sub("", made)).startswith(words)
    assert FENCES.findall(made) == FENCES.findall(README)


@pytest.mark.parametrize("repository", [None, "https://git.example/shop/sdk"])
def test_a_long_description_leaves_code_as_it_is(repository: str | None) -> None:
    code = "`calls[name](event)`\n\n```python\ncalls[name](event)\n```\n"
    assert long_description(code, repository).startswith(code)


@built
@pytest.mark.parametrize("kind", ["whl", "tar.gz"])
def test_each_link_on_the_page_of_an_index_is_absolute(kind: str) -> None:
    path = _distribution(f"*.{kind}")
    if kind == "whl":
        with zipfile.ZipFile(path) as wheel:
            text = wheel.read(next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")))
    else:
        with tarfile.open(path) as sdist:
            member = sdist.extractfile(f"{path.name.removesuffix('.tar.gz')}/PKG-INFO")
            assert member
            text = member.read()
    metadata = email.message_from_bytes(text, policy=email.policy.default)
    urls = [str(value).partition(", ") for value in metadata.get_all("Project-URL", [])]
    repository = next((url for name, _, url in urls if name == "Repository"), None)
    assert metadata["Description-Content-Type"] == "text/markdown"
    description = text.decode().partition("\n\n")[2]
    assert description.rstrip() == long_description(README, repository).rstrip()
    assert [target for target in targets(description) if not target.startswith("https://")] == []


@built
def test_the_wheel_holds_the_package_and_nothing_else() -> None:
    with zipfile.ZipFile(_distribution("*.whl")) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    files = [*SOURCES, PACKAGE / "py.typed", *(PACKAGE / "sandbox" / "page").iterdir()]
    package = {path.relative_to(ROOT).as_posix() for path in files}
    assert names == package | {f"{PLUGIN}.py"}


@built
def test_the_sdist_carries_all_it_takes_to_test_it() -> None:
    with tarfile.open(_distribution("*.tar.gz")) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    files_of_folders = {path for folder in (".ci", "docs", "test") for path in (ROOT / folder).rglob("*")}
    wanted = {path for path in files_of_folders if path.is_file() and path.suffix != ".pyc"}
    assert {path.relative_to(ROOT).as_posix() for path in wanted} <= names
    assert TOP_LEVEL - {".github"} <= names


@built
def test_the_wheel_says_what_it_is() -> None:
    with zipfile.ZipFile(_distribution("*.whl")) as wheel:
        name = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(wheel.read(name))
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.10"
    assert metadata["Description-Content-Type"] == "text/markdown"


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel where nothing else is. The scope lets pip see the environment that tests are kept from."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder)
    pip = [sys.executable, "-m", "pip", "--python", str(folder), "install", "--quiet"]
    subprocess.run([*pip, str(_distribution("*.whl"))], check=True, timeout=300)
    return folder


@built
def test_the_wheel_brings_the_dependencies_and_what_they_need(bare: Path) -> None:
    site = next(bare.glob("lib/python3*/site-packages"))
    installed = {canonicalize_name(found.name): found for found in importlib.metadata.distributions(path=[str(site)])}
    needed: set[str] = set()
    pending = [canonicalize_name("thirdwatch-api")]
    while pending:
        needed.add(name := pending.pop())
        given = [Requirement(line) for line in installed[name].requires or ()]
        pending += [canonicalize_name(r.name) for r in given if r.marker is None or r.marker.evaluate({"extra": ""})]
    assert installed.keys() == needed


@built
def test_the_installed_wheel_runs_without_any_test_tool(bare: Path) -> None:
    python = next(bare.glob("bin/python"))
    code = "import thirdwatch_api; print(thirdwatch_api.__version__)"
    run = subprocess.run([python, "-W", "error", "-c", code], cwd=bare, check=True, capture_output=True, text=True)
    assert run.stdout.strip() == thirdwatch_api.__version__


@built
def test_the_installed_wheel_serves_the_page_of_the_sandbox(bare: Path) -> None:
    python = next(bare.glob("bin/python"))
    code = """
import urllib.request
from thirdwatch_api.sandbox import Sandbox

with Sandbox() as sandbox:
    root = sandbox.host.removesuffix("event")
    for name in ("", "_sandbox/page.js", "_sandbox/page.css", "_sandbox/icon.svg"):
        print(len(urllib.request.urlopen(root + name).read()))
"""
    run = subprocess.run([python, "-W", "error", "-c", code], cwd=bare, check=True, capture_output=True, text=True)
    assert all(int(size) > 200 for size in run.stdout.split())
    assert len(run.stdout.split()) == 4


def _distribution(pattern: str) -> Path:
    (found,) = Path(DISTRIBUTIONS or "").glob(pattern)
    return found
