"""Opening the database of a desk: an answered write is on the disk, and its errors are in plain words."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from unmissed.datasets.basis.errors import ConfigError, OutputError, UnmissedError
from unmissed.datasets.basis.files import make_folder
from unmissed.inference.cytology.review.tables import VERSION, migrate, version_in

FILE = "desk.sqlite"
_BUSY_S = 10  # a second process of the same desk holds the lock for milliseconds

_CAUSES = (
    ("locked", "is locked by another program", "close the program that holds it (a viewer of databases, a copy job)"),
    ("disk is full", "cannot grow: the disk is full", "free some space; what was answered is kept"),
    ("disk i/o", "cannot be read or written: the disk reports an error", "check the disk; restore the last backup"),
    ("malformed", "is damaged", "restore the last backup (`unmissed review backup` makes one)"),
    ("not a database", "is damaged, or is not a database", "restore the last backup"),
    ("readonly", "may not be written", "check the permissions of the file and its folder"),
    ("unable to open", "cannot be opened", "check the folder and its permissions"),
    ("only grows", "refused to change its audit trail", "nothing: events are only ever added"),
    ("connection", "does not answer", "check that the database server runs, and its address"),
)


class DeskError(UnmissedError):
    """The database of a desk cannot be used."""


class Database:
    """An open database with the tables of a desk.

    Args:
        place: a folder, which then holds ``desk.sqlite``; a file; or a URL (``postgresql+psycopg://...``).
        must_exist: to read only: nothing is made, and tables stay as they are.

    Raises:
        DeskError: When it is locked, damaged, full, or of a newer version; with ``must_exist`` also when it is of an
            older one, or there is no desk.
        ConfigError: When the URL cannot be used.
    """

    def __init__(self, place: str | Path, *, must_exist: bool = False) -> None:
        if must_exist and "://" not in str(place) and not _file(Path(place)).is_file():
            raise DeskError(f"there is no desk in {place}", fix="name the database as `unmissed review` is given it")
        self.engine, self.path = _engine(place)
        self.shown = str(self.path) if self.path else self.engine.url.render_as_string(hide_password=True)
        if must_exist:
            with self.reading() as connection:
                found = version_in(connection)
            if found != VERSION:
                self.close()
                raise DeskError(
                    f"{self.shown} holds " + (f"a desk of version {found}" if found else "no desk"),
                    expected=f"a desk of version {VERSION}",
                    fix="open it once with `unmissed review`",
                )
            return
        with self.writing() as connection:
            found = version_in(connection)
            if found > VERSION:
                raise DeskError(
                    f"{self.shown} was written by a newer version of Unmissed (tables {found})",
                    expected=f"tables {VERSION} or older",
                    fix="install the newer version",
                )
            migrate(connection)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that only reads; it never waits for a writer."""
        with self._errors(), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that writes, one at a time; it is on the disk when this is left."""
        with self._errors(), self.engine.connect() as connection:
            connection = connection.execution_options(writes=True)
            with connection.begin():
                yield connection

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            said = str(error.orig).lower()
            for part, what, fix in _CAUSES:
                if part in said:
                    raise DeskError(f"the database {self.shown} {what}", fix=fix) from error
            raise DeskError(f"the database {self.shown} reports: {error.orig}", fix="check the database") from error

    def backup(self, target: Path) -> None:
        """Copy the whole database to a new file while the desk works; the copy is checked.

        Raises:
            ConfigError: When the database is a server's, which has tools of its own.
            OutputError: When the target exists or cannot be written.
            DeskError: When the copy is not sound.
        """
        if self.path is None:
            raise ConfigError("this desk is on a database server", fix="back it up with pg_dump")
        if target.exists():
            raise OutputError(f"{target} exists", fix="name a file that is not there yet")
        make_folder(target.absolute().parent)
        try:
            with closing(sqlite3.connect(self.path)) as source, closing(sqlite3.connect(target)) as copy:
                source.backup(copy)
                sound = copy.execute("PRAGMA integrity_check").fetchone()[0]
        except sqlite3.Error as error:
            target.unlink(missing_ok=True)
            raise OutputError(f"cannot write {target}: {error}", fix="check the folder and the disk") from error
        if sound != "ok":
            raise DeskError(f"the copy {target} is not sound: {sound}", fix="restore an earlier backup")

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def _file(place: Path) -> Path:
    """The file of a desk that is kept at a place."""
    return place if place.suffix == ".sqlite" else place / FILE


def _engine(place: str | Path) -> tuple[Engine, Path | None]:
    if isinstance(place, str) and "://" in place:
        try:
            url = make_url(place)
            if url.get_backend_name() != "postgresql":
                raise ConfigError(
                    f"a desk cannot be kept in {url.get_backend_name()}",
                    expected="a folder, or a postgresql:// address",
                )
            return create_engine(url, pool_pre_ping=True), None
        except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
            raise ConfigError(
                f"the address of the database cannot be used: {error}",
                expected="postgresql+psycopg://USER@HOST/NAME",
                fix="pip install 'psycopg[binary]', or leave the address out for a file beside the results",
            ) from error
    path = _file(Path(place))
    if path != Path(place):
        make_folder(path.parent)
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": _BUSY_S, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # the transactions below are our own
        # FULL: what was answered survives a loss of power, not only of the process (sqlite.org/pragma.html).
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine, path
