"""The one family of errors: what was found, what was expected, what to do."""


class UnmissedError(Exception):
    """Base of every error that the user can act on.

    Parameters
    ----------
    found : what is wrong, naming the file, field or value.
    expected : what would have been right.
    fix : what the user can do about it.
    """

    exit_code = 2

    def __init__(self, found: str, *, expected: str = "", fix: str = "") -> None:
        self.found = found
        self.expected = expected
        self.fix = fix
        super().__init__(found, expected, fix)

    def __str__(self) -> str:
        parts = [self.found]
        if self.expected:
            parts.append(f"expected {self.expected}")
        if self.fix:
            parts.append(self.fix)
        return "; ".join(parts)


class DatasetError(UnmissedError):
    """A dataset folder, split file or label table is missing or not as published."""


class ImageError(UnmissedError):
    """A picture cannot be read safely and faithfully."""


class VideoError(UnmissedError):
    """A video, camera or stream cannot be opened, or is none."""


class ConfigError(UnmissedError):
    """A configuration has an unknown or wrong field."""


class ModelError(UnmissedError):
    """A model file or its card is missing, damaged or does not fit."""


class RuntimeUnavailableError(UnmissedError):
    """The runtime that was asked for cannot run here."""


class OutputError(UnmissedError):
    """A result cannot be written."""
