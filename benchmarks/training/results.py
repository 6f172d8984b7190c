"""What epochs come to: seconds, accuracy, the time to the same accuracy, memory, targets."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.answering import Answer
from benchmarks.measuring import ratio_summary
from benchmarks.training.contenders import BARE, DATA_LOADER, KERAS, LIGHTNING, OURS, Contender

# Network, contender, how many times as long as ours an epoch of it must take at least.
TARGETS = (
    *((model, KERAS, 5.0) for model in ("mlp", "lenet5")),
    *((model, DATA_LOADER, 10.0) for model in ("mlp", "lenet5")),
    *((model, LIGHTNING, 1.0) for model in ("mlp", "lenet5", "resnet18")),
    ("mlp", BARE, 1 / 1.05),  # ours is slower by no more than 5%
)


def measured_contenders(contenders: Mapping[str, Contender], images: int) -> dict[str, Any]:
    """Return what each contender's epochs came to, and the accuracy that all of them reached.

    Args:
        contenders: each with as many epochs as the others, ours among them; the first is no part of
            the seconds an epoch, but of the time to an accuracy.
        images: in an epoch.
    """
    epochs = {name: contender.epochs for name, contender in contenders.items()}
    wanted = common_correct(epochs.values())
    ours = epochs[OURS]
    own_seconds = [float(epoch["seconds"]) for epoch in ours[1:]]
    own_time = time_to(ours, wanted)
    found = {}
    for name, contender in contenders.items():
        seconds = [float(epoch["seconds"]) for epoch in contender.epochs[1:]]
        last = contender.epochs[-1]
        found[name] = {
            "facts": contender.facts,
            "images_per_second": round(images / statistics.median(seconds)),
            **ratio_summary(seconds, own_seconds),
            "warm_up_seconds": round(contender.epochs[0]["seconds"], 4),
            "validation_correct": [epoch["correct"] for epoch in contender.epochs],
            "time_to_accuracy": _beside(time_to(contender.epochs, wanted), own_time),
            "peak_memory_bytes": last["peak_memory_bytes"],
            "workers_memory_bytes": last.get("workers_memory_bytes"),
        }
    return {"wanted_correct": wanted, "contenders": found}


def common_correct(contenders: Iterable[Sequence[Answer]]) -> int:
    """Return the lowest of the contenders' best counts of right answers: each of them reached it.

    What does not learn anything is no part of it.
    """
    return min(
        max(int(epoch["correct"]) for epoch in epochs)
        for epochs in contenders
        if epochs[0]["correct"] is not None
    )


def time_to(epochs: Sequence[Answer], correct: int) -> dict[str, Any] | None:
    """Return how many epochs and seconds it took until so many answers were right.

    None for what does not learn anything.
    """
    seconds = 0.0
    for number, epoch in enumerate(epochs, start=1):
        seconds += epoch["seconds"]
        if epoch["correct"] is not None and epoch["correct"] >= correct:
            return {"epochs": number, "seconds": round(seconds, 4)}
    return None


def _beside(time: dict[str, Any] | None, ours: dict[str, Any] | None) -> dict[str, Any] | None:
    if time is None or ours is None:
        return None
    return time | {"ratio_to_ours": round(time["seconds"] / ours["seconds"], 3)}


def judged_target(
    workloads: Mapping[str, Any], model: str, contender: str, wanted: float
) -> dict[str, Any]:
    """Return what was wanted of a contender's ratio, what was measured, and whether it is met."""
    found = workloads[model]["contenders"].get(contender)
    ratio = found["ratio_to_ours"]["median"] if found else None
    return {
        "name": f"{model}: {contender} takes at least {wanted:.3g} times ours",
        "wanted": round(wanted, 3),
        "measured": ratio if ratio is not None else "not measured",
        "met": None if ratio is None else ratio >= wanted,
    }
