"""The outbox in Django's own database: transactions, admin, commands."""

from __future__ import annotations

import io
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from thirdwatch_api import ApiTypeError, BillingAddress, Configuration, CreateOrder, OutboxException
from thirdwatch_api.outbox import Outbox, Relay, RelayResult

from .databases import mariadb, postgres
from .delivery import QUICK, Service, event, events
from .django_project import set_up
from .test_outbox_relay import running, settle, until

pytest.importorskip("django")

CANARY = "canary@example.com"


def server_of(name: str) -> Any:
    """Return the server of a database, and the engine of Django for it."""
    if name == "PostgreSQL":
        return postgres(), "postgresql"
    pymysql: Any = pytest.importorskip("pymysql")
    pymysql.version_info = (
        2,
        2,
        8,
        "final",
        0,
    )  # that of mysqlclient, which Django asks for, and which needs a compiler
    pymysql.install_as_MySQLdb()
    return mariadb(), "mysql"


@pytest.fixture(scope="module", params=["SQLite", "PostgreSQL", "MariaDB"])
def using(request: pytest.FixtureRequest) -> Iterator[str]:
    """The alias of a database with all tables."""
    set_up()
    from django.core.management import call_command
    from django.db import connections as every

    connections: Any = every
    if request.param == "SQLite":
        call_command("migrate", verbosity=0)
        yield "default"
        connections["default"].close()
        return
    server, engine = server_of(request.param)
    with server as url:
        address = urlsplit(url)
        connections.databases[request.param] = {**connections.databases["default"], "OPTIONS": {}} | {
            "ENGINE": f"django.db.backends.{engine}",
            "HOST": address.hostname,
            "PORT": str(address.port),
            "NAME": address.path.strip("/"),
            "USER": address.username,
        }
        call_command("migrate", database=request.param, verbosity=0)
        yield request.param
        connections[request.param].close()
        del connections.databases[request.param]


@pytest.fixture
def outbox(using: str) -> Iterator[Outbox]:
    from thirdwatch_api.contrib.django.store import DjangoStore

    with Outbox(DjangoStore(using)) as outbox:
        outbox.executor.write("DELETE FROM thirdwatch_outbox")
        outbox.executor.write("DELETE FROM thirdwatch_relay")
        yield outbox


def atomic(using: str) -> Any:
    from django.db import transaction

    return transaction.atomic(using=using)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Relay, "_timing", QUICK)


def test_events_come_and_go_through_djangos_connection(outbox: Outbox) -> None:
    outbox.add_all(events(60, 6))
    outbox.add(event("o-9", 99))
    with Service(lambda given: {"7": 422, "8": 500}.pop(given["_orderStatus"], 200)) as service:
        service.decide = lambda given: 422 if given["_orderStatus"] == "7" else 200
        assert settle(outbox, service) == RelayResult(60, 1, 0)
        assert service.out_of_order == []
    (dead,) = outbox.events("dead")
    assert outbox.replay(dead.id) == 1
    assert outbox.events("pending")[0].id == dead.id
    assert outbox.purge(older_than=timedelta()) == 0
    assert outbox.check() == []
    with pytest.raises(OutboxException, match=r"manage\.py migrate thirdwatch"):
        outbox.create()


def test_failures_wait_as_in_a_file(outbox: Outbox) -> None:
    numbers = iter(range(10**6))
    outbox.add_all(events(120, 24))
    with Service(lambda _: {3: 500, 11: 503}.get(next(numbers) % 29, 200)) as service:
        assert settle(outbox, service) == RelayResult(120, 0, 0)
        assert service.out_of_order == []


def test_an_atomic_block_is_the_transaction(outbox: Outbox, using: str) -> None:
    for number, keep in ((1, True), (2, False)):
        with suppress(ZeroDivisionError), atomic(using):
            outbox.add(event(number, number))
            outbox.add_all([event(number, 10), event(number, 11)])
            _ = 1 / keep
    assert [each.order for each in outbox.events("pending")] == ["1", "1", "1"]
    with pytest.raises(ApiTypeError, match="via: Django needs none"):
        outbox.add(event(), object())


def test_a_block_survives_that_an_event_could_not_be_stored(outbox: Outbox, using: str) -> None:
    from django.contrib.auth.models import Group

    Group.objects.using(using).all().delete()
    outbox.executor.write("ALTER TABLE thirdwatch_outbox RENAME TO away")
    try:
        with atomic(using):
            Group.objects.using(using).create(name="an order")
            for refused in (lambda: outbox.add(event("canary")), lambda: outbox.add_all(events(2, 1))):
                with pytest.raises(OutboxException, match="the outbox has no tables") as caught:
                    refused()
                assert "canary" not in str(caught.value)
        assert Group.objects.using(using).count() == 1
        assert "the outbox has no tables" in outbox.check()[0]
    finally:
        outbox.executor.write("ALTER TABLE away RENAME TO thirdwatch_outbox")


def test_relays_in_threads_use_connections_of_their_own(outbox: Outbox) -> None:
    with Service() as service, service.client() as client:
        with running(Relay(outbox, api_client=client)), running(Relay(outbox, api_client=client)):
            outbox.add_all(events(50, 10))
            until(lambda: outbox.status().pending == 0)
        assert (len(service.taken), service.twice, service.out_of_order) == (50, 0, [])


def test_a_connection_that_was_cut_is_made_again(outbox: Outbox, using: str) -> None:
    from django.db import connections

    if connections[using].vendor == "sqlite":
        pytest.skip("SQLite has no connection that could be cut")
    outbox.add(event())
    connection = connections[using].connection
    connection.close()
    outbox.add(event())
    assert outbox.status().pending == 2
    before = dict(connections[using].settings_dict)
    connections[using].close()
    connections[using].settings_dict["PORT"] = "1"
    with pytest.raises(OutboxException, match=r"the database of the outbox failed: .*[cC]onnect"):
        outbox.add(event())
    connections[using].settings_dict.update(before)
    outbox.add(event())


def test_a_database_that_nobody_tried_is_refused(outbox: Outbox, using: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import connections

    monkeypatch.setattr(connections[using], "vendor", "oracle")
    with pytest.raises(OutboxException, match="oracle is none of the databases that were tried"):
        outbox.executor.leader()


def test_a_transaction_is_not_cut_by_closing_the_outbox(outbox: Outbox, using: str) -> None:
    with atomic(using):
        outbox.add(event())
        outbox.close()
    assert outbox.status().pending == 1


@pytest.fixture
def app(using: str) -> Iterator[Outbox]:
    """The outbox of the app, which is in the default database."""
    if using != "default":
        pytest.skip("the app is in one database")
    from thirdwatch_api.contrib import django

    outbox: Outbox = django.outbox
    outbox.executor.write("DELETE FROM thirdwatch_outbox")
    outbox.executor.write("DELETE FROM thirdwatch_relay")
    yield outbox
    outbox.close()


def test_the_app_has_one_outbox(app: Outbox) -> None:
    from thirdwatch_api.contrib import django

    assert django.outbox is app
    with pytest.raises(AttributeError, match="has no attribute 'inbox'"):
        _ = django.inbox  # pyright: ignore[reportAttributeAccessIssue]


def test_settings_name_the_database_and_the_cipher(app: Outbox) -> None:
    from django.test import override_settings

    from thirdwatch_api.contrib import django

    for given in ("test.django_project.urlpatterns", 7):
        with (
            override_settings(THIRDWATCH_OUTBOX={"using": "other", "cipher": given}),
            pytest.raises(ApiTypeError, match="cipher: expected"),
        ):
            django._make()


def test_the_migration_makes_what_the_models_say(app: Outbox) -> None:
    from django.core.management import call_command

    call_command("makemigrations", "thirdwatch", check=True, dry_run=True, verbosity=0)
    from thirdwatch_api.contrib.django.models import OutboxEvent, RelaySeat

    assert str(OutboxEvent(id=7, kind="login")) == "login 7"
    assert str(RelaySeat(part=0, parts=4)) == "part 0 of 4"


def command(*arguments: str) -> str:
    from django.core.management import call_command

    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def _service(global_configuration: Configuration) -> None:
    """The sandbox as the service of the global configuration."""


@pytest.mark.usefixtures("_service")
def test_the_relay_command_sends_until_a_signal_stops_it(app: Outbox, sandbox: Any) -> None:
    from django.core.management import CommandError

    app.add_all(events(20, 20))
    assert command("thirdwatch_relay", "--until-empty", "--threads=2") == "sent 20, dead 0, left 0\n"
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        threading.Timer(0.3, lambda: signal.raise_signal(signal.SIGTERM)).start()
        assert command("thirdwatch_relay", "--seconds=30", "--part=0/1") == "sent 0, dead 0, left 0\n"
    finally:
        for number, handler in zip((signal.SIGINT, signal.SIGTERM), handlers, strict=True):
            signal.signal(number, handler)
    assert len(sandbox.events) == 20
    for wrong, message in ((("--part=half",), "--part: expected I/N"), (("--threads=0",), "threads: expected")):
        with pytest.raises(CommandError, match=message):
            command("thirdwatch_relay", *wrong)


def bury(app: Outbox) -> None:
    with Service(lambda _: 400) as service:
        settle(app, service)


def test_the_outbox_command_shows_replays_and_purges(app: Outbox) -> None:
    from django.core.management import CommandError

    app.add(event("o-1", 1))
    assert "pending: 1\ndead: 0\n" in command("thirdwatch_outbox", "status")
    with pytest.raises(CommandError, match="events died, or wait for too long"):
        command("thirdwatch_outbox", "status", "--max-age=-1")
    bury(app)
    with pytest.raises(CommandError, match="events died") as caught:
        command("thirdwatch_outbox", "status")
    assert caught.value.returncode == 1
    (line,) = command("thirdwatch_outbox", "list", "dead").splitlines()
    assert " order_status o-1 " in line
    assert "(400)" in line
    assert command("thirdwatch_outbox", "replay") == "1 wait again\n"
    assert command("thirdwatch_outbox", "list", "pending").endswith(" 0 \n")
    bury(app)
    assert command("thirdwatch_outbox", "purge", "--older-than=30") == "0 deleted\n"
    app.executor.write("ALTER TABLE thirdwatch_outbox RENAME TO away")
    try:
        for words in (["thirdwatch_outbox", "status"], ["thirdwatch_relay", "--until-empty"]):
            with pytest.raises(CommandError, match="the outbox has no tables"):
                command(*words)
    finally:
        app.executor.write("ALTER TABLE away RENAME TO thirdwatch_outbox")


@pytest.fixture
def browser(app: Outbox) -> Any:
    from django.contrib.auth.models import User
    from django.test import Client

    User.objects.all().delete()
    client = Client()
    client.force_login(User.objects.create_superuser("admin"))
    return client


def test_the_admin_shows_events_without_what_they_hold_and_replays_dead_ones(app: Outbox, browser: Any) -> None:
    from django.conf import settings

    settings.ROOT_URLCONF = set_up.__module__
    address = BillingAddress(name="Canary Person")
    app.add(CreateOrder(user_id="u", order_id="o-77", user_email=CANARY, billing_address=address))
    pages = "/admin/thirdwatch/outboxevent/"
    number = app.events("pending")[0].id
    texts = [browser.get(pages).content.decode(), browser.get(f"{pages}{number}/change/").content.decode()]
    assert browser.get(f"{pages}{number}/delete/").status_code == 403
    assert browser.get(f"{pages}add/").status_code == 403
    bury(app)
    texts += [browser.get(f"{pages}?state={state}").content.decode() for state in ("pending", "dead", "")]
    assert "o-77" in texts[0]
    assert "CreateOrder(" in texts[1]
    assert "o-77" not in texts[2]
    assert "dead since" in texts[3]
    assert not any("canary" in text.lower() for text in texts)
    assert browser.get(f"{pages}{number}/delete/").status_code == 200
    assert "delete_selected" not in texts[0]
    response = browser.post(pages, {"action": "replay", "_selected_action": [number]}, follow=True)
    assert "1 event waits again." in response.content.decode()
    response = browser.post(pages, {"action": "replay", "_selected_action": [number]}, follow=True)
    assert "0 events wait again." in response.content.decode()
    assert app.status().pending == 1
    app.executor.write("UPDATE thirdwatch_outbox SET body = 'asecret'")
    assert "the event is encrypted" in browser.get(f"{pages}{number}/change/").content.decode()
