"""The command ``thirdwatch``, also ``python -m thirdwatch_api``: what people do without writing Python."""

from ._main import main

__all__ = ["main"]
