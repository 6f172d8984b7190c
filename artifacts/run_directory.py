"""One trained network's directory: the name of every file in it, and which run came last."""

import re
from dataclasses import dataclass
from pathlib import Path

from errors import ArtifactError
from storage.temporary import TEMPORARY_PREFIX
from storage.writing import write_bytes
from untrusted.files import content_of_file, is_there, paths_in_directory

RUNS = Path("runs")
LAST_RUN = RUNS / "last-run.txt"
MOST_NAME_BYTES = 1 << 16
STUDY_RECORD, STUDY_JOURNAL = "study.json", "journal.log"  # of artifacts/study_directory.py


@dataclass(frozen=True)
class RunDirectory:
    """The paths of a run; making one touches nothing on disk."""

    root: Path

    @property
    def recipe(self) -> Path:
        """Everything that decided the training."""
        return self.root / "recipe.json"

    @property
    def history(self) -> Path:
        """One line an epoch."""
        return self.root / "history.jsonl"

    @property
    def weights(self) -> Path:
        """The best weights by validation accuracy."""
        return self.root / "weights.safetensors"

    @property
    def resume(self) -> Path:
        """What training needs to go on."""
        return self.root / "resume.pt"

    @property
    def tensorboard(self) -> Path:
        """Event files for TensorBoard, where they were asked for."""
        return self.root / "tensorboard"

    @property
    def training(self) -> Path:
        """The record of the finished training."""
        return self.root / "training.json"

    @property
    def imported(self) -> Path:
        """The record of a network that was trained elsewhere; then there is no training."""
        return self.root / "imported.json"

    @property
    def export(self) -> Path:
        """A record for each exported variant."""
        return self.root / "export.json"

    @property
    def reference(self) -> Path:
        """PyTorch's logits over the test split."""
        return self.root / "reference.npz"

    def onnx(self, precision: str) -> Path:
        """Return the path of a variant's ONNX file: model.onnx is the float32 one."""
        name = "model.onnx" if precision == "float32" else f"model.{precision}.onnx"
        return self.root / name

    @property
    def evaluations(self) -> Path:
        """The directory of all evaluations."""
        return self.root / "evaluations"

    def evaluation_records(self) -> list[Path]:
        """Return the records in it by name, less what a killed process left half written.

        Raises:
            ArtifactError: something else has the directory's name, or it cannot be read.
        """
        found = paths_in_directory(self.evaluations, ".json")
        return [path for path in found if not path.name.startswith(TEMPORARY_PREFIX)]

    @property
    def report(self) -> Path:
        """The page for people."""
        return self.root / "report.html"

    def external_data(self, precision: str) -> Path:
        """Return the path of a variant's weights, where they are too large for its ONNX file."""
        onnx = self.onnx(precision)
        return onnx.with_name(f"{onnx.name}.data")

    def evaluation(self, precision: str, provider: str) -> Path:
        """Return the path of the evaluation of a variant through a provider."""
        return self.evaluations / f"{precision}-{provider}.json"


def is_file_of_a_run(path: Path) -> bool:
    """Return whether a path has the place of a file that is proved, or proves, in whatever run.

    Records of studies are among them: what they tell took hours too.

    What a report leaves there (report.html, pareto.svg) proves nothing and can be made again.
    """
    run = RunDirectory(path.parent.resolve())
    if run.root.name == run.evaluations.name:
        return path.suffix == ".json"
    own = (run.recipe, run.history, run.weights, run.resume, run.training, run.imported)
    names = {one.name for one in (*own, run.export, run.reference)}
    names |= {STUDY_RECORD, STUDY_JOURNAL}
    return path.name in names or re.fullmatch(r"model(\..+)?\.onnx(\.data)?", path.name) is not None


def default_run(dataset_name: str, model_name: str) -> RunDirectory:
    """Return runs/<dataset>-<model>."""
    return RunDirectory(RUNS / re.sub(r"[^A-Za-z0-9._-]+", "-", f"{dataset_name}-{model_name}"))


def remember_last_run(run: RunDirectory) -> None:
    """Make `run` the one that commands take when they are given none."""
    write_bytes(LAST_RUN, f"{run.root.resolve()}\n".encode())


def last_run() -> RunDirectory:
    """Return the run that was trained last.

    Raises:
        ArtifactError: nothing was trained here yet, or that run is gone.
    """
    hint = "train one with: python cli.py train; or name one with --run"
    if not is_there(LAST_RUN):
        raise ArtifactError(str(RUNS), "no run was trained here yet", hint=hint)
    try:
        name = content_of_file(LAST_RUN, most_bytes=MOST_NAME_BYTES).decode().rstrip("\n")
    except UnicodeDecodeError:
        name = ""
    if not name:
        raise ArtifactError(str(LAST_RUN), "does not name a run", hint=hint)
    root = Path(name)
    if not root.is_dir():
        raise ArtifactError(str(root), "the run that was trained last is gone", hint=hint)
    return RunDirectory(root)
