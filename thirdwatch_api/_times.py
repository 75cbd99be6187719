"""The reader of ISO 8601 timestamps. It is imported on first use: dateutil is slow to import."""

from dateutil.parser import isoparse

__all__ = ["isoparse"]
