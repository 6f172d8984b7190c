"""What stands on the page of a run: its plots, tables, cards and commands, ready to be written.

Of a study other modules say that, each of its own (`report/studies.py`), in the same form.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from artifacts.verification import Link
from report.class_plot import class_plot
from report.confusion_plot import confusion_plot, confusions
from report.difference_plot import difference_plot, why_not_drawn
from report.drawing import Plot
from report.galleries import SplitImages, galleries
from report.latency_plots import latency_plot, speedup_plot
from report.names import name_of
from report.numbers import count
from report.pareto import common_batch_sizes, points_at
from report.pareto_plot import pareto_plot
from report.provenance import chain_table, commands
from report.reading import RunRecords
from report.roofline_plot import roofline_plot, why_no_share
from report.scenario_tables import scenario_tables
from report.sections import Section
from report.tables import (
    Table,
    accuracy_table,
    environment_table,
    parity_table,
    placement_table,
    variants_table,
)
from report.training_plots import training_plots
from report.words import headline, sentences


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """An evaluation's verdict in words."""

    name: str
    passed: bool
    sentences: Sequence[str]
    failures: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Contents:
    """All of a run, or of a study.

    Attributes:
        name: of the run or the study.
        summary: network, dataset, size, in one line.
        headline: the verdict on all evaluations; of a study what it found, in a sentence.
        passed: of all; None where there is none.
        verdicts: one an evaluation.
        left_out: evaluations of other files than the run now has, a sentence each.
        sections: the rest.
        chain: links with the sha256 of what they speak of; None: of a study, which proves no file.
        commands: what was typed, in its order.
    """

    name: str
    summary: str
    headline: str
    passed: bool | None = None
    verdicts: Sequence[Verdict] = ()
    left_out: Sequence[str] = ()
    sections: Sequence[Section]
    chain: Table | None = None
    commands: Sequence[str] = ()

    @property
    def is_study(self) -> bool:
        """Whether it tells of an experiment, not of a network that is proved."""
        return self.chain is None

    @property
    def plots(self) -> list[Plot]:
        """All plots of it."""
        return [plot for section in self.sections for plot in section.plots]


def contents_of(run: RunRecords, test_images: SplitImages, dataset: Link | None) -> Contents:
    """Return what the page says of a run.

    Args:
        run: its records.
        test_images: those of `shown_indices`.
        dataset: whether the dataset is the one of the record; None: it was not looked for.
    """
    evaluations = run.evaluations
    verdicts = [evaluation.verdict == "pass" for evaluation in evaluations]
    return Contents(
        name=run.name,
        summary=_summary(run),
        headline=headline(evaluations),
        passed=all(verdicts) if verdicts else None,
        verdicts=[
            Verdict(
                name=name_of(evaluation),
                passed=evaluation.verdict == "pass",
                sentences=sentences(evaluation),
                failures=evaluation.failures,
            )
            for evaluation in evaluations
        ],
        left_out=[f"{one.name} is left out: it {one.detail}." for one in run.left_out],
        sections=[
            _accuracy(run),
            _training(run),
            _mistakes(run, test_images),
            _parity(run),
            _latency(run),
            _variants(run),
            _placement(run),
        ],
        chain=chain_table(run, dataset),
        commands=commands(run),
    )


def _summary(run: RunRecords) -> str:
    parts = [run.network]
    if run.main is not None:
        parts.append(count(run.main.model.parameters, "parameter"))
        parts.append(f"{run.main.dataset.name}, {count(run.main.dataset.examples, 'test image')}")
    elif run.recipe is not None:
        parts.append(run.recipe.dataset.name)
    return " · ".join(parts)


def _accuracy(run: RunRecords) -> Section:
    section = Section(anchor="accuracy", title="Accuracy")
    if not run.evaluations:
        return replace(section, notes=["Not measured: the network has not been evaluated."])
    section = replace(section, tables=[accuracy_table(run.evaluations)])
    notes = [
        "Intervals are Wilson's; ECE is how far confidence is from accuracy on average;"
        " McNemar's exact test asks whether the examples that only one side gets right are chance."
    ]
    accuracy = run.main.accuracy if run.main else None
    if accuracy is None:
        return replace(section, notes=["The images have no labels: accuracy is not known."])
    if accuracy.expected_calibration_error is None:
        notes.append(
            "Some logits are no finite numbers; an image with one counts as an answer to the first"
            " class that has one, so the counts of right answers say little."
        )
    matrix, classes = confusion_plot(accuracy), class_plot(accuracy)
    if matrix is not None:
        return replace(section, notes=notes, plots=[matrix, classes])
    worst = Table(
        caption="Most frequent mistakes",
        columns=("label", "named", "examples", "of that label"),
        rows=confusions(accuracy),
    )
    notes.append(f"{len(accuracy.per_class)} classes are too many for a matrix.")
    return replace(section, notes=notes, tables=[*section.tables, worst], plots=[classes])


def _training(run: RunRecords) -> Section:
    section = Section(anchor="training", title="Training")
    if run.training is None:
        why = "Not recorded: the network was trained elsewhere."
        return replace(section, notes=[why])
    if not run.history:
        return replace(section, notes=["The history of the training is missing."])
    training, parity = run.training, run.main.parity if run.main else None
    settings = run.recipe.hyperparameters if run.recipe else None
    told = f"{count(training.epochs, 'epoch')} in {training.seconds:,.0f} s on {training.device}"
    if settings is not None:
        told += f", {settings.optimizer}, batches of {settings.batch_size}, rate {settings.lr:g}"
        told += f", {settings.schedule}, {settings.precision}"
    if run.recipe is not None:
        told += "".join(f", {choice}" for choice in run.recipe.model.choices)
    tested = parity.pytorch_accuracy if parity else None
    return replace(
        section,
        notes=[f"{told}."],
        plots=training_plots(run.history, training.best_epoch, tested),
    )


def _mistakes(run: RunRecords, test_images: SplitImages) -> Section:
    section = Section(anchor="mistakes", title="Images that were wrong, or changed")
    if not run.evaluations:
        return replace(section, notes=["Not known: the network has not been evaluated."])
    why, found = test_images.missing, galleries(run, test_images)
    notes = [f"The images themselves are not shown: {why}."] if why else []
    return replace(
        section,
        notes=notes + [f"{one.title}: {one.note}" for one in found if not one.cards],
        galleries=[one for one in found if one.cards],
    )


def _parity(run: RunRecords) -> Section:
    parity = run.main.parity if run.main else None
    other = "the other ONNX file" if parity and parity.reference == "onnx" else "PyTorch"
    section = Section(anchor="parity", title=f"Agreement with {other}")
    if not run.evaluations:
        return replace(section, notes=["Not measured: the network has not been evaluated."])
    plot = difference_plot(run.evaluations)
    return replace(
        section,
        notes=[note for one in run.evaluations if (note := why_not_drawn(one))],
        tables=[parity_table(run.evaluations)],
        plots=[plot] if plot else [],
    )


def _latency(run: RunRecords) -> Section:
    section = Section(anchor="latency", title="Latency")
    drawn = (latency_plot, speedup_plot, roofline_plot)
    plots = [plot for draw in drawn if (plot := draw(run.evaluations))]
    tables = scenario_tables(run.evaluations)
    if not plots and not tables:
        return replace(section, notes=["Not measured: no evaluation timed anything."])
    unverified = [
        f"{name_of(evaluation)}, batch {timing.batch_size}: the timed outputs are not the untimed"
        " ones, so this time is not that of a computation, and is left out."
        for evaluation in run.evaluations
        for timing in evaluation.latency
        if not timing.outputs_verified
    ]
    without_limit = [why for one in run.evaluations if (why := why_no_share(one))]
    return replace(section, notes=unverified + without_limit, tables=tables, plots=plots)


def _variants(run: RunRecords) -> Section:
    section = Section(anchor="variants", title="Variants")
    if run.export is None:
        return replace(section, notes=["Nothing was exported by this run."])
    section = replace(section, tables=[variants_table(run.export, run.evaluations)])
    timed = [evaluation for evaluation in run.evaluations if evaluation.latency]
    sizes = common_batch_sizes(timed)
    if len(timed) < 2 or not sizes or not all(evaluation.accuracy for evaluation in timed):
        why = "two evaluations have an accuracy and timed the same batch size"
        return replace(section, notes=[f"Accuracy against latency is drawn where {why}."])
    return replace(section, plots=[pareto_plot(points_at(timed, sizes[-1]), sizes[-1])])


def _placement(run: RunRecords) -> Section:
    section = Section(anchor="placement", title="Where it ran")
    if not run.evaluations:
        return replace(section, notes=["Not known: the network has not been evaluated."])
    tables = [placement_table(run.evaluations), environment_table(run.evaluations)]
    return replace(section, tables=tables)
