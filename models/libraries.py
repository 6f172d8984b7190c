"""Networks of torchvision and timm, with random weights; those they offer: `models.pretrained`.

They take three channels; grey images are repeated to three by the normalization that every network
is wrapped in (`models.classifier`).
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from errors import UnusableError, UsageError

if TYPE_CHECKING:
    from torch import nn

CHANNELS = 3
_PIXEL = 255.0
# How the libraries' weights want their pixels unless they say otherwise: of ImageNet, from 0 to 1.
_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# Ported from TensorFlow: given weights, torchvision turns ImageNet's normalization into pixels from
# -1 to 1 within these networks (`transform_input`), which here the normalization itself says.
_SCALED_TO_ONE = ("googlenet", "inception_v3")
# Classifiers within the network that only training uses: left out, with their weights.
AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")


def library_network(name: str, num_classes: int, image_size: tuple[int, int]) -> nn.Module:
    """Return the network with random weights.

    Args:
        name: torchvision:NAME or timm:NAME.
        num_classes: K.
        image_size: (H, W) in pixels, for networks that are made for one size.

    Raises:
        UsageError: the library has no such network, or cannot make it for such images.
        UnusableError: the library is not installed.
    """
    library, _, own_name = name.partition(":")
    make = _torchvision_network if library == "torchvision" else _timm_network
    return make(own_name, num_classes, image_size)


def library_names(library: str) -> tuple[str, ...]:
    """Return the names of a library's networks for classification, sorted.

    Raises:
        UnusableError: it is not installed.
    """
    if library == "timm":
        return tuple(sorted(timm_library().list_models()))
    from torchvision import models

    return tuple(sorted(models.list_models(module=models)))


def designed_size(name: str) -> int | None:
    """Return the side in pixels of the images that a library's network was designed for.

    None where timm does not say it.

    Raises:
        UsageError: the library has no such network.
    """
    library, _, own_name = name.partition(":")
    require_known(library, own_name)
    if library == "timm":
        found = timm_library().get_pretrained_cfg(own_name)
        return int(found.input_size[1]) if found else None
    from torchvision import models

    # Of several sets of weights, the smallest: a set for larger images is a later fine-tuning.
    return min(_crop_size(weights) for weights in models.get_model_weights(own_name))


def normalization(name: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation that the library's own weights want, in 0..255."""
    library, _, own_name = name.partition(":")
    require_known(library, own_name)
    mean: tuple[float, ...] = _IMAGENET_MEAN
    std: tuple[float, ...] = _IMAGENET_STD
    if library == "timm":
        config = timm_library().get_pretrained_cfg(own_name)
        mean, std = (config.mean, config.std) if config else (mean, std)
    elif own_name in _SCALED_TO_ONE:
        mean = std = (0.5,) * CHANNELS
    else:
        from torchvision import models

        preset = models.get_model_weights(own_name).DEFAULT.transforms()
        mean, std = preset.mean, preset.std
    return tuple(_PIXEL * value for value in mean), tuple(_PIXEL * value for value in std)


def _torchvision_network(name: str, num_classes: int, image_size: tuple[int, int]) -> nn.Module:
    from torchvision import models

    require_known("torchvision", name)
    builder = models.get_model_builder(name)
    options: dict[str, Any] = {}
    if name in _SCALED_TO_ONE:
        options = {"aux_logits": False, "init_weights": True}  # no second output while training
    if name.startswith("vit_"):
        options["image_size"] = _one_side(name, image_size)
    if name.startswith("maxvit"):
        options["input_size"] = image_size
    network: nn.Module = builder(weights=None, num_classes=num_classes, **options)
    return network


def _crop_size(weights: Any) -> int:
    return int(weights.transforms.keywords["crop_size"])


def _timm_network(name: str, num_classes: int, image_size: tuple[int, int]) -> nn.Module:
    timm = timm_library()
    require_known("timm", name)
    options: dict[str, Any] = {}
    designed = timm.get_pretrained_cfg(name)
    if designed and designed.fixed_input_size and image_size != tuple(designed.input_size[1:]):
        options["img_size"] = image_size
    network: nn.Module = timm.create_model(name, num_classes=num_classes, **options)
    return network


def timm_library() -> Any:
    """Return timm.

    Raises:
        UnusableError: it is not installed.
    """
    try:
        import timm
    except ImportError as error:
        raise UnusableError(
            "--model timm:NAME", "timm is not installed", hint="python -m pip install '.[timm]'"
        ) from error
    return timm


def require_known(library: str, name: str) -> None:
    """Return if the library has a network of this name.

    Raises:
        UsageError: it has none.
        UnusableError: it is not installed.
    """
    names = library_names(library)
    known = name in names or (library == "timm" and name.partition(".")[0] in names)
    if known:
        return
    close = difflib.get_close_matches(name, names, n=3)
    raise UsageError(
        "--model",
        f"{library} has no classification network {name!r}",
        hint=f"did you mean {' or '.join(close)}?"
        if close
        else f"python cli.py models --library {library} lists them",
    )


def _one_side(name: str, image_size: tuple[int, int]) -> int:
    height, width = image_size
    if height != width:
        raise UsageError("--model", f"{name} takes square images, found {height}x{width}")
    return height
