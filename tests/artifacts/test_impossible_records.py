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
    (Evaluation, "failures", ["parity: 1 flip"], "the verdict is pass, beside 1 failures"),
    (Evaluation, "verdict", "fail", "the verdict is fail, beside 0 failures"),
    (Evaluation, "parity.unexplained_flips", 1, "flips are not those explained and those"),
    (Evaluation, "parity.within_tolerance", False, "not within_tolerance, but no logit is outside"),
    (Evaluation, "parity.elements_outside", 3, "within_tolerance, but 3 logits are outside"),
    (Evaluation, "parity.nonfinite", 1, "within_tolerance, but not all logits are finite"),
    (Evaluation, "parity.worst_index", 67, "an index is of none of the 67 examples"),
    (Evaluation, "parity.constant_output", True, "the verdict is pass, though not of parity"),
    (Evaluation, "parity.examples", 66, "parity is of 66 examples, the dataset has 67"),
    (Evaluation, "batch_independence.within_tolerance", False, "not of batch_independence"),
    (Evaluation, "provider.nodes", {}, "the verdict is pass, though not of provider"),
    (Evaluation, "provider.nodes", {"CUDAExecutionProvider": 9}, "though not of provider"),
    (Evaluation, "latency.1.outputs_verified", False, "the verdict is pass, though not of latency"),
    (Evaluation, "dataset.examples", 10**19, "dataset.examples: Input should be less"),
    (Evaluation, "dataset.examples", 68, "accuracy is of 67 examples, the dataset has 68"),
    (Evaluation, "dataset.labelled", False, "wanted an accuracy where there are labels"),
    (Evaluation, "accuracy.ci95.1", 0.95, "accuracy: Value error, top1 is outside its interval"),
    (Evaluation, "accuracy.confusion.0.1", 1, "confusion counts other examples of class 0"),
    (Evaluation, "accuracy.confusion.0.1", -1, "accuracy.confusion.0.1: Input should be greater"),
    (Evaluation, "accuracy.confusion.1", [0], "confusion is not 3 x 3, as there are classes"),
    (Evaluation, "accuracy.per_class", [], "confusion is not 0 x 0, as there are classes"),
    (Evaluation, "environment.cpus", -1, "environment.cpus: Input should be greater"),
    (Evaluation, "model.parameters", -1, "model.parameters: Input should be greater"),
    (Evaluation, "parity.difference_counts.0.count", -1, "count: Input should be greater"),
    (Evaluation, "machine.peak_rss_bytes", -1, "peak_rss_bytes: Input should be greater"),
    (Evaluation, "input.std.0", -1.0, "input.std.0: Input should be greater"),
    (Training, "val_accuracy", 0.5, "val_accuracy is not val_correct / val_examples"),
    (Training, "threads", 0, "threads: Input should be greater"),
    (Training, "val_correct", 10_000, "10000 of 20 examples"),
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
    assert part[last] != value
    part[last] = value
    path.write_text(json.dumps(sealed(document)))
    with pytest.raises(ArtifactError) as caught:
        read_record(path, kind)
    assert told in caught.value.problem
