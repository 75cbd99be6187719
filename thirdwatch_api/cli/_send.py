"""``thirdwatch send``: send one event."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from itertools import islice
from typing import Any

from ..api_client import ApiClient, ApiResponse
from ..models._encoder import JsonText, to_json
from ..models._fields import Kind as FieldKind
from ..models._fields import field_table
from ..models._hints import unknown_values
from ..models._model import Model
from ..models.event_response import EventResponse
from ..outbox._kinds import Kind, kinds_by_name
from ._exit import OK, CommandError
from ._output import Output
from ._pairs import read_pairs
from ._parser import Parser
from ._service import add_service_options, make_client

__all__ = ["configure", "run"]

_MOST_HINTS = 5


def configure(parser: Parser) -> None:
    """Declare the arguments."""
    parser.describe(
        "Send one event, and print the response. Keys are those of Python or of the wire: user_id\n"
        "or _userId; dots go into parts, numbers into lists; := takes JSON. `ps` shows arguments\n"
        "to everybody on this machine: what is about a person is better read from stdin.",
        ("thirdwatch send order_status user_id=u-42 order_id=o-1 order_status=_fulfilled", ""),
        ("thirdwatch send create_order user_id=u-42 order_id=o-1 items.0.price=9.90", ""),
        ("thirdwatch send create_order --fields", "what it may hold"),
        ("thirdwatch send create_order - < order.json", "JSON with the keys of the wire"),
    )
    names = sorted(kinds_by_name())
    parser.add_argument("kind", metavar="KIND", choices=names, help=f"one of {', '.join(names)}")
    parser.add_argument("words", metavar="KEY=VALUE", nargs="*", help="fields of the event; - reads JSON from stdin")
    parser.add_argument("--fields", action="store_true", help="list the fields of this kind, and send nothing")
    parser.add_argument("--dry-run", action="store_true", help="check the event, and send nothing")
    add_service_options(parser)


def run(arguments: Namespace, output: Output) -> int:
    """Send an event, or say what it may hold."""
    kind = kinds_by_name()[arguments.kind]
    if arguments.fields:
        _list_fields(kind.api.model, output)
        return OK
    event = _read(kind, arguments.words)
    text = to_json(kind.api.model, event)
    for hint in islice(unknown_values(event, kind.api.model), _MOST_HINTS):
        near = f"; did you mean {hint.nearest!r}?" if hint.nearest else ""
        output.note(f"warning: {hint.path}: {hint.value!r} is none of the known values{near}")
    if arguments.dry_run:
        shown = repr(kind.api.model.from_dict(json.loads(text)))
        output.record({"valid": True, "kind": kind.name, "event": shown})
        output.line(f"valid: {shown}", "good")
        return OK
    with make_client(arguments) as client:
        response = _send(client, kind, text)
    message: str | None = response.data.message
    output.record({"status": response.status, "message": message})
    output.line(f"{response.status} {message or 'accepted'}", "good")
    return OK


def _send(client: ApiClient, kind: Kind, text: JsonText) -> ApiResponse:
    """Send the JSON of an event that was checked."""
    response: ApiResponse = client.call_api(
        kind.api.path,
        "POST",
        body=text,
        response_type=EventResponse,
        auth_settings=[kind.api.auth],
        at_root=kind.api.at_root,
        any_body=kind.api.any_body,
        model=kind.api.model,
    )
    return response


def _read(kind: Kind, words: list[str]) -> Model | dict[str, Any]:
    """Return the event of the arguments, or of stdin."""
    if words != ["-"]:
        if not words:
            raise CommandError(f"no fields: write key=value, or see `thirdwatch send {kind.name} --fields`")
        return kind.api.model.from_dict(read_pairs(kind.api.model, words))
    try:
        event = json.load(sys.stdin)
    except ValueError as error:  # its text names the place, and shows nothing of it
        raise CommandError(f"stdin: expected a JSON object ({error})") from None
    if not isinstance(event, dict):
        raise CommandError(f"stdin: expected a JSON object, got {type(event).__name__}")
    return event


def _list_fields(model: type[Model], output: Output) -> None:
    rows = list(_rows(model, ""))
    for row in rows:
        output.record(dict(zip(("field", "wire", "type", "notes"), row, strict=True)))
    output.table(["field", "on the wire", "type", "notes"], rows)


def _rows(model: type[Model], path: str) -> Any:
    alone = sum(field.identity for field in field_table(model)) == 1
    for field in field_table(model):
        notes = ["required"] if field.required or (field.identity and alone) else []
        notes += ["one of the ids is required"] if field.identity and not alone else []
        notes += ["milliseconds since 1970"] if field.milliseconds else []
        notes += [", ".join(field.known[:6]) + (", ..." if len(field.known) > 6 else "")] if field.known else []
        name = f"{path}{field.name}" + (".0" if field.kind is FieldKind.LIST else "")
        if field.model is None or field.kind is FieldKind.FREE:
            yield [name, field.wire, "text" if field.label == "str" else field.label, "; ".join(notes)]
        else:
            yield from _rows(field.model, f"{name}.")
