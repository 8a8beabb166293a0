"""The connection to a Ray cluster, or a clear word why there is none."""

import logging
import os
from types import ModuleType

from unmissed.datasets.basis.errors import ConfigError, UnmissedError
from unmissed.datasets.basis.words import unknown_name

ENGINES = ("local", "ray")
_START = "start one with `ray start --head --disable-usage-stats`, or name its head with --address HOST:6379"


def is_cluster(engine: str) -> bool:
    """Whether an engine is a cluster; ConfigError for a name that is none."""
    if engine not in ENGINES:
        raise unknown_name(ConfigError, "engine", engine, ENGINES)
    return engine == "ray"


def connect(address: str) -> ModuleType:
    """Connect to a cluster; a connection that is there is used.

    Args:
        address: "auto" for that of this machine, or "host:port" of its head.

    Returns:
        The package ``ray``.

    Raises:
        UnmissedError: When Ray is not installed, or there is no cluster at the address.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # otherwise Ray reports its use to its makers
    try:
        import ray
    except ModuleNotFoundError as error:
        raise UnmissedError(
            "the Python package 'ray' is not installed",
            expected="an installation with the extra 'scale'",
            fix="pip install 'unmissed[scale]', or use --engine local",
        ) from error
    if ray.is_initialized():
        return ray
    if address.startswith("ray://"):
        raise UnmissedError(
            f"{address} is the address of a Ray client",
            expected="the address of the head, such as 10.0.0.1:6379",
            fix="run the command on a machine of the cluster",
        )
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, namespace="unmissed")
    except (ConnectionError, ValueError, RuntimeError) as error:
        words = " ".join(str(error).split()) or type(error).__name__
        raise UnmissedError(f"there is no Ray cluster at {address}: {words[:300]}", fix=_START) from error
    return ray
