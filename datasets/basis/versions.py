"""Versions of what is installed, for records, pages and the doctor."""

import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

OURS = "unmissed"


def version_of(package: str = OURS) -> str:
    """Version of an installed package; "" where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def versions_of(packages: Iterable[str]) -> dict[str, str]:
    """Versions of those packages that are installed."""
    return {name: found for name in packages if (found := version_of(name))}


def package_versions(packages: Iterable[str]) -> dict[str, str]:
    """Versions of Python and of those packages that are installed."""
    return {"python": platform.python_version(), **versions_of(packages)}
