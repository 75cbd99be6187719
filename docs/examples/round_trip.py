"""The round trip of one order: reported, paid, scored, decided. It needs no account and no network.

The shop is a small server of this program; the service is the sandbox. With the real service, leave the sandbox out
and set ``thirdwatch_api.configuration.api_key``.
"""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import thirdwatch_api
from thirdwatch_api import postback
from thirdwatch_api.sandbox import Sandbox

ORDER = "o-1001"
orders = {ORDER: "new"}
"""State of each order; a shop has a database for that."""


class Shop(BaseHTTPRequestHandler):
    """The address at which the shop takes postbacks."""

    def do_POST(self) -> None:
        """Check a postback, and act on it."""
        body = self.rfile.read(min(int(self.headers["Content-Length"]), postback.MAX_BODY + 1))
        try:
            notice = postback.parse(self.headers, body)
        except postback.PostbackException as error:
            self.respond(error.status or 400)
            return
        if isinstance(notice, postback.ScorePostback) and notice.order_id in orders:
            orders[notice.order_id] = "approved" if notice.flag == "green" else "on hold"
            print(f"the service scored {notice.order_id}: {notice.score}, {notice.flag}")
        elif isinstance(notice, postback.ActionPostback) and notice.order_id in orders:
            orders[notice.order_id] = notice.action_type or "on hold"
            print(f"an analyst decided about {notice.order_id}: {notice.action_type}")
        self.respond(200)

    def respond(self, status: int) -> None:
        """Send a status and an empty object."""
        self.send_response(status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:
        """Print no line for each request."""


def main() -> None:
    """Run shop and sandbox, and send one order through both."""
    shop = HTTPServer(("127.0.0.1", 0), Shop)
    threading.Thread(target=shop.serve_forever, daemon=True).start()
    with Sandbox() as sandbox:
        thirdwatch_api.configuration.host = sandbox.host
        thirdwatch_api.configuration.api_key = sandbox.api_key

        # Once for each shop: register the URL at which the shop listens.
        url = f"http://127.0.0.1:{shop.server_port}/thirdwatch"
        urls = thirdwatch_api.PostbackUrls(score_postback=url, action_postback=url)
        thirdwatch_api.PostbackApi().register(urls)

        # A customer orders and pays. The sandbox scores by the amount: 8200 is risky.
        order = thirdwatch_api.CreateOrder(user_id="u-42", order_id=ORDER, amount="8200", currency_code="INR")
        thirdwatch_api.CreateOrderApi().create_order(order)
        paid = thirdwatch_api.Transaction(user_id="u-42", order_id=ORDER, amount="8200", transaction_status="_success")
        thirdwatch_api.TransactionApi().transaction(paid)

        # The service sends the shop the score; the shop may ask for it as well.
        assert [delivery.status for delivery in sandbox.postbacks] == [200]
        score = thirdwatch_api.ScoreApi().score(ORDER)
        print(f"score {score.score}, {score.flag}, risky: {score.is_risky}")
        for reason in score.reasons:
            print(f"  {reason.display_name}: {reason.value} ({reason.flag})")
        print(f"the order is {orders[ORDER]}")

        # An analyst decides on the dashboard, and the service sends the decision to the shop.
        sandbox.send_action(ORDER, "approved", "called the customer")
        print(f"the order is {orders[ORDER]}")

        # The shop reports to the service what it did in the end.
        decision = thirdwatch_api.ClientAction(order_id=ORDER, action_type="approved", message="shipped")
        thirdwatch_api.ClientActionApi().client_action(decision)
        print(f"the service knows of {len(sandbox.decisions)} decision")
    shop.shutdown()
    shop.server_close()


if __name__ == "__main__":
    main()
