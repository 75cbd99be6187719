"""The lead of a relay as a row of a table: who leads renews it, and who does not is replaced."""

from ._store import SEAT, Executor, Part, insert_seat

__all__ = ["CLOCKS", "SQLITE_CLOCK", "Lease", "find_leader"]

SQLITE_CLOCK = "((julianday('now') - 2440587.5) * 86400.0)"
_MYSQL_CLOCK = "(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) / 1000000.0)"
CLOCKS = {
    "postgresql": "CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS DOUBLE PRECISION)",
    "mysql": _MYSQL_CLOCK,
    "mariadb": _MYSQL_CLOCK,
    "sqlite": SQLITE_CLOCK,
}
"""Seconds since the epoch by the clock of each database: those of the hosts may differ."""


_LONGEST = 24 * 3600.0  # no lease is longer: one that seems to be was made before the database's clock was set back


class Lease:
    """The lead of one part. Each statement is a transaction of its own: a frozen relay must hold no lock.

    :param holder: who asks
    :param lease: seconds after which a silent leader is replaced
    """

    def __init__(self, executor: Executor, part: Part, holder: str, lease: float) -> None:
        self._executor = executor
        self._part = part
        self._values = {"part": part.number, "parts": part.of, "me": holder}
        self.valid: float = lease
        self._leads = False

    def take(self) -> bool:
        """Take the lead or renew it; False when another one has it."""
        if not self._take():
            self._leads = False
        elif not self._leads:
            # Of two that want different parts of the same orders, each sees the other here.
            self._leads = not self._is_contested()
            if not self._leads:
                self.leave()
        return self._leads

    def _take(self) -> bool:
        now = self._executor.now
        values = {**self._values, "lease": self.valid, "longest": _LONGEST}
        statement = (
            f"UPDATE thirdwatch_relay SET holder = :me, expires = {now} + :lease WHERE {SEAT} "  # noqa: S608 - made of constants
            f"AND (holder = :me OR expires <= {now} OR expires > {now} + :longest)"
        )
        if self._executor.write(statement, values):
            return True
        insert_seat(self._executor, self._part)
        return bool(self._executor.write(statement, values))

    def _is_contested(self) -> bool:
        return bool(
            self._executor.read(
                f"SELECT part FROM thirdwatch_relay WHERE parts <> :parts AND expires > {self._executor.now}",  # noqa: S608 - made of constants
                {"parts": self._part.of},
            )
        )

    def leave(self) -> None:
        """Let another one lead."""
        self._leads = False
        self._executor.write(
            f"UPDATE thirdwatch_relay SET expires = 0 WHERE {SEAT} AND holder = :me",  # noqa: S608 - made of constants
            self._values,
        )


def find_leader(executor: Executor) -> str | None:
    """Return who leads; None when nobody does."""
    rows = executor.read(
        f"SELECT holder FROM thirdwatch_relay WHERE expires > {executor.now} ORDER BY parts, part"  # noqa: S608 - made of constants
    )
    return ", ".join(holder for (holder,) in rows) or None
