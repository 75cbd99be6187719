"""What a sandbox in this process and one in another have in common."""

from abc import ABC, abstractmethod
from typing import Any

from ..configuration import Configuration
from ..models._bases import SnakeCaseModel
from ..models._model import JsonObject, Model
from ..models.client_action import ClientAction
from ._assert import assert_sent
from ._http import Request

__all__ = ["Records"]


class Records(ABC):
    """A sandbox as its readers see it: what follows from its requests, its host and its key."""

    api_key: str
    """The only key that the sandbox accepts."""

    @property
    @abstractmethod
    def host(self) -> str:
        """Value for ``configuration.host``: ``http://127.0.0.1:PORT/event``."""

    @property
    @abstractmethod
    def requests(self) -> list[Request]:
        """The last 10,000 requests, in order, with the refused ones."""

    @property
    def events(self) -> list[Model]:
        """The accepted events of ``requests``, in order; numbers and times in text fields are text, as sent."""
        accepted = (request.event for request in self.requests)
        return [event for event in accepted if event is not None and not isinstance(event, SnakeCaseModel)]

    @property
    def decisions(self) -> list[ClientAction]:
        """The accepted decisions of the shop in ``requests``, in order."""
        return [request.event for request in self.requests if isinstance(request.event, ClientAction)]

    def configuration(self, **settings: Any) -> Configuration:
        """Return a configuration for calls to this sandbox.

        :param settings: more settings, or replacements: ``api_key="wrong"``
        :raises ApiValueError: the sandbox chooses a free port, and was not started yet
        """
        defaults: dict[str, Any] = {"host": self.host, "api_key": self.api_key}
        return Configuration(**defaults | settings)

    def assert_sent(self, event: Model | JsonObject, *, times: int | None = None) -> None:
        """Raise AssertionError unless an event was sent and accepted. The error shows the nearest events.

        Only the fields that ``event`` names are compared, and as they travel: ``amount=2500`` is equal to ``"2500"``.

        :param event: an event of the same model, or a dict with wire keys for an event of any model
        :param times: how many such events are expected, 0 included; None for at least one
        :raises AssertionError: there is no such event, or not as many
        :raises ApiTypeError: an argument has the wrong type
        :raises ApiValueError: a value can't be sent
        """
        __tracebackhide__ = True
        assert_sent(self.requests, event, times)
