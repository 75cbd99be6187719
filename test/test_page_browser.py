"""The sandbox's page in a real browser."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from thirdwatch_api import (
    ApiClient,
    ApiException,
    BillingAddress,
    CreateOrder,
    CreateOrderApi,
    Custom,
    CustomEventApi,
    Item,
    Login,
    LoginApi,
    OrderStatus,
    OrderStatusApi,
    ServiceException,
    Transaction,
    TransactionApi,
)
from thirdwatch_api.sandbox import Sandbox

from .browser import REBOUND, Visit, axe_script, browser, visit
from .page import Receiver, SmallHandler, SmallServer, pay, register

TIMEOUT = 30  # seconds; no test waits that long unless it fails
SCREENSHOT = Path(__file__).parent.parent / "docs" / "sandbox.png"
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\u202e\u0639\u0631\u0628\u064a\x00\"'`${alert(3)}"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as started:
        yield started


@pytest.fixture
def shop() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def page(chromium: Any, sandbox: Sandbox) -> Iterator[Visit]:
    with visit(chromium, root(sandbox), permissions=["clipboard-read", "clipboard-write"]) as opened:
        opened.page.wait_for_selector("#live[data-state=on]")
        yield opened


def root(sandbox: Sandbox) -> str:
    return sandbox.host.removesuffix("event")


def fulfil(client: ApiClient, order_id: str = "o-1001", **fields: Any) -> None:
    event = OrderStatus(user_id="u-42", order_id=order_id, order_status="_fulfilled")
    OrderStatusApi(client).order_status(event, **fields)


def test_events_appear_while_the_page_is_open(page: Visit, client: ApiClient) -> None:
    assert page.text("#empty-title") == "No requests yet"
    fulfil(client)
    page.page.wait_for_selector(".row")
    assert "order_status" in page.text(".row")
    assert {"o-1001", "u-42", "200 ok"} <= set(page.text(".row").split("\n"))


def test_an_event_appears_within_a_second(page: Visit, client: ApiClient, sandbox: Sandbox) -> None:
    page.page.evaluate(
        """() => {
            window.seen = [];
            new MutationObserver((changes) => {
                const nodes = changes.flatMap((change) => [...change.addedNodes]);
                window.seen.push(...nodes.map((node) => [node.id, Date.now()]));
            }).observe(document.getElementById("rows"), { childList: true });
        }"""
    )
    waits: list[float] = []
    while not waits or (min(waits) >= 1000 and len(waits) < 20):  # the machine may be busy with something else
        fulfil(client)
        request = sandbox.requests[-1]
        page.page.wait_for_selector(f"#request-{request.number}")
        seen = dict(page.page.evaluate("() => window.seen"))
        waits.append(seen[f"request-{request.number}"] - request.time.timestamp() * 1000)
    assert min(waits) < 1000


def test_the_list_can_be_filtered(
    page: Visit, client: ApiClient, make_sandbox_client: Callable[..., ApiClient]
) -> None:
    for number in range(5):
        fulfil(client, f"o-{number}")
    LoginApi(client).login(Login(user_id="u-7", login_status="_success"))
    with pytest.raises(ApiException):
        fulfil(make_sandbox_client(api_key="wrong", retries=0), "o-3")
    page.until("document.querySelectorAll('.row').length === 7")
    page.page.fill("#filter-text", "o-3")
    page.until("document.querySelectorAll('.row').length === 2")
    assert page.text("#filter-count") == "2 shown"
    page.page.select_option("#filter-result", "refused")
    page.until("document.querySelectorAll('.row').length === 1")
    assert "401 refused" in page.text(".row")
    assert "is not the sandbox's API key" in page.text(".row .remark")
    page.page.fill("#filter-text", "")
    page.page.select_option("#filter-result", "")
    page.page.select_option("#filter-kind", "login")
    page.until("document.querySelectorAll('.row').length === 1")
    page.page.fill("#filter-text", "nothing like it")
    page.until("!document.querySelector('.row')")
    page.until("document.getElementById('empty-title').innerText === 'No request matches'")
    fulfil(client, "o-9")
    page.page.fill("#filter-text", "o-9")
    page.page.select_option("#filter-kind", "")
    page.until("document.querySelectorAll('.row').length === 1")


def test_an_order_shows_its_steps_score_and_json(page: Visit, client: ApiClient, shop: Receiver) -> None:
    register(client, shop)
    pay(client)
    page.page.click(".row:has-text('create_order')")
    page.page.wait_for_selector("#trail li:nth-child(3)")
    steps = [step.replace("\n", " ") for step in page.texts("#trail li")]
    assert steps == ["create_order 200", "transaction 200", "postback score 82 200"]
    label = page.page.get_attribute("#score svg", "aria-label")
    assert label == "Score 82, red: above the threshold of 70"
    assert page.texts("#reasons li")[0].replace("\n", " ") == "green Failed transactions: 0"
    assert '"_amount": "8200"' in page.text("#json")
    fulfil(client)
    page.page.wait_for_selector("#trail li:nth-child(4)")
    page.page.click("#trail button:has-text('order_status')")
    page.until("document.getElementById('json').innerText.includes('_fulfilled')")


def test_personal_fields_are_masked_until_they_are_shown(page: Visit, client: ApiClient) -> None:
    CreateOrderApi(client).create_order(
        CreateOrder(
            user_id="u-42", order_id="o-1", user_email="asha@b.example", billing_address=BillingAddress(name="Asha")
        )
    )
    page.page.click(".row")
    page.page.wait_for_selector("#json .mask")
    assert "sha" not in page.page.inner_text("body")
    page.page.click("#show-personal")
    assert '"asha@b.example"' in page.text("#json")
    assert page.page.get_attribute("#show-personal", "aria-pressed") == "true"


def test_a_decision_reaches_the_shop(page: Visit, client: ApiClient, shop: Receiver, sandbox: Sandbox) -> None:
    page.expected = "status of 400"  # the browser notes the refusal
    pay(client)
    page.page.click(".row >> nth=0")
    page.page.click("[data-action=approved]")
    page.until("document.getElementById('action-result').innerText.includes('no action_postback was registered')")
    register(client, shop)
    page.page.click("[data-action=approved]")
    page.until("document.getElementById('action-result').innerText === 'Sent \"approved\": the shop responded 200'")
    assert shop.bodies == [{"order_id": "o-1001", "action_type": "approved", "action_message": ""}]
    page.page.wait_for_selector("#trail li:has-text('postback approved')")
    page.page.click("[data-action=declined]")
    page.until("document.getElementById('action-result').innerText.startsWith('Sent \"declined\"')")
    page.page.fill("#score-value", "33")
    page.page.click("#score-form button")
    page.until("document.getElementById('action-result').innerText === 'The score is 33'")
    page.page.click("summary:text-is('Address')")
    page.page.fill("#address-form [name=city]", "Goa")
    page.page.click("#address-form button")
    page.until("document.getElementById('action-result').innerText.startsWith('Sent the address')")
    page.page.click("summary:text-is('Payment link')")
    page.page.click("#link-form button")
    page.until("document.getElementById('action-result').innerText.startsWith('Sent the payment link')")
    assert [each.kind for each in sandbox.postbacks] == [
        "action_postback",
        "action_postback",
        "score_postback",
        "shipping_address_postback",
        "url",
    ]
    assert shop.bodies[3]["shipping_address"] == {"city": "Goa", "zipcode": "411001"}
    shop.status = 500
    page.page.click("[data-action=approved]")
    page.until("document.getElementById('action-result').innerText.endsWith('the shop responded 500')")


def test_a_fault_meets_the_client_which_sends_again(page: Visit, make_sandbox_client: Callable[..., ApiClient]) -> None:
    page.page.fill("#fault-form [name=times]", "2")
    page.page.click("#fault-form button")
    page.page.wait_for_selector("#queue li:has-text('503 x 2')")
    with pytest.raises(ServiceException) as caught:
        fulfil(make_sandbox_client(retries=0))
    assert caught.value.status == 503
    page.page.wait_for_selector("#queue li:text-is('503')")
    fulfil(make_sandbox_client(retries=1))
    page.until("document.getElementById('queue-size').innerText === 'is empty: responses are normal'")
    page.until("document.querySelectorAll('.row').length === 3")
    assert [row.split("\n")[4] for row in page.texts(".row")] == ["200 ok", "503 scripted", "503 scripted"]
    page.page.select_option("#fault-form [name=status]", "")
    page.page.fill("#fault-form [name=times]", "1")
    page.page.check("#fault-form [name=cut]")
    page.page.click("#fault-form button")
    page.page.wait_for_selector("#queue li:has-text('normal response then cut')")


def test_each_problem_stands_at_its_place(page: Visit, make_sandbox_client: Callable[..., ApiClient]) -> None:
    client = make_sandbox_client(client_side_validation=False, retries=0)
    with pytest.raises(ApiException):
        OrderStatusApi(client).order_status({"_orderId": "o-1", "_orderStatus": "fulfiled", "_amont": "x"})
    page.page.click(".row")
    page.page.wait_for_selector("#json .note")
    notes = page.texts("#json .note")
    assert notes[0] == "problem: needs user_id or session_id: the customer's, not the order's"
    assert "hint: unknown value; did you mean '_fulfilled'?" in notes
    before = page.page.eval_on_selector_all(
        "#json .note", "notes => notes.map(note => note.previousElementSibling.innerText)"
    )
    assert [text.split(":")[0] for text in before] == ["{", '"_amont"', '"_orderStatus"']


def test_a_hostile_event_is_text(page: Visit, make_sandbox_client: Callable[..., ApiClient], sandbox: Sandbox) -> None:
    client = make_sandbox_client(client_side_validation=False, retries=0)
    event: dict[str, object] = dict.fromkeys(("_userId", "_orderId", "_orderStatus", "_reason", HOSTILE), HOSTILE)
    with pytest.raises(ApiException):
        OrderStatusApi(client).order_status(event)
    OrderStatusApi(client).order_status(dict.fromkeys(("_userId", "_orderId", "_orderStatus"), HOSTILE))
    CustomEventApi(client).custom_event(Custom(user_id="u", custom_info={HOSTILE: HOSTILE, "text": "x" * 1_000_000}))
    ask_raw(sandbox, "/" + "<script>alert(1)</script>")
    ask_raw(sandbox, "/event/v1/login", b'{"_orderId": "\\ud800", "_userId": "\\udfff"}')
    page.until("document.querySelectorAll('.row').length === 5")
    for place in range(1, 5):
        page.page.click(f".row >> nth={place}")
        page.until(f"document.querySelectorAll('.row')[{place}].getAttribute('aria-selected') === 'true'")
        page.page.wait_for_selector("#request-view:not([hidden])")
        page.page.click(".row >> nth=0")
        page.page.wait_for_selector("#order-title:text-is('Order ?')")
        page.page.click(f".row >> nth={place}")
        if place != 1:
            page.page.wait_for_selector("#json .line")
        if place == 2:
            page.page.click("#show-personal")
            page.page.click("text=Show all 1,000,002 characters")
    shown = page.page.evaluate("() => document.body.textContent")
    assert "<script>alert(1)</script>" in shown
    assert "\u202e" not in shown
    assert "\\u202e" in shown
    assert (
        page.page.evaluate("() => document.querySelectorAll('#rows script, #json script, #rows img, #json img').length")
        == 0
    )
    assert page.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


def ask_raw(sandbox: Sandbox, path: str, body: bytes | None = None) -> None:
    parts = urlsplit(sandbox.host)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT)
    connection.request("GET" if body is None else "POST", path, body)
    connection.getresponse().read()
    connection.close()


FRAMES = """() => {
    window.longest = 0;
    let last = performance.now();
    const look = (now) => {
        window.longest = Math.max(window.longest, now - last);
        last = now;
        requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
}"""
"""Measures the longest time between two frames."""


def test_10_000_requests_stay_smooth(chromium: Any, sandbox: Sandbox, client: ApiClient) -> None:
    logins = LoginApi(client)
    login = Login(user_id="u-42", login_status="_success")
    with visit(chromium, root(sandbox)) as page, visit(chromium, "about:blank") as idle:
        page.page.wait_for_selector("#live[data-state=on]")
        page.page.evaluate(FRAMES)
        idle.page.evaluate(FRAMES)
        for _ in range(10_050):
            logins.login(login)
        page.until("document.getElementById('count-accepted').innerText === '10,050'")
        page.page.wait_for_selector("#request-10050")
        assert page.page.evaluate("() => document.querySelectorAll('.row').length") < 60
        assert page.page.get_attribute("#request-10050", "aria-setsize") == "10000"
        page.page.focus("#list")
        page.page.keyboard.press("End")
        page.page.wait_for_selector("#request-51[aria-selected=true]")
        assert page.page.get_attribute("#request-51", "aria-posinset") == "10000"
        # A page that does nothing shows how busy the machine is.
        stall, pause = (each.page.evaluate("() => window.longest") for each in (page, idle))
        assert stall < 1000 + 3 * pause
    with visit(chromium, root(sandbox)) as page:
        page.until("document.querySelector('.row')?.getAttribute('aria-setsize') === '10000'")


def test_who_scrolls_keeps_the_rows_that_he_looks_at(page: Visit, client: ApiClient) -> None:
    for number in range(100):
        fulfil(client, f"o-{number}")
    page.until("document.querySelector('.row')?.getAttribute('aria-setsize') === '100'")
    page.page.evaluate("() => { document.getElementById('list').scrollTop = 1000; }")
    middle = """(() => {
        const box = document.getElementById("list").getBoundingClientRect();
        return document.elementFromPoint(box.x + 200, box.y + 100).closest(".row")?.id ?? "";
    })()"""
    page.until(f"Boolean({middle})")
    before = page.page.evaluate(f"() => {middle}")
    for number in range(20):
        fulfil(client, f"o-{number}")
    page.until("document.querySelector('.row')?.getAttribute('aria-setsize') === '120'")
    assert page.page.evaluate(f"() => {middle}") == before


def test_the_keyboard_is_enough(page: Visit, client: ApiClient) -> None:
    for number in range(3):
        fulfil(client, f"o-{number}")
    page.until("document.querySelectorAll('.row').length === 3")
    page.page.keyboard.press("/")
    assert page.page.evaluate("() => document.activeElement.id") == "filter-text"
    page.page.focus("#list")
    page.page.keyboard.press("ArrowDown")
    page.page.wait_for_selector("#request-3[aria-selected=true]")
    page.page.keyboard.press("ArrowDown")
    page.page.wait_for_selector("#request-2[aria-selected=true]")
    assert page.page.get_attribute("#list", "aria-activedescendant") == "request-2"
    page.page.wait_for_selector("#order-title:has-text('Order o-1')")


def test_the_page_goes_on_after_a_restart(chromium: Any, client: ApiClient, sandbox: Sandbox) -> None:
    with visit(chromium, root(sandbox), wrong=True) as page:
        fulfil(client)
        page.page.wait_for_selector(".row")
        port = urlsplit(sandbox.host).port or 0
        sandbox.close()
        page.page.wait_for_selector("#live[data-state=off]")
        with Sandbox("another-key", port) as other:
            page.page.wait_for_selector("#live[data-state=on]")
            page.until("document.getElementById('key').innerText === 'another-key'")
            page.until("document.querySelectorAll('.row').length === 0")
            page.page.click("#fault-form button")
            page.page.wait_for_selector("#queue li")
            with ApiClient(configuration=other.configuration(retries=1)) as again:
                fulfil(again)
            page.until("document.querySelectorAll('.row').length === 2")
        assert [each for each in page.wrong if not each.startswith("console: Failed to load resource")] == []


def test_who_opens_the_host_sees_the_page_and_the_document(chromium: Any, sandbox: Sandbox) -> None:
    with visit(chromium, sandbox.host) as page:
        assert page.page.url == root(sandbox)
        page.page.click("text=OpenAPI document")
        assert '"openapi":"3.1' in page.text("body").replace(" ", "")


def test_clear_empties_the_page(page: Visit, client: ApiClient, sandbox: Sandbox) -> None:
    fulfil(client)
    page.page.click(".row")
    page.page.click("#clear")
    page.until("document.querySelectorAll('.row').length === 0")
    assert page.text("#count-accepted") == "0"
    assert sandbox.requests == []


@pytest.mark.parametrize("language", ["bash", "PowerShell", "Python"])
def test_the_settings_can_be_copied(page: Visit, sandbox: Sandbox, language: str) -> None:
    page.page.click(f"button:text-is('{language}')")
    page.page.wait_for_selector("#toast:not([hidden])")
    text = page.page.evaluate("() => navigator.clipboard.readText()")
    expected = {
        "bash": f"export THIRDWATCH_HOST='{sandbox.host}' THIRDWATCH_API_KEY='sandbox-key'",
        "PowerShell": f"$env:THIRDWATCH_HOST = '{sandbox.host}'; $env:THIRDWATCH_API_KEY = 'sandbox-key'",
        "Python": f'import thirdwatch_api\n\nthirdwatch_api.configuration.host = "{sandbox.host}"\n'
        'thirdwatch_api.configuration.api_key["X-THIRDWATCH-API-KEY"] = "sandbox-key"',
    }
    assert text == expected[language]


class Foreign(SmallServer):
    """A site of somebody else, on another port."""

    def __init__(self, script: str) -> None:
        body = f"<!doctype html><title>waiting</title><script>{script}</script>".encode()

        class Handler(SmallHandler):
            def do_GET(self) -> None:
                self.reply(200, body)

        super().__init__(Handler)


ATTACK = """
const got = [];
const note = (name, work) => Promise.resolve().then(work).then((value) => got.push(name + ": " + value), () => {});
const frame = () => new Promise((resolve, reject) => {
  const element = document.createElement("iframe");
  element.src = TARGET;
  element.onload = () => { try { resolve(element.contentDocument.body.innerText); } catch (error) { reject(error); } };
  document.documentElement.append(element);
});
const stream = () => new Promise((resolve, reject) => {
  const source = new EventSource(TARGET + "_sandbox/stream");
  source.onmessage = (message) => resolve(message.data);
  source.onerror = reject;
});
const part = (tag) => new Promise((resolve, reject) => {
  const element = document.createElement(tag);
  element.src = TARGET + (tag === "img" ? "_sandbox/icon.svg" : "_sandbox/page.js");
  element.onload = () => resolve("loaded");
  element.onerror = reject;
  document.documentElement.append(element);
});
await Promise.all([
  note("state", () => fetch(TARGET + "_sandbox/state").then((response) => response.text())),
  note("requests", () => fetch(TARGET + "_sandbox/requests").then((response) => response.text())),
  note("command", () => fetch(TARGET + "_sandbox/fail", { method: "POST", body: "{}",
    headers: { "Content-Type": "application/json", "X-Sandbox-Token": "guess" } }).then((response) => response.text())),
  note("simple", async () => {
    const response = await fetch(TARGET + "_sandbox/fail", { method: "POST", mode: "no-cors", body: "{}" });
    return await response.text() || Promise.reject();
  }),
  note("frame", frame), note("stream", stream), note("img", () => part("img")), note("script", () => part("script")),
]);
document.title = "done " + JSON.stringify(got);
"""


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_a_page_of_another_origin_gets_nothing(chromium: Any, sandbox: Sandbox, client: ApiClient, name: str) -> None:
    fulfil(client)
    script = f"(async () => {{ {ATTACK.replace('TARGET', json.dumps(root(sandbox)))} }})();"
    with Foreign(script) as site, visit(chromium, f"http://{name}:{site.port}/", wrong=True) as page:
        page.until("document.title.startsWith('done ')")
        assert page.page.title() == "done []"
    assert Sandbox.connect(sandbox.host)._read_state()["scripted"] == 0


def test_a_rebound_name_gets_nothing(chromium: Any, sandbox: Sandbox) -> None:
    with visit(chromium, root(sandbox).replace("127.0.0.1", REBOUND), wrong=True) as page:
        shown = page.text("body")
        assert "the sandbox is at" in shown
        assert "sandbox-key" not in shown


@pytest.mark.parametrize(
    "look",
    [
        {"color_scheme": "light"},
        {"color_scheme": "dark"},
        {"color_scheme": "light", "viewport": {"width": 360, "height": 740}},
        {"color_scheme": "dark", "viewport": {"width": 360, "height": 740}},
        {"color_scheme": "light", "forced_colors": "active"},
    ],
    ids=["light", "dark", "light-360", "dark-360", "forced-colors"],
)
@pytest.mark.parametrize("filled", [True, False], ids=["filled", "empty"])
def test_axe_finds_no_violation(
    chromium: Any, sandbox: Sandbox, shop: Receiver, look: dict[str, Any], filled: bool
) -> None:
    if filled:
        fill(sandbox, shop)
    # axe is put in by the browser itself, which the page's own policy does not allow.
    with visit(chromium, root(sandbox), bypass_csp=True, reduced_motion="reduce", **look) as page:
        page.page.wait_for_selector("#live[data-state=on]")
        if filled:
            page.page.click(".row.tall >> nth=1")
            page.page.wait_for_selector("#json .note")
            page.page.wait_for_selector("#trail li")
            for summary in page.page.locator("summary").all():
                summary.click()
        page.page.add_script_tag(content=axe_script())
        found = page.page.evaluate(
            "(rules) => axe.run(document, { runOnly: rules })",
            ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
        )
        assert [(each["id"], [node["html"][:200] for node in each["nodes"]]) for each in found["violations"]] == []
        assert len(found["passes"]) > 15
        assert page.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


def fill(sandbox: Sandbox, shop: Receiver) -> None:
    """Let a shop have a morning."""
    amounts = [900, 2500, 8200, 3100, 5200, 7600, 4400, 1900, 6400, 9100, 2800, 3600]
    with ApiClient(configuration=sandbox.configuration(client_side_validation=False, retries=0)) as client:
        register(client, shop)
        for place, amount in enumerate(amounts):
            user, order = f"u-{42 + place % 5}", f"o-{1001 + place}"
            items = [Item(item_id="sku-7", price=amount / 2, quantity=2)]
            CreateOrderApi(client).create_order(
                CreateOrder(
                    user_id=user,
                    order_id=order,
                    amount=amount,
                    currency_code="INR",
                    user_email="asha.rao@example.com",
                    items=items,
                    billing_address=BillingAddress(name="Asha Rao", city="Pune", zipcode="411001"),
                )
            )
            if place % 4 == 2:
                failed = Transaction(user_id=user, order_id=order, transaction_status="_failure")
                TransactionApi(client).transaction(failed)
            paid = Transaction(user_id=user, order_id=order, transaction_status="_success")
            TransactionApi(client).transaction(paid)
            status = "fulfiled" if place == 8 else "_fulfilled"
            if place == 10:
                sandbox.fail(503)
                with pytest.raises(ServiceException):
                    LoginApi(client).login(Login(user_id=user, login_status="_success"))
            if place in (3, 9):
                with pytest.raises(ApiException):
                    OrderStatusApi(client).order_status({"_orderId": order, "_orderStatus": status, "_amont": "1"})
            else:
                OrderStatusApi(client).order_status(OrderStatus(user_id=user, order_id=order, order_status=status))
        sandbox.send_action("o-1010", "declined", "three failed cards")
    sandbox.fail(503, times=2)
    sandbox.fail(None, delay=1.5)


def test_the_screenshot_of_the_documentation_can_be_made(chromium: Any, shop: Receiver, tmp_path: Path) -> None:
    target = SCREENSHOT if os.environ.get("SCREENSHOT") == "1" else tmp_path / "sandbox.png"
    with Sandbox() as sandbox:
        fill(sandbox, shop)
        for place, each in enumerate(reversed(sandbox.requests)):
            each.time -= timedelta(seconds=place * 17.3)  # as if a shop had sent them
        with visit(chromium, root(sandbox), reduced_motion="reduce", color_scheme="light") as page:
            page.page.wait_for_selector(".row")
            page.page.click(".row:has-text('refused') >> nth=0")
            page.page.wait_for_selector("#json .note")
            page.page.wait_for_selector("#trail li")
            page.page.screenshot(path=target)
    assert target.read_bytes().startswith(b"\x89PNG")
