"""The page of the study of convexity: which loss is convex in the weights, and what follows."""

from artifacts.convexity_records import ConvexityOfLoss, ConvexityStudy
from artifacts.statistics import wilson_interval
from report.contents import Contents
from report.convexity_plots import convexity_plots
from report.names import LOSS_NAMES
from report.numbers import count, percent_interval
from report.sections import Section
from report.tables import Table

ROUNDING = 1e-9  # of eigenvalues near 1, computed in float64


def contents_of_convexity(name: str, study: ConvexityStudy) -> Contents:
    """Return the page.

    Args:
        name: of the study.
        study: its record.
    """
    return Contents(
        name=name,
        summary=f"{study.dataset} · {count(study.examples, 'training image')} ·"
        f" {study.components} principal components · {study.classes} classes",
        headline=_headline(study),
        sections=[_question(study), _one_layer(study), _two_layers(study), _consequences(study)],
        commands=[study.command],
    )


def is_convex(one: ConvexityOfLoss) -> bool:
    """Return whether nothing that was measured contradicts convexity."""
    return (
        min(*one.path_eigenvalues, one.origin_eigenvalue) > -ROUNDING
        and one.random_chords_below == 0
        and one.chord.highest_above < ROUNDING
    )


def _headline(study: ConvexityStudy) -> str:
    def told(layers: int) -> str:
        convex = [LOSS_NAMES[r.loss] for r in study.results if r.layers == layers and is_convex(r)]
        return " and ".join(convex) or "neither loss"

    return (
        f"With one linear layer {told(1)} behaved as a convex loss of the weights; with a hidden"
        f" layer {told(2)} did."
    )


def _question(study: ConvexityStudy) -> Section:
    return Section(
        anchor="question",
        title="The question, and what was measured",
        notes=[
            "The assignment asks which loss makes a network of linear layers, with at least one"
            " hidden layer, a convex problem in its weights, and answers: mean squared error. It is"
            " neither. The outputs of two layers are x (W2 W1)^T, and the product of two matrices"
            " of unknowns makes either loss non-convex.",
            f"Measured on {count(study.examples, 'training image')} of {study.dataset}: the inputs"
            f" are their first {study.components} principal components, each with variance 1, and a"
            f" column of ones; {study.classes} classes; {count(study.hidden, 'hidden unit')}"
            " without activation, so many that the product of both layers can be any matrix. Mean"
            " squared error is the squared distance between the outputs and the label's unit"
            " vector, summed over the classes; cross-entropy is that of the softmax of the outputs."
            " Both are means over the examples, in float64.",
        ],
        tables=[_results_table(study)],
    )


def _results_table(study: ConvexityStudy) -> Table:
    return Table(
        caption="What was measured of each loss and depth",
        columns=(
            *("loss", "layers", "weights", "smallest eigenvalue at zero", "by theory"),
            *("smallest on the path", "random chords below the loss", "95% interval"),
            *("Hessians differ from theory by", "least loss", "starts end above it by"),
        ),
        rows=[_results_row(one) for one in study.results],
    )


def _results_row(one: ConvexityOfLoss) -> tuple[str, ...]:
    chords = wilson_interval(one.random_chords_below, one.random_chords)
    above = [loss - one.least_loss for loss in one.start_losses]
    return (
        LOSS_NAMES[one.loss],
        str(one.layers),
        f"{one.parameters:,}",
        f"{one.origin_eigenvalue:.6g}",
        f"{one.origin_eigenvalue_by_theory:.6g}",
        f"{min(one.path_eigenvalues):.4g}",
        f"{one.random_chords_below:,} of {one.random_chords:,}",
        percent_interval(chords),
        f"{one.hessian_difference:.1e} at {one.hessian_points} points, entries up to"
        f" {one.hessian_entry:.3g}",
        f"{one.least_loss:.6f}",
        f"{min(above):.1e} to {max(above):.1e} ({count(len(above), 'start')})",
    )


def _one_layer(study: ConvexityStudy) -> Section:
    notes = [
        "With one layer the Hessian is a mean over the examples of C ⊗ x x^T, where C is the"
        " curvature of the loss in the outputs: 2 I for mean squared error, diag(p) - p p^T for"
        " cross-entropy. Both are positive semidefinite wherever the weights are, which proves that"
        " both losses are convex; what was measured only agrees with it."
    ]
    notes += [_told_of_one_layer(one) for one in study.results if one.layers == 1]
    return Section(anchor="one-layer", title="One layer: both losses are convex", notes=notes)


def _told_of_one_layer(one: ConvexityOfLoss) -> str:
    return (
        f"{LOSS_NAMES[one.loss].capitalize()}: the smallest eigenvalue on the way from zero to the"
        f" trained weights is {min(one.path_eigenvalues):.2g}, which is zero up to rounding or"
        f" above; {one.random_chords_below} of {one.random_chords:,} chords between random weights"
        f" (standard deviation {one.chord_spread:g}) lie below the loss at their middle."
    )


def _two_layers(study: ConvexityStudy) -> Section:
    notes = [
        "With two layers and all weights zero the loss is, up to second order, its value plus"
        " <G, W2 W1>, where G is the gradient in the product. So for every singular value s of G"
        " its Hessian has the eigenvalues +s and -s, as often as there are hidden units: zero is a"
        " saddle, for either loss."
    ]
    notes += [_told_of_two_layers(one) for one in study.results if one.layers == 2]
    return Section(
        anchor="two-layers",
        title="Two layers: neither loss is",
        notes=notes,
        plots=convexity_plots(study),
    )


def _told_of_two_layers(one: ConvexityOfLoss) -> str:
    return (
        f"{LOSS_NAMES[one.loss].capitalize()}: the smallest eigenvalue at zero is"
        f" {one.origin_eigenvalue:.6g}, by theory {one.origin_eigenvalue_by_theory:.6g}. The chord"
        " between the trained weights and the same negated, two equally good networks, lies below"
        f" the loss by up to {one.chord.highest_above:.4g}; so do {one.random_chords_below:,} of"
        f" {one.random_chords:,} chords between random weights near zero (standard deviation"
        f" {one.chord_spread:g}) at their middle."
    )


def _consequences(study: ConvexityStudy) -> Section:
    deep = [one for one in study.results if one.layers == 2]
    starts = "; ".join(
        f"{LOSS_NAMES[one.loss]} {max(one.start_losses) - one.least_loss:.1e}" for one in deep
    )
    notes = [
        "It follows that no loss here makes a deep linear network a convex problem in its weights."
        " More layers change nothing: with all but two of them held fixed they are such a problem"
        " again, unless what is fixed passes nothing on, and a function that is convex is so in"
        " each part of its unknowns.",
        "It does not follow that training gets stuck. The largest distance of"
        f" {count(len(deep[0].start_losses), 'random start')} from the least loss, after training:"
        f" {starts}. So few starts prove nothing of all; theorems do. Baldi and Hornik (1989)"
        " proved for squared error and one hidden layer, under conditions on the data's"
        " covariances, that every local minimum is a global one and all other critical points are"
        " saddles. That is no statement about cross-entropy. Laurent and von Brecht (2018) proved"
        " for every convex and differentiable loss, so for both of these, that local minima are"
        " global where the hidden layers are at least as wide as the inputs, or at least as wide as"
        f" the outputs: {count(study.hidden, 'hidden unit')} for as many inputs is that case."
        " Neither theorem speaks of networks with activations between the layers.",
        "What is true of the assignment's answer: each loss is convex in the network's outputs, and"
        " with a single layer the outputs are linear in the weights. Mean squared error is then"
        " quadratic, with one Hessian everywhere and a minimum in closed form, which cross-entropy"
        " has not. A hidden layer ends that for both.",
    ]
    if study.separable:
        notes.append(
            "One linear layer gets all of these examples right. So cross-entropy has no minimum"
            " here: it falls towards zero as the weights grow, and its least loss in the table is"
            " where the computation ended."
        )
    return Section(anchor="consequences", title="What follows, and what does not", notes=notes)
