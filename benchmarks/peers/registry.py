"""Who the peers are: name, script, environment, and the settings they run with."""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from unmissed.datasets.basis.errors import UnmissedError


class Settings(BaseModel):
    """How a peer is run.

    Attributes:
        patch_px, batch: side of a patch and patches a batch.
        workers: processes of the DataLoader; 0 reads in the main process.
        threads: of torch.
        mode: how torch runs the network; see ``runners/plain_network.py``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    patch_px: int = Field(ge=32, le=8192, multiple_of=32)
    batch: int = Field(ge=1, le=1024)
    workers: int = Field(ge=0, le=64)
    threads: int = Field(ge=1, le=256)
    mode: str

    def in_words(self) -> str:
        """In one line."""
        return f"{self.patch_px} px, batch {self.batch}, {self.workers} workers, {self.threads} threads, {self.mode}"


@dataclass(frozen=True, slots=True)
class Peer:
    """Another way to run a network over a slide.

    Attributes:
        name: as the command line names it.
        title: in tables.
        runner: script in ``runners`` that runs a job.
        environment: folder of its Python; its requirements have that name.
        modes: how it may run the network; see ``runners/plain_network.py``.
        usual: settings as its users have them; None where ``best`` says all.
        best: the fastest that a sweep found on two cores with the finder at 1.0 um/px.
    """

    name: str
    title: str
    runner: str
    environment: str
    modes: tuple[str, ...]
    best: Settings
    usual: Settings | None = None


def _settings(patch_px: int, batch: int, workers: int, threads: int, mode: str) -> Settings:
    return Settings(patch_px=patch_px, batch=batch, workers=workers, threads=threads, mode=mode)


PEERS = {
    peer.name: peer
    for peer in (
        Peer(
            "tiatoolbox",
            "TIA Toolbox 2.1.3",
            "tiatoolbox_predictor.py",
            "tiatoolbox",
            ("eager", "channels-last", "frozen"),
            best=_settings(256, 2, 0, 2, "frozen"),
            usual=_settings(224, 8, 0, 2, "eager"),  # its defaults, and the patches of its own networks
        ),
        Peer(
            "openslide-eager",
            "OpenSlide loop, eager torch",
            "openslide_loop.py",
            "openslide-loop",
            ("eager", "channels-last"),
            best=_settings(256, 4, 0, 2, "channels-last"),
            usual=_settings(224, 32, 2, 2, "eager"),  # patches of networks for ImageNet, a worker for each core
        ),
        Peer(
            "openslide-frozen",
            "OpenSlide loop, frozen TorchScript",
            "openslide_loop.py",
            "openslide-loop",
            ("frozen",),
            best=_settings(512, 1, 0, 2, "frozen"),
        ),
        Peer(
            "wsinfer",
            "WSInfer 0.6.1",
            "wsinfer_inference.py",
            "wsinfer",
            ("channels-last", "frozen"),
            best=_settings(224, 16, 2, 1, "channels-last"),
            usual=_settings(224, 32, 0, 2, "channels-last"),  # its defaults
        ),
    )
}


def chosen_peers(words: str) -> list[Peer]:
    """The peers that "all" or "NAME,NAME" means; "none" means none.

    Raises:
        UnmissedError: For an unknown name.
    """
    names = {"all": list(PEERS), "none": []}.get(words, [name.strip() for name in words.split(",")])
    unknown = [name for name in names if name not in PEERS]
    if unknown:
        raise UnmissedError(
            f"no peer {unknown[0]!r}", expected=f"all, none, or some of {', '.join(PEERS)}", fix="correct the name"
        )
    return [PEERS[name] for name in names]
