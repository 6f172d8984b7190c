"""What `study architectures` prints: a row a network, then which one to take when."""

from artifacts.architecture_records import ArchitectureStudy, StudiedNetwork
from commands.console import results
from commands.wide_tables import folded, print_rows
from report.numbers import count

WIDEST_NETWORK = 14  # columns; a longer name goes on in the next line


def print_architectures(study: ArchitectureStudy) -> None:
    """Print the table and, below it, why a verdict failed and the advice for each batch size."""
    evaluation = study.networks[0].evaluation
    sizes = sorted({size for network in study.networks for size in network.medians_ms})
    rows = [_cells(network, sizes) for network in study.networks]
    headings = (
        *("network", "parameters", "multiply-\nadds, M", "ONNX %\n95% CI", "trained\ns", "MB"),
        *(f"p50 ms\nbatch {size}" for size in sizes),
        "verdict",
    )
    _print(
        f"{evaluation.dataset.name}, {count(study.epochs, 'epoch')} of"
        f" {study.train_examples:,} images each, ONNX Runtime's"
        f" {evaluation.provider.requested} provider"
    )
    print_rows(headings, rows, texts=("network", "verdict"), names=("network",))
    for network in study.networks:
        for failure in network.evaluation.failures:
            _print(f"{network.name}: {failure}")
    for size in dict.fromkeys(one.batch_size for one in study.advice):
        _print(f"batches of {size}:")
        for one in study.advice:
            if one.batch_size == size:
                _print(f"  {one.sentence}")


def _cells(network: StudiedNetwork, sizes: list[int]) -> list[list[str]]:
    medians = network.medians_ms
    low, high = (100 * bound for bound in network.accuracy.ci95)
    size_bytes = network.evaluation.model.file_bytes
    return [
        folded(network.name, WIDEST_NETWORK),
        [f"{network.evaluation.model.parameters:,}"],
        [f"{network.multiply_adds / 1e6:,.1f}"],
        [f"{100 * network.accuracy.top1:.2f}", f"{low:.1f}-{high:.1f}"],
        [f"{network.training_seconds:,.1f}"],
        ["none" if size_bytes is None else f"{size_bytes / 1e6:.2f}"],
        *([f"{medians[size]:.3f}" if size in medians else "none"] for size in sizes),
        [network.evaluation.verdict],
    ]


def _print(line: str) -> None:
    results.print(line, markup=False, emoji=False, soft_wrap=True)
