"""The sound network, the faults in it and around it, and who found them."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import torch
from torch import Tensor

from artifacts.chain import trained_network
from artifacts.logits import Images
from artifacts.run_directory import RunDirectory
from artifacts.training_records import ModelSpec
from benchmarks.detection.bare import bare_export
from benchmarks.detection.materials import (
    SOUND_MEAN,
    SOUND_STD,
    colour_digits,
    trained_classifier,
    truncated,
    varied_dataset,
    write_sound_network,
)
from benchmarks.detection.others import Case, Found, verdicts_of_others
from benchmarks.detection.ours import judged, run_with_another_file, verdict
from benchmarks.detection.planted import Planted
from benchmarks.own_commands import done, onnxproof
from data import load_dataset
from models.classifier import Classifier
from models.weights import copied_weights, write_weights

Row = dict[str, Any]
Judged = tuple[Row, Case]  # by ours; the file for others


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A network that learned, as a run and for others.

    Attributes:
        folder: where everything lies.
        dataset: its .npz.
        run: of the network, exported.
        model: what it is.
        sound: the same in PyTorch.
        stale: an earlier training of it.
        images: uint8 images_NCHW of the test split.
    """

    folder: Path
    dataset: Path
    run: Path
    model: ModelSpec
    sound: Classifier
    stale: Classifier
    images: Images

    @property
    def weights(self) -> Path:
        """Where the sound classifier's weights lie for others."""
        return self.folder / "sound.safetensors"

    def case(self, classifier: Classifier, name: str, **options: Any) -> Case:
        """Return the file that others are given."""
        path = self.folder / f"{name}.onnx"
        fixed_batch = options.pop("fixed_batch", False)
        shape = (self.model.in_channels, *self.model.image_size)
        bare_export(classifier.network, shape, path, fixed_batch=fixed_batch)
        model = self.model.model_dump()
        return Case(onnx=path, weights=self.weights, model=model, dataset=self.dataset, **options)


def made_bench(folder: Path, *, model: str, epochs: int) -> Bench:
    """Train the network, once for a single epoch and once for so many, and export it."""
    dataset = folder / "colours.npz"
    colour_digits(dataset)
    for name, length in (("earlier", 1), (model, epochs)):
        options = ("--model", model, "--dataset", str(dataset), "--epochs", str(length))
        done(onnxproof("train", *options, "--run", name, folder=folder))
    done(onnxproof("export", "--run", model, folder=folder))
    trained = trained_network(RunDirectory(folder / model))
    bench = Bench(
        folder=folder,
        dataset=dataset,
        run=trained.run.root,
        model=trained.model,
        sound=trained_classifier(trained),
        stale=trained_classifier(trained_network(RunDirectory(folder / "earlier"))),
        images=load_dataset(str(dataset)).test.images,
    )
    write_weights(bench.weights, copied_weights(bench.sound))
    return bench


def planted_faults(bench: Bench, faults: Sequence[Planted]) -> list[Judged]:
    """Return each fault: what it changes and whether ours found it, and the file for others.

    Args:
        bench: the sound network.
        faults: to put into it; a file of an earlier training is one more.
    """

    def earlier(deployed: Classifier) -> None:
        deployed.load_state_dict(bench.stale.state_dict())

    images = torch.from_numpy(bench.images.copy())
    with torch.inference_mode():
        before = bench.sound(images)
    looked_at: list[Judged] = []
    for fault in (*faults, Planted(name="a file of an earlier training", plant=earlier)):
        deployed = fault.deployed(bench.sound)
        place = bench.folder / "planted"
        run_with_another_file(bench.run, place, deployed, fixed_batch=fault.fixed_batch)
        changes = _changes(images, before, deployed)
        row = {"fault": fault.name, **changes, "ours": verdict(place)}
        shutil.rmtree(place)
        case = bench.case(deployed, str(len(looked_at)), fixed_batch=fault.fixed_batch)
        looked_at.append((_told(row), case))
    return looked_at


def faults_around(bench: Bench) -> list[Judged]:
    """Return each fault of what is around a file that is sound."""
    cases = [bench.case(bench.sound, "sound"), bench.case(bench.sound, "sound", device="cuda")]
    whole = bench.dataset.with_suffix(".whole")
    bench.dataset.rename(whole)
    try:
        truncated(whole, bench.dataset)
        shorter = verdict(bench.run)
    finally:
        whole.replace(bench.dataset)
    rows = [
        {"fault": "the test split lost its last tenth", "ours": shorter},
        {"fault": "CUDA asked for, the CPU is used", "ours": verdict(bench.run, provider="cuda")},
    ]
    return [(_told(row), case) for row, case in zip(rows, cases, strict=True)]


def sound_networks(folder: Path, names: tuple[str, ...]) -> list[Judged]:
    """Return each network: whether ours found something although there is nothing to find."""
    dataset = folder / "varied.npz"
    images = varied_dataset(dataset).test.images
    normalization = [
        word
        for option, values in (("--mean", SOUND_MEAN), ("--std", SOUND_STD))
        for word in (option, ",".join(map(str, values)))
    ]
    looked_at: list[Judged] = []
    for number, name in enumerate(names):
        network, whole = (folder / f"{part}-{number}.safetensors" for part in ("network", "whole"))
        model = write_sound_network(name, images, network, whole)
        place = folder / f"run-{number}"
        asked = ("--model", name, "--checkpoint", str(network), "--dataset", str(dataset))
        exported = onnxproof("export", *asked, *normalization, "--run", str(place), folder=folder)
        ours = judged(exported) if exported.returncode else verdict(place)
        row = _told({"network": name, "ours": ours})
        onnx = folder / f"sound-{number}.onnx"
        looked_at.append((row, Case(onnx=onnx, weights=whole, model=model, dataset=dataset)))
    return looked_at


def with_others(looked_at: Sequence[Judged], python: Path | None) -> list[Row]:
    """Return the rows with what others found in the same files.

    Args:
        looked_at: by ours.
        python: of the environment that has the other checks, if there is one.
    """
    if python is None:
        return [row | {"others": {}} for row, _ in looked_at]

    def tell(found: Found) -> None:
        click.echo(f"others: {found}", err=True)

    found = verdicts_of_others(python, [case for _, case in looked_at], tell)
    return [
        row | {"others": of_others} for (row, _), of_others in zip(looked_at, found, strict=True)
    ]


def _changes(images: Tensor, before: Tensor, deployed: Classifier) -> Row:
    """Return how many answers of the test split a fault changes in PyTorch, and its logits."""
    with torch.inference_mode():
        after = deployed(images)
    difference = (after - before).abs().max()
    return {
        "examples": len(images),
        "answers_changed": int((before.argmax(dim=1) != after.argmax(dim=1)).sum()),
        "largest_logit_difference": float(difference) if difference.isfinite() else None,
    }


def _told(row: Row) -> Row:
    click.echo(row, err=True)
    return row
