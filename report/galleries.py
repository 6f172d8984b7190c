"""Images that were classified wrongly, or otherwise than by the reference, to be looked at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from artifacts.evaluation_records import Evaluation, ShownExample
from artifacts.logits import Images
from report.names import name_of
from report.numbers import count
from report.pictures import Card, cards
from report.reading import RunRecords

NOT_RECORDED = "which ones was not recorded by this older evaluation"


@dataclass(frozen=True, kw_only=True)
class SplitImages:
    """Images of a test split that a report shows.

    Attributes:
        images: uint8 [C, H, W] by their index in the split.
        missing: why there are none; None where they are here.
    """

    images: Mapping[int, Images]
    missing: str | None = None


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """Cards below a title; `note` says what they are, or why there are none."""

    title: str
    note: str
    cards: Sequence[Card]


def shown_indices(run: RunRecords) -> list[int]:
    """Return the indices of the test images that the page of a run shows, ascending."""
    examples = [example for evaluation in run.evaluations for example in _shown(evaluation)]
    return sorted({example.index for example in examples})


def galleries(run: RunRecords, test_images: SplitImages) -> list[Gallery]:
    """Return the wrong images of the first evaluation, and the changed ones of each."""
    found = []
    if run.main is not None and run.main.accuracy is not None:
        found.append(_wrong(run.main, run, test_images))
    return found + [_flipped(evaluation, run, test_images) for evaluation in run.evaluations]


def _wrong(evaluation: Evaluation, run: RunRecords, test_images: SplitImages) -> Gallery:
    accuracy, title = evaluation.accuracy, "Classified wrongly"
    assert accuracy is not None
    wrong = accuracy.examples - accuracy.correct
    if not wrong:
        return Gallery(title=title, note="No test image was classified wrongly.", cards=())
    told = f"{count(wrong, 'test image')} by {name_of(evaluation)}"
    if evaluation.shown is None:
        return Gallery(title=title, note=f"{told}; {NOT_RECORDED}.", cards=())
    shown = evaluation.shown.wrong
    note = f"{told}."
    if len(shown) < wrong:
        is_finite = all(None not in example.onnx for example in shown)
        first = "" if is_finite else "those whose answers are not finite first, then "
        note = f"{told}; these {len(shown)}: {first}those that it was surest of."
    return _gallery(title, note, shown, run, test_images)


def _flipped(evaluation: Evaluation, run: RunRecords, test_images: SplitImages) -> Gallery:
    title = f"Changed by {name_of(evaluation)}"
    parity, shown = evaluation.parity, evaluation.shown
    if parity is None:
        return Gallery(title=title, note="Not known: there was no reference.", cards=())
    if not parity.flips:
        note = f"No prediction differs from {_reference(evaluation)}'s."
        return Gallery(title=title, note=note, cards=())
    if shown is None:
        note = f"{count(parity.flips, 'prediction')} differ; {NOT_RECORDED}."
        return Gallery(title=title, note=note, cards=())
    note = f"{count(parity.flips, 'prediction')} differ from {_reference(evaluation)}'s"
    note += f"; the first {len(shown.flipped)}." if len(shown.flipped) < parity.flips else "."
    return _gallery(title, note, shown.flipped, run, test_images)


def _reference(evaluation: Evaluation) -> str:
    is_onnx = evaluation.parity is not None and evaluation.parity.reference == "onnx"
    return "the other ONNX file" if is_onnx else "PyTorch"


def _gallery(
    title: str,
    note: str,
    examples: Sequence[ShownExample],
    run: RunRecords,
    test_images: SplitImages,
) -> Gallery:
    return Gallery(title=title, note=note, cards=cards(examples, test_images.images, run.classes))


def _shown(evaluation: Evaluation) -> tuple[ShownExample, ...]:
    shown = evaluation.shown
    return () if shown is None else (*shown.wrong, *shown.flipped)
