"""Logits as they cross rooms: the function that gives them, and the recorded reference."""

import math
import os
import struct
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from artifacts.files import sha256_of_file
from errors import ArtifactError
from storage.writing import replacing

Images = NDArray[np.uint8]  # [N, C, H, W], raw pixels
Logits = NDArray[np.float32]  # [N, K]
LogitsFunction = Callable[[Images], Logits]
# Values inside a network for some images, by the names of the operations that it was traced to.
IntermediateValues = Callable[[Images], Mapping[str, NDArray[Any]]]


_LOCAL_HEADER_BYTES = 30  # before name and extra field (PKWARE's APPNOTE, 4.3.7)
# What numpy and zipfile raise on a damaged file; TypeError where it holds one array, not many.
_NOT_A_REFERENCE = (
    OSError,
    ValueError,
    struct.error,
    KeyError,
    EOFError,
    TypeError,
    RuntimeError,  # zipfile: an entry is encrypted; NotImplementedError: an unknown compression
    zipfile.BadZipFile,
)


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
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            if damaged := arrays.zip.testzip():
                raise ValueError(f"{damaged}: bad CRC-32")
            reference = ReferenceLogits(
                float32_NK=_mapped(path, arrays.zip.getinfo("float32.npy")),
                float64_NK=_mapped(path, arrays.zip.getinfo("float64.npy")),
                dataset_sha256=str(arrays["dataset_sha256"]),
                split_sha256=str(arrays["split_sha256"]),
                checkpoint_sha256=str(arrays["checkpoint_sha256"]),
            )
    except _NOT_A_REFERENCE as error:
        raise ArtifactError(str(path), f"is not a whole reference: {error}") from error
    single, double = reference.float32_NK, reference.float64_NK
    if single.dtype != np.float32 or double.dtype != np.float64 or single.ndim != 2:
        found = f"{single.dtype} {single.shape} and {double.dtype} {double.shape}"
        raise ArtifactError(str(path), f"wanted float32 and float64 [N, K], found {found}")
    if single.shape != double.shape:
        raise ArtifactError(str(path), f"float32 {single.shape} beside float64 {double.shape}")
    return reference


def _mapped(path: Path, member: zipfile.ZipInfo) -> NDArray[Any]:
    """Return an array of an npz file as a memory map: a test split may be larger than memory.

    numpy maps no npz, but it writes the arrays as they are: uncompressed, a header before each.
    """
    if member.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{member.filename} is compressed")
    with path.open("rb") as file:
        file.seek(member.header_offset)
        local_header = file.read(_LOCAL_HEADER_BYTES)
        name_length, extra_length = struct.unpack("<HH", local_header[-4:])
        file.seek(name_length + extra_length, os.SEEK_CUR)
        npy = np.lib.format
        read_header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
        shape, is_fortran, dtype = read_header[npy.read_magic(file)](file)
        offset = file.tell()
    if dtype.hasobject:
        raise ValueError("Object arrays cannot be loaded")
    if is_fortran or math.prod(shape) == 0:
        raise ValueError(f"{member.filename} is empty, or not in C order")
    return np.memmap(path, dtype, "r", offset, shape)
