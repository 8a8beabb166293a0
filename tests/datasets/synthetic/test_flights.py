"""Rendered flights: the truth is compared with what can be measured in the pictures, by other means."""

import csv
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from unmissed.cli.data import app
from unmissed.datasets.basis.errors import ConfigError, DatasetError, ImageError
from unmissed.datasets.synthetic.flights import mucosa
from unmissed.datasets.synthetic.flights.files import COLUMNS, write_flight
from unmissed.datasets.synthetic.flights.plans import Camera, Segment, Tube, tracks_of
from unmissed.datasets.synthetic.flights.render import KINDS, FlightPlan, plan_flight, render_flight

SIZE = 160
PLAIN = Camera(140.0, 1 / 250, 0.0, 0.0, 2.2, 0.0, 0.0, "none", None)
STRAIGHT = Tube(20.0, 30.0, 0.0, 0.0, 200.0, 3)


@pytest.fixture(scope="module")
def texture():
    return mucosa.drawn_texture(1)


def fly(*segments, tube=STRAIGHT, camera=PLAIN, size=SIZE, fps=25.0):
    """A plan of these segments in a smooth straight tube, with the tip on its axis unless the hand moves it."""
    tracks = tracks_of(segments, fps, 100.0, np.random.default_rng(0))
    return FlightPlan("own", 0, sum(s.duration_s for s in segments), fps, size, tube, camera, segments, tracks)


def film(plan, texture):
    return list(render_flight(plan, texture))


def dot_at(angle_rad, z_mm, radius_mm=20.0):
    """A texture with one green dot at an angle and a place along the axis; it repeats along the axis."""
    texture = np.full((1024, 1024, 3), (150, 120, 110), np.uint8)
    per_mm = 1024 / (2 * np.pi * radius_mm)
    centre = round(angle_rad / (2 * np.pi) * 1024), round(z_mm * per_mm) % 1024
    return cv2.circle(texture, centre, 9, (0, 255, 0), -1)


def find_dot(image):
    """Centre of the green in polar coordinates of the picture: share of half the width, degrees."""
    green = image[..., 1].astype(np.float32) - image[..., 0]
    weight = np.clip(green - 20, 0, None)
    y, x = np.mgrid[: len(image), : len(image)] - (len(image) - 1) / 2
    x, y = (float((weight * v).sum() / weight.sum()) for v in (x, y))
    return np.hypot(x, y) / (len(image) / 2), np.degrees(np.arctan2(y, x))


class TestGeometry:
    """An endoscope on the axis of a smooth tube: everything about a dot on the wall is known."""

    def test_the_dot_stands_where_the_lens_puts_it(self):
        still = fly(Segment("pause", 2.0, hold=0.0))
        (frame, _), *_ = film(still, dot_at(0.7, 112.0))
        reach, _ = find_dot(frame.image)
        expected = np.degrees(np.arctan2(20.0, 12.0)) / 70
        assert reach == pytest.approx(expected, abs=0.02)

    def test_withdrawal_moves_it_as_far_as_planned(self):
        cruise = fly(Segment("pause", 0.5, hold=0.0), Segment("cruise", 1.2, (20.0, 20.0), hold=0.0))
        cruise.tracks["path_mm"][:] = 100 - 20 * np.clip(np.arange(len(cruise.tracks["path_mm"])) / 200 - 0.5, 0, None)
        shots = film(cruise, dot_at(0.7, 118.0))
        depths = [20.0 / np.tan(np.radians(70 * find_dot(frame.image)[0])) for frame, _ in shots]
        assert depths[-1] - depths[5] == pytest.approx(20 * 1.2, rel=0.06)
        travelled = sum(truth.speed_mm_s for _, truth in shots) / 25
        assert travelled == pytest.approx(100 - cruise.tracks["path_mm"][8 * (cruise.frames - 1)], abs=1e-6)

    def test_roll_turns_it_by_the_planned_angle(self):
        roll = fly(Segment("rotation", 1.5, roll_deg_s=40.0, roll_period_s=0))
        shots = film(roll, dot_at(0.7, 112.0))
        angles = [find_dot(frame.image)[1] for frame, _ in shots]
        told = sum(truth.rotation_deg_s for _, truth in shots) / 25
        seen = (angles[0] - angles[-1] + 180) % 360 - 180
        assert told > 40 and seen == pytest.approx(told, abs=9)  # the hand sways the view a little
        assert all(abs(truth.speed_mm_s) < 1e-9 for _, truth in shots)

    def test_angulation_moves_the_lumen(self, texture):
        swing = fly(Segment("angulation", 2.0, swing_deg=30.0))
        shots = film(swing, texture)
        assert max(truth.angulation_deg_s for _, truth in shots) > 20
        dark = [np.argwhere(cv2.GaussianBlur(f.image[..., 1], (0, 0), 5) < 20).mean(axis=0) for f, _ in shots[::10]]
        assert np.ptp(np.array(dark), axis=0).max() > 0.1 * SIZE

    def test_fast_flight_smears_with_a_long_shutter(self, texture):
        sharpness = []
        for shutter in (1 / 250, 1 / 30):
            camera = replace(PLAIN, shutter_s=shutter)
            plan = fly(Segment("cruise", 1.2, (60.0, 60.0)), camera=camera, size=320, fps=10.0)
            greens = [frame.image[..., 1] for frame, _ in film(plan, texture)]
            sharpness.append(np.mean([cv2.Laplacian(green, cv2.CV_32F).var() for green in greens]))
        assert sharpness[1] < 0.8 * sharpness[0]


class TestTruth:
    def test_a_frozen_stretch_repeats_the_very_pixels(self, texture):
        plan = fly(
            Segment("cruise", 1.0, (20.0, 20.0)), Segment("freeze", 1.0, hold=0.0), camera=replace(PLAIN, noise=3)
        )
        shots = film(plan, texture)
        assert 20 <= sum(truth.frozen for _, truth in shots) <= 25
        for (before, _), (frame, truth) in pairwise(shots):
            assert truth.frozen == np.array_equal(before.image, frame.image)

    @pytest.mark.parametrize(
        ("spoil", "reason"),
        [
            ({"defocus": 0.03}, "blur"),
            ({"water": 0.9}, "water"),
            ({"wall": 1.0}, "wall"),
            ({"smoke": 0.9}, "smoke"),
            ({"exposure": 6.0}, "overexposed"),
            ({"exposure": -9.0}, "dark"),
            ({"outside": 1.0}, "outside"),
            ({"defocus": 0.006}, ""),
            ({"water": 0.2}, ""),
            ({"wall": 0.2}, ""),
            ({"smoke": 0.3}, ""),
            ({"flat": 0.9}, ""),
            ({"narrow": 1.0}, ""),
        ],
    )
    def test_what_spoils_a_frame_is_told_from_its_limit_on(self, texture, spoil, reason):
        plan = fly(Segment("cruise", 1.2, (10.0, 10.0)), Segment("x", 1.2, (10.0, 10.0), spoil=spoil), fps=5.0)
        shots = film(plan, texture)
        assert shots[2][1].legible and shots[-1][1].reason == reason and shots[-1][1].legible == (not reason)
        assert np.abs(shots[-1][0].image.astype(int) - shots[2][0].image).mean() > 1

    def test_still_flights_do_not_move_along(self):
        for seed in range(5):
            plan = plan_flight("still", seed)
            assert np.ptp(plan.tracks["path_mm"]) == 0
            assert {s.name for s in plan.segments} <= {"rotation", "angulation", "pause", "freeze"}

    def test_mixed_cruises_always_roll_angulate_and_contract(self):
        for seed in range(5):
            assert all(
                s.roll_deg_s >= 10 and s.swing_deg > 0 and s.squeeze > 0 for s in plan_flight("mixed", seed).segments
            )

    def test_plain_flights_have_everything_in_the_end(self):
        plans = [plan_flight("plain", seed) for seed in range(12)]
        assert {s.name for plan in plans for s in plan.segments} == {
            "cruise", "rotation", "angulation", "pause", "freeze", "defocus", "water", "wall", "smoke",
            "overexposed", "dark", "low-texture", "narrow-band",
        }  # fmt: skip
        speeds = np.concatenate([-np.diff(plan.tracks["path_mm"]) * 200 for plan in plans])
        assert speeds.min() < -45 and speeds.max() > 45 and np.abs(speeds).max() <= 60.001
        for plan in plans:
            assert plan.frames == 1000 and sum(s.duration_s for s in plan.segments) == pytest.approx(40)

    @pytest.mark.parametrize("kind", KINDS)
    def test_the_same_seed_gives_the_same_film(self, texture, kind):
        first, again, other = (
            np.stack([frame.image for frame, _ in render_flight(plan_flight(kind, seed, 2.0, 5.0, 64), texture)])
            for seed in (4, 4, 5)
        )
        assert np.array_equal(first, again) and not np.array_equal(first, other)

    def test_absurd_films_are_refused(self):
        for wrong in (("sideways",), ("plain", 0, 1e9), ("plain", 0, 40, 0), ("plain", 0, 40, 25, 10**6)):
            with pytest.raises(ConfigError):
                plan_flight(*(*wrong, *(0,) * (2 - len(wrong))))


@pytest.fixture(scope="module")
def shots():
    return film(plan_flight("colonoscopy", 2, fps=5.0, duration_s=30.0, size_px=120), mucosa.drawn_texture(2))


class TestColonoscopy:
    def test_it_goes_in_and_comes_out(self, shots):
        names = [truth.segment for _, truth in shots]
        order = [name for name, before in zip(names, [None, *names], strict=False) if name != before]
        assert order == ["outside", "cruise", "caecum", "cruise", "fast", "cruise", "slip", "cruise", "water", "polyp",
                         "instrument", "cruise", "outside"]  # fmt: skip
        assert all(truth.caecum == (truth.segment == "caecum") for _, truth in shots)
        assert sum(truth.speed_mm_s for _, truth in shots) / 5 == pytest.approx(0, abs=2)

    def test_the_room_is_not_red(self, shots):
        red = {name: np.mean([f.image[..., 0].mean() / f.image[..., 2].mean() for f, t in shots if t.segment == name])
               for name in ("outside", "cruise")}  # fmt: skip
        assert red["outside"] < 1.05 and red["cruise"] > 1.2

    def test_the_polyp_is_redder_than_the_wall_around_it(self, shots):
        boxes = [(f.image.astype(float), t.polyp_box) for f, t in shots if t.polyp_box and t.segment == "polyp"]
        assert len(boxes) >= 4
        redder = []
        for image, (x, y, width, height) in boxes:
            ratio = image[..., 0] / np.maximum(image[..., 1], 1)
            left, top = int(x + width / 4), int(y + height / 4)
            part = ratio[top : top + max(1, int(height / 2)), left : left + max(1, int(width / 2))]
            redder.append(np.median(part) - np.median(ratio[image[..., 0] > 30]))
            assert x >= 0 and y >= 0 and x + width <= 120 and y + height <= 120
        assert np.median(redder) > 0.1

    def test_the_tool_is_grey(self, shots):
        assert any(t.instrument for _, t in shots) and all(t.segment != "fast" for _, t in shots if t.instrument)
        held = [frame.image for frame, truth in shots if truth.instrument]
        image = held[len(held) // 2]
        corner = image[80:95, 80:95].astype(int)
        assert (np.ptp(corner, axis=2) < 25).sum() > 20


class TestTextures:
    def test_drawn_ones_close_on_themselves(self):
        picture = mucosa.drawn_texture(5).astype(int)
        assert picture.shape == (1024, 1024, 3)
        for axis in (0, 1):
            seam = np.abs(np.take(picture, 0, axis) - np.take(picture, -1, axis)).mean()
            assert seam < 1.5 * np.abs(np.diff(picture, axis=axis)).mean()

    def test_one_from_a_picture_leaves_out_border_text_and_reflections(self, tmp_path):
        wall = cv2.resize(mucosa.drawn_texture(6), (420, 420))
        picture = np.zeros((480, 640, 3), np.uint8)
        picture[30:450, 180:600] = wall
        cv2.putText(picture, "NAME 01/01", (200, 70), 0, 0.8, (255, 255, 255), 2)
        cv2.circle(picture, (400, 300), 6, (255, 255, 250), -1)
        cv2.imwrite(str(tmp_path / "a.png"), picture[..., ::-1])
        texture = mucosa.texture_from_image(tmp_path / "a.png").astype(int)
        grey = texture.mean(axis=2)
        assert texture.shape == (1024, 1024, 3) and grey.min() > 40 and (texture[..., 2] > 235).mean() < 1e-3
        assert texture[..., 0].mean() > texture[..., 2].mean() + 10 and 3 < grey.std() < 40
        seam = np.abs(texture[0] - texture[-1]).mean()
        assert seam < 2 * np.abs(np.diff(texture, axis=0)).mean()

    def test_black_and_broken_pictures_are_refused(self, tmp_path):
        cv2.imwrite(str(tmp_path / "black.png"), np.zeros((300, 300, 3), np.uint8))
        (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
        for name in ("black.png", "broken.jpg"):
            with pytest.raises(ImageError):
                mucosa.texture_from_image(tmp_path / name)
        with pytest.raises(DatasetError):
            next(mucosa.textures(tmp_path, "test", 0))

    def test_parts_never_share_a_picture(self):
        parts = [mucosa.part_of(f"{n:04d}.jpg") for n in range(3000)]
        shares = {part: parts.count(part) / 3000 for part in set(parts)}
        assert shares == pytest.approx({"calibration": 0.4, "validation": 0.2, "test": 0.4}, abs=0.03)
        drawn = [next(mucosa.textures(None, part, 0)) for part in ("calibration", "test")]
        assert not np.array_equal(*drawn)
        with pytest.raises(ConfigError):
            next(mucosa.textures(None, "training", 0))


SHORT = ("--duration", "2", "--fps", "12.5", "--size", "128", "--flights", "2")


class TestFiles:
    def test_film_and_table_agree(self, tmp_path):
        done = CliRunner().invoke(app, ["make-flights", str(tmp_path), *SHORT])
        assert done.exit_code == 0, done.output
        for name in ("plain-0000", "plain-0001"):
            assert sorted(p.name for p in (tmp_path / name).iterdir()) == ["flight.mp4", "truth.csv"]
        with (tmp_path / "plain-0000" / "truth.csv").open() as stream:
            rows = list(csv.DictReader(stream))
        assert tuple(rows[0]) == COLUMNS and len(rows) == 25
        capture = cv2.VideoCapture(str(tmp_path / "plain-0000" / "flight.mp4"))
        expected = render_flight(
            plan_flight("plain", 0, 2.0, fps=12.5, size_px=128), next(mucosa.textures(None, "calibration", 0))
        )
        for row, (frame, truth) in zip(rows, expected, strict=True):
            found, picture = capture.read()
            assert found and np.abs(picture[..., ::-1].astype(int) - frame.image).mean() < 12
            assert float(row["speed_mm_s"]) == pytest.approx(truth.speed_mm_s, abs=1e-3)
            assert row["legible"] == str(int(truth.legible))
        assert not capture.read()[0]

    def test_an_interrupted_film_leaves_nothing(self, tmp_path, texture):
        def stop(done, total):
            if done == 5:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            write_flight(plan_flight("plain", 0, 2.0, size_px=64), texture, tmp_path / "a", stop)
        assert list((tmp_path / "a").iterdir()) == []


@pytest.mark.data
def test_textures_of_real_pictures(data_root):
    supply = mucosa.textures(data_root / "hyperkvasir-samples", "calibration", 0)
    first, second = next(supply), next(supply)
    assert first.shape == (1024, 1024, 3) and not np.array_equal(first, second)
