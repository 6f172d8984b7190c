"""`export`: run to ONNX, checked."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from artifacts.choices import BF16_OPSET, DEFAULT_OPSET, OPSETS, Precision
from artifacts.shell import pasteable
from commands.evaluate_options import Values, number_list
from commands.networks import model_option, pretrained_option
from commands.options import (
    data_dir_option,
    dataset_option,
    device_option,
    image_size_option,
    output_options,
    precision_option,
    provider_option,
    run_option,
    trust_code_option,
)
from commands.precision_options import given_int8_options, int8_options
from errors import UsageError

if TYPE_CHECKING:  # at run time it loads pydantic
    from artifacts.export_records import Variant
    from artifacts.training_records import Normalization

_NEEDS_WEIGHTS = "wants --checkpoint FILE or --pretrained: without them a run is exported"


@click.command("export")
@run_option("Run to export, or to write with --checkpoint.  [default: the one trained last]")
@click.option(
    "--checkpoint",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Weights of a network that was trained elsewhere: safetensors, or a state dict of"
    " torch.save. Wants --model and --dataset, which may be a folder of images without labels.",
)
@model_option(None)
@pretrained_option
@click.option(
    "--mean",
    callback=number_list,
    metavar="N,N,...",
    help="With --checkpoint: what the network wants subtracted from pixels of 0 to 1, one number or"
    " one a channel.  [default: the library's; 0 for a network of your own]",
)
@click.option(
    "--std",
    callback=number_list,
    metavar="N,N,...",
    help="With --checkpoint: what they are divided by then.",
)
@image_size_option
@precision_option
@int8_options
@provider_option("Where the exported graph is checked.")
@click.option(
    "--opset",
    type=click.IntRange(*OPSETS),
    help=f"Version of ONNX's operator set.  [default: {DEFAULT_OPSET}; {BF16_OPSET} for bf16]",
)
@click.option("--probabilities", is_flag=True, help="Add the softmax of the logits as an output.")
@device_option("Where PyTorch computes the reference.")
@dataset_option(None)
@data_dir_option
@trust_code_option
@output_options
def command(
    run: Path | None,
    checkpoint: Path | None,
    model: str | None,
    pretrained: bool,
    mean: tuple[float, ...] | None,
    std: tuple[float, ...] | None,
    image_size: tuple[int, int] | None,
    precision: Precision,
    int8: Values,
    provider: str,
    opset: int | None,
    probabilities: bool,
    device: str,
    dataset: str | None,
    data_dir: Path | None,
    trust_code: bool,
    as_json: bool,
) -> None:
    """Export a network to ONNX, check it, and record PyTorch's logits beside it.

    A reduced precision is made of the float32 graph and put beside it. Its ranges are taken from
    training images, never from test images.

    \b
    Examples: python cli.py export --run runs/digits-lenet5 --probabilities
              python cli.py export --precision int8 --keep-float32 first,last
              python cli.py export --checkpoint net.pt --model net.py:factory --dataset photos/
    """
    from commands.console import print_json, show_log
    from commands.progress import loading

    show_log()
    with loading():
        from commands.export_steps import ImportOptions, export_step, import_step
        from commands.run_data import run_or_last, trust_code_of
        from export.export import ExportOptions
    reduction = given_int8_options(precision, int8)
    if checkpoint is None and not pretrained:
        _refuse_options_of_imports(model, mean, std, image_size)
        directory = run_or_last(run)
        if trust_code:
            trust_code_of(directory)
    else:
        network, images = _network_and_images(model, dataset)
        directory = import_step(
            ImportOptions(
                model=network,
                checkpoint=checkpoint,
                pretrained=pretrained,
                dataset=images,
                data_dir=data_dir,
                image_size=image_size,
                normalization=_normalization(mean, std),
                run=run,
            )
        )
    variant = export_step(
        directory,
        ExportOptions(
            precision=precision,
            opset=opset,
            probabilities=probabilities,
            device=device,
            int8=reduction,
        ),
        provider=provider,
        dataset=dataset,
        data_dir=data_dir,
    )
    if as_json:
        print_json(variant.to_dict())
    else:
        _print_variant(directory.root, variant)


def _print_variant(run: Path, variant: "Variant") -> None:
    from commands.console import print_pairs
    from commands.reduction_lines import reduction_pairs

    checks = ", ".join(f"{c.max_abs:.1e} at batch {c.batch_size}" for c in variant.batch_checks)
    print_pairs(
        f"exported {run / variant.file}",
        [
            ("size", f"{variant.file_bytes:,} bytes"),
            *_external_data_pairs(variant),
            ("graph", f"opset {variant.opset}, {variant.nodes} nodes"),
            *reduction_pairs(variant),
            ("against PyTorch", f"largest logit difference {checks}"),
            ("sha256", variant.onnx_sha256),
            ("next", _next(run, variant.precision)),
        ],
    )


def _next(run: Path, precision: Precision) -> str:
    which = "" if precision == "float32" else f" --precision {precision}"
    return pasteable("evaluate", f"--run={run}") + which


def _external_data_pairs(variant: "Variant") -> list[tuple[str, str]]:
    data = variant.external_data
    return [("weights", f"{data.bytes:,} bytes in {data.file}")] if data else []


def _network_and_images(model: str | None, dataset: str | None) -> tuple[str, str]:
    """Return what weights from elsewhere want to be told beside them."""
    if model is None:
        raise UsageError("--model", "is missing: which network are the weights of?")
    if dataset is None:
        raise UsageError(
            "--dataset",
            "is missing: what is parity proved on?",
            hint="any dataset, or a folder of images without labels",
        )
    return model, dataset


def _refuse_options_of_imports(
    model: str | None,
    mean: tuple[float, ...] | None,
    std: tuple[float, ...] | None,
    image_size: tuple[int, int] | None,
) -> None:
    values = {"--model": model, "--mean": mean, "--std": std, "--image-size": image_size}
    for option, value in values.items():
        if value is not None:
            raise UsageError(option, _NEEDS_WEIGHTS)


def _normalization(
    mean: tuple[float, ...] | None, std: tuple[float, ...] | None
) -> "Normalization | None":
    """Return what pixels of 0..255 are normalized by, of figures for pixels of 0 to 1."""
    from artifacts.training_records import Normalization

    if mean is None and std is None:
        return None
    mean, std = mean or (0.0,), std or (1.0,)
    channels = max(len(mean), len(std))
    for option, values in (("--mean", mean), ("--std", std)):
        if len(values) not in (1, channels):
            raise UsageError(option, f"wanted 1 or {channels} numbers, found {len(values)}")
    if min(std) <= 0:
        raise UsageError("--std", "wanted numbers above zero")
    return Normalization(
        mean=tuple(255 * value for value in _for_each(mean, channels)),
        std=tuple(255 * value for value in _for_each(std, channels)),
    )


def _for_each(values: tuple[float, ...], channels: int) -> tuple[float, ...]:
    return values * channels if len(values) == 1 else values
