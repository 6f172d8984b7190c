"""Named tensors held against those that a network has: exactly the same names, shapes and dtypes.

Tensors that fit are put into it.

`load_state_dict` itself would cast a dtype without a word, and takes NaN as it takes any number.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

MOST_NAMED = 3  # tensors, in an error


def mismatch(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> str | None:
    """Return in one line what of the found tensors is not as wanted, or None.

    Their numbers must be finite, too.
    """
    problems = []
    for name in sorted(wanted.keys() | found.keys()):
        want, have = described(wanted.get(name)), described(found.get(name))
        if want != have:
            problems.append(f"tensor {name}: wanted {want}, found {have}")
    return in_few_words(problems or not_finite(wanted, found))


def take_tensors(network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Put tensors that fit into a network of now.

    A file has no versions of the network's modules, without which torchvision's MNASNet refuses all
    weights. Tensors that fit are of the versions that the network has.
    """
    versioned = OrderedDict(tensors)
    versioned._metadata = network.state_dict()._metadata  # type: ignore[attr-defined]
    network.load_state_dict(versioned)


def not_finite(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> list[str]:
    """Return what to say of the tensors of the same names that hold NaN or infinity.

    Where the network itself begins with an infinity, as in the mask of an attention, it may be.
    """
    return [
        f"tensor {name}: holds numbers that are not finite"
        for name, tensor in found.items()
        if tensor.is_floating_point()
        and not bool((torch.isfinite(tensor) | (tensor == wanted[name].to(tensor))).all())
    ]


def in_few_words(problems: Sequence[str]) -> str | None:
    """Return the first problems in one line, and how many more there are; None: there are none."""
    if not problems:
        return None
    more = len(problems) - MOST_NAMED
    return "; ".join(problems[:MOST_NAMED]) + (f"; and {more} more" if more > 0 else "")


def described(tensor: Tensor | None) -> str:
    """Return a tensor's dtype and shape."""
    if tensor is None:
        return "none"
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
