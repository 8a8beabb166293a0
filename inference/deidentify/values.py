"""What is found in a file, the error of this room, and the key that leads back."""

import json
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from unmissed.datasets.basis.errors import UnmissedError
from unmissed.datasets.basis.files import read_json, write_json


class DeidentifyError(UnmissedError):
    """A file cannot be made anonymous safely, so it is not copied at all."""


@dataclass
class Key:
    """Which name stands for which file, and which UID for which; whoever has it can go back.

    Attributes:
        path: of the file, kept apart from the copies and readable by its owner alone.
        names: original, as an absolute path or a series -> name of the copy.
        uids: DICOM UID -> the one in the copy.
    """

    path: Path
    names: dict[str, str] = field(default_factory=dict)
    uids: dict[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> "Key":
        """A key that there is, so that a file gets the same name again; or a new one.

        Raises:
            DeidentifyError: When it is damaged.
        """
        if not path.exists():
            return cls(path)
        try:
            found = read_json(path)
            return cls(path, dict(found["names"]), dict(found["uids"]))
        except (OSError, ValueError, KeyError, TypeError, json.JSONDecodeError) as error:
            raise DeidentifyError(f"the key {path} is damaged", fix="name another with --key") from error

    def name(self, original: str, kind: str) -> str:
        """The name of a copy: drawn by chance, because a name that is computed could be computed again."""
        return self.names.setdefault(original, f"{kind}-{secrets.token_hex(5)}")

    def uid(self, old: str) -> str:
        """The UID in the copies."""
        return self.uids.setdefault(old, f"2.25.{secrets.randbits(122)}")

    def save(self) -> None:
        """Write it, readable by its owner alone.

        Raises:
            OutputError: When it cannot be written.
        """
        if not self.path.exists():
            write_json(self.path, {})
            self.path.chmod(0o600)  # before it holds anything; later writes keep it
        write_json(self.path, {"names": self.names, "uids": self.uids})
