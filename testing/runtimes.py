"""The contract of every runtime, as a class of tests: subclass it in a test file and name the runtime."""

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from unmissed.datasets.basis.errors import ModelError, RuntimeUnavailableError
from unmissed.inference.doctor.self_test import try_runtime
from unmissed.inference.runtimes.base import Runtime
from unmissed.inference.runtimes.registry import select
from unmissed.testing.small_model import MakeModel, by_formula, model_maker, smooth_pictures

# One step of an 8-bit activation: engines may round a tie differently.
TOLERANCE = {"fp32": 1e-4, "fp16": 1e-4, "batch3": 1e-4, "int8": 2e-2}

_WRONG = {
    "side": np.zeros((2, 17, 16, 3), np.uint8),
    "channels": np.zeros((2, 16, 16, 4), np.uint8),
    "no batch": np.zeros((16, 16, 3), np.uint8),
    "dtype": np.zeros((2, 16, 16, 3), np.float32),
}


class RuntimeContract:
    """What every runtime must pass: right numbers, whole batches, clear errors.

    A subclass overrides the fixture ``runtime``, or sets ``name`` to that of a registered runtime. A runtime that is
    not available here skips with its reason.

    Attributes:
        name: of the runtime in the registry.
        takes_numbers: whether its devices are numbers; a name is then refused.
    """

    name: ClassVar[str]
    takes_numbers: ClassVar[bool] = True

    @pytest.fixture
    def runtime(self) -> Runtime:
        """The runtime under test."""
        return available(select(self.name))

    @pytest.fixture
    def make_model(self, tmp_path: Path) -> MakeModel:
        """Builds small models."""
        return model_maker(tmp_path)

    @pytest.fixture
    def pictures(self) -> np.ndarray:
        """Seven pictures on which the classes of the small model differ."""
        return smooth_pictures()

    @pytest.mark.parametrize("kind", ["fp32", "batch3"])
    def test_probabilities_are_those_of_the_formula(
        self, runtime: Runtime, make_model: MakeModel, pictures: np.ndarray, kind: str
    ) -> None:
        """An independent computation in numpy gives the same."""
        with runtime.load(make_model(kind), batch_size=4) as session:
            found = session.run(pictures)
        expected = by_formula(make_model().path, pictures)
        assert found.dtype == np.float32
        assert expected.max(axis=1).min() < 0.9  # the pictures are not all trivial
        np.testing.assert_allclose(found, expected, atol=1e-4)

    @pytest.mark.parametrize("kind", list(TOLERANCE))
    def test_it_agrees_with_onnx_cpu(
        self, runtime: Runtime, make_model: MakeModel, pictures: np.ndarray, kind: str
    ) -> None:
        """Every kind of file gives what it gives on the CPU."""
        model = make_model(kind)
        with select("onnx-cpu").load(model, batch_size=4, threads=1) as session:
            expected = session.run(pictures)
        with runtime.load(model, batch_size=4) as session:
            found = session.run(pictures)
        np.testing.assert_allclose(found, expected, atol=TOLERANCE[kind])

    def test_padding_changes_nothing(self, runtime: Runtime, make_model: MakeModel, pictures: np.ndarray) -> None:
        """A batch that is not full gives what a full one gives; none at all gives nothing."""
        with runtime.load(make_model(), batch_size=4) as session:
            one_by_one = np.concatenate([session.run(picture[None]) for picture in pictures])
            np.testing.assert_allclose(session.run(pictures), one_by_one, atol=1e-6)
            assert session.run(pictures[:0]).shape == (0, 4)

    def test_batch_size_of_the_file_wins(self, runtime: Runtime, make_model: MakeModel) -> None:
        """A batch size that is fixed in the file cannot be overruled."""
        with runtime.load(make_model("batch3"), batch_size=8) as session:
            assert session.batch_size == 3

    @pytest.mark.parametrize("wrong", list(_WRONG.values()), ids=list(_WRONG))
    def test_wrong_arrays_are_refused(self, runtime: Runtime, make_model: MakeModel, wrong: np.ndarray) -> None:
        """Another shape or type is an error, not a guess."""
        with runtime.load(make_model()) as session, pytest.raises(ModelError, match="was given"):
            session.run(wrong)

    @pytest.mark.parametrize("changes", [{"size_px": 32}, {"classes": 5}], ids=["size", "classes"])
    def test_a_card_of_another_model_is_refused(
        self, runtime: Runtime, make_model: MakeModel, changes: dict[str, Any]
    ) -> None:
        """A graph that is not the card's does not run."""
        with pytest.raises(ModelError, match="does not fit its card"):
            runtime.load(make_model(**changes))

    def test_self_test_passes(self, runtime: Runtime, tmp_path: Path) -> None:
        """What ``unmissed doctor`` asks."""
        assert try_runtime(runtime, tmp_path)

    def test_a_device_that_is_no_number_is_refused(self, runtime: Runtime, make_model: MakeModel) -> None:
        """Where devices are numbers."""
        if not self.takes_numbers:
            pytest.skip("takes no number")
        with pytest.raises(RuntimeUnavailableError, match="no device"):
            runtime.load(make_model(), device="first")

    def test_it_says_what_it_needs(self, runtime: Runtime) -> None:
        """In one sentence."""
        assert runtime.needs.endswith(".")


def available(runtime: Runtime) -> Runtime:
    """The runtime; the test skips, with the reason, where it cannot run."""
    found = runtime.is_available()
    if not found.ok:
        pytest.skip(f"{runtime.name}: {found.reason}")
    return runtime
