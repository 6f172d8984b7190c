"""The page of the study of losses: cross-entropy against mean squared error, and what follows."""

from artifacts.losses_records import LossesStudy, LossesTask
from report.contents import Contents
from report.losses_plots import (
    curvature_plot,
    gradient_plot,
    line_plot,
    plane_plots,
    rates_plot,
    speed_plot,
)
from report.losses_tables import (
    NO_DIFFERENCE,
    better,
    differences_table,
    outcomes_table,
    points_told,
)
from report.losses_words import (
    fastest_told,
    gradient_told,
    paired_told,
    surfaces_told,
    task_told,
    wide_told,
)
from report.names import LOSS_NAMES
from report.numbers import count, percent
from report.sections import Section

ROUNDING = 1e-9  # of eigenvalues near 1, computed in float64


def contents_of_losses(name: str, study: LossesStudy) -> Contents:
    """Return the page.

    Args:
        name: of the study.
        study: its record.
    """
    return Contents(
        name=name,
        summary=f"{study.dataset} · one linear layer · {count(len(study.seeds), 'seed')}",
        headline=_headline(study.tasks[0]),
        sections=[
            _measured(study),
            _accuracy(study),
            _speed(study),
            _gradients(study),
            _surfaces(study),
            _consequences(study),
        ],
        commands=[study.command],
    )


def _headline(task: LossesTask) -> str:
    cross_entropy, mse = (percent(outcome.accuracy.mean) for outcome in task.outcomes)
    winner = better(task.differences.accuracy, more_is_better=True)
    told = (
        "no difference beyond what the seeds vary by"
        if winner == NO_DIFFERENCE
        else f"{winner} is better by more than the seeds vary by"
    )
    return (
        f"{len(task.classes)} classes: {cross_entropy} of the test images right with cross-entropy,"
        f" {mse} with mean squared error, {told}; {_convex_losses(task)} of one layer's weights."
    )


def _convex_losses(task: LossesTask) -> str:
    convex = [
        LOSS_NAMES[line.loss]
        for line in task.one_layer.lines
        if min(line.eigenvalues) > -ROUNDING * max(1.0, line.hessian_entry)
    ]
    if len(convex) == 1:
        return f"only {convex[0]} was seen to be a convex loss"
    return f"{'both were' if convex else 'neither was'} seen to be a convex loss"


def _measured(study: LossesStudy) -> Section:
    first = study.tasks[0]
    rates = ", ".join(f"{tried.learning_rate:g}" for tried in first.outcomes[0].rates)
    notes = [
        "Logistic regression is one linear layer from all pixels to the classes, with the softmax"
        " of its outputs as probabilities; with two classes that is the sigmoid of the difference"
        " of both outputs. Cross-entropy is -log of the label's probability. Mean squared error is"
        " the squared distance of the probabilities from the label's unit vector, summed over the"
        " classes (Brier's score; `train --loss mse`). It is not the mean squared error of the"
        " outputs themselves, which is another, convex loss.",
        f"Both losses train from the same weights on the same batches of {study.batch_size} by SGD"
        f" with momentum {study.momentum:g} and a constant learning rate, for the same number of"
        f" steps; each has the one of {rates} that is best for it by mean accuracy on validation"
        f" images. Each of {count(len(study.seeds), 'seed')} has a fifth of the training images of"
        " its own for validation, its own first weights and its own order of images. Nothing was"
        " chosen by the test images.",
        "Intervals of a mean over the seeds are Student's and speak of training again. Wilson's"
        " interval speaks of other test images. A difference counts here where Student's interval"
        " of the differences, seed by seed, does not hold zero.",
    ]
    notes += [task_told(task) for task in study.tasks]
    return Section(anchor="measured", title="What was measured", notes=notes)


def _accuracy(study: LossesStudy) -> Section:
    return Section(
        anchor="accuracy",
        title="Accuracy and calibration",
        notes=[
            "ECE is the expected calibration error of 15 bins; negative log-likelihood is what"
            " cross-entropy makes small, Brier's score what mean squared error does. So each loss"
            " has one figure that is its own.",
            *(paired_told(task) for task in study.tasks),
        ],
        tables=[
            table
            for task in study.tasks
            for table in (outcomes_table(task), differences_table(task))
        ],
    )


def _speed(study: LossesStudy) -> Section:
    return Section(
        anchor="speed",
        title="Speed of convergence",
        notes=[
            f"Counted are the steps until {percent(study.tasks[0].target_share, 0)} of the lower of"
            " both losses' last validation accuracies is reached. Validation was looked at after"
            " ever fewer of the steps.",
            *(fastest_told(task) for task in study.tasks),
        ],
        plots=[plot for task in study.tasks for plot in (speed_plot(task), rates_plot(task))],
    )


def _gradients(study: LossesStudy) -> Section:
    notes = [
        "In the outputs the gradient of cross-entropy is p - y. That of mean squared error is"
        " 2 J (p - y), with the softmax's derivative J = diag(p) - p p^T before it, and J vanishes"
        " where the softmax is sure, be it wrong or right. The gradient in the weights is this"
        " times the image's pixels, the same for both losses."
    ]
    notes += [gradient_told(task) for task in study.tasks]
    notes += [wide_told(task) for task in study.tasks]
    return Section(
        anchor="gradients",
        title="The gradient at confident mistakes",
        notes=notes,
        plots=[gradient_plot(task) for task in study.tasks],
    )


def _surfaces(study: LossesStudy) -> Section:
    notes = [
        "Along any line through the weights of one layer cross-entropy is convex, since its Hessian"
        " is a mean of C ⊗ x x^T with C = diag(p) - p p^T, which is positive semidefinite. The C of"
        " mean squared error of the probabilities is not: its loss is at most 2 and goes flat where"
        " mistakes are confident. One point with a negative eigenvalue proves that a loss is not"
        " convex; points without one prove nothing, the closed form does."
    ]
    notes += [surfaces_told(task) for task in study.tasks]
    return Section(
        anchor="surfaces",
        title="The surfaces of the losses, and convexity",
        notes=notes,
        plots=[
            plot
            for task in study.tasks
            for plot in (*plane_plots(task), line_plot(task), curvature_plot(task))
        ],
    )


def _consequences(study: LossesStudy) -> Section:
    told = [
        f"with {len(task.classes)} classes the test accuracies differ by"
        f" {points_told(task.differences.accuracy)}"
        for task in study.tasks
    ]
    edges = [
        f"{LOSS_NAMES[outcome.loss]} with {len(task.classes)} classes"
        for task in study.tasks
        for outcome in task.outcomes
        if outcome.is_at_edge
    ]
    notes = [
        f"Of this network and these images: {'; '.join(told)}, and what is better in which figure"
        " stands in the tables. Cross-entropy is the convex one of the two, so every minimum that"
        " training finds is a global one; and where a network is confidently wrong it still pulls"
        " with full strength, where mean squared error hardly pulls at all.",
        "It does not follow that cross-entropy is more accurate everywhere: the figures are of one"
        " linear layer, one optimizer, one number of steps and no weight decay. Nor that mean"
        " squared error gets stuck from the small weights that training usually begins with: few"
        " examples are confidently wrong there. What large first weights do is measured above.",
    ]
    if edges:
        notes.append(
            f"The best learning rate lies at the edge of the grid for {', '.join(edges)}: a rate"
            " beyond it might be better still."
        )
    return Section(anchor="consequences", title="What follows, and what does not", notes=notes)
