from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from artifacts.logits import Images, Logits, Tolerance
from errors import UnfinishedError
from export.checks import check_batches, check_file

TOLERANCE = Tolerance(name="test", atol=1e-4, rtol=0)
IMAGES = np.random.default_rng(0).integers(0, 256, (10, 1, 2, 2)).astype(np.uint8)


def exact(images: Images) -> Logits:
    return images.reshape(len(images), 4).astype(np.float32)


def save_graph(
    path: Path, *, dtype: int = TensorProto.UINT8, batch: str | int = "batch", name: str = "images"
) -> Path:
    shape = [batch, 4]
    graph = helper.make_graph(
        [helper.make_node("Cast", [name], ["logits"], to=TensorProto.FLOAT)],
        "graph",
        [helper.make_tensor_value_info(name, dtype, shape)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, shape)],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]), path)
    return path


def test_sound_graph_passes(tmp_path: Path) -> None:
    assert check_file(save_graph(tmp_path / "m.onnx")).graph.name == "graph"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dtype": TensorProto.FLOAT}, "wanted one uint8 input 'images'"),
        ({"name": "pixels"}, "wanted one uint8 input 'images'"),
        ({"batch": 2}, "the batch of 'images' is fixed at 2"),
    ],
)
def test_graph_is_refused_when_it_breaks_our_rules(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UnfinishedError, match=message):
        check_file(save_graph(tmp_path / "m.onnx", **changes))


def test_graph_is_refused_when_it_breaks_the_specification(tmp_path: Path) -> None:
    path = save_graph(tmp_path / "m.onnx")
    model = onnx.load(path)
    model.graph.node[0].op_type = "NoSuchOperator"
    onnx.save(model, path)
    with pytest.raises(UnfinishedError, match="breaks the ONNX specification"):
        check_file(path)


def save_with_weights_in(name: str, path: Path) -> Path:
    model = onnx.load(save_graph(path))
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.ones(2000, np.float32), "w"))
    onnx.save(model, path, save_as_external_data=True, location=name)
    return path


def test_weights_may_lie_in_the_one_file_beside(tmp_path: Path) -> None:
    path = save_with_weights_in("m.onnx.data", tmp_path / "m.onnx")
    assert not check_file(path).graph.initializer[0].raw_data  # they were not read


@pytest.mark.parametrize("name", ["w.bin", "m.data", "other.onnx.data"])
def test_graph_is_refused_when_its_weights_lie_elsewhere(name: str, tmp_path: Path) -> None:
    path = save_with_weights_in(name, tmp_path / "m.onnx")
    with pytest.raises(UnfinishedError, match=f"weight 'w' lies in '{name}', outside the file"):
        check_file(path)


@pytest.mark.parametrize(("side", "large"), [(2, 256), (64, 256), (224, 20), (512, 16)])
def test_batches_are_compared_at_one_two_an_odd_and_a_large_size(side: int, large: int) -> None:
    sizes: list[int] = []
    images = np.resize(IMAGES, (10, 1, side, side))

    def recording(images: Images) -> Logits:
        sizes.append(len(images))
        return exact(images[..., :2, :2]) + np.float32(5e-5)

    checks = check_batches(recording, lambda images: exact(images[..., :2, :2]), images, TOLERANCE)
    assert sizes == [check.batch_size for check in checks] == [1, 2, 7, large]
    assert all(0 < check.max_abs < 1e-4 for check in checks)


def wrong_at_seven(images: Images) -> Logits:
    return exact(images) + np.float32(1e-3 if len(images) == 7 else 0)


def nan_at_two(images: Images) -> Logits:
    return np.where(len(images) == 2, np.float32(np.nan), exact(images))


def fixed_batch(images: Images) -> Logits:
    return exact(images)[:2]


@pytest.mark.parametrize(
    ("candidate", "message"),
    [
        (wrong_at_seven, "at batch size 7: logits differ .* by up to 0.001"),
        (nan_at_two, "at batch size 2: logits are not finite numbers"),
        (fixed_batch, r"at batch size 7: logits have shape \(2, 4\), wanted \(7, 4\)"),
    ],
)
def test_batches_fail_when_one_size_is_wrong(candidate: object, message: str) -> None:
    assert callable(candidate)
    with pytest.raises(UnfinishedError, match=message):
        check_batches(candidate, exact, IMAGES, TOLERANCE)


@pytest.mark.parametrize(("off", "passes"), [(2, True), (30, False)])
def test_tolerance_with_a_share_allows_a_few_logits_of_all_batches_to_be_far_off(
    off: int, passes: bool
) -> None:
    """Of 266 images' 1,064 logits ten may be outside."""

    def candidate(images: Images) -> Logits:
        logits = exact(images)
        if len(images) > 7:
            logits.flat[:off] += 100
        return logits

    tolerance = Tolerance(name="int8", atol=1.0, rtol=0, outside_share=0.01)
    if passes:
        checks = check_batches(candidate, exact, IMAGES, tolerance)
        assert [check.max_abs for check in checks] == [0, 0, 0, 100]
        return
    with pytest.raises(UnfinishedError, match="up to 100, more than tolerance int8 allows"):
        check_batches(candidate, exact, IMAGES, tolerance)
