"""A frozen picture counts for no site, however long a doctor looks at it."""

import numpy as np

from unmissed.datasets.synthetic.flights.mucosa import drawn_texture
from unmissed.datasets.video import Frame
from unmissed.inference.endoscopy.protocol import load_protocol
from unmissed.inference.endoscopy.values import Scene, Sight
from unmissed.inference.endoscopy.watching.watcher import Watcher

FPS, LIVE, FROZEN = 5, 12, 12  # frames


def wall(height: int = 240, width: int = 300) -> np.ndarray:
    """Drawn mucosa that grows dark towards a lumen: legible, and inside."""
    y, x = np.mgrid[:height, :width]
    far = np.hypot(x / width - 0.5, y / height - 0.5)
    return drawn_texture(0)[:height, :width] * np.clip(0.1 + 2.2 * far, 0, 1)[..., None]


def test_a_frozen_picture_is_no_view_of_a_site():
    rng, picture = np.random.default_rng(0), wall()
    moved = [np.roll(picture, 2 * (index % 3), axis=1) for index in range(LIVE)]  # a living wall is never quite still
    noisy = [np.clip(image + rng.normal(0, 3, image.shape), 0, 255).astype(np.uint8) for image in moved]
    images = noisy + [noisy[-1]] * FROZEN

    def sighting(view, outside):
        return Sight(Scene.INSIDE, {"ES": 1.0} if view.time_s < LIVE / FPS - 1e-6 else {"DB": 1.0})

    with Watcher(load_protocol("gastroscopy"), sighting=sighting) as watcher:
        told = [watcher.take(Frame(index, index / FPS, image)) for index, image in enumerate(images)]
        sites = {site.code: site.seconds for site in watcher.finish().coverage.sites}
    assert [signals.frozen for signals in told].count(True) >= FROZEN - 3
    assert all(signals.clarity.legible for signals in told)
    assert sites["ES"] > 1.8
    assert sites["DB"] < 1.0
