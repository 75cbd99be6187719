"""The Python SDK of the Thirdwatch fraud-detection service.

Set a key, build an event, send it::

    import thirdwatch_api

    thirdwatch_api.configuration.api_key["X-THIRDWATCH-API-KEY"] = "YOUR_API_KEY"
    event = thirdwatch_api.OrderStatus(user_id="u-42", order_id="o-1001", order_status="_fulfilled")
    print(thirdwatch_api.OrderStatusApi().order_status(event))
"""

from typing import TYPE_CHECKING

from .configuration import Configuration as Configuration
from .configuration import hand_down
from .exceptions import *
from .version import __version__ as __version__

# Type checkers see no __all__: mypy understands a literal one alone. What `as` or `*` imports is public for them, too.
if TYPE_CHECKING:
    from .api_client import ApiClient as ApiClient
    from .api_client import ApiResponse as ApiResponse
    from .apis import *
    from .attempt import Attempt as Attempt
    from .callbacks import PendingCall as PendingCall
    from .models import *
    from .models.score_response import RISK_THRESHOLD as RISK_THRESHOLD
else:
    from ._lazy import importer, load, module_name

    _ELSEWHERE = {
        "ApiClient": ".api_client",
        "ApiResponse": ".api_client",
        "Attempt": ".attempt",
        "PendingCall": ".callbacks",
        "RISK_THRESHOLD": ".models.score_response",
    }
    _MODULES = ("api_client", "apis", "callbacks", "models", "outbox", "postback", "rest", "sandbox")

    def _names() -> list[str]:
        """Return ``__all__``, sorted as ruff sorts a literal one: constants, classes, the rest."""
        parts = [load(f".{part}", __name__) for part in ("apis", "exceptions", "models")]
        names = {*_ELSEWHERE, "Configuration", "__version__", "configuration"}.union(*(part.__all__ for part in parts))
        return sorted(names, key=lambda name: (not name.isupper(), not name[0].isupper(), name))

    def _module_of(name: str) -> str | None:
        if name in _MODULES:
            return f".{name}"
        if name in _ELSEWHERE:
            return _ELSEWHERE[name]
        part = "apis" if name.endswith("Api") else "models"
        return f".{part}.{module_name(name)}" if name in load(f".{part}", __name__).__all__ else None

    _find = importer(__name__, _module_of)

    def __getattr__(name: str) -> object:
        return _names() if name == "__all__" else _find(name)

    def __dir__() -> list[str]:
        own = {name for name in globals() if name.startswith("__")}
        return sorted(own | {*_names(), *_MODULES, "exceptions", "version"})


configuration: Configuration = Configuration()
"""Settings of the client that API objects without one of their own share."""

hand_down(lambda: configuration)  # not the object: a program may assign another one
del hand_down
