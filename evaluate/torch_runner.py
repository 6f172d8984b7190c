"""PyTorch's side of a comparison: the checkpoint, run as ONNX Runtime's side is run."""

import torch

from artifacts.chain import TrainedNetwork
from artifacts.environment import usable_cpus
from artifacts.logits import Images, Logits, LogitsFunction
from models import build
from models.devices import device_from_name, forbid_tf32
from models.weights import load_weights


def pytorch_logits_function(trained: TrainedNetwork, provider: str) -> LogitsFunction:
    """Return what computes the checkpoint's logits, from numpy array to numpy array.

    It computes where the provider does (CUDA for `cuda` and `tensorrt`, else the CPU), in float32
    without TF32, with as many threads as this process may use.

    Raises:
        UnusableError: PyTorch cannot use that device here.
        ArtifactError: the weights are damaged.
    """
    device = device_from_name("cuda" if provider in ("cuda", "tensorrt") else "cpu")
    forbid_tf32()
    torch.set_num_threads(usable_cpus())
    spec = trained.recipe.model
    network = build(
        spec.name,
        num_classes=spec.num_classes,
        in_channels=spec.in_channels,
        image_size=spec.image_size,
    )
    load_weights(trained.run.weights, network)
    network = network.eval().to(device)

    @torch.inference_mode()
    def logits(images: Images) -> Logits:
        # Copying to the CPU waits for the device, so that the clock sees the whole call.
        result: Logits = network(torch.from_numpy(images).to(device)).cpu().numpy()
        return result

    return logits
