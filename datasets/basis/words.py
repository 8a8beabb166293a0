"""Words for messages: the closest names, other people's errors in one line, what pydantic found wrong."""

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING, TypeVar

from unmissed.datasets.basis.errors import UnmissedError

if TYPE_CHECKING:
    from pydantic import ValidationError

E = TypeVar("E", bound=UnmissedError)

_ALIKE = 0.5  # difflib's ratio; below it a guess does not help
_MOST_LISTED = 30  # more names than that are no help in a message


def one_line(error: object, most: int = 300) -> str:
    """The text of an error, in one line of limited length."""
    return " ".join(str(error).split())[:most]


def cause_of(error: OSError) -> str:
    """What the operating system says, without the path, which our message names already."""
    return error.strerror or one_line(error)


def first_few(names: Collection[object], most: int = 3) -> str:
    """Some of many names, and how many more there are."""
    listed = ", ".join(str(name) for name in list(names)[:most])
    return f"{listed} and {len(names) - most} more" if len(names) > most else listed


def closest(name: str, known: Iterable[str], most: int = 3) -> list[str]:
    """Known names that are spelt much like ``name``, the most alike first; case does not count."""
    spelt = {one.lower(): one for one in known}
    return [spelt[one] for one in get_close_matches(name.lower(), spelt, n=most, cutoff=_ALIKE)]


def did_you_mean(name: str, known: Iterable[str], otherwise: str, *, most: int = 3, shown: str = "{}") -> str:
    """The words for ``fix`` where a name is unknown.

    Args:
        name: as the user wrote it.
        known: what there is.
        otherwise: the words when nothing is alike.
        most: how many names are offered.
        shown: each name as it is offered, such as "`unmissed {}`".
    """
    close = closest(name, known, most)
    return f"did you mean {' or '.join(map(shown.format, close))}?" if close else otherwise


def unknown_name(
    kind: type[E],
    what: str,
    name: str,
    known: Collection[str],
    *,
    more: str = "",
    otherwise: str = "correct the name",
    shown: str = "{}",
) -> E:
    """The error for a name that is none of those that there are.

    Args:
        kind: class of the error.
        what: what has that name, in a word or two ("preset", "reference slide").
        name: as the user wrote it.
        known: what there is; listed unless it is very long.
        more: what else would have been right ("or the path of a YAML file").
        otherwise, shown: as of ``did_you_mean``.
    """
    listed = f"one of {', '.join(known)}" if 0 < len(known) <= _MOST_LISTED else ""
    return kind(
        f"there is no {what} {name!r}",
        expected=", ".join(part for part in (listed, more) if part),
        fix=did_you_mean(name, known, otherwise, shown=shown),
    )


def place_of(loc: Iterable[int | str], hidden: Collection[str] = ()) -> str:
    """The place of a field as its names joined by points; "" for the whole."""
    return ".".join(str(part) for part in loc if part not in hidden)


def problems(error: "ValidationError", most: int = 3, *, whole: str = "the file", hidden: Collection[str] = ()) -> str:
    """What is wrong with values, in one line: ``clocks.therapy_s: Input should be ...; sites.3: Field required``.

    Args:
        most: how many problems are named.
        whole: named as the place of what is wrong with the whole.
        hidden: parts of places that are no part of the file, such as the tags of a union.
    """
    found = error.errors(include_url=False, include_context=False, include_input=False)[:most]
    return "; ".join(f"{place_of(item['loc'], hidden) or whole}: {item['msg']}" for item in found)
