"""Weights that somebody else saved, brought into one of our networks.

A file of safetensors, or of `torch.save`, in which nothing is run. A state dict may lie under one
of the usual keys (`state_dict`, `model`), and its names may have the prefix that a wrapper gave
them (`module.` of DistributedDataParallel, `_orig_mod.` of torch.compile, `network.` of our own
checkpoints).
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from errors import ArtifactError, UsageError
from models.hidden_layers import HIDDEN_LAYERS, recorded_widths
from models.libraries import AUXILIARY
from models.meta import built_without_numbers
from models.names import NetworkName
from models.pickled_weights import read_pickled_weights
from models.tensors import described, in_few_words, not_finite, take_tensors
from models.weights import read_safetensors

OWN_PREFIX, NORMALIZATION = "network.", ("mean", "std")  # of `models.classifier`
_PREFIXES = ("module.", "_orig_mod.", OWN_PREFIX)
MOST_CHANNELS = 4096
# Widening to float32 changes no value.
_WIDENED = (torch.float16, torch.bfloat16)


@dataclass(frozen=True, kw_only=True, eq=False)
class ForeignWeights:
    """What a file holds: tensors by name."""

    path: Path
    tensors: Mapping[str, Tensor]


def read_weights(path: Path) -> ForeignWeights:
    """Return the weights in the file.

    Raises:
        ArtifactError: it is missing or damaged, or holds other things than dense tensors.
        UnfinishedError: it takes more memory or time than there is.
    """
    tensors = _tensors_in(path)
    if not tensors:
        raise ArtifactError(str(path), "holds no weights")
    if _are_ours(tensors):
        tensors = {key: value for key, value in tensors.items() if key not in NORMALIZATION}
    return ForeignWeights(path=path, tensors=tensors)


def normalization_in(path: Path) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Return mean and standard deviation, in 0..255, where the file is one of our own checkpoints.

    Raises:
        ArtifactError: it is damaged.
        UnfinishedError: it takes more memory or time than there is.
    """
    tensors = _tensors_in(path)
    if not _are_ours(tensors):
        return None
    if any(tensors[name].dtype != torch.float32 for name in NORMALIZATION):
        raise ArtifactError(str(path), "its mean and std are no normalization")
    mean, std = (tensors[name].double().flatten() for name in NORMALIZATION)
    if not (mean.shape == std.shape and mean.isfinite().all() and std.isfinite().all()):
        raise ArtifactError(str(path), "its mean and std are no normalization")
    if mean.numel() > MOST_CHANNELS or not bool((std > 0).all()):
        raise ArtifactError(str(path), "its mean and std are no normalization")
    return tuple(mean.tolist()), tuple(std.tolist())


def load_foreign(
    weights: ForeignWeights, network: nn.Module, *, may_differ: frozenset[str] = frozenset()
) -> tuple[str, ...]:
    """Load the weights into a network; return the names of those that keep their initial values.

    Args:
        weights: what the file holds.
        network: to load them into; not our wrapper with the normalization.
        may_differ: names whose shapes follow from the number of classes: where a tensor is missing
            or of another shape, the network's own stays.

    Raises:
        ArtifactError: a name, shape or dtype is not the network's, or a number is not finite.
    """
    wanted = network.state_dict()
    found = _by_own_names(weights.tensors, wanted.keys())
    found = {key: value for key, value in found.items() if not key.startswith(AUXILIARY)}
    kept, problems = [], []
    for name in sorted(wanted.keys() | found.keys()):
        want, have = wanted.get(name), found.get(name)
        if want is not None and have is not None and _fits(have, want):
            found[name] = have.to(want.dtype)
        elif name in may_differ and _shape(have) != _shape(want):
            found[name] = wanted[name]
            kept.append(name)
        elif have is None and name.endswith("num_batches_tracked"):  # older than torch 0.4.1
            found[name] = wanted[name]
        else:
            problems.append(f"tensor {name}: wanted {described(want)}, found {described(have)}")
    hint = "is it of this network? --model names it" if problems else None
    if problem := in_few_words(problems or not_finite(wanted, found)):
        raise ArtifactError(str(weights.path), problem, hint=hint)
    take_tensors(network, found)
    return tuple(kept)


def head_names(
    name: NetworkName,
    in_channels: int,
    image_size: tuple[int, int],
    widths: Sequence[int] | None = None,
) -> frozenset[str]:
    """Return the names of the tensors whose shapes follow from the number of classes.

    Found by making the network twice, for two and for three classes, without any numbers in it.
    """
    two, three = (_shapes(name, classes, in_channels, image_size, widths) for classes in (2, 3))
    return frozenset(key for key in two if two[key] != three.get(key))


def hidden_widths(
    weights: ForeignWeights, name: NetworkName, in_channels: int, image_size: tuple[int, int]
) -> tuple[int, ...] | None:
    """Return which widths the weights are for; None: the network's own, or they do not say it."""
    if name.name not in HIDDEN_LAYERS:
        return None
    own = _shapes(name, 2, in_channels, image_size)
    matrices = {
        key: tensor
        for key, tensor in _by_own_names(weights.tensors, own.keys()).items()
        if key.endswith(".weight") and tensor.dim() == 2
    }
    # In the order of the layers: of an MLP 1, 3, ... 11; of LeNet-5 c5, f6, output.
    ordered = sorted(matrices, key=lambda key: (len(key), key))
    try:
        return recorded_widths(name.name, [int(matrices[key].shape[0]) for key in ordered[:-1]])
    except UsageError:  # of no such network, which is told when they are loaded
        return None


def class_count(
    weights: ForeignWeights,
    name: NetworkName,
    in_channels: int,
    image_size: tuple[int, int],
    widths: Sequence[int] | None = None,
) -> int:
    """Return how many classes the weights are for.

    Raises:
        ArtifactError: they do not say it: no tensor of the head is among them.
    """
    two, three = (_shapes(name, classes, in_channels, image_size, widths) for classes in (2, 3))
    tensors = _by_own_names(weights.tensors, two.keys())
    for key in sorted(two):
        found = tensors.get(key)
        if found is None or found.dim() != len(two[key]):
            continue
        for axis, (of_two, of_three) in enumerate(zip(two[key], three[key], strict=True)):
            if (of_two, of_three) == (2, 3):
                return int(found.shape[axis])
    raise ArtifactError(
        str(weights.path),
        f"has no tensor of {name.name}'s last layer, so not the number of classes",
        hint="is it of this network? --model names it",
    )


def _shapes(
    name: NetworkName,
    num_classes: int,
    in_channels: int,
    image_size: tuple[int, int],
    widths: Sequence[int] | None = None,
) -> dict[str, tuple[int, ...]]:
    network = built_without_numbers(
        name.name,
        num_classes=num_classes,
        in_channels=in_channels,
        image_size=image_size,
        file=name.file,
        file_sha256=name.file_sha256,
        widths=widths,
    ).network
    return {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}


def _by_own_names(tensors: Mapping[str, Tensor], wanted: Set[str]) -> dict[str, Tensor]:
    """Return the tensors without the prefixes of wrappers, unless the network itself has them."""
    named = dict(tensors)
    while not named.keys() & wanted:
        prefix = next((p for p in _PREFIXES if all(key.startswith(p) for key in named)), None)
        if prefix is None:
            return dict(tensors)
        named = {key.removeprefix(prefix): value for key, value in named.items()}
    return named


def _tensors_in(path: Path) -> dict[str, Tensor]:
    is_safetensors = path.suffix == ".safetensors"
    return read_safetensors(path) if is_safetensors else read_pickled_weights(path)


def _are_ours(names: Iterable[str]) -> bool:
    found = set(names)
    own = {name for name in found if name.startswith(OWN_PREFIX)}
    return bool(own) and found == own | set(NORMALIZATION)


def _shape(tensor: Tensor | None) -> tuple[int, ...] | None:
    return None if tensor is None else tuple(tensor.shape)


def _fits(found: Tensor, wanted: Tensor) -> bool:
    is_widened = wanted.dtype == torch.float32 and found.dtype in _WIDENED
    return found.shape == wanted.shape and (found.dtype == wanted.dtype or is_widened)
