"""Names for what is written, derived from its content: the same result made again has the same names."""

import json
from hashlib import sha256
from uuid import UUID, uuid5

_SPACE = UUID("6a5f3f0c-31b2-5b0e-9c57-0a8b4dc0f1e7")  # ours; any fixed one would do


def digest_of(content: object) -> str:
    """SHA-256 of plain values, as 64 hex digits; the order of keys does not matter."""
    return sha256(json.dumps(content, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def uuid_of(digest: str, part: str) -> str:
    """A UUID of one part ("sr", "finding 3") of what a digest names."""
    return str(uuid5(_SPACE, f"{digest} {part}"))


def uid_of(digest: str, part: str) -> str:
    """The same as a DICOM UID: 2.25 and the UUID as a number (PS3.5, B.2)."""
    return f"2.25.{UUID(uuid_of(digest, part)).int}"
