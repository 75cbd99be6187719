"""An outbox in Django's database: ``INSTALLED_APPS += ["thirdwatch_api.contrib.django"]``, then ``migrate``.

    from thirdwatch_api.contrib.django import outbox

    with transaction.atomic():
        order.save()
        outbox.add(CreateOrder(...))  # rolled back with the order

``manage.py thirdwatch_relay`` sends the events, or the Celery task ``thirdwatch_api.drain``. Settings, all of them
optional: ``THIRDWATCH_OUTBOX = {"using": "default", "cipher": None}``. The cipher may be a dotted path.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ...outbox import Outbox

    outbox: Outbox

__all__ = ["outbox"]


def _make() -> Any:
    from django.conf import settings  # noqa: PLC0415 - this module is imported before there are settings
    from django.utils.module_loading import import_string  # noqa: PLC0415 - as above

    from ...outbox import Outbox  # noqa: PLC0415 - as above
    from .store import DjangoStore  # noqa: PLC0415 - as above

    given = dict(getattr(settings, "THIRDWATCH_OUTBOX", {}))
    cipher = given.pop("cipher", None)
    return Outbox(DjangoStore(**given), cipher=import_string(cipher) if isinstance(cipher, str) else cipher)


def __getattr__(name: str) -> Any:
    if name != "outbox":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return globals().setdefault(name, _make())
