"""The tables of a review desk, the same in SQLite and PostgreSQL, and how an older desk is brought up to date."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    insert,
    inspect,
    select,
    text,
    update,
)

VERSION = 1
GENESIS = "0" * 64
"""What stands for the event before the first."""

_metadata = MetaData()
_Count = BigInteger().with_variant(Integer, "sqlite")

EVENTS = Table(
    "event",
    _metadata,
    Column("seq", _Count, primary_key=True, autoincrement=False),
    Column("id", String(64), nullable=False, unique=True),
    Column("at", String(32), nullable=False),
    Column("reader", String(64), nullable=False),
    Column("slide", String(64), nullable=False),
    Column("round", String(16), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("place", String(80), nullable=False),
    Column("undone", String(64), nullable=False),
    Column("ai_visible", Boolean, nullable=False),
    Column("body", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Index("event_by_place", "slide", "round", "place", "seq"),
    Index("event_by_reading", "slide", "round", "seq"),
    Index("event_by_reader", "reader", "round", "slide", "kind"),
    Index("event_by_kind", "kind", "round", "seq"),
)
"""The audit trail: rows are added and never changed; each holds the hash of the one before it."""

MARKS = Table(
    "mark",
    _metadata,
    Column("slide", String(64), primary_key=True),
    Column("round", String(16), primary_key=True),
    Column("place", String(80), primary_key=True),
    Column("seq", _Count, nullable=False),
    Column("reader", String(64), nullable=False),
    Column("verdict", String(16), nullable=False),
    Column("class_id", String(16), nullable=False),
    Column("ai_class", String(16), nullable=False),
    Column("ai_probability", Float, nullable=False),
    Column("ai_visible", Boolean, nullable=False),
    Column("x_px", Float, nullable=False),
    Column("y_px", Float, nullable=False),
    Column("box_px", Float, nullable=False),
    Column("note", Text, nullable=False),
    Index("mark_by_round", "round", "seq"),
)
"""What holds of every place now; made from the events, in the same transaction."""

READINGS = Table(
    "reading",
    _metadata,
    Column("slide", String(64), primary_key=True),
    Column("round", String(16), primary_key=True),
    Column("name", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("revision", _Count, nullable=False),
    Column("holder", String(64), nullable=False),
    Column("reader", String(64), nullable=False),
    Column("grade", String(16), nullable=False),
    Column("ai_grade", String(16), nullable=False),
    Column("signed_at", String(32), nullable=False),
)
"""How far the reading of a slide has come, and who has it; made from the events, in the same transaction."""

CONTESTS = Table(
    "contest",
    _metadata,
    Column("name", String(64), primary_key=True),
    Column("seconds", Integer, nullable=False),
    Column("cases", Text, nullable=False),
)
"""Cases with truth as they were when the contest was made, in the order in which everybody is asked."""

LOOKED = Table(
    "looked",
    _metadata,
    Column("slide", String(64), primary_key=True),
    Column("round", String(16), primary_key=True),
    Column("reader", String(64), primary_key=True),
    Column("cells", Text, nullable=False),
)
FILES = Table(
    "file",
    _metadata,
    Column("path", String(1024), primary_key=True),
    Column("size_bytes", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
)
USERS = Table(
    "account",
    _metadata,
    Column("name", String(64), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("password", String(200), nullable=False),
)
DESK = Table(
    "desk",
    _metadata,
    Column("one", Integer, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("seq", _Count, nullable=False),
    Column("hash", String(64), nullable=False),
)
"""One row: version of the tables, and the newest event; it is locked while an event is added."""

_FIXED = {
    "sqlite": tuple(
        f"CREATE TRIGGER event_no_{what} BEFORE {what} ON event "
        "BEGIN SELECT RAISE(ABORT, 'the audit trail only grows'); END"
        for what in ("update", "delete")
    ),
    "postgresql": (
        "CREATE FUNCTION event_only_grows() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the audit trail only grows'; END $$",
        "CREATE TRIGGER event_fixed BEFORE UPDATE OR DELETE ON event FOR EACH ROW EXECUTE FUNCTION event_only_grows()",
    ),
}


def _make(connection: Connection) -> None:
    """Version 1: everything."""
    _metadata.create_all(connection)
    for statement in _FIXED[connection.dialect.name]:
        connection.execute(text(statement))
    connection.execute(insert(DESK).values(one=1, version=1, seq=0, hash=GENESIS))


MIGRATIONS = (_make,)
"""Number n leads from version n to version n + 1."""


def version_in(connection: Connection) -> int:
    """Version of the tables in a database; 0 for an empty one."""
    if not inspect(connection).has_table("desk"):
        return 0
    return int(connection.execute(select(DESK.c.version)).scalar_one())


def migrate(connection: Connection) -> None:
    """Bring the tables to ``VERSION``; the caller's transaction makes it all or nothing."""
    for number in range(version_in(connection), VERSION):
        MIGRATIONS[number](connection)
        connection.execute(update(DESK).values(version=number + 1))
