"""SVHN's cropped digits in MATLAB files, as on http://ufldl.stanford.edu/housenumbers/ (format 2).

Each file has `X`, uint8 `[32, 32, 3, N]`, and `y`, `[N, 1]` with 1 to 10: the digit 0 has label 10.
"""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.checks import one_line
from data.dataset import RawDataset
from data.digits import DIGIT_CLASSES
from errors import DatasetError

FILE_NAMES = ("train_32x32.mat", "test_32x32.mat")
LABEL_OF_ZERO = 10
# A damaged file can crash scipy's reader, which is compiled, and the whole process with it (seen
# with scipy 1.17.1 and random bytes in an uncompressed file). So it works in its own process.
LOADER = """
import sys
import numpy
import scipy.io
content = scipy.io.loadmat(sys.argv[1], variable_names=["X", "y"])
numpy.savez(sys.argv[2], **{name: content[name] for name in ("X", "y") if name in content})
"""


def find_mat_pair(folder: Path) -> tuple[Path, ...]:
    """Return the paths of the training and the test file.

    Raises:
        DatasetError: one of them is missing.
    """
    for name in FILE_NAMES:
        if not (folder / name).is_file():
            raise DatasetError(str(folder), f"{name} is missing: wanted {' and '.join(FILE_NAMES)}")
    return tuple(folder / name for name in FILE_NAMES)


def read_mat_pair(files: Sequence[Path]) -> RawDataset:
    """Return the digits in a training and a test file, images as `[N, 3, 32, 32]`, labels 0 to 9.

    Raises:
        DatasetError: a file is no MATLAB file, is damaged, or lacks `X` or `y` in SVHN's shapes.
    """
    train, test = files
    train_images, train_labels = _read_mat(train)
    test_images, test_labels = _read_mat(test)
    return RawDataset(
        train_images=train_images,
        train_labels=train_labels,
        test_images=test_images,
        test_labels=test_labels,
        classes=DIGIT_CLASSES,
    )


def _read_mat(path: Path) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
    content = _loaded_in_another_process(path)
    found = {name: list(array.shape) for name, array in content.items()}
    if len(found) < 2 or found["X"][:3] != [32, 32, 3] or found["y"] != [found["X"][-1], 1]:
        raise DatasetError(
            str(path), f"wanted X [32, 32, 3, N] and y [N, 1], found {found or 'neither'}"
        )
    images_NCHW = content["X"].transpose(3, 2, 0, 1)
    labels_N = content["y"][:, 0]
    return images_NCHW, np.where(labels_N == LABEL_OF_ZERO, 0, labels_N)


def _loaded_in_another_process(path: Path) -> dict[str, NDArray[np.generic]]:
    with tempfile.TemporaryDirectory(prefix="onnxproof-") as folder:
        arrays = Path(folder) / "arrays.npz"
        command = [sys.executable, "-P", "-c", LOADER, str(path), str(arrays)]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        if run.returncode != 0:
            reason = run.stderr.strip().splitlines()
            crash = f"scipy.io.loadmat ended with status {run.returncode}"
            raise DatasetError(
                str(path), f"not a readable MATLAB file: {reason[-1] if reason else crash}"
            )
        try:
            with np.load(arrays, allow_pickle=False) as archive:
                return {name: archive[name] for name in archive}
        except ValueError as error:
            raise DatasetError(str(path), f"X or y are no numbers: {one_line(error)}") from error
