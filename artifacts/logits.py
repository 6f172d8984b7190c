"""Logits as they cross rooms: the function that gives them, and the recorded reference."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from artifacts.files import sha256_of_file
from errors import ArtifactError
from storage.writing import replacing
from untrusted.npz import arrays_from_npz, mapped_arrays_from_npz

Images = NDArray[np.uint8]  # [N, C, H, W], raw pixels
Logits = NDArray[np.float32]  # [N, K]
LogitsFunction = Callable[[Images], Logits]
# Values inside a network for some images, by the names of the operations that it was traced to.
IntermediateValues = Callable[[Images], Mapping[str, NDArray[Any]]]

_SHA256 = re.compile("[0-9a-f]{64}")
_HASHES = ("dataset_sha256", "split_sha256", "checkpoint_sha256")


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """How far two logits may be apart: |candidate - reference| <= atol + rtol * |reference|.

    The rule is the one of numpy.isclose; the reason and the worst difference seen stand beside the
    numbers where they are defined. Of INT8, whose ranges cut rare values off, a small share of all
    logits may be further apart.
    """

    name: str
    atol: float
    rtol: float
    outside_share: float = 0.0

    def most_outside(self, count: int) -> int:
        """Return how many of so many logits, or examples, may lie outside."""
        return int(self.outside_share * count)

    def allowed(self, reference: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the largest difference allowed at each element of the reference."""
        return self.atol + self.rtol * np.abs(reference.astype(np.float64))


@dataclass(frozen=True, kw_only=True)
class ReferenceLogits:
    """PyTorch's logits over a whole split, in the order of its examples."""

    float32_NK: NDArray[np.float32]
    float64_NK: NDArray[np.float64]
    dataset_sha256: str
    split_sha256: str
    checkpoint_sha256: str


def save_reference(path: Path, reference: ReferenceLogits) -> str:
    """Replace the npz file by this reference and return its sha256.

    Raises:
        UnfinishedError: the directory cannot be written, or the disk is full.
    """
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            float32=reference.float32_NK,
            float64=reference.float64_NK,
            dataset_sha256=np.array(reference.dataset_sha256),
            split_sha256=np.array(reference.split_sha256),
            checkpoint_sha256=np.array(reference.checkpoint_sha256),
        )
    return sha256_of_file(path)


def load_reference(path: Path) -> ReferenceLogits:
    """Return the reference that the npz file holds, its logits as read-only memory maps.

    Raises:
        ArtifactError: the file is damaged, or an array has another shape or dtype than wanted.
    """
    logits = mapped_arrays_from_npz(path, ("float32", "float64"))
    hashes = {name: _sha256(array) for name, array in arrays_from_npz(path, _HASHES).items()}
    if not all(hashes.values()):
        raise ArtifactError(str(path), f"wanted a sha256 for each of {', '.join(_HASHES)}")
    single: NDArray[Any] = logits["float32"]
    double: NDArray[Any] = logits["float64"]
    if single.dtype != np.float32 or double.dtype != np.float64 or single.ndim != 2:
        found = f"{single.dtype} {single.shape} and {double.dtype} {double.shape}"
        raise ArtifactError(str(path), f"wanted float32 and float64 [N, K], found {found}")
    if single.shape != double.shape:
        raise ArtifactError(str(path), f"float32 {single.shape} beside float64 {double.shape}")
    return ReferenceLogits(float32_NK=single, float64_NK=double, **hashes)


def _sha256(array: NDArray[np.generic]) -> str:
    """Return the text that an array holds if it can be a hash, else none."""
    try:
        text = str(array)
    except ValueError:  # there is no such letter
        return ""
    return text if _SHA256.fullmatch(text) else ""
