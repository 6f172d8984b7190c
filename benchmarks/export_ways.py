"""One network exported to ONNX by one of the ways that people use; started by benchmarks.exporting.

    python -m benchmarks.export_ways WAY ORDER.json

It exports once, ends as that way ends, and leaves in the order's `told` what it did: seconds of the
call itself, without imports, and which batches ONNX Runtime was given meanwhile. With `wrong` in
the order, the file's last weights are made 10% larger as soon as torch's exporter has written them,
before the way itself looks at the file. Runs in the environment of the way.
"""

import functools
import json
import logging
import runpy
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch

from models import build
from models.weights import load_weights

Order = dict[str, Any]
Export = Callable[[], object]
WRONG = np.float32(1.1)
TRACED_BATCH_SIZE = 2  # not 1, which the exporter would take for a constant
ROOT = Path(__file__).parent.parent


def command_line(order: Order) -> Export:
    """Return this project's own `export`, whole."""
    sys.argv = ["cli.py", "export", "--run", order["run"]]

    def export() -> None:
        try:
            runpy.run_path(str(ROOT / "cli.py"), run_name="__main__")
        except SystemExit as end:
            if end.code:
                raise

    return export


def graph_and_checks(order: Order) -> Export:
    """Return what of ours makes and checks the graph, without PyTorch's answers on all images."""
    from artifacts.chain import trained_network
    from artifacts.run_directory import RunDirectory
    from commands.export_steps import engine_on
    from commands.run_data import dataset_of_run
    from export.checks import check_batches, check_file
    from export.graph import graph_from_classifier
    from export.saving import save_graph
    from models.inference import logits_function

    trained = trained_network(RunDirectory(Path(order["run"])))
    images = dataset_of_run(trained.dataset, None, None).test.images
    classifier = _classifier(order)
    engine, path = engine_on("cpu"), Path(order["onnx"])

    def export() -> None:
        save_graph(
            graph_from_classifier(classifier, trained, opset=order["opset"], probabilities=False),
            path,
        )
        check_file(path)
        reference = logits_function(classifier, torch.device("cpu"))
        check_batches(engine.open_logits(path), reference, images, engine.tolerance_for("float32"))

    return export


def bare(order: Order) -> Export:
    """Return torch's exporter alone, on the network with its preprocessing."""
    images = torch.zeros(TRACED_BATCH_SIZE, *_image_shape(order), dtype=torch.uint8)
    return functools.partial(
        torch.onnx.export,
        _classifier(order),
        (images,),
        order["onnx"],
        dynamo=True,
        dynamic_shapes=({0: "batch"},),
        external_data=False,
    )


def timm(order: Order) -> Export:
    """Return timm's export with its own check, on the network without preprocessing."""
    from timm.utils.onnx import onnx_export

    return functools.partial(
        onnx_export,
        _classifier(order).network,
        order["onnx"],
        input_size=_image_shape(order),
        check_forward=True,
    )


def optimum(order: Order) -> Export:
    """Return optimum's export of a folder of transformers, validated as it does by default."""
    from optimum.exporters.onnx import main_export

    folder = Path(order["onnx"]).parent
    _write_of_transformers(folder / "transformers", order)
    shape = dict(zip(("num_channels", "height", "width"), _image_shape(order), strict=True))
    return functools.partial(
        main_export,
        folder / "transformers",
        folder,
        task="image-classification",
        library_name="transformers",
        **shape,
    )


def _write_of_transformers(folder: Path, order: Order) -> None:
    """Write transformers' ResNet of 18 layers, the one of our networks that it has, untrained."""
    from transformers import ResNetConfig, ResNetForImageClassification

    if order["model"]["name"] != "resnet18":  # a folder as transformers wants it, all the same
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps({"model_type": order["model"]["name"]}))
        return
    torch.manual_seed(0)
    config = ResNetConfig(
        num_channels=order["model"]["in_channels"],
        hidden_sizes=[64, 128, 256, 512],
        depths=[2, 2, 2, 2],
        layer_type="basic",
        num_labels=order["model"]["num_classes"],
    )
    ResNetForImageClassification(config).save_pretrained(folder)


def _classifier(order: Order) -> Any:
    classifier = build(**order["model"])
    load_weights(Path(order["run"]) / "weights.safetensors", classifier)
    return classifier.eval()


def _image_shape(order: Order) -> tuple[int, int, int]:
    height, width = order["model"]["image_size"]
    return order["model"]["in_channels"], height, width


def make_exports_wrong() -> None:
    """Let torch's exporter write other weights than it was given, and say nothing."""
    genuine = torch.onnx.export

    def wrong(*arguments: Any, **named: Any) -> Any:
        program = genuine(*arguments, **named)
        file = named.get("f", arguments[2] if len(arguments) > 2 else None)
        if file is None:
            _enlarge_in_program(program)
        else:
            _enlarge_in_file(Path(file))
        return program

    torch.onnx.export = wrong


def _enlarge_in_program(program: Any) -> None:
    import onnx_ir

    weights = program.model.graph.initializers
    for node in reversed(list(program.model.graph)):
        for value in node.inputs:
            if value is not None and value.name in weights and value.const_value.shape.rank() > 1:
                larger = value.const_value.numpy() * WRONG
                value.const_value = onnx_ir.tensor(larger, name=value.name)
                return
    raise ValueError("no weights to make wrong")


def _enlarge_in_file(path: Path) -> None:
    import onnx

    model = onnx.load(path)
    weights = {weight.name: weight for weight in model.graph.initializer}
    for node in reversed(model.graph.node):
        for name in node.input:
            if name in weights and len(weights[name].dims) > 1:
                larger = onnx.numpy_helper.to_array(weights[name]) * WRONG
                weights[name].CopyFrom(onnx.numpy_helper.from_array(larger, name))
                onnx.save(model, path)
                return
    raise ValueError("no weights to make wrong")


def count_batches(sizes: list[int]) -> None:
    """Let ONNX Runtime's sessions note the batch size of all they are given."""
    genuine = onnxruntime.InferenceSession.run

    def noted(self: Any, outputs: Any, feed: dict[str, Any], *arguments: Any) -> Any:
        sizes.append(len(next(iter(feed.values()))))
        return genuine(self, outputs, feed, *arguments)

    onnxruntime.InferenceSession.run = noted


WAYS: dict[str, Callable[[Order], Export]] = {
    "command": command_line,
    "graph": graph_and_checks,
    "torch": bare,
    "timm": timm,
    "optimum": optimum,
}


def main() -> None:
    """Export once."""
    logging.basicConfig()  # so that a warning is seen
    way, order_file = sys.argv[1:]
    order = json.loads(Path(order_file).read_text())
    export = WAYS[way](order)
    if order["wrong"]:
        make_exports_wrong()
    sizes: list[int] = []
    count_batches(sizes)
    start = time.perf_counter()
    export()
    told = {"seconds": time.perf_counter() - start, "batch_sizes": sizes}
    Path(order["told"]).write_text(json.dumps(told))


if __name__ == "__main__":
    main()
