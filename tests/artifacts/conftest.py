"""A run directory made by hand: records and files that chain, but no network behind them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from artifacts.environment import Environment
from artifacts.export_records import BatchCheck, Export, Reference, TensorSpec, Variant
from artifacts.files import sha256_of_file
from artifacts.json_records import write_record
from artifacts.logits import ReferenceLogits, save_reference
from artifacts.run_directory import RunDirectory
from artifacts.training_records import (
    Augmentation,
    DatasetSpec,
    Hyperparameters,
    ModelSpec,
    Recipe,
    Training,
)
from storage.writing import write_bytes

DATASET_SHA256 = "d" * 64
TEST_SHA256 = "e" * 64
ENVIRONMENT = Environment(
    date="2026-01-01T00:00:00+00:00",
    python="3.13.0",
    platform="Linux",
    cpu="a CPU",
    cpus=2,
    versions={"onnxproof": "0.1.0"},
)
RECIPE = Recipe(
    recipe="best",
    model=ModelSpec(name="mlp", num_classes=3, in_channels=1, image_size=(8, 8)),
    dataset=DatasetSpec(
        name="tiny",
        source="/data/tiny.npz",
        data_dir=None,
        classes=("a", "b", "c"),
        image_shape=(1, 8, 8),
        sha256=DATASET_SHA256,
        split_sha256={"train": "f" * 64, "test": TEST_SHA256},
    ),
    hyperparameters=Hyperparameters(
        epochs=1,
        batch_size=16,
        optimizer="adam",
        lr=1e-3,
        weight_decay=0.0,
        momentum=0.0,
        schedule="constant",
        label_smoothing=0.0,
        patience=None,
        loss="cross-entropy",
        augmentation=Augmentation(),
        weight_averaging=0.0,
        precision="float32",
    ),
    val_split=0.1,
    subset=1.0,
    seed=0,
    train_examples=90,
    val_examples=10,
    mean=(33.0,),
    std=(78.5,),
)


TRAINING = Training(
    recipe_sha256="9" * 64,
    checkpoint="weights.safetensors",
    checkpoint_sha256="8" * 64,
    history_sha256="7" * 64,
    parameters=1,
    epochs=1,
    best_epoch=1,
    val_correct=9,
    val_examples=10,
    val_accuracy=0.9,
    seconds=1.0,
    device="cpu",
    threads=2,
    processes=1,
    deterministic=True,
    compiled=False,
    streamed=False,
    environment=ENVIRONMENT,
    command="cli.py train",
)


@dataclass(frozen=True)
class HandMadeRun:
    """Writes the steps of a run one by one, so that a test can redo one of them alone."""

    directory: RunDirectory

    def train(self, weights: bytes) -> Training:
        write_bytes(self.directory.weights, weights)
        write_bytes(self.directory.history, b"")
        training = TRAINING.model_copy(
            update={
                "recipe_sha256": write_record(self.directory.recipe, RECIPE),
                "checkpoint_sha256": sha256_of_file(self.directory.weights),
                "history_sha256": sha256_of_file(self.directory.history),
            }
        )
        write_record(self.directory.training, training)
        return training

    def export(self) -> Export:
        checkpoint = sha256_of_file(self.directory.weights)
        write_bytes(self.directory.onnx("float32"), b"a graph")
        variant = Variant(
            precision="float32",
            file="model.onnx",
            onnx_sha256=sha256_of_file(self.directory.onnx("float32")),
            file_bytes=7,
            checkpoint_sha256=checkpoint,
            opset=18,
            ir_version=10,
            inputs=(TensorSpec(name="images", dtype="uint8", shape=("batch", 1, 8, 8)),),
            outputs=(TensorSpec(name="logits", dtype="float32", shape=("batch", 3)),),
            nodes=7,
            tolerance="cpu-float32",
            batch_checks=(BatchCheck(batch_size=1, max_abs=1e-7),),
            environment=ENVIRONMENT,
            command="cli.py export",
        )
        reference = Reference(
            file="reference.npz",
            sha256=save_reference(self.directory.reference, reference_logits(checkpoint)),
            checkpoint_sha256=checkpoint,
            dataset_sha256=DATASET_SHA256,
            split="test",
            split_sha256=TEST_SHA256,
            examples=5,
            device="cpu",
            tf32=False,
        )
        export = Export(reference=reference, variants={"float32": variant})
        write_record(self.directory.export, export)
        return export


def reference_logits(checkpoint_sha256: str) -> ReferenceLogits:
    logits_NK = np.random.default_rng(0).normal(size=(5, 3))
    return ReferenceLogits(
        float32_NK=logits_NK.astype(np.float32),
        float64_NK=logits_NK,
        dataset_sha256=DATASET_SHA256,
        split_sha256=TEST_SHA256,
        checkpoint_sha256=checkpoint_sha256,
    )


@pytest.fixture
def hand_made(tmp_path: Path) -> HandMadeRun:
    """A run that was trained and exported, whose every link holds."""
    run = HandMadeRun(RunDirectory(tmp_path / "run"))
    run.train(b"weights")
    run.export()
    return run
