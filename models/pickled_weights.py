"""State dicts of `torch.save`, brought into safetensors by a process that may be lost.

They are pickles. `weights_only=True` runs nothing that is in them, but builds what they ask for: a
storage of a terabyte, a tensor of a billion rows that are all one number, one that is nowhere. So a
child with a limit on memory reads them, and hands on dense tensors whose numbers are in the file.
"""

import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from errors import ArtifactError, UnfinishedError
from models.weights import read_safetensors
from storage.temporary import temporary_directory
from untrusted.child import ChildError, ChildLimitError, Limits, result_in_child
from untrusted.files import require_file

_NESTED = ("state_dict", "model_state_dict", "model", "net", "weights")
_ZIP = b"PK\3\4"  # older files are bare pickles
_ENCRYPTED = 1  # a flag of a zip archive's member
MOST_EXPANSION = 2  # of tensors to the file: weights that are tied have two names
SPARE_MEMORY_BYTES = 1 << 30
SPARE_SECONDS, BYTES_PER_SECOND = 120, 10_000_000  # a slow disk, on a busy machine


def read_pickled_weights(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a state dict by name, read in a process of its own.

    Raises:
        ArtifactError: the file is missing, damaged, or holds other things than dense tensors.
        UnfinishedError: to read it takes too long, or too much memory.
    """
    size = require_file(path)
    # What is read, made contiguous and written again.
    limits = Limits(
        seconds=SPARE_SECONDS + size / BYTES_PER_SECOND, memory_bytes=4 * size + SPARE_MEMORY_BYTES
    )
    with temporary_directory() as directory:
        target = directory / "weights.safetensors"
        arguments = {"source": str(path), "target": str(target)}
        try:
            result_in_child("models.pickled_weights:convert", arguments, limits)
        except ChildLimitError as error:
            raise UnfinishedError(str(path), f"its reading {error}") from error
        except ChildError as error:
            raise _damaged(path) from error
        # Copies, since the file goes.
        return {name: tensor.clone() for name, tensor in read_safetensors(target).items()}


def convert(source: str, target: str) -> None:
    """Write the tensors of a pickled state dict as safetensors.

    Raises:
        ArtifactError: the file is damaged, or holds other things than dense tensors.
    """
    path = Path(source)
    size = require_file(path)
    tensors = _tensors(path, _content(path, size))
    taken = sum(tensor.nbytes for tensor in tensors.values())
    if taken > MOST_EXPANSION * size:
        raise ArtifactError(
            source, f"its tensors take {taken:,} bytes, which {size:,} of a file cannot hold"
        )
    # save_file wants each in a memory of its own.
    own = {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}
    save_file(own, target)


def _content(path: Path, size: int) -> object:
    try:
        with path.open("rb") as file:
            is_archive = file.read(len(_ZIP)) == _ZIP
        if is_archive:
            _require_whole(path, size)
        return torch.load(path, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:  # torch's reader lets through whatever a damaged file leads to
        # Its own message says how to run what is in the file: not told.
        raise _damaged(path) from error


def _require_whole(path: Path, size: int) -> None:
    """Hold an archive against its own checksums, which torch writes and does not read."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if any(m.compress_type != zipfile.ZIP_STORED or m.flag_bits & _ENCRYPTED for m in members):
            raise ValueError("wanted members as torch writes them: stored as they are")
        if sum(member.file_size for member in members) > size:
            raise ValueError("promises more than it holds")
        if name := archive.testzip():
            raise ValueError(f"{name} is damaged")


def _tensors(path: Path, content: object) -> dict[str, Tensor]:
    if not isinstance(content, Mapping):
        raise ArtifactError(str(path), f"wanted a state dict, found {type(content).__name__}")
    for key in _NESTED:
        if isinstance(inner := content.get(key), Mapping):
            return _tensors(path, inner)
    for key, value in content.items():
        if not isinstance(key, str) or type(value) not in (Tensor, nn.Parameter):
            raise ArtifactError(
                str(path), f"wanted tensors by name, found {key!r}: {type(value).__name__}"
            )
        if not is_dense(value):
            raise ArtifactError(
                str(path),
                f"tensor {key}: wanted a dense one whose numbers are all in the file",
                hint="save it as a plain tensor: tensor.detach().cpu().contiguous()",
            )
    return dict(content)


def is_dense(tensor: Tensor) -> bool:
    """Return whether each of the tensor's numbers has a place of its own in memory.

    So not where it is sparse, nested, quantized, without memory (torch's meta device), or expanded:
    the same place for several numbers. In which order they lie does not matter.
    """
    if tensor.layout != torch.strided or tensor.is_nested or tensor.is_quantized:
        return False
    if tensor.device.type != "cpu":
        return False
    step = 1
    for stride, length in sorted(zip(tensor.stride(), tensor.shape, strict=True)):
        if length > 1 and stride != step:
            return False
        step *= length
    end = (tensor.storage_offset() + tensor.numel()) * tensor.element_size()
    return tensor.numel() == 0 or bool(end <= tensor.untyped_storage().nbytes())


def _damaged(path: Path) -> ArtifactError:
    return ArtifactError(
        str(path),
        "is damaged, or holds more than tensors; what would run code is not loaded",
        hint="save the state dict: torch.save(model.state_dict(), FILE), or safetensors",
    )
