"""PyTorch's side of a comparison: the checkpoint, run as ONNX Runtime's side is run."""

import torch

from artifacts.chain import TrainedNetwork
from artifacts.logits import LogitsFunction
from models import build
from models.devices import device_from_name, forbid_tf32
from models.inference import logits_function
from models.weights import load_weights


def pytorch_logits_function(trained: TrainedNetwork, provider: str, threads: int) -> LogitsFunction:
    """Return what computes the checkpoint's logits, from numpy array to numpy array.

    It computes where the provider does (CUDA for `cuda` and `tensorrt`, else the CPU), in float32
    without TF32, with that many threads.

    Raises:
        UnusableError: PyTorch cannot use that device here.
        ArtifactError: the weights are damaged.
    """
    device = device_from_name("cuda" if provider in ("cuda", "tensorrt") else "cpu")
    forbid_tf32()
    torch.set_num_threads(threads)
    network = build(**trained.recipe.model.model_dump())
    load_weights(trained.run.weights, network)
    return logits_function(network, device)
