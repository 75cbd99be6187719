"""The tables of an outbox in the shop's own database, for SQLAlchemy.

Alembic makes them as well, where its ``target_metadata`` is a list of the shop's metadata and this one.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.mysql import LONGTEXT, VARCHAR

__all__ = ["events", "metadata", "relays"]

_due = text("due > 0")

metadata: MetaData = MetaData()
"""What both tables are in."""

events: Table = Table(
    "thirdwatch_outbox",
    metadata,
    Column("id", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True),
    Column("kind", String(32), nullable=False),
    # Keys are ASCII, and differ by case; 190 characters fit into an index of every MySQL.
    Column(
        "order_key",
        String(190).with_variant(VARCHAR(190, charset="ascii", collation="ascii_bin"), "mysql", "mariadb"),
    ),
    Column("slot", SmallInteger(), nullable=False),
    Column("body", Text().with_variant(LONGTEXT(), "mysql", "mariadb"), nullable=False),
    Column("created", Double(), nullable=False),
    Column("due", Double(), nullable=False),
    Column("attempts", Integer(), nullable=False),
    Column("dead", Double(), nullable=False),
    Column("error", String(500)),
    Column("trace", String(600)),
    # Only what waits after a failure is in it, where the database can do that: an event that is added costs nothing.
    Index("thirdwatch_outbox_due", "order_key", "id", postgresql_where=_due, sqlite_where=_due),
    sqlite_autoincrement=True,
)
"""One row for each event that waits or is dead."""

relays: Table = Table(
    "thirdwatch_relay",
    metadata,
    Column("part", SmallInteger(), primary_key=True, autoincrement=False),
    Column("parts", SmallInteger(), primary_key=True, autoincrement=False),
    Column("holder", String(100), nullable=False),
    Column("expires", Double(), nullable=False),
    Column("paused", Double(), nullable=False),
    Column("reason", String(500), nullable=False),
)
"""One row for each part that a relay ever led."""
