"""The verdict in words."""

from collections.abc import Sequence

from artifacts.evaluation_records import Evaluation
from artifacts.parity_records import ParityRecord
from report.names import name_of
from report.numbers import count, small

PROVIDER_NAMES = {
    "cpu": "CPU",
    "cuda": "CUDA",
    "openvino": "OpenVINO",
    "tensorrt": "TensorRT",
}


def headline(evaluations: Sequence[Evaluation]) -> str:
    """Return the verdict on all evaluations in one sentence."""
    if not evaluations:
        return "Nothing is proved yet: this network has not been evaluated."
    failed = [evaluation for evaluation in evaluations if evaluation.verdict == "fail"]
    if not failed:
        if len(evaluations) == 1:
            return f"{name_of(evaluations[0])} passed all that was checked."
        number = "Both" if len(evaluations) == 2 else f"All {len(evaluations)}"
        return f"{number} evaluations passed all that was checked."
    names = ", ".join(name_of(evaluation) for evaluation in failed)
    return f"{count(len(failed), 'evaluation')} of {len(evaluations)} failed: {names}."


def sentences(evaluation: Evaluation) -> tuple[str, ...]:
    """Return what an evaluation proved, in sentences; what it could not prove among them."""
    return (
        _provider(evaluation),
        _agreement(evaluation),
        *_price(evaluation),
        *_explanation(evaluation),
        *_baseline(evaluation),
        *_not_shown(evaluation),
    )


def _provider(evaluation: Evaluation) -> str:
    proof = evaluation.provider
    name = PROVIDER_NAMES.get(proof.requested, proof.requested)
    nodes = sum(proof.nodes.values())
    if not nodes:
        return "Where the nodes ran is not known: ONNX Runtime named none."
    if proof.nodes_elsewhere:
        return f"{proof.nodes_elsewhere} of {count(nodes, 'node')} did not run on {name}."
    return f"All {count(nodes, 'node')} ran on ONNX Runtime's {name} provider."


def _agreement(evaluation: Evaluation) -> str:
    parity = evaluation.parity
    if parity is None:
        return "Nothing was there to compare with, so nothing is said about agreement."
    other = "PyTorch" if parity.reference != "onnx" else "the other ONNX file"
    images = count(parity.examples, "test image")
    if parity.nonfinite:
        return f"{count(parity.nonfinite, 'logit')} of {images} are no finite numbers."
    allowed = f"{parity.atol:g} near zero is allowed{_outside(parity)}"
    return (
        f"Beside {other}, over all {images}: {_flips(parity)}; the largest difference of a logit"
        f" is {small(parity.max_abs)}, where {allowed}."
    )


def _outside(parity: ParityRecord) -> str:
    if not parity.outside_share or parity.elements_outside is None:
        return ""
    return (
        f" to all but {100 * parity.outside_share:g}% of the logits"
        f" (further apart: {parity.elements_outside:,})"
    )


def _flips(parity: ParityRecord) -> str:
    if not parity.flips:
        return "no prediction changed"
    changed = f"{count(parity.flips, 'prediction')} changed"
    if not parity.unexplained_flips:
        return f"{changed}, each so close a call that the tolerance explains it"
    return f"{changed}, {parity.unexplained_flips} of them unexplained"


def _price(evaluation: Evaluation) -> tuple[str, ...]:
    loss = evaluation.accuracy_loss
    if loss is None:
        return ()
    moved = f"{abs(loss.points):.2f} points of accuracy"
    if loss.points <= 0:
        gained = f"{moved} gained" if loss.points else "as many images are right"
        return (f"{evaluation.model.precision} costs nothing: {gained}.",)
    chance = "more than chance" if loss.more_than_chance else "which chance explains"
    told = f"{chance} (McNemar's p = {loss.mcnemar_p:.2g})"
    return (
        f"{evaluation.model.precision} costs {moved}, {told}; {loss.allowed_points:g} are allowed.",
    )


def _explanation(evaluation: Evaluation) -> tuple[str, ...]:
    found = evaluation.explanation
    if found is None:
        return ()
    if found.node is None:
        return ("No node was found whose output departs although its inputs do not.",)
    of = f", of {found.module}" if found.module else ""
    return (f"The difference begins in {found.node} ({found.op_type}{of}).",)


def _baseline(evaluation: Evaluation) -> tuple[str, ...]:
    baseline = evaluation.baseline
    if baseline is None:
        return ()
    worse = [f"batch {one.batch_size}" for one in baseline.latency if one.worse]
    told = ["accuracy"] if baseline.accuracy_worse else []
    told += [f"latency at {', '.join(worse)}"] if worse else []
    return (f"Beside the baseline, worse by more than chance: {' and '.join(told) or 'nothing'}.",)


def _not_shown(evaluation: Evaluation) -> tuple[str, ...]:
    missing = []
    if evaluation.accuracy is None:
        missing.append("The images have no labels, so no accuracy is known.")
    if evaluation.scenario is None:
        missing.append("Nothing was timed.")
    return tuple(missing)
