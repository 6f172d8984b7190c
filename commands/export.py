"""`export`: run to ONNX, checked."""

from pathlib import Path

import click

from artifacts.choices import DEFAULT_OPSET, OPSETS, Precision
from commands.options import (
    data_dir_option,
    dataset_option,
    device_option,
    output_options,
    precision_option,
    run_option,
)


@click.command("export")
@run_option("Run to export.  [default: the one trained last]")
@precision_option
@click.option(
    "--opset",
    type=click.IntRange(*OPSETS),
    default=DEFAULT_OPSET,
    show_default=True,
    help="Version of ONNX's operator set.",
)
@click.option("--probabilities", is_flag=True, help="Add the softmax of the logits as an output.")
@device_option("Where PyTorch computes the reference.")
@dataset_option(None)
@data_dir_option
@output_options
def command(
    run: Path | None,
    precision: Precision,
    opset: int,
    probabilities: bool,
    device: str,
    dataset: str | None,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Export a trained network to ONNX, check it, and record PyTorch's logits beside it.

    \b
    Example: python cli.py export --run runs/digits-lenet5 --probabilities
    """
    from commands.console import print_json, print_pairs, show_log
    from commands.steps import export_step, run_or_last

    show_log()
    directory = run_or_last(run)
    variant = export_step(
        directory,
        precision=precision,
        opset=opset,
        probabilities=probabilities,
        device=device,
        dataset=dataset,
        data_dir=data_dir,
    )
    if as_json:
        print_json(variant.to_dict())
        return
    checks = ", ".join(f"{c.max_abs:.1e} at batch {c.batch_size}" for c in variant.batch_checks)
    print_pairs(
        f"exported {directory.root / variant.file}",
        [
            ("size", f"{variant.file_bytes:,} bytes"),
            ("graph", f"opset {variant.opset}, {variant.nodes} nodes"),
            ("against PyTorch", f"largest logit difference {checks}"),
            ("sha256", variant.onnx_sha256),
            ("next", f"python cli.py evaluate --run {directory.root}"),
        ],
    )
