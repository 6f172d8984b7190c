"""The network that `predict` and `serve` ask, opened as their options say."""

from pathlib import Path

from artifacts.chain import exported_network
from artifacts.choices import Precision
from commands.evaluate_options import Values, refuse_options_of_files
from commands.run_data import run_or_last
from errors import UsageError
from evaluate.classifier import Classifier, classifier_of_file, classifier_of_run
from evaluate.graph_input import InputOptions
from evaluate.session_options import SessionOptions


def opened_classifier(
    run: Path | None,
    onnx: Path | None,
    input_form: Values,
    precision: Precision,
    session: SessionOptions,
) -> Classifier:
    """Return the network of a run, the last one unless named, or of any ONNX file.

    Raises:
        ArtifactError: a file is missing, damaged, or not what its record says.
        UnfinishedError: ONNX Runtime cannot load or run it.
        UnusableError: the provider does not work here.
        UsageError: options do not fit each other, or the network takes no images.
    """
    if onnx is not None:
        if run is not None:
            raise UsageError("--run", "cannot be given with --onnx")
        return classifier_of_file(onnx, InputOptions(**input_form), session)
    refuse_options_of_files(input_form)
    return classifier_of_run(exported_network(run_or_last(run), precision), session)
