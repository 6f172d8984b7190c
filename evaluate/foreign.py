"""ONNX files that may be a stranger's: tried in a child process before they are opened in this one.

ONNX Runtime runs compiled code on what a file says. A file can make it loop for ever, divide by
zero or ask for terabytes, and then the process is lost; so the first to be lost is a child. A run
may be a stranger's too, whatever hashes its records hold: of its graphs, only those need no trial
that this user's own `export` wrote on this machine (artifacts.own_graphs).
"""

import contextlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from artifacts.chain import ExportedNetwork
from artifacts.evaluation_records import EvaluatedModel
from artifacts.files import sha256_of_file
from artifacts.logits import Images
from artifacts.own_graphs import content_of_graph, is_own
from errors import ArtifactError, UnfinishedError
from evaluate.graph_input import InputOptions
from evaluate.providers import engine_of
from evaluate.session_options import SessionOptions
from storage.temporary import temporary_directory
from untrusted.child import ChildError, ChildLimitError, Limits, result_in_child
from untrusted.files import require_file
from untrusted.memory import available_memory_bytes
from untrusted.notes import is_noted, write_note

# Protobuf's own limit for a message. Larger networks keep their weights in other files.
MOST_MODEL_BYTES = (2 << 30) - 1
_TRIED = "tried-graphs"  # notes of this kind


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
    onnx: Path,
    options: InputOptions,
    session: SessionOptions,
    images: Images | None = None,
    *,
    asked_by: str = "--onnx",
) -> TriedModel:
    """Return what an ONNX file says of itself, once a child process has checked and run it.

    The child may take `session.timeout_seconds`, and on the CPU as much memory as is free.

    Args:
        onnx: the file.
        options: of its input.
        session: as it will be opened.
        images: uint8 images_NCHW that it is run on; None: of the size that it takes, black and
            white.
        asked_by: the option that named it.

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
            "asked_by": asked_by,
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


def require_tried(
    exported: ExportedNetwork,
    options: InputOptions,
    session: SessionOptions,
    images: Images | None = None,
) -> None:
    """Try a run's graph as `tried_file` does, unless this user's own `export` wrote it here.

    One that passed is noted, and is not tried again by this version of ONNX Runtime on this
    provider with images of this shape.

    Args:
        exported: the graph, which is what its record says.
        options: of its input.
        session: as it will be opened.
        images: the same as of `tried_file`.

    Raises:
        ArtifactError: it is no ONNX model that is understood here, or has other weights than its
            record says.
        UnfinishedError: ONNX Runtime cannot load or run it; it crashed, took too long or too much.
        UnusableError: the provider does not work here.
        UsageError: it takes no such images.
    """
    variant = exported.variant
    shape = "its own" if images is None else "x".join(str(length) for length in images.shape)
    passed = (
        f"{content_of_graph(variant)} by {engine_of(session.provider)}"
        f" on {session.provider} with images {shape}"
    )
    if is_own(variant) or is_noted(_TRIED, passed):
        return
    tried = tried_file(exported.onnx, options, session, images, asked_by="--run").model
    weights = variant.external_data
    recorded = {weights.file: weights.sha256} if weights else {}
    if (tried.onnx_sha256, tried.external_data) != (variant.onnx_sha256, recorded):
        raise ArtifactError(
            str(exported.onnx), "is not, or has not the weights, that its run's record speaks of"
        )
    with contextlib.suppress(OSError):  # then it is tried again the next time
        write_note(_TRIED, passed)


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
    memory_bytes = available_memory_bytes() if session.computes_on_cpu else None
    return Limits(seconds=session.timeout_seconds, memory_bytes=memory_bytes)
