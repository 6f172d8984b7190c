"""The tables of `study architectures`: rows of text, made of its record."""

from artifacts.architecture_records import ArchitectureStudy, NetworkPair, StudiedNetwork
from report.architecture_advice import gain
from report.architecture_plots import seconds_after
from report.numbers import (
    count,
    megabytes,
    milliseconds,
    milliseconds_interval,
    percent,
    percent_interval,
    times,
)
from report.tables import Table


def cost_table(study: ArchitectureStudy, sizes: tuple[int, ...]) -> Table:
    """Return what each network costs, and what it gives; the medians of batches of these sizes."""
    rows = [
        (
            network.name,
            f"{network.evaluation.model.parameters:,}",
            f"{network.multiply_adds / 1e6:,.1f} M",
            percent(network.accuracy.top1),
            percent_interval(network.accuracy.ci95),
            f"{network.training_seconds:,.1f} s",
            *(milliseconds(network.medians_ms.get(size)) for size in sizes),
            megabytes(network.evaluation.model.file_bytes),
            network.evaluation.verdict,
        )
        for network in study.networks
    ]
    return Table(
        caption="What each network costs, and gives",
        columns=(
            *("network", "parameters", "multiply-adds", "test accuracy", "95% interval"),
            *("trained in", *(f"batch of {size}" for size in sizes), "file", "verdict"),
        ),
        rows=rows,
    )


def pairs_table(study: ArchitectureStudy) -> Table:
    """Return each two networks with the test images that only one of them gets right."""
    return Table(
        caption="Pairs of networks on the same test images",
        columns=("pair", "only the first", "only the second", "difference", "p", "corrected", "so"),
        rows=[_pair_row(study, pair) for pair in study.pairs],
    )


def _pair_row(study: ArchitectureStudy, pair: NetworkPair) -> tuple[str, ...]:
    gained = gain(pair.first, pair.second, study.networks, study.pairs)
    better = pair.first if gained.points > 0 else pair.second
    return (
        f"{pair.first}, {pair.second}",
        f"{pair.only_first:,}",
        f"{pair.only_second:,}",
        f"{gained.points:+.2f} points",
        f"{pair.mcnemar_p:.2g}",
        f"{pair.holm_p:.2g}",
        f"{better} is more accurate" if pair.is_more_than_chance else "may be chance",
    )


def seconds_table(study: ArchitectureStudy) -> Table:
    """Return what each network had reached in the seconds that each of them took."""
    return Table(
        caption="Best validation accuracy after as many seconds",
        columns=("after", *(network.name for network in study.networks)),
        rows=[
            (
                f"{network.training_seconds:,.1f} s, as {network.name} took",
                *(_reached(other, network.training_seconds) for other in study.networks),
            )
            for network in sorted(study.networks, key=lambda network: network.training_seconds)
        ],
    )


def _reached(network: StudiedNetwork, seconds: float) -> str:
    """Return the best validation accuracy of the epochs that had ended by then."""
    ends = seconds_after(network.history)
    finished = [
        epoch.val_accuracy
        for epoch, end in zip(network.history, ends, strict=True)
        if end <= seconds
    ]
    if not finished:
        return "no epoch finished"
    is_over = ends[-1] < seconds
    return f"{percent(max(finished))}, done before" if is_over else percent(max(finished))


def latency_table(study: ArchitectureStudy) -> Table:
    """Return every timing from numpy to numpy whose outputs were the right ones."""
    return Table(
        caption="Latency through ONNX Runtime, from numpy to numpy",
        columns=(
            *("network", "batch", "median", "95% interval", "images/s", "beside PyTorch"),
            *("threads", "steady"),
        ),
        rows=[
            (
                network.name,
                str(timing.batch_size),
                milliseconds(timing.p50_ms),
                milliseconds_interval(timing.p50_ci95_ms),
                f"{timing.images_per_second:,.0f}",
                times(timing.speedup, timing.speedup_ci95),
                str(timing.threads),
                "yes" if timing.stable else "no",
            )
            for network in study.networks
            for timing in network.evaluation.latency
            if timing.boundary == "host" and timing.outputs_verified
        ],
    )


def settings_table(study: ArchitectureStudy) -> Table:
    """Return how each network was trained."""
    rows = []
    for network in study.networks:
        settings, training = network.hyperparameters, network.training
        rows.append(
            (
                network.name,
                f"{settings.optimizer}, {settings.schedule}",
                f"{settings.lr:g}",
                str(settings.batch_size),
                f"{settings.weight_decay:g}",
                f"{settings.label_smoothing:g}",
                "yes" if settings.augmentation.changes else "no",
                settings.precision,
                f"{training.device}, {count(training.threads, 'thread')}",
            )
        )
    return Table(
        caption="How each network was trained: by its own recipe, for the same number of epochs",
        columns=(
            *("network", "optimizer, schedule", "rate", "batch", "weight decay"),
            *("label smoothing", "images changed", "precision", "on"),
        ),
        rows=rows,
    )


def machine_table(study: ArchitectureStudy) -> Table:
    """Return on what and when each network was trained and evaluated."""
    rows = []
    for network in study.networks:
        environment, load = network.evaluation.environment, network.evaluation.machine.load_average
        rows.append(
            (
                network.name,
                f"{environment.cpu}, {count(environment.cpus, 'CPU')}",
                network.training.environment.date,
                environment.date,
                "not told" if load is None else f"{load:.2f}",
            )
        )
    return Table(
        caption="Machine, and how busy it was",
        columns=("network", "machine", "trained, UTC", "evaluated, UTC", "load, ours included"),
        rows=rows,
    )
