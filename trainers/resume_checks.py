"""What a resume state must be before anything goes on from it.

Its hash says that it is what was written. This says that it is what this training writes: torch
itself casts the dtypes of weights, and takes an optimizer's state of any shape.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import SGD, Optimizer

from models.pickled_weights import is_dense
from models.tensors import mismatch

MOST_THREADS = 4096
_OF_SGD = frozenset({"momentum_buffer"})
_OF_ADAM = frozenset({"step", "exp_avg", "exp_avg_sq"})


def require_fitting(name: str, wanted: Mapping[str, Tensor], found: Mapping[str, Any]) -> None:
    """Return if the tensors have the names, shapes and dtypes of the wanted ones, and are finite.

    Raises:
        ValueError: they have not; `name` is what they are called in the message.
    """
    for key, tensor in found.items():
        if not isinstance(tensor, Tensor) or not is_dense(tensor):
            raise ValueError(f"{name}: {key} is no dense tensor")
    if problem := mismatch(wanted, found):
        raise ValueError(f"{name}: {problem}")


def require_optimizer(optimizer: Optimizer, found: Mapping[str, Any]) -> None:
    """Return if a state dict is one that this optimizer may have come to.

    Raises:
        ValueError: its settings, but for the learning rate, are others; or a tensor is not of its
            parameter's shape and dtype, or not finite.
    """
    groups = optimizer.state_dict()["param_groups"]
    if [_settings(group) for group in groups] != [_settings(g) for g in found["param_groups"]]:
        raise ValueError("optimizer: its settings are others")
    if not all(0 <= group["lr"] <= 1e9 for group in found["param_groups"]):
        raise ValueError("optimizer: its learning rate is no such thing")
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    momentum = groups[0].get("momentum", 0) > 0
    names = (_OF_SGD if momentum else frozenset()) if isinstance(optimizer, SGD) else _OF_ADAM
    for index, state in found["state"].items():
        if type(index) is not int or not 0 <= index < len(parameters):
            raise ValueError(f"optimizer: there is no parameter {index!r}")
        number = torch.zeros((), dtype=torch.float32)
        wanted = {key: number if key == "step" else parameters[index].detach() for key in names}
        require_fitting(f"optimizer, parameter {index}", wanted, state)


def _settings(group: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in group.items() if key != "lr"}
