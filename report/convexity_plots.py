"""Plots of the study of convexity."""

from artifacts.convexity_records import ConvexityOfLoss, ConvexityStudy
from report.drawing import MARKERS, MUTED, SERIES, Plot, legend_above, new_figure
from report.names import LOSS_NAMES
from report.surface_plot import surface_plot

DASHES = (0, (4, 2))


def convexity_plots(study: ConvexityStudy) -> list[Plot]:
    """Return the plots of chords, of eigenvalues, and of each loss with scaled layers."""
    deep = [one for one in study.results if one.layers == 2]
    return [_chord_plot(deep), _path_plot(study), *(_scaled_plot(one) for one in deep)]


def _chord_plot(results: list[ConvexityOfLoss]) -> Plot:
    rows = []
    with new_figure() as (figure, axes):
        for number, one in enumerate(results):
            shares, losses = one.chord.shares, one.chord.losses
            colour, name = SERIES[number], LOSS_NAMES[one.loss]
            axes.plot(
                shares, losses, color=colour, marker=MARKERS[number], markersize=3.5, label=name
            )
            ends = (losses[0], losses[-1])
            axes.plot(
                (0, 1), ends, color=colour, linestyle=DASHES, linewidth=1.2, label=f"{name}, chord"
            )
            rows += [
                (
                    name,
                    f"{share:.2f}",
                    f"{loss:.4f}",
                    f"{ends[0] + share * (ends[1] - ends[0]):.4f}",
                )
                for share, loss in zip(shares, losses, strict=True)
            ]
        axes.set(xlabel="share of the way from the weights to the same, negated", ylabel="loss")
        legend_above(figure, columns=2)
    return Plot(
        name="chord",
        title="Two layers: the loss between two equally good networks",
        caption="Negating all weights of both layers leaves their product, and so the network, as"
        " it is. A convex loss would lie on or below the dashed chord everywhere; halfway, where"
        " all weights are zero, it lies above it.",
        figure=figure,
        columns=("loss", "share of the way", "loss there", "chord there"),
        rows=rows,
    )


def _path_plot(study: ConvexityStudy) -> Plot:
    rows = []
    with new_figure(3.4) as (figure, axes):
        axes.axhline(0, color=MUTED, linewidth=1)
        for number, one in enumerate(study.results):
            name = f"{LOSS_NAMES[one.loss]}, {'one layer' if one.layers == 1 else 'two layers'}"
            axes.plot(
                one.path_shares,
                one.path_eigenvalues,
                color=SERIES[number],
                marker=MARKERS[number],
                markersize=3.5,
                linewidth=1.2,
                label=name,
            )
            rows += [
                (name, f"{share:.2f}", f"{value:.3g}")
                for share, value in zip(one.path_shares, one.path_eigenvalues, strict=True)
            ]
        axes.set(
            xlabel="share of the trained weights (0: all are zero)",
            ylabel="smallest eigenvalue of the Hessian",
        )
        legend_above(figure, columns=2)
    return Plot(
        name="curvature",
        title="Smallest curvature on the way from zero to the trained weights",
        caption="Where it is below zero the loss is curved downwards in some direction, which a"
        " convex one is nowhere.",
        figure=figure,
        columns=("loss and depth", "share", "smallest eigenvalue"),
        rows=rows,
    )


def _scaled_plot(one: ConvexityOfLoss) -> Plot:
    assert one.scaled is not None  # of two layers
    return surface_plot(
        one.scaled,
        name=f"scaled-{one.loss}",
        title=f"Two layers, {LOSS_NAMES[one.loss]}: each layer's trained weights times a number",
        caption="The loss depends on the product of both numbers alone, so its valleys are"
        " hyperbolas: two of them, with a saddle between, where all weights are zero.",
        axes_names=("times the first layer", "times the second layer"),
        marks={"trained": (1, 1), "negated": (-1, -1), "saddle": (0, 0)},
    )
