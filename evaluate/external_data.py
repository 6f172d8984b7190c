"""Weights that an ONNX file keeps in other files: which ones, and whether they are what it says.

ONNX lets a tensor name a file, an offset and a length. A file from somebody else must not make us
read what lies elsewhere on this machine, so only files of its own directory count, by their names.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import onnx
from onnx.external_data_helper import uses_external_data

from artifacts.files import sha256_of_file
from artifacts.training_records import Sha256
from errors import ArtifactError
from evaluate.walking import all_graphs, all_nodes

_SIZE = re.compile("[0-9]{1,19}")  # decimal, and no file is larger


def external_files(model: onnx.ModelProto, path: Path) -> dict[str, Sha256]:
    """Return the sha256 of each file that the model's tensors lie in, by its name.

    Args:
        model: as it was read from `path`, external data not loaded.
        path: of the ONNX file.

    Raises:
        ArtifactError: a file is not in the ONNX file's own directory, is a link, is missing, or is
            too short for what the tensors say.
    """
    ends: dict[str, int] = {}
    for tensor in _tensors(model):
        if uses_external_data(tensor):
            name, end = _extent(tensor, path)
            ends[name] = max(end, ends.get(name, 0))
    return {name: _checked_sha256(path, name, end) for name, end in sorted(ends.items())}


def _extent(tensor: onnx.TensorProto, path: Path) -> tuple[str, int]:
    """Return the name of a tensor's file, and how many bytes it must have at least."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location", "")
    if location in ("", ".", "..") or re.search(r"[/\\:\0]", location):
        raise ArtifactError(
            str(path),
            f"weight {tensor.name!r} lies in {location!r}: wanted a file in the same directory",
            hint="move it there, and write its name alone into the ONNX file",
        )
    offset, length = entries.get("offset", "0"), entries.get("length", "0")
    if not (_SIZE.fullmatch(offset) and _SIZE.fullmatch(length)):
        raise ArtifactError(
            str(path),
            f"weight {tensor.name!r}: offset {offset[:30]!r} and length {length[:30]!r} are no"
            " sizes",
        )
    return location, int(offset) + int(length)


def _checked_sha256(path: Path, name: str, least_bytes: int) -> Sha256:
    file = path.parent / name
    if file.is_symlink():
        raise ArtifactError(
            str(file), f"is a link: weights of {path.name} must be a file", hint="copy it there"
        )
    sha256 = sha256_of_file(file)
    if (size := file.stat().st_size) < least_bytes:
        raise ArtifactError(
            str(file), f"is too short for {path.name}: wanted {least_bytes} bytes, found {size}"
        )
    return sha256


def _tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    for graph in all_graphs(model):
        yield from graph.initializer
        yield from _parts(graph.sparse_initializer)
    for node in all_nodes(model):
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            yield from _parts((attribute.sparse_tensor, *attribute.sparse_tensors))


def _parts(tensors: Iterable[onnx.SparseTensorProto]) -> Iterator[onnx.TensorProto]:
    for tensor in tensors:
        yield from (tensor.values, tensor.indices)
