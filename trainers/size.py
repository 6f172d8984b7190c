"""What a training takes on the disk, known before its first step."""

from collections.abc import Iterable

from torch import Tensor

from artifacts.run_directory import RunDirectory
from artifacts.training_records import Hyperparameters
from trainers.progress import Progress

OTHER_BYTES = 1 << 20  # recipe, record and history; names and headers in resume.pt
# Moments of each parameter that the optimizer keeps: Adam's two, a momentum's one.
_MOMENTS = {"adam": 2, "adamw": 2}


def bytes_to_write(progress: Progress, run: RunDirectory) -> int:
    """Return about how many bytes a training needs beside those that its run has already.

    At most: while resume.pt is replaced, the old one and the new one lie side by side. The weights
    come last, when one resume.pt is there, and are smaller than a second one.
    """
    there = run.resume.stat().st_size if run.resume.is_file() else 0
    state = resume_bytes(progress)
    return 2 * state - min(there, state) + OTHER_BYTES


def resume_bytes(progress: Progress) -> int:
    """Return about how large resume.pt becomes.

    It holds the network, its best weights, the averaged ones where there are such, and what the
    optimizer keeps of each parameter.
    """
    classifier = progress.trainee.classifier
    copies = 3 if progress.trainee.average is not None else 2
    return copies * _bytes(classifier.state_dict().values()) + _moments(
        progress.recipe.hyperparameters
    ) * _bytes(classifier.parameters())


def _moments(settings: Hyperparameters) -> int:
    return _MOMENTS.get(settings.optimizer, int(settings.momentum > 0))


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.nbytes for tensor in tensors)
