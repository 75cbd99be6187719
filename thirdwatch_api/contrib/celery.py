"""The relay as a Celery task: ``thirdwatch_api.drain``.

Beat starts it, as often as you like; where one runs already, another one returns at once::

    from thirdwatch_api.contrib import celery as thirdwatch

    thirdwatch.use(Outbox("postgresql://..."))  # in the module of your tasks; with Django nothing is needed
    app.conf.beat_schedule = {"thirdwatch": {"task": "thirdwatch_api.drain", "schedule": 10}}

Celery is not the queue: events stay in the outbox until they were sent, and keep their order there, whatever happens
to the broker.
"""

import sys
from typing import Any

from celery import shared_task

from .._lazy import load
from ..exceptions import ApiValueError
from ..outbox import Outbox
from ..outbox import drain as drain_outbox

__all__ = ["drain", "use"]

_used: dict[str, Any] = {}


def use(outbox: Outbox, **settings: Any) -> None:
    """Set the outbox that the task drains.

    :param outbox: the outbox
    :param settings: those of ``Relay``
    """
    _used.update(outbox=outbox, settings=settings)


@shared_task(name="thirdwatch_api.drain", ignore_result=True)
def drain(seconds: float = 50.0) -> dict[str, int]:
    """Send what waits, and return how many were sent, died and are left.

    :param seconds: how long it may take, less than the time limit of tasks
    """
    result = drain_outbox(_outbox(), seconds=seconds, **_used.get("settings", {}))
    return result._asdict()


def _outbox() -> Outbox:
    if "outbox" in _used:
        used: Outbox = _used["outbox"]
        return used
    django = sys.modules.get("django.apps")
    if django is not None and django.apps.ready and django.apps.is_installed("thirdwatch_api.contrib.django"):
        found: Outbox = load(".django", __package__).outbox
        return found
    raise ApiValueError("no outbox: call thirdwatch_api.contrib.celery.use(outbox), or install the app of Django")
