"""The tables of how fast ours and others train."""

from typing import Any

from benchmarks.markdown import Measured, missing_lines, source_line, table, versions_text
from benchmarks.targets import target_table

TRAINING = """\
## Speed of training

Seconds of an epoch, medians of alternating runs, and how many times as long as ours each took
(median, least and most of the runs' ratios). All train the same network on the same images with
Adam at 1e-3 in float32, each in a process of its own that waits while the others train. "Accuracy"
is the best of the epochs on the validation images, which are looked at while no clock runs;
"seconds to" sums up the epochs, the first one too, until the accuracy that all of them reach. What
a process does before its first epoch is in no time. "Memory" is the largest resident one of the
process, the libraries included; after a + what worker processes have beside it, shared pages
counted in proportion.

- "ours" counts loss and accuracy of the training images as it goes, the others mostly do not;
  "from disk" reads the images from a memory map.
- "bare loop" has the images as one normalized tensor, a permutation, a fused Adam, and counts
  nothing.
- "DataLoader" is the loop of torch's tutorials over torchvision's `MNIST`: a PIL image, `ToTensor`
  and `Normalize` for each, the loss added up by the step.
- "Lightning" is `Trainer.fit` over a DataLoader of normalized tensors, without logger, checkpoints
  and progress bar; nothing is logged.
- "Keras fit" has the normalized images as one array and counts loss and accuracy. It takes as many
  threads as there are CPUs, which is its default; all others take those of the heading, as `train`
  does. Its network has as many parameters, initial weights of its own, and in a ResNet-18 pads one
  side more where it strides.
- "arithmetic alone" is the matrix products and the updates with neither data nor loss nor automatic
  differentiation: torch cannot be faster on that machine.
"""


def training_table(measured: Measured) -> str:
    """Return a table a network, the targets, and the versions."""
    text = "".join(_workload(*item) for item in measured["workloads"].items())
    versions = {
        name: version
        for workload in measured["workloads"].values()
        for contender in workload["contenders"].values()
        for name, version in contender["facts"]["versions"].items()
    }
    source = f"{source_line(measured)}  of all: {versions_text(versions)}\n"
    return f"{text}{target_table(measured['targets'])}\n{source}"


def _workload(model: str, workload: dict[str, Any]) -> str:
    threads = "one thread" if workload["threads"] == 1 else f"{workload['threads']} threads"
    images = f"{workload['images']:,} images of {workload['dataset']}"
    title = f"### {model} on {images}, batches of {workload['batch_size']}, {threads}\n\n"
    validation = workload["validation_images"]
    wanted = _percent(workload["wanted_correct"], validation)
    header = (
        *("an epoch by", "seconds", "times ours", "least to most", "images/s"),
        *("accuracy, %", f"seconds to {wanted}%", "times ours", "memory, MB"),
    )
    rows = [
        (name, *_epoch(found), *_accuracy(found, validation), _memory(found))
        for name, found in workload["contenders"].items()
    ]
    missing = missing_lines(workload["missing"])
    return f"{title}{table(header, rows)}\n{missing}"


def _epoch(found: dict[str, Any]) -> tuple[str, ...]:
    ratio = found["ratio_to_ours"]
    return (
        f"{found['median_seconds']:.2f}",
        f"{ratio['median']:.2f}",
        f"{ratio['min']:.2f} to {ratio['max']:.2f}",
        f"{found['images_per_second']:,}",
    )


def _accuracy(found: dict[str, Any], validation: int) -> tuple[str, ...]:
    time = found["time_to_accuracy"]
    if time is None:  # it learns nothing
        return "", "", ""
    best = max(found["validation_correct"])
    return _percent(best, validation), f"{time['seconds']:.2f}", f"{time['ratio_to_ours']:.2f}"


def _percent(correct: int, examples: int) -> str:
    return f"{100 * correct / examples:.2f}"


def _memory(found: dict[str, Any]) -> str:
    workers = found["workers_memory_bytes"]
    more = "" if workers is None else f" + {workers / 1e6:.0f}"
    return f"{found['peak_memory_bytes'] / 1e6:.0f}{more}"
