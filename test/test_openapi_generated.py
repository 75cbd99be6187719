"""A client that a generator makes from the OpenAPI document: it is whole, and it reaches the sandbox."""

import json
import subprocess
import sys
from pathlib import Path

from thirdwatch_api.sandbox import Sandbox
from thirdwatch_api.sandbox._openapi import openapi

from .strangers import need

SCRIPT = """
import json, sys
from thirdwatch_api_client import Client
from thirdwatch_api_client.api.orders import create_order, order_status
from thirdwatch_api_client.api.results import client_action, score
from thirdwatch_api_client.models import ClientAction, CreateOrder, OrderStatus

url, key = sys.argv[1:]
client = Client(url, headers={"X-THIRDWATCH-API-KEY": key})
event = OrderStatus(field_user_id="u-42", field_order_id="o-1001", field_order_status="_fulfilled")
print(order_status.sync(client=client, body=event).message)
print(create_order.sync(client=client, body=CreateOrder(field_order_id="o-1001")).error)
print(client_action.sync(client=client, body=ClientAction("o-1001", "approved", secret=key)).message)
print(score.sync_detailed(client=client, order_id="o-1001").status_code)
"""


def test_a_generated_client_reports_an_event(sandbox: Sandbox, tmp_path: Path) -> None:
    need("openapi_python_client", "openapi")
    document, settings = tmp_path / "openapi.json", tmp_path / "settings.yaml"
    document.write_text(json.dumps(openapi()))
    settings.write_text("post_hooks: []")
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--fail-on-warning"]
    paths = ["--path", str(document), "--config", str(settings), "--output-path", str(tmp_path / "made")]
    made = subprocess.run([*command, *paths], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    called = subprocess.run(
        [sys.executable, "-c", SCRIPT, sandbox.host.removesuffix("/event"), sandbox.api_key],
        cwd=tmp_path / "made",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (called.returncode, called.stderr) == (0, "")
    assert called.stdout.splitlines() == [
        "OrderStatus received",
        "CreateOrder: needs user_id or session_id: the customer's, not the order's",
        "ClientAction received",
        "401",
    ]
    assert [request.status for request in sandbox.requests] == [200, 400, 200, 401]
