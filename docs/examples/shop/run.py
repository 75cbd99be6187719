"""Run the shop against the sandbox: orders are taken while the service is down, and arrive when it is back.

``python docs/examples/shop/run.py`` needs Flask and SQLAlchemy, no account and no network.
"""

import sys
import tempfile
import threading
import time
from pathlib import Path

from shop import Shop
from werkzeug.serving import make_server

import thirdwatch_api
from thirdwatch_api.sandbox import Sandbox

ORDERS = {"o-1001": "2500", "o-1002": "8200"}
PATIENCE = 30  # seconds


def main() -> int:
    """Take two orders while the service is down, and wait for their scores."""
    with tempfile.TemporaryDirectory() as folder, Sandbox() as sandbox:
        thirdwatch_api.configuration.host = sandbox.host
        thirdwatch_api.configuration.api_key = sandbox.api_key
        shop = Shop(f"sqlite:///{Path(folder, 'shop.db')}")
        server = make_server("127.0.0.1", 0, shop.app, threaded=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/thirdwatch"
        thirdwatch_api.PostbackApi().register({"score_postback": url})
        sandbox.fail(503, times=3)
        customers = shop.app.test_client()
        for number, amount in ORDERS.items():
            customers.post("/checkout", json={"number": number, "customer": "u-42", "amount": amount})
        print(f"{len(ORDERS)} orders were taken while the service was down; {shop.outbox.status().pending} events wait")
        shop.outbox.start()
        end = time.monotonic() + PATIENCE
        while "new" in {shop.state_of(number) for number in ORDERS} and time.monotonic() < end:
            time.sleep(0.05)
        print({number: shop.state_of(number) for number in ORDERS})
        left = shop.outbox.status().pending
        print(f"{left} events are left")
        shop.outbox.close()
        server.shutdown()
        server.server_close()
        shop.engine.dispose()
        if thirdwatch_api.configuration.api_client:
            thirdwatch_api.configuration.api_client.close()
        return left


if __name__ == "__main__":
    sys.exit(main())
