"""Starts a live examination: the recorder in this process, the others as its children."""

from collections.abc import Callable
from pathlib import Path

from unmissed.datasets.basis.errors import ConfigError
from unmissed.inference.endoscopy.live.recorder import Recorder
from unmissed.inference.endoscopy.live.settings import LiveSettings
from unmissed.inference.serving.live.process import accounts_in, run_server
from unmissed.inference.serving.serve import is_loopback, listen


def run_live(
    settings: LiveSettings,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    on_address: Callable[[str], None] = lambda _: None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> Path:
    """Run an examination with its pages until it is stopped; the pages stay when it has ended.

    Args:
        settings: of the examination.
        host: address to listen on; any other than this machine's own demands accounts.
        port: 0 takes a free one.
        on_address: called with the address to open.
        is_stopped: asked twenty times a second.

    Returns:
        Path: The folder of the examination.

    Raises:
        ConfigError: When there are no accounts for a network.
        OutputError: When the port or the folder cannot be had.
    """
    if not is_loopback(host) and accounts_in(settings.output) is None:
        raise ConfigError(
            f"the examination would be open to everybody who reaches {host}",
            expected="accounts, or no --host",
            fix=f"make them first: unmissed review user {settings.output} NAME",
        )
    with listen(host, port) as listening:
        recorder = Recorder(settings, listening, run_server, on_address)
        recorder.run(is_stopped)
    return recorder.folder
