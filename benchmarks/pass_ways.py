"""A test split through an ONNX file by the ways that people use; started by evaluation_speed.

    python -m benchmarks.pass_ways WAY FOLDER THREADS BATCH_SIZE WORKERS

In the folder: `model.onnx` that takes normalized floats, transformers' config.json, `split.npz`
with uint8 images_NCHW, labels_N and the normalization, and the same images as
`pngs/CLASS/NUMBER.png`. Each question is answered by one pass over them: its seconds, and how many
answers were right. Each way is written as those who use it write it; none of them compares with
PyTorch. Runs in the environment of the way.
"""

import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.answering import Answer, Question, answer_lines

Count = Callable[[], int]  # one pass: how many answers are right


@dataclass(frozen=True, kw_only=True)
class Work:
    """What each way is given."""

    folder: Path
    threads: int
    batch_size: int
    workers: int
    images: Any  # uint8 images_NCHW
    labels: Any
    mean: float  # of pixels from 0 to 1
    std: float

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height, width."""
        shape: tuple[int, int, int] = self.images.shape[1:]
        return shape


class GreyImages(torch.utils.data.Dataset[Any]):
    """Images one by one as torchvision's MNIST gives them: PIL, then the transforms."""

    def __init__(self, images: Any, labels: Any, transform: Callable[[Any], Any]) -> None:
        self._images, self._labels, self._transform = images, labels, transform

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        from PIL import Image

        return self._transform(Image.fromarray(self._images[index, 0])), int(self._labels[index])


def data_loader(work: Work) -> Count:
    """Return torch's tutorials' way: ToTensor and Normalize for each image, a DataLoader."""
    from torchvision import transforms

    normalize = transforms.Normalize(work.mean, work.std)
    transform = transforms.Compose([transforms.ToTensor(), normalize])
    loader: torch.utils.data.DataLoader[Any] = torch.utils.data.DataLoader(
        GreyImages(work.images, work.labels, transform),
        batch_size=work.batch_size,
        num_workers=work.workers,
        persistent_workers=work.workers > 0,  # the faster choice
    )
    return _through_session(work, loader)


def timm_validate(work: Work) -> Count:
    """Return the calls of timm's onnx_validate.py: image files, its transforms, its loader."""
    from timm.data.dataset_factory import create_dataset
    from timm.data.loader import create_loader

    loader = create_loader(
        create_dataset("", str(work.folder / "pngs"), input_img_mode="L"),  # its default is colour
        input_size=work.image_shape,
        batch_size=work.batch_size,
        use_prefetcher=False,
        interpolation="bicubic",
        mean=(work.mean,),
        std=(work.std,),
        num_workers=work.workers,
        crop_pct=1.0,  # its default would enlarge the images and crop them
        persistent_workers=work.workers > 0,
    )
    return _through_session(work, loader)


def optimum(work: Work) -> Count:
    """Return optimum's model class on whole batches; no image processor, which would be slower."""
    from optimum.onnxruntime import ORTModelForImageClassification

    model = ORTModelForImageClassification.from_pretrained(
        work.folder, session_options=_session_options(work.threads)
    )
    images, labels = torch.from_numpy(work.images), torch.from_numpy(work.labels)

    def count() -> int:
        right = 0
        for start in range(0, len(images), work.batch_size):
            some, wanted = (each[start : start + work.batch_size] for each in (images, labels))
            pixel_values = (some.float() / 255 - work.mean) / work.std
            logits = model(pixel_values=pixel_values).logits
            right += int((logits.argmax(dim=1) == wanted).sum())
        return right

    return count


def _through_session(work: Work, loader: Iterable[Any]) -> Count:
    import onnxruntime

    session = onnxruntime.InferenceSession(
        str(work.folder / "model.onnx"),
        _session_options(work.threads),
        providers=["CPUExecutionProvider"],
    )
    (given,) = session.get_inputs()

    def count() -> int:
        right = 0
        for images, labels in loader:
            (logits,) = session.run(None, {given.name: images.numpy()})
            right += int((logits.argmax(axis=1) == labels.numpy()).sum())
        return right

    return count


def _session_options(threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return options


WAYS: dict[str, Callable[[Work], Count]] = {
    "data-loader": data_loader,
    "timm": timm_validate,
    "optimum": optimum,
}


def _make() -> tuple[Answer, Callable[[Question], Answer]]:
    way, folder, *counts = sys.argv[1:]
    threads, batch_size, workers = map(int, counts)
    torch.set_num_threads(threads)
    with np.load(Path(folder) / "split.npz") as split:
        work = Work(
            folder=Path(folder),
            threads=threads,
            batch_size=batch_size,
            workers=workers,
            images=split["images"],
            labels=split["labels"],
            mean=float(split["mean"]),
            std=float(split["std"]),
        )
    count = WAYS[way](work)

    def answer(_question: Question) -> Answer:
        start = time.perf_counter()
        right = count()
        return {"seconds": time.perf_counter() - start, "right": right}

    return {}, answer


if __name__ == "__main__":
    answer_lines(_make)
