"""ONNX files that no run made: tried in a child process before they are opened in this one.

ONNX Runtime runs compiled code on what a file says. A file can make it loop for ever, divide by
zero or ask for terabytes, and then the process is lost; so the first to be lost is a child. A run's
own files need no trial: their hashes say that they are what `export` wrote and ran.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from artifacts.evaluation_records import EvaluatedModel
from artifacts.files import sha256_of_file
from artifacts.logits import Images
from errors import ArtifactError, UnfinishedError
from evaluate.graph_input import InputOptions
from evaluate.session_options import SessionOptions
from storage.temporary import temporary_directory
from untrusted.child import ChildError, ChildLimitError, Limits, result_in_child
from untrusted.files import require_file
from untrusted.memory import available_memory_bytes

# Protobuf's own limit for a message. Larger networks keep their weights in other files.
MOST_MODEL_BYTES = (2 << 30) - 1


@dataclass(frozen=True, kw_only=True)
class TriedModel:
    """An ONNX file that a child has checked and run.

    Attributes:
        model: what the record says of it.
        softmaxed: values that a softmax has made.
    """

    model: EvaluatedModel
    softmaxed: frozenset[str]


def tried_file(
    onnx: Path, options: InputOptions, session: SessionOptions, images: Images | None = None
) -> TriedModel:
    """Return what an ONNX file says of itself, once a child process has checked and run it.

    The child may take `session.timeout_seconds`, and on the CPU as much memory as is free.

    Args:
        onnx: the file.
        options: of its input.
        session: as it will be opened.
        images: uint8 images_NCHW that it is run on; None: of the size that it takes, black and
            white.

    Raises:
        ArtifactError: the file is missing, or is no ONNX model that is understood here.
        UnfinishedError: ONNX Runtime cannot load or run it; it crashed, took too long or too much.
        UnusableError: the provider does not work here.
        UsageError: it takes no such images, or an option does not fit.
    """
    require_file(onnx, most_bytes=MOST_MODEL_BYTES)
    with temporary_directory() as directory:
        saved = None
        if images is not None:
            saved = directory / "images.npy"
            np.save(saved, images)
        arguments = {
            "onnx": str(onnx),
            "images": saved and str(saved),
            "options": vars(options),
            "session": vars(session),
        }
        try:
            found = result_in_child("evaluate.first_run:first_run", arguments, _limits(session))
        except ChildError as error:
            is_limit = isinstance(error, ChildLimitError)
            raise UnfinishedError(
                str(onnx),
                f"{error} when it was first run",
                hint="allow it more with --model-timeout SECONDS" if is_limit else None,
            ) from error
    return TriedModel(
        model=EvaluatedModel.model_validate(found["model"]),
        softmaxed=frozenset(found["softmaxed"]),
    )


def require_same_files(onnx: Path, model: EvaluatedModel) -> None:
    """Hold what was opened in this process against what the child has tried.

    Args:
        onnx: the file.
        model: what the child said of it.

    Raises:
        ArtifactError: the file, or one with its weights, is another one by now.
    """
    there = onnx.resolve().parent
    sha256_by_path = {onnx: model.onnx_sha256} | {
        there / name: sha256 for name, sha256 in model.external_data.items()
    }
    for path, sha256 in sha256_by_path.items():
        if sha256_of_file(path) != sha256:
            raise ArtifactError(str(path), "was changed while it was opened")


def _limits(session: SessionOptions) -> Limits:
    # Drivers of GPUs reserve more addresses than there is memory, and could not be limited so.
    memory_bytes = available_memory_bytes() if session.provider == "cpu" else None
    return Limits(seconds=session.timeout_seconds, memory_bytes=memory_bytes)
