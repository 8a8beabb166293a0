"""Films of stills: which pictures are used, that a view stays inside them, and that the truth is what is shown."""

import csv
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest

from unmissed.datasets.basis.errors import DatasetError, ImageError
from unmissed.datasets.synthetic.exams.drawn_stills import (
    SITES,
    draw_colon_stills,
    draw_polyp_stills,
    draw_site_stills,
    draw_still,
)
from unmissed.datasets.synthetic.exams.scripted import Habits
from unmissed.datasets.synthetic.exams.stills import (
    ListedStill,
    StillShelf,
    list_classes,
    list_polyps,
    list_sites,
    open_still,
)
from unmissed.datasets.synthetic.exams.stills_film import FilmTruth, StillFilm, film_format
from unmissed.datasets.synthetic.exams.stills_motion import StillPath
from unmissed.datasets.synthetic.exams.stills_script import POLYP, film_colonoscopy, film_gastroscopy
from unmissed.datasets.synthetic.exams.stills_timeline import FilmScript, Passage, Shot, Spoilt
from unmissed.datasets.synthetic.film_files import truth_columns, written
from unmissed.datasets.video import open_video

WIDTH_PX = 200


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    return StillShelf(list_sites(draw_site_stills(tmp_path_factory.mktemp("sites"))))


@pytest.fixture(scope="module")
def colon(tmp_path_factory):
    folder = tmp_path_factory.mktemp("colon")
    return StillShelf(
        list_classes(draw_colon_stills(folder / "classes")) + list_polyps(draw_polyp_stills(folder / "polyps"))
    )


def shown(shelf, shots, passages=(), spoilt=(), seed=1, fps=10.0):
    """Frames and truth of a script of one's own."""
    film = film_format(shelf, WIDTH_PX)
    made = StillFilm(FilmScript(tuple(shots), tuple(passages), tuple(spoilt)), shelf, film, seed, fps)
    return list(made.frames()), film


class TestPictures:
    def test_only_the_days_that_are_asked_for(self, tmp_path):
        listed = list_sites(draw_site_stills(tmp_path), ["7"])
        assert {item.group for item in listed} == {"7"}
        assert len(listed) == 2 * len(SITES) == 20

    def test_a_day_without_pictures_is_an_error(self, tmp_path):
        with pytest.raises(DatasetError, match="day 12"):
            list_sites(draw_site_stills(tmp_path), ["3", "12"])

    def test_a_missing_table_and_a_missing_column_are_errors(self, tmp_path):
        with pytest.raises(DatasetError, match=r"index\.csv is missing"):
            list_sites(tmp_path)
        (tmp_path / "index.csv").write_text("path,site\na.png,body\n")
        with pytest.raises(DatasetError, match="no column day"):
            list_sites(tmp_path)

    def test_folds_of_a_split(self, tmp_path):
        folder = draw_colon_stills(tmp_path / "colon")
        split = tmp_path / "split.csv"
        split.write_text("file-name;class-name;split-index\nbbps-2-3-1.png;bbps-2-3;0\nbbps-2-3-2.png;bbps-2-3;1\n")
        assert [item.path.name for item in list_classes(folder, split, ["1"])] == ["bbps-2-3-2.png"]
        with pytest.raises(DatasetError, match="no pictures"):
            list_classes(folder, split, ["4"])

    def test_letters_margin_and_corner_are_not_the_endoscopes_picture(self, tmp_path):
        image = draw_still(5, corner=True)
        cv2.putText(image, "1,2", (1, 12), cv2.FONT_HERSHEY_PLAIN, 0.7, (255, 255, 255))
        cv2.imwrite(str(tmp_path / "a.png"), image[..., ::-1])
        clearance = open_still(ListedStill(tmp_path / "a.png", "body")).clearance
        assert clearance[93, 120] > 20
        assert not clearance[:18, :30].any()
        assert not clearance[115:, :86].any()

    def test_a_black_picture_is_an_error(self, tmp_path):
        cv2.imwrite(str(tmp_path / "a.png"), np.zeros((90, 120, 3), np.uint8))
        with pytest.raises(ImageError, match="black"):
            open_still(ListedStill(tmp_path / "a.png", "body"))


class TestViews:
    @pytest.fixture
    def bright(self, colon):
        """A still that is bright inside and black beyond, so that a view over the edge shows."""
        still = open_still(colon.of("bbps-2-3", "")[0])
        inside = still.clearance > 0
        return replace(still, image=np.repeat(np.where(inside, 200, 0)[..., None], 3, axis=2).astype(np.uint8))

    @pytest.mark.parametrize("seed", range(8))
    def test_nothing_beyond_the_edge_comes_into_view(self, bright, colon, seed):
        film = film_format(colon, WIDTH_PX)
        path = StillPath(bright, film, 6.0, np.random.default_rng(seed))
        views = [path.view(path.pose(time_s), time_s)[film.mask > 0] for time_s in np.arange(0, 6, 0.1).tolist()]
        assert np.mean([(view < 190).mean() for view in views]) < 0.002

    def test_the_view_moves_and_never_rests(self, shelf):
        film = film_format(shelf, WIDTH_PX)
        path = StillPath(open_still(shelf.of("body", "3")[0]), film, 6.0, np.random.default_rng(1))
        views = [path.view(path.pose(time_s), time_s).astype(float) for time_s in np.arange(0, 6, 0.4).tolist()]
        assert min(np.abs(a - b).mean() for a, b in pairwise(views)) > 0.8

    def test_left_stays_left(self, tmp_path, shelf):
        image = draw_still(3)
        image[:, :120, 2] //= 4
        image[:, 120:, 0] //= 4
        cv2.imwrite(str(tmp_path / "a.png"), image[..., ::-1])
        still = open_still(ListedStill(tmp_path / "a.png", "body"))
        film = film_format(shelf, WIDTH_PX)
        for seed in range(4):
            path = StillPath(still, film, 5.0, np.random.default_rng(seed))
            view = path.view(path.pose(4.0), 4.0).astype(float)
            assert view[50:110, 50:75, 0].mean() > view[50:110, 125:150, 0].mean()
            assert view[50:110, 50:75, 2].mean() < view[50:110, 125:150, 2].mean()

    def test_a_picture_that_shows_too_little_is_an_error(self, tmp_path, shelf):
        image = draw_still(3)
        image[:, :150] = 0
        cv2.imwrite(str(tmp_path / "a.png"), image[..., ::-1])
        thin = open_still(ListedStill(tmp_path / "a.png", "body"))
        thin = replace(thin, clearance=np.minimum(thin.clearance, 1))
        with pytest.raises(ImageError, match="shows too little"):
            StillPath(thin, film_format(shelf, WIDTH_PX), 2.0, np.random.default_rng(0))


class TestScripts:
    def test_shots_follow_each_other(self, shelf, colon):
        for script in (film_gastroscopy(2, shelf), film_colonoscopy(2, colon)):
            assert script.shots[0].start_s == 0 and script.duration_s > 30
            assert all(a.end_s == pytest.approx(b.start_s) and a.end_s > a.start_s for a, b in pairwise(script.shots))
            assert not script.shots[0].label and not script.shots[-1].label

    def test_a_site_is_of_one_day(self, shelf):
        shots = film_gastroscopy(4, shelf, habits=Habits(withheld=0.0)).shots
        days = {site: {shot.group for shot in shots if shot.site == site} for site in SITES}
        assert all(len(found) == 1 for found in days.values())
        assert {day for found in days.values() for day in found} == {"3", "7"}

    def test_about_a_fifth_are_blind_spots(self, shelf):
        def clear_s(script):
            return [sum(shot.end_s - shot.start_s for shot in script.shots if shot.site == site) for site in SITES]

        seconds = np.array([clear_s(film_gastroscopy(seed, shelf)) for seed in range(80)])
        assert (seconds < 2).mean() == pytest.approx(0.21, abs=0.04)
        assert 0.05 < (seconds == 0).mean() < 0.2

    def test_easy_sites_take_longer_and_examinations_differ(self, shelf):
        scripts = [film_gastroscopy(seed, shelf, habits=Habits(withheld=0.0)) for seed in range(60)]
        seconds = np.array([script.duration_s for script in scripts])
        assert 0.25 < seconds.std() / seconds.mean() < 0.5
        shots = [shot for script in scripts for shot in script.shots]
        mean_s = {site: sum(s.end_s - s.start_s for s in shots if s.site == site) / 60 for site in SITES}
        assert mean_s["antrum"] > 2.5 * mean_s["lesser_curvature"]

    def test_a_colonoscopy_goes_to_the_caecum_and_back(self, colon):
        shots = film_colonoscopy(1, colon).shots
        caecum = [k for k, shot in enumerate(shots) if shot.site == "caecum"]
        assert caecum == list(range(caecum[0], caecum[-1] + 1))
        assert not any(shot.third for shot in shots[: caecum[0]])
        thirds = [shot.third for shot in shots[caecum[0] : -1]]
        assert thirds == sorted(thirds) and set(thirds) == {1, 2, 3}

    def test_thirds_are_as_long_as_each_other_from_the_caecum_on(self, colon):
        shots = [shot for shot in film_colonoscopy(3, colon, withdrawal_s=300).shots if shot.third]
        starts_s = [next(shot.start_s for shot in shots if shot.third == third) for third in (1, 2, 3)]
        third_s = (shots[-1].end_s - starts_s[0]) / 3
        assert np.diff(starts_s) == pytest.approx([third_s, third_s], abs=20)

    def test_a_clean_third_is_mostly_clean(self, colon):
        shots = [
            shot for seed in range(30) for shot in film_colonoscopy(seed, colon).shots if shot.is_clean is not None
        ]
        as_said = [(shot.label == "bbps-2-3") == shot.is_clean for shot in shots]
        assert 0.8 < np.mean(as_said) < 1
        assert 0.5 < np.mean([shot.is_clean for shot in shots]) < 0.9

    def test_a_site_without_pictures_is_an_error(self, shelf, colon):
        with pytest.raises(DatasetError, match="antrum"):
            film_gastroscopy(1, colon)
        with pytest.raises(DatasetError, match="normal-cecum"):
            film_colonoscopy(1, shelf)


class TestFilm:
    SHOTS = (Shot(0, 3, "body", "3", "body"), Shot(3, 6, "antrum", "3", "antrum"))

    def test_the_same_seed_gives_the_same_film(self, shelf):
        def pixels(seed):
            return np.stack([frame.image for frame, _ in shown(shelf, self.SHOTS, seed=seed)[0][::15]])

        assert (pixels(3) == pixels(3)).all()
        assert (pixels(3) != pixels(4)).any()

    def test_black_around_the_picture(self, shelf):
        frames, film = shown(shelf, self.SHOTS)
        assert all(not frame.image[film.mask == 0].any() for frame, _ in frames)
        assert frames[0][0].image.shape == (*film.mask.shape, 3)

    def test_sides_are_even_for_codecs(self, shelf):
        assert film_format(shelf, 201).size_px == (200, 156)

    def test_a_passage_blurs_and_belongs_to_no_site(self, shelf):
        frames, _ = shown(shelf, self.SHOTS, [Passage(2.5, 3.5, leaves_site=True)])
        by_time = {round(frame.time_s, 1): (frame.image, truth) for frame, truth in frames}
        assert [by_time[time_s][1].site for time_s in (2.4, 2.9, 3.1, 3.6)] == ["body", "", "", "antrum"]
        assert [by_time[time_s][1].reason for time_s in (2.4, 2.9, 3.1, 3.6)] == ["", "blur", "blur", ""]

        def detail(image):
            grey = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 1.2)
            return cv2.Laplacian(grey, cv2.CV_32F)[30:120, 50:150].std()

        assert detail(by_time[2.9][0]) < 0.7 * detail(by_time[2.4][0])

    def test_within_a_site_the_site_stays(self, shelf):
        shots = (Shot(0, 3, "body", "3", "body"), Shot(3, 6, "body", "3", "body"))
        frames, _ = shown(shelf, shots, [Passage(2.7, 3.3, leaves_site=False)])
        assert {truth.site for _, truth in frames} == {"body"}
        assert len({truth.still for _, truth in frames}) == 2
        assert [truth.legible for _, truth in frames].count(False) in range(3, 7)

    @pytest.mark.parametrize("kind", ["blur", "wall", "water", "dark"])
    def test_what_spoils_a_picture_comes_and_goes(self, shelf, kind):
        frames, film = shown(shelf, self.SHOTS, spoilt=[Spoilt(1, 3, kind)])
        clean, _ = shown(shelf, self.SHOTS)
        reasons = {round(frame.time_s, 1): truth.reason for frame, truth in frames}
        assert [reasons[time_s] for time_s in (0.9, 2.0, 3.1)] == ["", kind, ""]
        away = [np.abs(a.image.astype(float) - b.image).mean() for (a, _), (b, _) in zip(frames, clean, strict=True)]
        assert away[20] > 3 and away[9] == away[31] == 0
        if kind == "dark":
            assert frames[20][0].image[film.mask > 0].mean() < 26

    def test_the_room_is_outside_and_not_legible(self, shelf):
        frames, _ = shown(shelf, (Shot(0, 1), Shot(1, 2, "body", "3", "body"), Shot(2, 3)))
        assert [frames[k][1].scene for k in (5, 15, 25)] == ["outside", "inside", "outside"]
        assert [frames[k][1].reason for k in (5, 15, 25)] == ["outside", "", "outside"]
        room, flesh = frames[5][0].image[78, 100].astype(int), frames[15][0].image[78, 100].astype(int)
        assert room[2] >= room[0] - 5 and flesh[0] > flesh[2]

    def test_the_box_is_around_the_polyp(self, colon):
        frames, _ = shown(colon, (Shot(0, 4, POLYP, "", "polyp"),))
        for frame, truth in frames[::5]:
            red, green, _ = cv2.split(frame.image.astype(int))
            rows, columns = np.nonzero(green - red > 90)
            left, top, width, height = truth.polyp_box
            assert np.abs([left - columns.min(), top - rows.min()]).max() <= 4
            assert np.abs([left + width - columns.max(), top + height - rows.max()]).max() <= 4

    def test_a_film_as_files(self, shelf, tmp_path):
        film = film_format(shelf, WIDTH_PX)
        made = StillFilm(FilmScript(self.SHOTS, (), ()), shelf, film, 1, 5.0)
        passed = list(written(made.frames(), FilmTruth, tmp_path / "film" / "film.mp4", film.size_px, 5.0))
        with (tmp_path / "film" / "truth.csv").open(newline="") as stream:
            rows = list(csv.DictReader(stream))
        assert tuple(rows[0]) == truth_columns(FilmTruth)
        assert [row["site"] for row in rows] == [truth.site for _, truth in passed]
        assert (rows[7]["time_s"], rows[7]["legible"], rows[7]["polyp_x_px"]) == ("1.4", "1", "")
        with open_video(str(tmp_path / "film" / "film.mp4")) as source:
            frames = list(source.frames())
        assert len(frames) == len(rows) == 30
        assert np.abs(frames[9].image.astype(float) - passed[9][0].image).mean() < 8
        assert sorted(path.name for path in (tmp_path / "film").iterdir()) == ["film.mp4", "truth.csv"]
