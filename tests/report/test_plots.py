"""Plots draw the numbers that the records hold, and say what is missing."""

import pytest
from scipy.stats import binomtest

from artifacts.accuracy_records import ClassAccuracy
from artifacts.latency_records import LatencyRecord
from artifacts.parity_records import DifferenceBin, ParityRecord
from artifacts.training_records import Epoch
from report.class_plot import class_plot
from report.confusion_plot import MOST_DRAWN, confusion_plot
from report.difference_plot import difference_plot, why_not_drawn
from report.drawing import inline_svg
from report.latency_plots import latency_plot, series_of, speedup_plot
from report.numbers import percent_interval
from report.roofline_plot import roofline_plot, why_no_share
from report.training_plots import training_plots
from tests.evaluate.records import EVALUATION, LATENCY, PARITY, accuracy_of
from tests.evaluate.test_limit import LIMIT

EPOCHS = [
    Epoch(
        epoch=number,
        learning_rate=0.1,
        train_loss=1 / number,
        train_accuracy=0.5 + number / 10,
        val_loss=0.9 / number,
        val_accuracy=0.4 + number / 10,
        seconds=1.0,
        images_per_second=100.0,
    )
    for number in (1, 2, 3)
]
TESTED = [e.model_copy(update={"test_loss": 0.3, "test_accuracy": 0.7}) for e in EPOCHS]


def line_of(plot_line: object) -> list[float]:
    return [float(value) for value in plot_line.get_ydata()]  # type: ignore[attr-defined]


def test_training_plots_draw_the_history() -> None:
    loss, accuracy = training_plots(TESTED, 3, accuracy_of(700))
    _kept, *curves = loss.figure.axes[0].lines
    assert [line_of(curve) for curve in curves] == [
        [1, 1 / 2, 1 / 3],
        [0.9, 0.45, 0.3],
        [0.3, 0.3, 0.3],
    ]
    assert accuracy.rows[0] == ("1", "60.00%", "50.00%", "70.00%")
    assert "nothing was chosen by it" in accuracy.caption


def test_training_plots_say_that_the_test_split_was_not_measured() -> None:
    _, accuracy = training_plots(EPOCHS, 2, accuracy_of(700))
    assert {row[3] for row in accuracy.rows} == {"not recorded"}
    assert "measured once, with the kept weights" in accuracy.caption
    assert "--test-curve" in accuracy.caption
    _, unknown = training_plots(EPOCHS, 2, None)
    assert "was not measured" in unknown.caption


def two_classes(right: int, wrong: int, other: int) -> object:
    classes = (
        ClassAccuracy(label="cat", correct=right, examples=right + wrong),
        ClassAccuracy(label="dog", correct=other, examples=other),
    )
    return accuracy_of(right + other, right + wrong + other).model_copy(
        update={"per_class": classes, "confusion": ((right, wrong), (0, other))}
    )


def test_confusion_names_the_most_frequent_mistake() -> None:
    plot = confusion_plot(two_classes(7, 3, 10))  # type: ignore[arg-type]
    assert plot is not None
    assert plot.rows == [("cat", "dog", "3", "30.00%")]
    assert "cat was taken for dog (3 images)" in plot.caption
    drawn = sorted(text.get_text() for text in plot.figure.axes[0].texts)
    assert drawn == ["10", "3", "7"]


def test_class_names_with_dollar_signs_are_no_formula() -> None:
    accuracy = two_classes(7, 3, 10)
    classes = [
        one.model_copy(update={"label": label})
        for one, label in zip(accuracy.per_class, (r"$\frac$", "5$ or 10$"), strict=True)  # type: ignore[attr-defined]
    ]
    named = accuracy.model_copy(update={"per_class": tuple(classes)})  # type: ignore[attr-defined]
    for plot in (confusion_plot(named), class_plot(named)):
        assert plot is not None
        drawn = inline_svg(plot)
        assert r"$\frac$" in drawn
        assert "5$ or 10$" in drawn


def test_confusion_without_mistakes_says_so() -> None:
    plot = confusion_plot(two_classes(7, 0, 10))  # type: ignore[arg-type]
    assert plot is not None
    assert "no image was taken for another class" in plot.caption


def test_confusion_of_very_many_classes_is_not_drawn() -> None:
    one = ClassAccuracy(label="a", correct=1, examples=1)
    many = accuracy_of(5).model_copy(update={"per_class": (one,) * (MOST_DRAWN + 1)})
    assert confusion_plot(many) is None


def test_class_plot_has_wilson_intervals_and_the_least_known_first() -> None:
    plot = class_plot(two_classes(7, 3, 10))  # type: ignore[arg-type]
    assert [row[0] for row in plot.rows] == ["cat", "dog"]
    other = binomtest(7, 10).proportion_ci(method="wilson")  # the other way to it
    assert plot.rows[0][3] == percent_interval((other.low, other.high))


def test_differences_are_drawn_with_the_tolerance() -> None:
    assert difference_plot([EVALUATION]) is None
    bins = (
        DifferenceBin(below=2.0**-60, count=25),
        DifferenceBin(below=2.0**-21, count=0),
        DifferenceBin(below=2.0**-20, count=75),
    )
    parity = PARITY.model_copy(update={"difference_counts": bins})
    plot = difference_plot([EVALUATION.model_copy(update={"parity": parity})])
    assert plot is not None
    axes = plot.figure.axes[0]
    values, edges, _ = axes.patches[0].get_data()  # type: ignore[attr-defined]
    assert values.tolist() == [0, 0.75]
    assert edges.tolist() == [2.0**-22, 2.0**-21, 2.0**-20]
    assert line_of(axes.lines[0]) == [0, 1]
    assert axes.lines[0].get_xdata()[0] == PARITY.atol  # type: ignore[index]
    assert "equal to the last bit, 25.0%" in plot.caption


@pytest.mark.parametrize(
    ("parity", "told"),
    [
        (None, "there is no reference"),
        (PARITY.model_copy(update={"nonfinite": 1}), "no finite numbers"),
        (PARITY, "older evaluation"),
        (
            PARITY.model_copy(
                update={"difference_counts": (DifferenceBin(below=2.0**-60, count=9),)}
            ),
            "equal to the reference's, to the last bit",
        ),
    ],
)
def test_why_no_histogram_is_drawn_is_told(parity: ParityRecord | None, told: str) -> None:
    evaluation = EVALUATION.model_copy(update={"parity": parity})
    assert told in (why_not_drawn(evaluation) or "")
    assert difference_plot([evaluation]) is None


def test_time_of_outputs_that_are_not_right_is_not_drawn() -> None:
    wrong = LATENCY.model_copy(update={"outputs_verified": False, "speedup": 2.0})
    evaluation = EVALUATION.model_copy(update={"latency": (wrong,)})
    assert latency_plot([evaluation]) is None
    assert speedup_plot([evaluation]) is None


def test_latency_has_a_series_for_each_side() -> None:
    timed = LATENCY.model_copy(update={"pytorch": LATENCY, "speedup": 2.0})
    device = LATENCY.model_copy(update={"boundary": "device"})
    evaluation = EVALUATION.model_copy(update={"latency": (timed, device)})
    names = [series.name for series in series_of([evaluation])]
    assert names == ["float32 on cuda", "PyTorch beside cuda", "float32 on cuda, on the device"]
    plot = latency_plot([evaluation])
    assert plot is not None
    assert plot.rows[0][3:6] == ("too few blocks", "2.100 ms", "too few samples")
    ratios = speedup_plot([evaluation])
    assert ratios is not None
    assert ratios.rows == [("float32 on cuda, batch 1", "2.00×")]


def test_nothing_timed_draws_nothing() -> None:
    untimed = EVALUATION.model_copy(update={"latency": ()})
    assert latency_plot([untimed]) is None
    assert speedup_plot([EVALUATION]) is None


def limited(size: int, **changes: object) -> LatencyRecord:
    share = LIMIT.share(multiply_adds=size * 10**6, moved_bytes=10**6, seconds=1e-3)
    return LATENCY.model_copy(update={"batch_size": size, "limit": share, **changes})


def test_roofline_has_a_roof_and_a_mark_for_each_batch() -> None:
    device = limited(8, boundary="device")
    wrong = limited(16, outputs_verified=False)
    timings = (limited(1), limited(32), device, wrong)
    evaluation = EVALUATION.model_copy(update={"latency": timings, "limit": LIMIT})
    plot = roofline_plot([evaluation])
    assert plot is not None
    memory, caches, marks, *_, on_device = plot.figure.axes[0].lines
    assert line_of(memory)[-2:] == [100, 100]
    assert line_of(caches)[-2:] == [100, 100]
    assert line_of(memory)[0] < line_of(caches)[0]
    assert line_of(marks) == pytest.approx([2, 64])
    assert line_of(on_device) == pytest.approx([16])
    assert [text.get_text() for text in plot.figure.axes[0].texts] == ["1", "32", "8"]
    assert plot.rows[1] == (
        *("float32 on cuda", "32", "32,000,000", "1.00 MB", "64.0"),
        *("64.0", "100.0", "64%", "compute"),
    )
    assert why_no_share(evaluation) is None


def test_missing_limit_is_told_and_not_drawn() -> None:
    assert roofline_plot([EVALUATION]) is None
    assert "before limits were measured" in (why_no_share(EVALUATION) or "")
    failed = EVALUATION.model_copy(update={"limit": LIMIT, "limit_missing": "no rule counts it"})
    assert roofline_plot([failed]) is None
    assert (why_no_share(failed) or "").endswith("is missing: no rule counts it.")
    assert why_no_share(EVALUATION.model_copy(update={"latency": ()})) is None
