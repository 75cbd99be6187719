"""How the service's ISO 8601 timestamps are read; imported with the first of them, for dateutil is slow to import."""

from dateutil.parser import isoparse

__all__ = ["isoparse"]
