"""The shipped protocols, and the page that describes them."""

import re
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from unmissed.datasets.basis.errors import ConfigError
from unmissed.datasets.public import gastrohun, gastrovision, hyperkvasir
from unmissed.datasets.synthetic.exams.scripted import ROUTE
from unmissed.inference.endoscopy.protocol import Protocol, ProtocolModels, load_protocol, protocol_names
from unmissed.models import zoo

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "protocols.md").read_text("utf-8")
GASTROSCOPY = load_protocol("gastroscopy")
LABELS = {
    "gastroscopy-22": gastrohun.INFO,
    "gastroscopy-gastrovision": gastrovision.INFO,
    "gastroscopy-landmarks": hyperkvasir.INFO,
    "colonoscopy": hyperkvasir.INFO,
}


@pytest.mark.parametrize("name", protocol_names())
class TestEveryProtocol:
    def test_it_is_named_as_its_file(self, name):
        assert load_protocol(name).name == name

    def test_names_are_in_both_languages_and_do_not_repeat(self, name):
        sites = load_protocol(name).sites
        assert all(re.search(r"[\u4e00-\u9fff]", site.name_zh) for site in sites)
        assert len({site.name for site in sites}) == len({site.name_zh for site in sites}) == len(sites)

    def test_neighbours_are_mutual(self, name):
        protocol = load_protocol(name)
        for site in protocol.sites:
            assert site.code not in site.neighbours
            assert all(site.code in protocol.site(other).neighbours for other in site.neighbours)

    def test_it_stands_on_the_page(self, name):
        assert f"| `{name}` |" in PAGE


class TestLists:
    def test_26_sites_of_which_22_are_gastrohuns(self):
        assert len(GASTROSCOPY.sites) == 26
        labelled = {item.id for item in gastrohun.INFO.classes} - {"NA"}
        assert {site.code for site in GASTROSCOPY.sites} - labelled == {"ES", "SCJ", "DB", "DD"}
        assert {site.code for site in load_protocol("gastroscopy-22").sites} == labelled

    def test_names_of_walls_are_those_of_the_dataset(self):
        for item in gastrohun.INFO.classes:
            if item.id != "NA":
                wall = item.name.rsplit(", ", 1)[1]
                assert GASTROSCOPY.site(item.id).name.endswith(wall)

    def test_every_stomach_site_has_neighbours(self):
        assert all(len(site.neighbours) >= 3 for site in GASTROSCOPY.sites if site.wall)

    def test_scripted_examinations_visit_all_of_them(self):
        assert {code for station in ROUTE for code in station} == {site.code for site in GASTROSCOPY.sites}

    def test_ten_places_of_esge(self):
        assert len(load_protocol("gastroscopy-esge").sites) == 10

    @pytest.mark.parametrize("name", LABELS)
    def test_mapped_classes_are_those_of_the_dataset(self, name):
        models = load_protocol(name).models
        mapped = [item for classes in (*models.sites.values(), *models.scenes.values()) for item in classes]
        assert mapped and set(mapped) <= {item.id for item in LABELS[name].classes}
        assert set(models.sites) == (
            set() if name == "colonoscopy" else {site.code for site in load_protocol(name).sites}
        )

    def test_ten_sites_that_the_model_tells(self):
        protocol = load_protocol("gastroscopy-10")
        assert len(protocol.sites) == len(protocol.models.sites) == 10
        mapped = {item for classes in protocol.models.sites.values() for item in classes}
        assert mapped <= set(zoo.resolve(protocol.models.site).card.class_ids)

    def test_a_coarse_model_of_the_ten_sites_tells_regions_of_the_26(self):
        ten = {item for classes in load_protocol("gastroscopy-10").models.sites.values() for item in classes}
        assert {item for classes in GASTROSCOPY.models.regions.values() for item in classes} <= ten

    def test_classes_of_preparation_are_those_of_the_dataset(self):
        told = load_protocol("colonoscopy").models.preparation
        assert {*told.poor, *told.good} <= {item.id for item in hyperkvasir.INFO.classes}


def fields_of(model: type[BaseModel], prefix: str = "") -> list[str]:
    found = []
    for name, field in model.model_fields.items():
        found.append(prefix + name)
        parts = [field.annotation, *getattr(field.annotation, "__args__", ())]
        for part in parts:
            if isinstance(part, type) and issubclass(part, BaseModel):
                found += fields_of(part, f"{prefix}{name}.")
    return found


class TestPage:
    def test_it_names_every_field_and_no_other(self):
        table = PAGE.split("## Fields")[1].split("##")[0]
        described = {
            name for row in re.findall(r"^\| (`.+?`) \|", table, re.M) for name in re.findall(r"`([^`]+)`", row)
        }
        fields = set(fields_of(Protocol))
        sections = {field for field in fields if any(other.startswith(f"{field}.") for other in fields)}
        assert fields - sections <= described <= fields

    def test_its_examples_are_valid(self):
        examples = re.findall(r"```yaml\n(.+?)```", PAGE, re.S)
        assert len(examples) == 2
        for example in examples:
            ProtocolModels.model_validate(yaml.safe_load(example)["models"])


def test_a_protocol_with_an_unknown_site_is_a_clear_error(tmp_path):
    path = tmp_path / "own.yaml"
    text = yaml.safe_dump(GASTROSCOPY.model_dump(mode="json"), allow_unicode=True)
    path.write_text(text.replace("- A2\n", "- A9\n", 1), "utf-8")
    with pytest.raises(ConfigError, match="unknown sites A9"):
        load_protocol(str(path))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"aim_s": 60.0}, "aim_s 60 is less than"),
        ({"models": {"regions": {"spleen": ["x"]}}}, "unknown regions spleen"),
    ],
)
def test_aims_and_regions_that_cannot_be_are_clear_errors(change, message):
    with pytest.raises(ValueError, match=message):
        Protocol.model_validate(GASTROSCOPY.model_dump() | change)
