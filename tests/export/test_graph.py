import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from timm.models.beit import Beit
from torch import nn

from artifacts.chain import trained_network
from artifacts.run_directory import RunDirectory
from commands.main import main
from commands.run_data import dataset_of_run
from errors import UsageError
from export import graph as graph_module
from export.graph import graph_from_classifier, opset_of
from models.classifier import Classifier


@pytest.fixture
def exported(finished_run: Path, tmp_path: Path) -> RunDirectory:
    """The tiny run, exported again with probabilities and another opset."""
    run = RunDirectory(Path(shutil.copytree(finished_run, tmp_path / "run")))
    options = ["--probabilities", "--opset", "18"]
    assert main(["export", "--run", str(run.root), *options]) == 0
    return run


def test_graph_takes_raw_pixels_and_gives_logits_at_any_batch(finished_run: Path) -> None:
    model = onnx.load(finished_run / "model.onnx")
    (images,), (logits,) = model.graph.input, model.graph.output
    assert (images.name, logits.name) == ("images", "logits")
    assert images.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert logits.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    shapes = [
        [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
        for value in (images, logits)
    ]
    assert shapes == [["batch", 1, 8, 8], ["batch", 3]]
    assert opset_of(model) == 20
    assert sorted(path.name for path in finished_run.glob("model*")) == ["model.onnx"]


def test_probabilities_are_the_softmax_of_the_logits(exported: RunDirectory) -> None:
    session = onnxruntime.InferenceSession(
        str(exported.onnx("float32")), providers=["CPUExecutionProvider"]
    )
    images = np.random.default_rng(0).integers(0, 256, (5, 1, 8, 8)).astype(np.uint8)
    logits, probabilities = session.run(["logits", "probabilities"], {"images": images})
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    np.testing.assert_allclose(probabilities, shares / shares.sum(axis=1, keepdims=True), 1e-5)
    assert opset_of(onnx.load(exported.onnx("float32"))) == 18


def test_metadata_names_classes_dataset_checkpoint_and_versions(finished_run: Path) -> None:
    trained = trained_network(RunDirectory(finished_run))
    entries = {p.key: p.value for p in onnx.load(finished_run / "model.onnx").metadata_props}
    assert entries["classes"] == '["0", "1", "2"]'
    assert entries["dataset"] == "tiny"
    assert entries["dataset_sha256"] == trained.dataset.sha256
    assert entries["checkpoint_sha256"] == trained.checkpoint_sha256
    assert entries["version.torch"] == torch.__version__.split("+")[0]


def test_file_names_no_path_of_the_machine_that_made_it(finished_run: Path) -> None:
    content = (finished_run / "model.onnx").read_bytes()
    for path in (Path(graph_module.__file__).parent.parent, Path(torch.__file__).parent):
        assert str(path).encode() not in content
    # ... while each node still says which module it came from.
    gemm = [n for n in onnx.load(finished_run / "model.onnx").graph.node if n.op_type == "Gemm"]
    scopes = [{p.key: p.value for p in n.metadata_props}["namespace"] for n in gemm]
    assert len(scopes) == 3
    assert all("network" in scope for scope in scopes)


def test_branches_of_a_graph_name_no_path_either(finished_run: Path) -> None:
    class Conditional(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            pixels = images.float().flatten(1)
            chosen: torch.Tensor = torch.cond(
                pixels.sum() > 0, torch.negative, torch.abs, (pixels,)
            )
            return chosen

    trained = trained_network(RunDirectory(finished_run))
    program = graph_from_classifier(Conditional(), trained, opset=20, probabilities=False)
    content = program.model_proto.SerializeToString()
    assert b"If" in content
    assert b"stack_trace" not in content
    assert str(Path(__file__).parent).encode() not in content


def test_opset_that_cannot_be_made_is_refused(finished_run: Path) -> None:
    trained = trained_network(RunDirectory(finished_run))
    convolution = nn.Sequential(_Float(), nn.ZeroPad2d(1), nn.Conv2d(1, 3, 10), nn.Flatten())
    with pytest.raises(UsageError, match="--opset: 17 cannot be made"):
        graph_from_classifier(convolution, trained, opset=17, probabilities=False)


def test_attention_with_a_bias_can_be_exported(finished_run: Path) -> None:
    """The exporter takes fused attention apart into products with another memory layout."""
    network = Beit(
        img_size=8,
        patch_size=4,
        in_chans=1,
        num_classes=3,
        embed_dim=32,
        depth=1,
        num_heads=2,
        use_rel_pos_bias=True,
    )
    trained = trained_network(RunDirectory(finished_run))
    attending = Classifier(network, mean=[0.0], std=[255.0])
    program = graph_from_classifier(attending, trained, opset=20, probabilities=False)
    assert "Softmax" in {node.op_type for node in program.model_proto.graph.node}


class _Float(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.float()


def test_exported_dataset_is_the_run_s_own(finished_run: Path) -> None:
    spec = trained_network(RunDirectory(finished_run)).dataset
    assert dataset_of_run(spec, None, None).sha256 == spec.sha256
