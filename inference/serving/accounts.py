"""Who may log in: names, roles and hashed passwords, in the desk's database."""

import threading
import time
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, insert, select

from unmissed.datasets.basis.errors import ConfigError
from unmissed.datasets.basis.words import unknown_name
from unmissed.inference.cytology.review.database import Database
from unmissed.inference.cytology.review.tables import USERS

ROLES = ("reader", "reviewer", "admin")
"""A reader reads; a reviewer also sees the disagreements; an admin also sees the audit trail."""

_LEAST_CHARACTERS = 10
_MOST_CHARACTERS = 200  # more only costs time
_FREE_TRIES, _FIRST_WAIT_S, _LONGEST_WAIT_S = 5, 2.0, 300.0
_MOST_WATCHED = 10_000


@dataclass(frozen=True, slots=True)
class Account:
    """Who is logged in."""

    name: str
    role: str


class Accounts:
    """Accounts of a desk.

    Args:
        database: of the desk.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._hasher = PasswordHasher()
        self._dummy = self._hasher.hash("nobody has this password")
        self._tries = _Tries()

    def all(self) -> list[Account]:
        """Everybody, by name."""
        with self._database.reading() as connection:
            rows = connection.execute(select(USERS.c.name, USERS.c.role).order_by(USERS.c.name)).all()
        return [Account(row.name, row.role) for row in rows]

    def set(self, name: str, role: str, password: str) -> None:
        """Make an account, or give an existing one another role and password.

        Raises:
            ConfigError: When the role is unknown, the name odd or the password short.
        """
        if role not in ROLES:
            raise unknown_name(ConfigError, "role", role, ROLES)
        if not (name.isprintable() and 0 < len(name.strip()) == len(name) <= 64):
            raise ConfigError(f"the name {name!r} cannot be used", expected="1 to 64 printable characters")
        if not _LEAST_CHARACTERS <= len(password) <= _MOST_CHARACTERS:
            raise ConfigError(
                f"the password has {len(password)} characters",
                expected=f"{_LEAST_CHARACTERS} to {_MOST_CHARACTERS}",
                fix="choose a longer one; four ordinary words are good",
            )
        hashed = self._hasher.hash(password)
        with self._database.writing() as connection:
            connection.execute(delete(USERS).where(USERS.c.name == name))
            connection.execute(insert(USERS).values(name=name, role=role, password=hashed))

    def remove(self, name: str) -> None:
        """Remove an account; what it decided stays.

        Raises:
            ConfigError: When there is none of this name.
        """
        with self._database.writing() as connection:
            if not connection.execute(delete(USERS).where(USERS.c.name == name)).rowcount:
                raise ConfigError(f"there is no account {name!r}", fix="list them with `unmissed review users OUT`")

    def wait_s(self, name: str, client: str) -> float:
        """Seconds until the next try is allowed; 0 for now."""
        return max(self._tries.wait_s(f"name {name}"), self._tries.wait_s(f"from {client}"))

    def log_in(self, name: str, password: str, client: str) -> Account | None:
        """The account, or None for a wrong name or password, which takes as long; failures make the next try wait."""
        with self._database.reading() as connection:
            row = connection.execute(select(USERS).where(USERS.c.name == name[:64])).first()
        try:
            self._hasher.verify(row.password if row else self._dummy, password[:_MOST_CHARACTERS])
        except (VerificationError, InvalidHashError):
            row = None
        for key in (f"name {name}", f"from {client}"):
            self._tries.note(key, row is not None)
        return Account(row.name, row.role) if row else None


class _Tries:
    """Failed log-ins by name and by address: after five, each next one waits twice as long."""

    def __init__(self) -> None:
        self._failed: dict[str, tuple[int, float]] = {}
        self._lock = threading.Lock()

    def wait_s(self, key: str) -> float:
        failed, at = self._failed.get(key, (0, 0.0))
        if failed < _FREE_TRIES:
            return 0.0
        wait = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2 ** min(failed - _FREE_TRIES, 20))
        return max(0.0, at + wait - time.monotonic())

    def note(self, key: str, good: bool) -> None:
        with self._lock:
            if good:
                self._failed.pop(key, None)
                return
            if len(self._failed) >= _MOST_WATCHED:
                self._failed.pop(next(iter(self._failed)))
            self._failed[key] = self._failed.get(key, (0, 0.0))[0] + 1, time.monotonic()
