"""PyTorch's side of a comparison: the checkpoint, run as ONNX Runtime's side is run."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from artifacts.chain import TrainedNetwork
from artifacts.environment import usable_cpus
from artifacts.logits import Images, Logits, LogitsFunction
from evaluate.session_options import GPU_PROVIDERS, SessionOptions
from evaluate.timed_call import TimedCall
from models import build
from models.devices import device_from_name, set_tf32
from models.inference import logits_function
from models.weights import load_weights

WARM_UP_BEFORE_CAPTURE = 3  # as torch.cuda.make_graphed_callables does


def pytorch_logits_function(trained: TrainedNetwork, session: SessionOptions) -> LogitsFunction:
    """Return what computes the checkpoint's logits, from numpy array to numpy array.

    It computes where the provider does (CUDA for `cuda` and `tensorrt`, else the CPU), in float32,
    with TF32 where ONNX Runtime has it and not elsewhere, with as many threads.

    Raises:
        UnusableError: PyTorch cannot use that device here.
        ArtifactError: the weights are damaged.
    """
    return logits_function(*_network_on_device(trained, session))


def pytorch_device_call(
    trained: TrainedNetwork, session: SessionOptions, images: Images, *, cuda_graph: bool
) -> TimedCall:
    """Return a call whose images and logits lie on the device, as those of ONNX Runtime do.

    Args:
        trained: the network.
        session: ONNX Runtime's.
        images: the batch, uint8 images_NCHW.
        cuda_graph: capture the network once and replay it.

    Raises:
        UnusableError: PyTorch cannot use that device here.
    """
    network, device = _network_on_device(trained, session)
    network = network.eval().to(device)
    values = torch.from_numpy(np.array(images)).to(device)
    with torch.inference_mode():
        kept = network(values)

    def run() -> None:
        with torch.inference_mode():
            kept.copy_(network(values))
        _wait_for(device)

    return TimedCall(
        call=_captured(network, values, kept) if cuda_graph else run,
        logits=lambda _: _as_numpy(kept),
        forget=lambda: _forget(kept),
    )


def _network_on_device(
    trained: TrainedNetwork, session: SessionOptions
) -> tuple[nn.Module, torch.device]:
    device = device_from_name("cuda" if session.provider in GPU_PROVIDERS else "cpu")
    set_tf32(session.tf32)
    torch.set_num_threads(session.threads or usable_cpus())
    network = build(**trained.model.model_dump())
    load_weights(trained.run.weights, network)
    return network, device


def _captured(network: nn.Module, values: Tensor, kept: Tensor) -> Callable[[], None]:
    """Return what replays the network as a CUDA graph, from and to the same memory."""
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.inference_mode(), torch.cuda.stream(side):
        for _ in range(WARM_UP_BEFORE_CAPTURE):
            kept.copy_(network(values))
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.inference_mode(), torch.cuda.graph(graph):
        kept.copy_(network(values))

    def replay() -> None:
        graph.replay()
        torch.cuda.synchronize()

    return replay


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)  # kernel launches return early


def _as_numpy(logits: Tensor) -> Logits:
    result: Logits = logits.cpu().numpy().copy()
    return result


def _forget(logits: Tensor) -> None:
    with torch.inference_mode():
        logits.fill_(torch.nan)
