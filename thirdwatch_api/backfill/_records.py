"""What is read, and what becomes of it."""

from typing import Any, NamedTuple

__all__ = ["BackfillError", "BackfillProgress", "BackfillResult", "Record", "RowError"]


class BackfillError(Exception):
    """The reason for which a backfill can't begin or go on: an input, a mapping file, a checkpoint."""


class RowError(ValueError):
    """What is wrong with a row. Its text names fields, and no value of the row.

    :param problems: one sentence each
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class Record(NamedTuple):
    """A row as it stands in the input."""

    source: str
    """The name of the input: a path, ``stdin`` or ``sql``."""

    line: int
    """The number of its first line, from 1 on."""

    raw: bytes
    """Its bytes, as rejects repeat them; nothing where it is too long to be kept."""

    columns: dict[str, Any] | None = None
    """Values by column, where the input has columns."""

    problem: str | None = None
    """Why it can't be read; None where it can."""

    def __repr__(self) -> str:
        """Show nothing of the row: error trackers list the variables of frames."""
        return f"Record({self.place})"

    @property
    def place(self) -> str:
        """Where it stands, as compilers write it: ``orders.jsonl:2351``."""
        return f"{self.source}:{self.line}"


class BackfillProgress(NamedTuple):
    """How far a backfill is."""

    sent: int
    """Rows that the service took, those of earlier runs included."""

    rejected: int
    """Rows that are among the rejects."""

    others: int
    """Rows that belong to other parts."""

    now: int
    """Rows that were sent or rejected since this run began."""

    seconds: float
    """Since this run began."""

    fraction: float | None
    """How much of the input was read, 0 to 1; None where nobody knows its size."""

    waits: float
    """Seconds until the service is tried again; 0 where it is being used."""

    reason: str | None
    """Why it waits, or tried again; None where all is well."""


class BackfillResult(NamedTuple):
    """How a backfill ended."""

    sent: int
    """Rows that the service took, those of earlier runs included."""

    rejected: int
    """Rows that are among the rejects, those of earlier runs included."""

    complete: bool
    """Whether every row was sent or rejected. Where not, the same backfill goes on."""

    reason: str | None
    """Why it stopped; None where it is complete, or ``stop()`` was called."""
