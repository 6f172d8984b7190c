"""`predict`: image files to classes and probabilities, through ONNX Runtime."""

import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from artifacts.choices import Precision
from commands.evaluate_options import Values, input_options
from commands.options import (
    model_timeout_option,
    output_options,
    precision_option,
    provider_option,
    run_option,
)
from errors import ArtifactError, DatasetError, UsageError

if TYPE_CHECKING:  # at run time these load numpy, pydantic, rich and ONNX Runtime
    from artifacts.prediction_records import FailedImage, PredictedImage
    from commands.progress import StepProgress
    from evaluate.classifier import Classifier
    from evaluate.prediction import ImageSource

STANDARD_INPUT = "-"


@click.command("predict")
@click.argument("image", nargs=-1, required=True)
@run_option("Run whose network is asked.  [default: the one trained last]")
@click.option(
    "--onnx",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Ask this ONNX file, whoever made it, instead of a run.",
)
@input_options
@precision_option
@provider_option()
@model_timeout_option
@click.option(
    "--top",
    type=click.IntRange(1),
    default=3,
    show_default=True,
    help="How many classes to tell, the most probable first.",
)
@output_options
def command(
    image: tuple[str, ...],
    run: Path | None,
    onnx: Path | None,
    input_form: Values,
    precision: Precision,
    provider: str,
    timeout_seconds: float,
    top: int,
    as_json: bool,
) -> int:
    """Say what is on images: files, folders of them, or - for one on standard input.

    Each is turned upright and converted to the channels and the size that the network takes.
    Ends with exit code 4 where one of them could not be read; the others are told all the same.

    \b
    Examples: python cli.py predict photo.jpg scans/ --top 1
              python cli.py predict cat.png --onnx model.onnx --input-scale 1/255
    """
    from artifacts.prediction_records import FailedImage, Predictions
    from commands.classifier import opened_classifier
    from commands.console import log, print_json, show_log
    from commands.progress import step_progress
    from commands.streams import in_one_line
    from commands.stuck import end_process_when_stuck
    from evaluate.session_options import SessionOptions

    show_log()
    end_process_when_stuck()
    if "" in image or image.count(STANDARD_INPUT) > 1:
        found = "an empty one" if "" in image else f"{STANDARD_INPUT} more than once"
        raise UsageError("IMAGE", f"wanted names of files and folders, found {found}")
    with step_progress("prediction") as progress:
        progress("opening", 0, 0)
        session = SessionOptions(provider=provider, timeout_seconds=timeout_seconds)
        classifier = opened_classifier(run, onnx, input_form, precision, session)
        results = _results(classifier, image, top, progress)
    failed = [result for result in results if isinstance(result, FailedImage)]
    for result in failed:
        log.error("%s: %s", in_one_line(result.file), result.error)
    if as_json:
        document = Predictions(model=classifier.model, provider=provider, images=tuple(results))
        print_json(document.to_dict())
    else:
        _print_table(f"{classifier.model.name} on {provider}", results)
    return ArtifactError.exit_code if failed else 0


def _results(
    classifier: "Classifier", names: tuple[str, ...], top: int, progress: "StepProgress"
) -> "list[PredictedImage | FailedImage]":
    """Return what was found for each image, in the order of the names, folders opened."""
    from artifacts.prediction_records import FailedImage
    from evaluate.prediction import predictions

    found: list[ImageSource | FailedImage] = []
    for name in names:
        try:
            found += _sources(name)
        except DatasetError as error:
            found.append(FailedImage(file=name, error=error.problem))
    sources = [entry for entry in found if not isinstance(entry, FailedImage)]
    predicted = predictions(classifier, sources, top=top)
    results: list[PredictedImage | FailedImage] = []
    for entry in found:
        results.append(entry if isinstance(entry, FailedImage) else next(predicted))
        progress("images", len(results), len(found))
    return results


def _sources(name: str) -> "list[ImageSource]":
    """Return the images of a name: the file, those of the folder, or standard input's.

    Raises:
        DatasetError: a folder without images, or one that cannot be read; too much to read.
    """
    from data.image_folder import find_unlabelled_images
    from evaluate.prediction import ImageSource

    if name == STANDARD_INPUT:
        return [ImageSource(name=name, content=_standard_input())]
    path = Path(name)
    if not path.is_dir():
        return [ImageSource(name=name, content=path)]
    try:
        files = find_unlabelled_images(path)
    except OSError as error:
        raise DatasetError(name, f"cannot be read: {error.strerror}") from error
    return [ImageSource(name=_utf8(file), content=file) for file in files]


def _utf8(path: Path) -> str:
    """Return a path as text that JSON has; bytes that are no UTF-8 as escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _standard_input() -> BinaryIO:
    from data.images import MAX_FILE_BYTES

    # Closed from the start, it is None.
    content = sys.stdin.buffer.read(MAX_FILE_BYTES + 1) if sys.stdin else b""
    if len(content) > MAX_FILE_BYTES:
        raise DatasetError(STANDARD_INPUT, f"is too large: wanted at most {MAX_FILE_BYTES} bytes")
    return io.BytesIO(content)


def _print_table(title: str, results: "list[PredictedImage | FailedImage]") -> None:
    """Print one row an image; long names go on in the next line, none is cut."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from artifacts.prediction_records import PredictedImage
    from commands.console import results as console
    from commands.streams import in_one_line

    table = Table(box=SIMPLE_HEAD, padding=(0, 0), pad_edge=False)
    table.add_column("file", overflow="fold")
    table.add_column("class", overflow="fold")
    table.add_column("probability", justify="right", no_wrap=True)
    for result in results:
        if isinstance(result, PredictedImage):
            name = in_one_line(result.file)
            for prediction in result.predictions:
                share = f"{100 * prediction.probability:.2f}%"
                table.add_row(Text(name), Text(in_one_line(prediction.class_name)), share)
                name = ""  # told once an image
    if table.row_count:
        console.print(title, markup=False, emoji=False, soft_wrap=True)
        console.print(table)
