"""The OpenAPI document: what it says is what the facts say, and the sandbox serves it and takes its examples."""

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from thirdwatch_api import ApiClient, CreateOrder, CreateOrderApi, Transaction, TransactionApi
from thirdwatch_api import postback as postbacks
from thirdwatch_api.sandbox import Sandbox
from thirdwatch_api.sandbox._openapi import openapi
from thirdwatch_api.sandbox._schemas import _PYTHON_ONLY

from .facts import API_KEY_HEADER, APIS, EVENTS, MODELS, VALUES
from .strangers import need

PAGE = Path(__file__).parents[1] / "docs" / "other-languages.md"
DOCUMENT: dict[str, Any] = openapi()
OPERATIONS = {
    operation["operationId"]: (verb, path, operation)
    for path, item in DOCUMENT["paths"].items()
    for verb, operation in item.items()
}
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]

OTHERS = {
    "client_action": ("post", "/neo/v1/clientaction"),
    "register": ("post", "/neo/v1/addpostbackurl/"),
    "score": ("get", "/neo/v1/score"),
}
BESIDE_EVENTS = {  # key:type of each, ! marks a required one
    "ActionPostback": "order_id:string! action_type:string! action_message:string",
    "ClientAction": "order_id:string! order_timestamp:string action_type:string! message:string secret:string!",
    "CorrectedAddress": """
        name:string phone:string address1:string address2:string city:string region:string country:string
        zipcode:string is_office_address:boolean is_home_address:boolean
    """,
    "ErrorResponse": "error:string message:string msg:string",
    "EventResponse": "message:string status:string msg:string",
    "PaymentLink": """
        order_id:string! status:string! payment_link:string discount:string payment_amount:string order_amount:string
    """,
    "PaymentLinkPostback": "entity:string! api_key:string! payload:PaymentLink!",
    "PostbackUrls": """
        score_postback:string action_postback:string shipping_address_postback:string url:string secret:string!
    """,
    "Reason": "name:string display_name:string flag:string value:string is_display:boolean",
    "ScorePostback": "order_id:string! flag:string! score:number reasons:list[Reason]",
    "ScoreResponse": """
        order_id:string user_id:string order_timestamp:string score:number flag:string reasons:list[Reason] msg:string
    """,
    "ShippingAddressPostback": "order_id:string! shipping_address:CorrectedAddress!",
}
JSON_TYPES = {"str": "string", "bool": "boolean", "int": "integer"}
IDENTITY = "At least one of `_userId` and `_sessionId` is required, and must not be empty."


def type_of(schema: dict[str, Any]) -> str:
    """The type of a property: ``string``, ``Item`` or ``list[Item]``."""
    if schema.get("type") == "array":
        return f"list[{type_of(schema['items'])}]"
    return str(schema.get("type") or schema["$ref"].rpartition("/")[2])


def sample_of(operation: dict[str, Any], key: str) -> dict[str, Any]:
    """The example of a request, with the key in place of the one that is shown."""
    (example,) = operation["requestBody"]["content"]["application/json"]["examples"].values()
    value: dict[str, Any] = dict(example["value"])
    if "secret" in value:
        assert value["secret"] == "YOUR_API_KEY"
        value["secret"] = key
    return value


def ask(method: str, url: str, body: object = None, headers: dict[str, str] | None = None) -> tuple[int, Any]:
    """Make a request as a stranger would, and return its status and JSON."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **(headers or {})}, method=method)
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, json.loads(response.read() or b"null")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read() or b"null")


def root(sandbox: Sandbox) -> str:
    return sandbox.host.removesuffix("/event")


def test_it_is_valid() -> None:
    need("openapi_spec_validator", "openapi")
    from openapi_spec_validator import OpenAPIV31SpecValidator

    assert list(OpenAPIV31SpecValidator(DOCUMENT).iter_errors()) == []


def test_its_operations_are_those_of_the_facts() -> None:
    events = {api.method: ("post", f"/event{api.path}") for api in APIS}
    assert {name: (verb, path) for name, (verb, path, _) in OPERATIONS.items()} == events | OTHERS
    for api in APIS:
        _, _, operation = OPERATIONS[api.method]
        content = operation["requestBody"]["content"]
        assert {kind: type_of(body["schema"]) for kind, body in content.items()} == {"application/json": api.model}


def test_the_key_travels_as_the_facts_say() -> None:
    schemes = DOCUMENT["components"]["securitySchemes"]
    places = {name: (scheme["type"], scheme["in"], scheme["name"]) for name, scheme in schemes.items()}
    assert places == {
        "api_key": ("apiKey", "header", API_KEY_HEADER),
        "api_key_query": ("apiKey", "query", "api_key"),
    }
    used = {name: [*scheme] for name, (_, _, operation) in OPERATIONS.items() for scheme in operation["security"]}
    assert used == {api.method: ["api_key"] for api in APIS} | {"score": ["api_key_query"]}
    with_secret = [name for name, schema in SCHEMAS.items() if "secret" in schema.get("properties", ())]
    assert with_secret == ["ClientAction", "PostbackUrls"]


def test_each_operation_has_what_a_viewer_shows() -> None:
    tags = [tag["name"] for tag in DOCUMENT["tags"]]
    for name, (_, _, operation) in OPERATIONS.items():
        assert re.fullmatch(r"[A-Z][^\n]+\.", operation["summary"]), name
        assert operation["description"], name
        assert len(operation["tags"]) == 1
        assert operation["tags"][0] in tags
    used = {operation["tags"][0] for _, _, operation in OPERATIONS.values()}
    of_webhooks = {tag for webhook in DOCUMENT["webhooks"].values() for tag in webhook["post"]["tags"]}
    assert used | of_webhooks == set(tags)
    assert not used & of_webhooks, "generators write one file a tag, and would overwrite that of the operations"


def test_each_operation_names_the_same_responses() -> None:
    for _, _, operation in OPERATIONS.values():
        assert list(operation["responses"]) == ["200", "400", "401", "403", "429", "5XX", "default"]
    for response in DOCUMENT["components"]["responses"].values():
        assert type_of(response["content"]["application/json"]["schema"]) == "ErrorResponse"


@pytest.mark.parametrize("model", [name for name in MODELS if name not in (*BESIDE_EVENTS, "CustomInfo")])
def test_a_model_has_the_fields_of_the_facts(model: str) -> None:
    schema = SCHEMAS[model]
    fields = MODELS[model]
    assert {key: type_of(of) for key, of in schema["properties"].items()} == {
        f.wire: JSON_TYPES.get(f.type, f.type) for f in fields
    }
    keys = {f.wire for f in fields}
    has_choice = model in EVENTS and {"_userId", "_sessionId"} <= keys
    only_identity = {"_userId"} & keys if model in EVENTS and not has_choice else set[str]()
    assert set(schema.get("required", ())) == {f.wire for f in fields if f.required} | only_identity
    assert schema.get("x-identity") == (IDENTITY if has_choice else None)
    assert ("if" in schema) == has_choice
    assert "anyOf" not in schema, "generators make halves of a model from it"
    assert not schema["additionalProperties"]
    for f in fields:
        known = VALUES.get(f"{model}.{f.name}")
        stated = schema["properties"][f.wire]
        assert "enum" not in stated, "any other text is sent as it is"
        if known:
            assert tuple(stated["examples"]) == known
            assert all(f"`{value}`" in stated["description"] for value in known)
        assert stated["description"]


@pytest.mark.parametrize("model", BESIDE_EVENTS)
def test_a_model_beside_the_events_has_its_fields(model: str) -> None:
    schema = SCHEMAS[model]
    stated = {
        f"{key}:{type_of(of)}{'!' if key in schema.get('required', ()) else ''}"
        for key, of in schema["properties"].items()
    }
    assert stated == set(BESIDE_EVENTS[model].split())
    assert schema["additionalProperties"] is (model not in ("ClientAction", "PostbackUrls"))
    for key, of in schema["properties"].items():
        if known := VALUES.get(f"{model}.{key}"):
            assert tuple(of["examples"]) == known


def test_there_is_no_other_model() -> None:
    assert set(SCHEMAS) == set(MODELS) | set(BESIDE_EVENTS)
    assert SCHEMAS["CustomInfo"]["type"] == "object"
    assert SCHEMAS["CustomInfo"]["additionalProperties"] is True


def test_a_required_text_is_not_empty_and_a_time_is_not_in_seconds() -> None:
    for name, schema in SCHEMAS.items():
        for key, of in schema.get("properties", {}).items():
            is_required_text = key in schema.get("required", ()) and of.get("type") == "string"
            assert of.get("minLength") == (1 if is_required_text else None), f"{name}.{key}"
            is_time = key in ("_originTimestamp", "order_timestamp") and name != "ScoreResponse"
            assert ("pattern" in of) == is_time, f"{name}.{key}"
    (pattern,) = {
        of["pattern"] for schema in SCHEMAS.values() for of in schema.get("properties", {}).values() if "pattern" in of
    }
    assert re.search(pattern, "1767225600000")
    assert not re.search(pattern, "1767225600")


def test_the_identity_stands_in_words_at_each_event_as_well() -> None:
    for api in APIS:
        has_choice = "x-identity" in SCHEMAS[api.model]
        assert (IDENTITY in OPERATIONS[api.method][2]["requestBody"]["description"]) == has_choice


def test_it_is_written_for_users_of_any_language() -> None:
    text = json.dumps(DOCUMENT)
    assert re.findall(r"None\b|\baware\b|\bdicts?\b|datetime|thirdwatch_api|\w*Api\b|``|\bstr\b|Python", text) == []


def test_each_phrase_that_python_alone_has_is_still_there() -> None:
    package = Path(sys.modules["thirdwatch_api"].__file__ or "").parent
    source = " ".join(
        path.read_text(encoding="utf-8") for path in [*package.glob("models/*.py"), *package.glob("apis/*.py")]
    )
    text = " ".join(source.replace("``", "`").split())
    assert [phrase for phrase in _PYTHON_ONLY if phrase.strip() not in text] == []


def contents(node: Any) -> Iterator[dict[str, Any]]:
    """All contents of requests and responses, wherever they are in a part of the document."""
    if isinstance(node, dict):
        yield from node.get("content", {}).values()
        for part in node.values():
            yield from contents(part)


def test_each_example_is_valid() -> None:
    need("openapi_spec_validator", "openapi")
    from openapi_schema_validator import OAS31Validator

    seen = 0
    for content in contents(DOCUMENT):
        validator = OAS31Validator(content["schema"] | {"components": DOCUMENT["components"]})
        for example in content["examples"].values():
            validator.validate(example["value"])
            seen += 1
    for schema in SCHEMAS.values():
        for of in schema.get("properties", {}).values():
            for value in of.get("examples", ()):
                OAS31Validator(of).validate(value)
                seen += 1
    assert seen > 200


@pytest.mark.parametrize(
    ("event", "is_valid"),
    [
        ({"_userId": "u"}, True),
        ({"_sessionId": "s"}, True),
        ({"_userId": "", "_sessionId": "s"}, True),
        ({}, False),
        ({"_userId": ""}, False),
        ({"_sessionId": ""}, False),
    ],
)
def test_validators_and_the_sandbox_know_the_rule_about_the_identity(
    event: dict[str, Any], is_valid: bool, sandbox: Sandbox
) -> None:
    path = f"{root(sandbox)}/event/v1/login"
    assert ask("POST", path, event, {API_KEY_HEADER: sandbox.api_key})[0] == (200 if is_valid else 400)
    need("openapi_spec_validator", "openapi")
    from openapi_schema_validator import OAS31Validator

    assert OAS31Validator(SCHEMAS["Login"] | {"components": DOCUMENT["components"]}).is_valid(event) == is_valid


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_sandbox_takes_the_example_of_an_operation(name: str, sandbox: Sandbox) -> None:
    verb, path, operation = OPERATIONS[name]
    key = {API_KEY_HEADER: sandbox.api_key}
    if verb == "get":
        (parameter,) = operation["parameters"]
        query = f"?api_key={sandbox.api_key}&{parameter['name']}={parameter['example']}"
        assert ask("GET", root(sandbox) + path + query) == (200, example_of(operation, "not_ready"))
        return
    status, response = ask("POST", root(sandbox) + path, sample_of(operation, sandbox.api_key), key)
    assert status == 200, response
    assert response["message"] == example_of(operation, "accepted")["message"]
    assert sandbox.requests[-1].hints == []


def example_of(operation: dict[str, Any], name: str) -> Any:
    return operation["responses"]["200"]["content"]["application/json"]["examples"][name]["value"]


def test_a_score_has_the_keys_that_are_named(sandbox: Sandbox, client: ApiClient) -> None:
    CreateOrderApi(client).create_order(CreateOrder(session_id="s-1", order_id="o-1001", amount="8200"))
    TransactionApi(client).transaction(Transaction(user_id="u", order_id="o-1001", transaction_status="_success"))
    status, score = ask("GET", f"{root(sandbox)}/neo/v1/score?api_key={sandbox.api_key}&order_id=o-1001")
    assert status == 200
    assert score["score"] == 82
    properties = SCHEMAS["ScoreResponse"]["properties"]
    for key, value in score.items():
        assert isinstance(value, {"string": str, "number": int, "array": list}[properties[key]["type"]]), key


@pytest.mark.parametrize("name", DOCUMENT["webhooks"])
def test_our_own_reader_takes_the_example_of_a_webhook(name: str, sandbox: Sandbox) -> None:
    webhook = DOCUMENT["webhooks"][name]["post"]
    assert webhook["operationId"] == name
    content = webhook["requestBody"]["content"]["application/json"]
    (example,) = content["examples"].values()
    body = json.dumps(example["value"]).encode()
    headers = {API_KEY_HEADER: "YOUR_API_KEY"} if webhook["security"] else {}
    notice = postbacks.parse(headers, body, sandbox.configuration(api_key="YOUR_API_KEY"))
    assert type(notice).__name__ == type_of(content["schema"])


def test_the_sandbox_serves_it_with_its_own_address_first(sandbox: Sandbox) -> None:
    sandbox.fail(503)
    status, document = ask("GET", f"{root(sandbox)}/openapi.json")
    assert status == 200
    assert [server["url"] for server in document["servers"]] == [root(sandbox), "https://api.thirdwatch.ai"]
    assert {**document, "servers": DOCUMENT["servers"]} == DOCUMENT
    assert sandbox.api_key not in json.dumps(document)
    assert sandbox.requests == [], "it is no request to the service"
    assert ask("HEAD", f"{root(sandbox)}/openapi.json") == (200, None)
    assert ask("POST", f"{root(sandbox)}/event/v1/login", {})[0] == 503, "it uses up no script"
    assert ask("POST", f"{root(sandbox)}/openapi.json", {})[0] == 404


def test_pages_of_other_sites_do_not_get_it(sandbox: Sandbox) -> None:
    url = f"{root(sandbox)}/openapi.json"
    assert ask("GET", url, headers={"Origin": "https://elsewhere.example"})[0] == 403
    assert ask("GET", url, headers={"Host": "elsewhere.example"})[0] == 421


def test_what_a_caller_changes_stays_with_the_caller() -> None:
    openapi()["paths"].clear()
    assert openapi() == DOCUMENT


def test_it_is_made_without_docstrings_too() -> None:
    code = "import json; from thirdwatch_api.sandbox._openapi import openapi; print(json.dumps(openapi()))"
    done = subprocess.run([sys.executable, "-OO", "-c", code], capture_output=True, text=True, check=True)
    document = json.loads(done.stdout)
    assert set(document["paths"]) == set(DOCUMENT["paths"])
    assert document["components"]["schemas"]["OrderStatus"]["properties"] == SCHEMAS["OrderStatus"]["properties"]


@pytest.mark.skipif(shutil.which("curl") is None or shutil.which("bash") is None, reason="there is no curl, or no bash")
def test_the_calls_by_curl_of_the_page_work(sandbox: Sandbox, client: ApiClient) -> None:
    blocks = re.findall(r"^```bash\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    CreateOrderApi(client).create_order(CreateOrder(user_id="u-42", order_id="o-1001", amount="8200"))
    TransactionApi(client).transaction(Transaction(user_id="u-42", order_id="o-1001", transaction_status="_success"))
    variables = {"THIRDWATCH_URL": root(sandbox), "THIRDWATCH_API_KEY": sandbox.api_key}
    printed = [
        subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block],
            env=os.environ | variables,
            capture_output=True,
            text=True,
            check=True,
        )
        for block in blocks
    ]
    assert [done.stderr for done in printed] == [""] * 3
    first, score, decision = (json.loads(done.stdout) for done in printed)
    assert (first["message"], score["score"], decision["message"]) == (
        "OrderStatus received",
        82,
        "ClientAction received",
    )


def test_the_page_names_each_operation_that_takes_the_key_elsewhere() -> None:
    text = PAGE.read_text(encoding="utf-8")
    elsewhere = [name for name, (_, _, operation) in OPERATIONS.items() if operation["security"] != [{"api_key": []}]]
    assert sorted(elsewhere) == ["client_action", "register", "score"]
    assert all(f"`{name}`" in text for name in elsewhere)


@pytest.mark.parametrize(
    "event",
    [{"_userId": 42}, {"_userId": "u", "_sessionId": None}, {"_userId": "u", "_originTimestamp": "yesterday"}],
    ids=["number", "null", "time"],
)
def test_the_sandbox_is_laxer_than_the_document_where_the_page_says_so(event: dict[str, Any], sandbox: Sandbox) -> None:
    assert ask("POST", f"{root(sandbox)}/event/v1/login", event, {API_KEY_HEADER: sandbox.api_key})[0] == 200
    assert "laxer than the document in three things" in PAGE.read_text(encoding="utf-8")
    need("openapi_spec_validator", "openapi")
    from openapi_schema_validator import OAS31Validator

    assert not OAS31Validator(SCHEMAS["Login"] | {"components": DOCUMENT["components"]}).is_valid(event)
