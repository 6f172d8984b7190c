"""Records that carry the right hash, and say what cannot be."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from artifacts.evaluation_records import Evaluation
from artifacts.json_records import Record, read_record
from artifacts.training_records import Training
from errors import ArtifactError
from untrusted.sealed_json import sealed

CHANGES = [
    (Evaluation, "accuracy.correct", 68, "accuracy: Value error, 68 of 67 examples"),
    (Evaluation, "accuracy.correct", -1, "accuracy.correct: Input should be greater"),
    (Evaluation, "accuracy.top1", 0.5, "accuracy: Value error, top1 is not correct / examples"),
    (Evaluation, "accuracy.per_class.0.correct", 999, "of 23 examples"),
    (Evaluation, "parity.flips", 1, "flips are not those explained and those unexplained"),
    (Evaluation, "latency.0.p50_ms", -1.0, "latency.0.p50_ms: Input should be greater"),
    (Evaluation, "latency.0.p90_ms", 1e-9, "latency.0: Value error, a higher percentile is lower"),
    (Evaluation, "latency.0.images_per_second", -5.0, "images_per_second: Input should be greater"),
    (Training, "val_correct", 10_000, "more validation examples were right than there are"),
    (Training, "val_accuracy", 1.5, "val_accuracy: Input should be less"),
    (Training, "best_epoch", 9, "the best epoch comes after the last"),
    (Training, "seconds", -1.0, "seconds: Input should be greater"),
]


@pytest.mark.parametrize(("kind", "place", "value", "told"), CHANGES)
def test_impossible_value_is_refused_though_the_hash_is_right(
    kind: type[Record], place: str, value: object, told: str, evaluated_run: Path, tmp_path: Path
) -> None:
    name = "training.json" if kind is Training else "evaluations/float32-cpu.json"
    path = Path(shutil.copy(evaluated_run / name, tmp_path))
    document = json.loads(path.read_text())
    part: Any = document
    *parts, last = (int(key) if key.isdigit() else key for key in place.split("."))
    for key in parts:
        part = part[key]
    part[last] = value
    path.write_text(json.dumps(sealed(document)))
    with pytest.raises(ArtifactError) as caught:
        read_record(path, kind)
    assert told in caught.value.problem
