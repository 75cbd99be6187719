"""Write the pages of the API classes and models, the OpenAPI document and the tables of other pages, from the code.

``python docs/generate.py`` writes what differs. With ``--check`` it writes nothing, and fails when something differs.
"""

import inspect
import json
import os
import re
import sys
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, NoReturn
from unittest.mock import patch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # the pages describe this checkout, whatever is installed

from thirdwatch_api import ApiClient, ApiException, ApiResponse, Configuration, apis, exceptions, models  # noqa: E402 - needs the path
from thirdwatch_api.apis._api import Api  # noqa: E402 - needs the path
from thirdwatch_api.apis.options import Options  # noqa: E402 - needs the path
from thirdwatch_api.configuration import API_KEY_HEADER  # noqa: E402 - needs the path
from thirdwatch_api.models._fields import Field, field_table  # noqa: E402 - needs the path
from thirdwatch_api.models._help import field_docs  # noqa: E402 - needs the path
from thirdwatch_api.models._model import Model  # noqa: E402 - needs the path
from thirdwatch_api.rest import Request, RESTClientObject  # noqa: E402 - needs the path
from thirdwatch_api.sandbox._openapi import openapi  # noqa: E402 - needs the path
from thirdwatch_api.sandbox._samples import SAMPLES, sample  # noqa: E402 - needs the path

TITLE = "# thirdwatch_api."
"""How each page opens that is written here."""

_BACK = (
    "[[Back to top]](#) [[Back to API list]](../README.md#documentation-for-api-endpoints) "
    "[[Back to Model list]](../README.md#documentation-for-models) [[Back to README]](../README.md)"
)
_EXAMPLE = """\
import thirdwatch_api
from thirdwatch_api.rest import ApiException

# The API key comes from the environment (THIRDWATCH_API_KEY). To set it here instead:
# thirdwatch_api.configuration.api_key["{header}"] = "YOUR_API_KEY"

api_instance = thirdwatch_api.{api}()
{parameter} = {value}
try:
    print(api_instance.{method}({parameter}))
except ApiException as error:
    print(f"Exception when calling {api}->{method}: {{error}}")
"""
_LINE_LENGTH = 100


class Docs(NamedTuple):
    """A docstring, taken apart."""

    summary: str
    rest: str
    fields: dict[str, str]
    """What stands behind ``:param x:`` or ``:raises E:``, by ``param x`` or ``raises E``."""


class Call(NamedTuple):
    """What one method of an API class does, and what it sends."""

    api: type[Api]
    method: str
    parameter: str
    argument: object
    returns: str
    request: Request

    @property
    def docs(self) -> Docs:
        """The method's docstring."""
        return _docs(inspect.getdoc(getattr(self.api, self.method)))

    @property
    def http(self) -> str:
        """Verb and path."""
        return f"**{self.request.method}** {self.request.path}"

    @property
    def link(self) -> str:
        """Where the method is described, from another page."""
        return f"{self.api.__name__}.md#{self.method}"


class _RecordedError(ApiException):
    """Carries a request out of the client, where all code expects a response."""

    def __init__(self, request: Request) -> None:
        super().__init__()
        self.request = request


class _Recorder(RESTClientObject):
    """A transport that sends nothing."""

    def request(self, request: Request) -> NoReturn:
        raise _RecordedError(request)


def _calls(api: type[Api]) -> list[Call]:
    """Call each method of an API class, to see what it would send."""
    client = ApiClient(configuration=_configuration())
    client.rest_client = _Recorder(client.configuration)
    calls: list[Call] = []
    for name, method in vars(api).items():
        if name.startswith("_") or not inspect.isfunction(method):
            continue
        signature = inspect.signature(method)
        parameter = list(signature.parameters)[1]
        argument = SAMPLES.get(parameter) or sample(api.model)
        returns: Any = signature.return_annotation
        try:
            getattr(api(client), name)(argument)
        except _RecordedError as sent:
            calls.append(Call(api, name, parameter, argument, getattr(returns, "__name__", returns), sent.request))
    return calls


def _configuration() -> Configuration:
    with patch.dict(os.environ, clear=True):  # the defaults are those without THIRDWATCH_HOST
        return Configuration(api_key="recorded")


def _every(module: Any) -> Iterator[Any]:
    return (getattr(module, name) for name in module.__all__)


@cache
def _methods() -> list[Call]:
    """List the methods that the README names: all but those ``_with_http_info``."""
    return [call for api in _every(apis) for call in _calls(api) if not call.method.endswith("_with_http_info")]


def _source(value: object, indent: str = "") -> str:
    """Write a value as Python source, on one line where it fits."""
    deeper = indent + "    "
    if isinstance(value, dict):
        return json.dumps(value)
    if isinstance(value, list):
        opening, closing = "[", "]"
        parts = [_source(part, deeper) for part in value]
    elif isinstance(value, Model):
        opening, closing = f"thirdwatch_api.{type(value).__name__}(", ")"
        given = ((f.name, getattr(value, f.name)) for f in field_table(type(value)))
        parts = [f"{name}={_source(part, deeper)}" for name, part in given if part is not None]
    else:
        return json.dumps(value) if isinstance(value, str) else repr(value)
    line = f"{opening}{', '.join(parts)}{closing}"
    if "\n" not in line and len(indent + line) <= _LINE_LENGTH:
        return line
    return f"{opening}\n{''.join(f'{deeper}{part},{chr(10)}' for part in parts)}{indent}{closing}"


def _docs(docstring: str | None) -> Docs:
    """Take a docstring apart, as Markdown."""
    text, *fields = re.split(r"^:(?=\w)", inspect.cleandoc(docstring or ""), flags=re.MULTILINE)
    summary, _, rest = text.replace("``", "`").strip().partition("\n\n")
    named = {name: _sentence(what) for name, _, what in (field.partition(":") for field in fields)}
    return Docs(_one_line(summary), "\n\n".join(map(_one_line, rest.split("\n\n"))), named)


def _sentence(text: str) -> str:
    text = _one_line(text.replace("``", "`"))
    return f"{text[:1].upper()}{text[1:]}."


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _cell(docstring: str) -> str:
    docs = _docs(docstring)
    return f"{docs.summary} {_one_line(docs.rest)}".strip().replace("|", r"\|")


def _table(*header: str, rows: Iterable[Iterable[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _model_link(name: str, folder: str = "") -> str:
    return f"[**{name}**]({folder}{name}.md)" if name in models.__all__ else f"**{name}**"


def _api_page(api: type[Api]) -> str:
    calls = _calls(api)
    host = _configuration().host
    root = host.removesuffix("/event") if calls[0].request.at_root else host
    rows = [(f"[**{call.method}**]({call.link})", call.http, call.docs.summary) for call in calls]
    parts = [
        f"{TITLE}{api.__name__}",
        f"All URIs are relative to *{root}*",
        _table("Method", "HTTP request", "Description", rows=rows),
    ]
    for call in calls:
        parts += _method_parts(call, calls[0])
    return "\n\n".join([*parts, _BACK]) + "\n"


def _method_parts(call: Call, plain: Call) -> Iterator[str]:
    with_http_info = call.method.endswith("_with_http_info")
    given = ", ".join([call.parameter, *(f"{name}={default}" for name, default in _own_options(call)), "**options"])
    yield f"## **{call.method}**"
    yield f"> {ApiResponse.__name__ if with_http_info else call.returns} {call.method}({given})"
    yield call.docs.summary
    if call.docs.rest:
        yield call.docs.rest
    for name, what in call.docs.fields.items():
        if name.startswith("raises "):
            yield f"Raises [**{name.removeprefix('raises ')}**](../README.md#errors): {what}"
    if call.method == plain.method:
        yield from _plain_parts(call)
    elif with_http_info:
        yield f"It takes what [{plain.method}]({plain.link}) takes, and returns a named tuple:"
        rows = [(f"**{name}**", _cell(doc)) for name, doc in field_docs(ApiResponse).items()]
        yield _table("Name", "Description", rows=rows)
        yield f"**data** is what {plain.method} returns: {_model_link(plain.returns)}."
    else:
        yield f"It takes what [{plain.method}]({plain.link}) takes, and:"
        rows = [(f"**{name}**", call.docs.fields[f"param {name}"]) for name, _ in _own_options(call)]
        yield _table("Name", "Description", rows=rows)
        yield f"It returns what {plain.method} returns: {_model_link(plain.returns)}."


def _plain_parts(call: Call) -> Iterator[str]:
    """Make what the page says of the method that its others are described by."""
    api = call.api.__name__
    event = call.argument if isinstance(call.argument, Model) else None
    yield "### Example"
    example = _EXAMPLE.format(
        header=API_KEY_HEADER,
        api=api,
        method=call.method,
        parameter="event" if event else call.parameter,
        value=_source(call.argument),
    )
    yield f"```python\n{example}```"
    yield "### Parameters"
    name = type(event).__name__
    kind = f"{_model_link(name)} or a dict with its wire keys" if event else "**str** or **int**"
    what = f"{call.docs.fields[f'param {call.parameter}']} {_required(type(event)) if event else ''}".strip()
    options = ", ".join(f"`{option}`" for option in Options.__annotations__)
    yield _table(
        "Name",
        "Type",
        "Description",
        "Notes",
        rows=[
            (f"**{call.parameter}**", kind, what, ""),
            ("**options**", "", f"{options}: see [Options](configuration.md#options-of-a-call).", "[optional]"),
        ],
    )
    yield f"### Return type\n\n{_model_link(call.returns)}"
    yield f"### Authorization\n\n[api_key](../README.md#api_key), {_key_place(call.request)}"
    shown = [name for name in ("Content-Type", "Accept") if name in call.request.headers]
    yield "### HTTP request headers\n\n" + "\n".join(f"- **{name}**: {call.request.headers[name]}" for name in shown)


def _own_options(call: Call) -> list[tuple[str, object]]:
    """List the keywords that one method takes beside those that all take, with their defaults."""
    parameters = inspect.signature(getattr(call.api, call.method)).parameters.values()
    return [(each.name, each.default) for each in parameters if each.kind is inspect.Parameter.KEYWORD_ONLY]


def _required(model: type[Model]) -> str:
    """Say what an event can't be without."""
    table = field_table(model)
    identity = " or ".join(f"`{f.wire}`" for f in table if f.identity)
    required = [f"`{f.wire}`" for f in table if f.required and not f.identity]
    names = [*filter(None, [identity]), *required]
    if not names:
        return ""
    listed = f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
    return f"Only {listed} {'are' if len(names) > 1 else 'is'} required."


def _key_place(request: Request) -> str:
    if API_KEY_HEADER in request.headers:
        return f"in the header `{API_KEY_HEADER}`"
    return "as `api_key` in the query" if request.secret_query else "as `secret` in the body"


def _model_page(model: type[Model]) -> str:
    docs = _docs(vars(model)["__doc__"].text)  # without the fields, which model.__doc__ adds
    parts = [f"{TITLE}{model.__name__}", docs.summary, docs.rest]
    senders = [call for call in _methods() if type(call.argument) is model]
    relations = {
        "Sent by": [f"[{call.api.__name__}.{call.method}]({call.link})" for call in senders],
        "Returned by": [
            f"[{call.api.__name__}.{call.method}]({call.link})" for call in _methods() if call.returns == model.__name__
        ],
        "Part of": [
            f"[{of.__name__}]({of.__name__}.md)"
            for of in _every(models)
            if any(f.model is model for f in field_table(of))
        ],
    }
    parts += [f"{how}: {', '.join(links)}" for how, links in relations.items() if links]
    rows = list(_field_rows(model, is_event=bool(senders)))
    if rows:
        parts += ["## Properties", _table("Name", "Wire key", "Type", "Description", "Notes", rows=rows)]
    if "additional_properties" not in field_docs(model):
        parts.append("What the fields take, and how it travels: [Values](../README.md#values).")
    return "\n\n".join([*filter(None, parts), _BACK]) + "\n"


def _field_rows(model: type[Model], *, is_event: bool) -> Iterator[tuple[str, ...]]:
    docs = field_docs(model)
    table = field_table(model)
    identity = [f.name for f in table if f.identity and is_event]
    for f in table:
        notes = ["required" if f.required or [f.name] == identity else "[optional]"]
        if f.name in identity and len(identity) > 1:
            notes.append(f"one of {' and '.join(f'`{name}`' for name in identity)} is required")
        if f.personal:
            notes.append("masked by `repr`")
        keys = getattr(model, "json_keys", {}).get(f.name, (f.wire,))
        kind = f"[**{f.label}**]({f.model.__name__}.md)" if f.model else f"**{f.label}**"
        what = f"{_cell(docs[f.name])} {_known_values(f)}".strip()
        yield f"**{f.name}**", ", else ".join(f"`{key}`" for key in keys), kind, what, ", ".join(notes)
    if "additional_properties" in docs:
        yield "**additional_properties**", "all others", "**dict**", _cell(docs["additional_properties"]), "[optional]"


def _known_values(f: Field) -> str:
    named = ", ".join(f"`{value}`" for value in f.known)
    return named and f"Known value{'s' * (len(f.known) > 1)}: {named}."


def _parts_of_pages() -> dict[str, dict[str, str]]:
    """Make what stands between the markers of written pages, by the page and the name of the marker."""
    calls = _methods()
    tree = re.search(r"(?:^ {4}.*\n)+", exceptions.__doc__ or "", re.MULTILINE)
    assert tree
    key = _configuration().auth_settings()["api_key"]
    options = [(f"`{name}`", _cell(doc)) for name, doc in field_docs(Options).items()]
    readme = {
        "errors": f"```text\n{inspect.cleandoc(tree[0])}\n```",
        "endpoints": _table(
            "Class",
            "Method",
            "HTTP request",
            "Description",
            rows=[
                (call.api.__name__, f"[**{call.method}**](docs/{call.link})", call.http, call.docs.summary)
                for call in calls
            ],
        ),
        "models": _table(
            "Model",
            "Description",
            rows=[(_model_link(model.__name__, "docs/"), _docs(model.__doc__).summary) for model in _every(models)],
        ),
        "authorization": f"- **Type**: API key\n- **Where**: HTTP {key['in']}\n- **Name**: `{key['key']}`",
    }
    configuration = {"settings": _settings(), "options": _table("Option", "Description", rows=options)}
    return {"README.md": readme, "docs/configuration.md": configuration}


def _settings() -> str:
    """Make the table of all settings."""
    docs = field_docs(Configuration)
    docs |= {
        name: inspect.getdoc(member) or ""
        for name, member in vars(Configuration).items()
        if isinstance(member, property)
    }
    keywords = [name for name in inspect.signature(Configuration).parameters if name in docs]
    attributes = [name for name in docs if name not in keywords]
    rows = [(f"`{name}`", _cell(docs[name])) for name in keywords]
    rows += [(f"`{name}`, an attribute only", _cell(docs[name])) for name in attributes]
    return _table("Setting", "Description", rows=rows)


def _filled(page: str, parts: dict[str, str]) -> str:
    """Put what is made into a page that is written by hand."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for name, part in parts.items():
        opening, closing = f"<!-- {name}: docs/generate.py writes this -->\n", f"<!-- end of {name} -->"
        before, found, rest = text.partition(opening)
        _, ended, after = rest.partition(closing)
        if not (found and ended):
            raise SystemExit(f"{page} lacks the marker {(closing if found else opening).strip()}")
        text = f"{before}{opening}\n{part}\n\n{closing}{after}"
    return text


def pages() -> dict[Path, str | None]:
    """Make all that is written here, by its path; None for a page whose class is gone."""
    written = (path for path in (ROOT / "docs").glob("*.md") if path.read_text(encoding="utf-8").startswith(TITLE))
    made: dict[Path, str | None] = dict.fromkeys(written)
    made |= {ROOT / "docs" / f"{api.__name__}.md": _api_page(api) for api in _every(apis)}
    made |= {ROOT / "docs" / f"{model.__name__}.md": _model_page(model) for model in _every(models)}
    made[ROOT / "docs" / "openapi.json"] = json.dumps(openapi(), indent=2, ensure_ascii=False) + "\n"
    return made | {ROOT / page: _filled(page, parts) for page, parts in _parts_of_pages().items()}


def main() -> str | None:
    """Write what differs, or name it."""
    parser = ArgumentParser("python docs/generate.py", description="Write the pages that are made from the code.")
    parser.add_argument("--check", action="store_true", help="write nothing, and fail when a page differs")
    check = parser.parse_args().check
    different: list[str] = []
    for path, text in pages().items():
        if text != (path.read_text(encoding="utf-8") if path.exists() else None):
            different.append(path.relative_to(ROOT).as_posix())
            if not check and text is not None:
                path.write_text(text, encoding="utf-8", newline="\n")
            elif not check:
                path.unlink()
    if check and different:
        return f"out of date, run python docs/generate.py: {', '.join(sorted(different))}"
    sys.stdout.writelines(f"{name}\n" for name in different)
    return None


if __name__ == "__main__":
    sys.exit(main())
