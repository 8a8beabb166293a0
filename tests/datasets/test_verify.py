"""Verification finds unreadable pictures, masks that do not fit, and the same pixels on two sides."""

import json

import numpy as np
import pytest
from PIL import Image

from unmissed.datasets import registry
from unmissed.datasets.verify import verify


def put(path, seed, size=(8, 6)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (*size, 3), dtype=np.uint8)).save(path)


@pytest.fixture
def tree(tmp_path):
    for n, (label, seed) in enumerate([("cat", 0), ("cat", 1), ("dog", 2), ("dog", 3)]):
        put(tmp_path / label / f"{n}.png", seed)
    return tmp_path


def test_a_sound_set(tree):
    calls = []
    result = verify(registry.get("folder"), tree, progress=lambda done, total: calls.append((done, total)), threads=2)
    assert result.is_sound and result.is_complete and result.counts == {"cat": 2, "dog": 2}
    assert calls == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert json.loads(json.dumps(result.as_json()))["is_sound"] is True


def test_an_unreadable_picture_is_found_and_the_rest_goes_on(tree):
    (tree / "cat" / "0.png").write_bytes((tree / "cat" / "0.png").read_bytes()[:60])
    result = verify(registry.get("folder"), tree)
    (bad,) = result.unreadable
    assert bad.path == tree / "cat" / "0.png" and result.images == 4 and not result.is_sound


def test_the_same_pixels_in_another_format_are_a_leak(tree):
    Image.open(tree / "cat" / "0.png").save(tree / "dog" / "copy.bmp")
    (leak,) = verify(registry.get("folder"), tree).leaks
    assert leak.paths == (tree / "cat" / "0.png", tree / "dog" / "copy.bmp")
    assert leak.leak.startswith("groups cat/0 / dog/copy")


def test_official_parts_leak_even_inside_a_group(tmp_path):
    put(tmp_path / "a.png", 0)
    put(tmp_path / "b.png", 0)
    put(tmp_path / "c.png", 1)
    put(tmp_path / "d.png", 1)
    (tmp_path / "labels.csv").write_text(
        "path,label,group,split\na.png,x,p1,train\nb.png,x,p1,test\nc.png,y,p2,train\nd.png,y,p2,train\n"
    )
    result = verify(registry.get("csv"), tmp_path)
    assert [d.leak for d in result.duplicates] == ["official splits test / train", ""]
    assert len(result.leaks) == 1


def test_masks_are_decoded_and_measured(tmp_path):
    put(tmp_path / "images" / "a.png", 0)
    put(tmp_path / "masks" / "a.png", 1, size=(9, 9))
    put(tmp_path / "images" / "b.png", 2)
    (tmp_path / "masks" / "b.png").write_bytes(b"broken")
    causes = [bad.cause for bad in verify(registry.get("kvasir-seg"), tmp_path).unreadable]
    assert "9 x 9 px, its picture 6 x 8 px" in causes[0] and "not a picture" in causes[1]


def test_other_counts_than_published_are_no_error(tmp_path):
    put(tmp_path / "polyps" / "a.png", 0)
    put(tmp_path / "esophagitis" / "a.png", 1)
    result = verify(registry.get("kvasir-v2"), tmp_path)
    assert result.is_sound and not result.is_complete and result.counts["normal-cecum"] == 0


@pytest.mark.data
def test_herlev_is_complete(data_root):
    result = verify(registry.get("herlev"), data_root / "herlev")
    assert result.is_complete and result.is_sound and result.images == 917
