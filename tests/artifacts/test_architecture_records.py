"""A study of architectures is read as it was written; one that cannot be is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from artifacts.architecture_records import ArchitectureStudy
from artifacts.json_records import read_record, write_record
from errors import ArtifactError
from tests.report.architectures import three_networks
from untrusted.sealed_json import sealed


def test_study_is_read_as_it_was_written(tmp_path: Path) -> None:
    study = three_networks()
    write_record(tmp_path / "study.json", study)
    assert read_record(tmp_path / "study.json", ArchitectureStudy) == study


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        ("study", "losses", "study: Input should be 'architectures'"),
        ("networks", [], "networks: Tuple should have at least 1 item"),
        ("networks.0.multiply_adds", 0, "multiply_adds: Input should be greater"),
        ("networks.0.training.checkpoint_sha256", "0" * 64, "is of other weights"),
        ("networks.0.history", [], "history: Tuple should have at least 1 item"),
        ("networks.0.training.epochs", 3, "another number of epochs than the training"),
        ("networks.1.evaluation.dataset.split_sha256", "0" * 64, "on different images"),
        ("networks.1.evaluation.model.name", "lenet5", "two networks have one name"),
        ("epochs", 3, "lenet5 was trained for another number of epochs"),
        ("val_examples", 11, "lenet5 was validated on another number of images"),
        ("pairs", [], "the pairs are not those of the networks"),
        ("pairs.1.first", "resnet18", "the pairs are not those of the networks"),
        ("pairs.1.only_first", 999, "lenet5 and resnet50: the accuracies differ otherwise"),
        ("pairs.0.holm_p", 1.5, "holm_p: Input should be less"),
        ("advice.0.network", "vgg", "an advice is of none of the networks"),
    ],
)
def test_impossible_value_is_refused_though_the_hash_is_right(
    place: str, value: object, told: str, tmp_path: Path
) -> None:
    document = three_networks().to_dict()
    part: Any = document
    *parts, last = (int(key) if key.isdigit() else key for key in place.split("."))
    for key in parts:
        part = part[key]
    assert part[last] != value
    part[last] = value
    path = tmp_path / "study.json"
    path.write_text(json.dumps(sealed(document)))
    with pytest.raises(ArtifactError) as caught:
        read_record(path, ArchitectureStudy)
    assert told in caught.value.problem
