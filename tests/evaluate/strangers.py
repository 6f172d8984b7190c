"""A run that a stranger has made: another graph than was exported, with hashes that fit it."""

import shutil
from pathlib import Path

from onnx import ModelProto

from artifacts.export_records import Export
from artifacts.files import sha256_of_file
from artifacts.json_records import read_record, write_record
from artifacts.run_directory import RunDirectory


def strangers_run(run: Path, directory: Path, model: ModelProto) -> RunDirectory:
    """Return a copy of an exported run whose float32 graph is this one, of the run's images."""
    shutil.copytree(run, directory)
    copy = RunDirectory(directory)
    export = read_record(copy.export, Export)
    variant = export.variants["float32"]
    taken = model.graph.input[0].type.tensor_type.shape.dim
    for dimension, length in zip(taken[1:], variant.inputs[0].shape[1:], strict=True):
        assert isinstance(length, int)
        dimension.dim_value = length
    path = copy.onnx("float32")
    path.write_bytes(model.SerializeToString())
    changed = {"onnx_sha256": sha256_of_file(path), "file_bytes": path.stat().st_size}
    variants = export.variants | {"float32": variant.model_copy(update=changed)}
    write_record(copy.export, export.model_copy(update={"variants": variants}))
    return copy
