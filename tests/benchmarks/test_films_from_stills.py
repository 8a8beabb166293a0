"""The study of films from stills: with an oracle for a classifier it finds everything, and every figure can fail."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from unmissed.benchmarks.studies.streams.films_from_stills import main
from unmissed.benchmarks.studies.streams.watched_stills import (
    colon_found,
    interval,
    said_adequate,
    site_codes,
    sites_found,
    watch_film,
)
from unmissed.datasets.basis.errors import ConfigError
from unmissed.datasets.synthetic.exams.drawn_stills import (
    SITES,
    draw_colon_stills,
    draw_polyp_stills,
    draw_site_stills,
)
from unmissed.datasets.synthetic.exams.stills import StillShelf, list_classes, list_sites
from unmissed.datasets.synthetic.exams.stills_film import StillFilm, film_format
from unmissed.datasets.synthetic.exams.stills_script import film_colonoscopy, film_gastroscopy
from unmissed.inference.endoscopy.protocol import ProtocolModels, Site, load_protocol
from unmissed.inference.endoscopy.values import Scene, Sight

FPS = 5.0
PROTOCOL = load_protocol("gastroscopy-landmarks").model_copy(
    update={
        "sites": tuple(Site(code=site.upper(), name=site.replace("_", " "), name_zh="部位") for site in SITES),
        "models": ProtocolModels(),
    }
)
COLON = load_protocol("colonoscopy").model_copy(update={"models": ProtocolModels()})
CODES = site_codes(PROTOCOL, SITES, {})


def watched(film, protocol, sight):
    """A film watched with a classifier that is told the truth: ``sight`` makes what it says of it."""
    frames = list(film.frames())
    known = {round(frame.time_s, 3): truth for frame, truth in frames}

    def sighting(view, outside):
        truth = known[round(view.time_s, 3)]
        return Sight(Scene.OUTSIDE, {}) if truth.scene == "outside" else sight(truth)

    return watch_film(iter(frames), protocol, FPS, sighting)


@pytest.fixture(scope="module")
def gastroscopy(tmp_path_factory):
    shelf = StillShelf(list_sites(draw_site_stills(tmp_path_factory.mktemp("sites"))))
    return StillFilm(film_gastroscopy(5, shelf, pace=0.5), shelf, film_format(shelf, 200), 5, FPS)


@pytest.fixture(scope="module")
def colonoscopy(tmp_path_factory):
    shelf = StillShelf(list_classes(draw_colon_stills(tmp_path_factory.mktemp("colon"))))
    return StillFilm(film_colonoscopy(2, shelf, withdrawal_s=30), shelf, film_format(shelf, 200), 2, FPS)


@pytest.fixture(scope="module")
def told(gastroscopy):
    """The film watched by an oracle."""

    def sight(truth):
        return Sight(Scene.INSIDE, {code: float(CODES.get(truth.site) == code) for code in CODES.values()})

    return watched(gastroscopy, PROTOCOL, sight)


def test_an_oracle_finds_every_site_and_every_blind_spot(told):
    found = sites_found(told, PROTOCOL, CODES)
    assert 0 < found.seen.sum() < 10
    assert found.credited.tolist() == found.seen.tolist()
    assert found.right == found.named > 60


def test_what_was_never_legible_was_not_seen(told):
    truth = [replace(item, legible=item.legible and item.site != "antrum") for item in told.truth]
    before, after = (sites_found(item, PROTOCOL, CODES) for item in (told, replace(told, truth=truth)))
    assert [site for site, a, b in zip(SITES, before.seen, after.seen, strict=True) if a != b] == ["antrum"]


def test_a_classifier_that_always_says_one_site_is_caught(gastroscopy):
    def sight(truth):
        return Sight(Scene.INSIDE, {code: float(code == "ANTRUM") for code in CODES.values()})

    found = sites_found(watched(gastroscopy, PROTOCOL, sight), PROTOCOL, CODES)
    assert found.credited.tolist() == [site == "antrum" for site in SITES]
    assert found.right < 0.6 * found.named


def test_the_clock_starts_where_an_oracle_sees_the_caecum(colonoscopy):
    def sight(truth):
        return Sight(Scene.CAECUM if truth.site == "caecum" else Scene.INSIDE, {})

    found = colon_found(watched(colonoscopy, COLON, sight))
    assert found.start_error_s == pytest.approx(0, abs=0.6)
    assert (found.false_starts, found.said_adequate, found.delays_s) == (0, None, ())
    assert found.minutes == pytest.approx(0.67, abs=0.5)


def test_a_caecum_that_is_announced_elsewhere_is_a_false_start(colonoscopy):
    def sight(truth):
        return Sight(Scene.CAECUM if truth.third == 3 else Scene.INSIDE, {})

    found = colon_found(watched(colonoscopy, COLON, sight))
    assert found.false_starts >= 1
    assert found.start_error_s > 10


def test_a_clock_that_never_starts_has_no_error(colonoscopy):
    found = colon_found(watched(colonoscopy, COLON, lambda truth: Sight(Scene.INSIDE, {})))
    assert (found.start_error_s, found.false_starts) == (None, 0)


def test_sites_are_matched_whatever_the_spelling():
    protocol = load_protocol("gastroscopy-landmarks").model_copy(
        update={
            "sites": (
                Site(code="E", name="Oesophagus", name_zh="食管"),
                Site(code="Greater-Curvature", name="Wall", name_zh="大弯"),
            )
        }
    )
    assert site_codes(protocol, SITES, {}) == {"esophagus": "E", "greater_curvature": "Greater-Curvature"}
    landmarks = load_protocol("gastroscopy-landmarks")
    with pytest.raises(ConfigError, match="PYLORUS, RETRO, Z-LINE"):
        site_codes(landmarks, SITES, {})
    named = {"cardia": "Z-LINE", "antrum": "PYLORUS", "fundus": "RETRO"}
    assert site_codes(landmarks, SITES, named) == named


@pytest.mark.parametrize(
    ("preparation", "said"),
    [
        (None, None),
        (SimpleNamespace(thirds=(2.4, 2.0, 3.0)), True),
        (SimpleNamespace(thirds=(SimpleNamespace(score=2.6), SimpleNamespace(score=1.9))), False),
        (SimpleNamespace(thirds=(None, SimpleNamespace(score=None))), None),
    ],
)
def test_preparation_is_adequate_when_no_third_is_below_two(preparation, said):
    assert said_adequate(SimpleNamespace(preparation=preparation)) is said


def test_intervals_hold_the_figure():
    value, low, high = interval([0.0, 1.0] * 20, lambda values: sum(values) / len(values))
    assert low < value == 0.5 < high
    assert high - low == pytest.approx(0.31, abs=0.05)


def test_the_command_prints_coverage_and_writes_films(tmp_path, capsys):
    words = f"--pictures {draw_site_stills(tmp_path / 'sites')} --days 3 --exams 1 --pace 0.2 --size-px 200 --fps 4"
    named = ["--sites", "cardia=Z-LINE", "antrum=PYLORUS", "fundus=RETRO"]
    main([*words.split(), *named, "--films", str(tmp_path / "films")])
    printed = capsys.readouterr().out
    for line in ("coverage of an examination", "blind spots, precision", "blind spots, recall", "1 examinations"):
        assert line in printed
    assert (tmp_path / "films" / "gastroscopy-landmarks-0001" / "film.mp4").stat().st_size > 10_000


def test_the_command_prints_the_start_of_the_clock_and_alerts(tmp_path, capsys):
    words = f"--protocol colonoscopy --pictures {draw_colon_stills(tmp_path / 'colon')} --withdrawal-s 10 --exams 1"
    more = f"--polyps {draw_polyp_stills(tmp_path / 'polyps')} --site-model gi-landmarks --size-px 200 --fps 4"
    main([*words.split(), *more.split()])
    printed = capsys.readouterr().out
    for line in ("start of the clock", "false starts an examination", "preparation", "polyps with an alert"):
        assert line in printed


def test_a_protocol_without_a_site_model_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match="--site-model"):
        main(["--protocol", "gastroscopy", "--pictures", str(tmp_path)])
