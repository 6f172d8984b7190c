"""Networks side by side on the same test images: which ones only one of two gets right."""

import itertools
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from artifacts.architecture_records import NetworkPair
from artifacts.evaluation_records import Evaluation
from artifacts.logits import ReferenceLogits
from artifacts.statistics import mcnemar_exact
from errors import ArtifactError
from evaluate.statistics import holm_corrected


def right_answers(
    evaluation: Evaluation, reference: ReferenceLogits, labels_N: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Return for each test image whether ONNX Runtime put it into its class: bool [N].

    Nothing is computed again: ONNX Runtime's classes are the reference's but for the flips, which
    the evaluation lists.

    Args:
        evaluation: of a float32 network, against that reference.
        reference: PyTorch's logits, as `export` recorded them.
        labels_N: of the test split.

    Raises:
        ArtifactError: that does not give as many right answers as the evaluation counted.
    """
    predicted_N = reference.float32_NK.argmax(axis=1)
    for flip in evaluation.parity.flipped if evaluation.parity else ():
        predicted_N[flip.index] = flip.onnx
    right_N: NDArray[np.bool_] = predicted_N == labels_N
    counted = evaluation.accuracy.correct if evaluation.accuracy else None
    if counted != right_N.sum():
        raise ArtifactError(
            evaluation.model.name,
            f"its reference and flips give {right_N.sum():,} right answers, its evaluation"
            f" {'none' if counted is None else f'{counted:,}'}",
        )
    return right_N


def pairs_of(right: Mapping[str, NDArray[np.bool_]]) -> tuple[NetworkPair, ...]:
    """Return every two networks with McNemar's exact test, corrected for their number.

    Args:
        right: of each network, by its name, which test images it got right: bool [N].
    """
    counts = [
        (first, second, int((a & ~b).sum()), int((b & ~a).sum()))
        for (first, a), (second, b) in itertools.combinations(right.items(), 2)
    ]
    p_values = [mcnemar_exact(only_first, only_second) for *_, only_first, only_second in counts]
    return tuple(
        NetworkPair(
            first=first,
            second=second,
            only_first=only_first,
            only_second=only_second,
            mcnemar_p=p,
            holm_p=corrected,
        )
        for (first, second, only_first, only_second), p, corrected in zip(
            counts, p_values, holm_corrected(p_values), strict=True
        )
    )
