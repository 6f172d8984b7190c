"""What networks there are, and what each costs, without making their weights."""

import fnmatch
from dataclasses import dataclass

from errors import UsageError
from models.cost import all_multiply_adds, parameter_count
from models.libraries import CHANNELS, designed_size, library_names
from models.meta import built_without_numbers
from models.names import SUMMARIES, library_of

OWN_SIDE, OWN_CHANNELS, OWN_CLASSES = 28, 1, 10  # MNIST's
LIBRARY_CLASSES = 1000  # ImageNet's
ANY_SIDE = 224  # where a library does not say for which size a network was designed


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A network as it is listed.

    Attributes:
        name: what --model takes.
        summary: what it is, for our own.
        image_shape: C, H, W that the figures are of; other sizes are possible for most.
        classes: that they are of.
        parameters: trainable numbers.
        multiply_adds: of one image.
    """

    name: str
    summary: str | None
    image_shape: tuple[int, int, int]
    classes: int
    parameters: int
    multiply_adds: int


def matching_names(patterns: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names that match a pattern of the shell; without one, all but timm's thousand.

    Raises:
        UsageError: a pattern matches none.
        UnusableError: timm is meant, and is not installed.
    """
    if not patterns:
        return (*SUMMARIES, *_all_of("torchvision"))
    found: dict[str, None] = {}
    for pattern in patterns:
        library = library_of(pattern) or "torchvision"
        candidates = (*SUMMARIES, *_all_of(library))
        matched = [
            name
            for name in candidates
            if fnmatch.fnmatchcase(name, pattern)
            or (":" not in pattern and fnmatch.fnmatchcase(name.rpartition(":")[2], pattern))
        ]
        if not matched:
            raise UsageError(
                "PATTERN",
                f"no network is named {pattern!r}",
                hint="timm's need their prefix, and * stands for anything: 'timm:resnet*'",
            )
        found |= dict.fromkeys(matched)
    return tuple(found)


def listed(name: str) -> Listed:
    """Return what a network is and costs, found out on torch's meta device.

    Raises:
        UsageError: there is no such network.
    """
    library = library_of(name)
    side = (designed_size(name) or ANY_SIDE) if library else OWN_SIDE
    channels = CHANNELS if library else OWN_CHANNELS
    classes = LIBRARY_CLASSES if library else OWN_CLASSES
    network = built_without_numbers(
        name, num_classes=classes, in_channels=channels, image_size=(side, side)
    )
    shape = (channels, side, side)
    return Listed(
        name=name,
        summary=SUMMARIES.get(name),
        image_shape=shape,
        classes=classes,
        parameters=parameter_count(network),
        multiply_adds=all_multiply_adds(network, shape),
    )


def _all_of(library: str) -> tuple[str, ...]:
    return tuple(f"{library}:{name}" for name in library_names(library))
