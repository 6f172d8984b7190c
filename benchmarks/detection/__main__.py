"""Which planted faults are found, by this project and by others, and how many false alarms.

    python -m benchmarks.detection

A ResNet-18 learns the embedded digits in colour. Each fault is put into it, and it is exported:
for ours into a copy of the run, with records whose hashes all fit; for the others as
`torch.onnx.export` makes it. Two faults are not in the file: a test split that lost its end, and a
provider that is not here. Then come twenty sound networks, of which each check that says no raises
a false alarm. Nothing here is a time, so the machine may be busy.
"""

import tempfile
from pathlib import Path

import click

from benchmarks.detection.bench import faults_around, made_bench, planted_faults, sound_networks
from benchmarks.detection.others import versions_of_others
from benchmarks.measuring import RESULTS, measurement_head, write_measurement

SOUND = (
    *("logistic", "mlp", "lenet5", "resnet18", "resnet34", "torchvision:alexnet"),
    *("torchvision:squeezenet1_1", "torchvision:vgg11_bn", "torchvision:resnet18"),
    *("torchvision:resnext50_32x4d", "torchvision:wide_resnet50_2", "torchvision:densenet121"),
    *("torchvision:googlenet", "torchvision:mnasnet0_5", "torchvision:mobilenet_v2"),
    *("torchvision:mobilenet_v3_small", "torchvision:shufflenet_v2_x0_5"),
    *("torchvision:efficientnet_b0", "torchvision:regnet_y_400mf", "torchvision:convnext_tiny"),
)


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=RESULTS / "detection.json")
def command(out: Path) -> None:
    """Plant the faults, ask everybody, and write the JSON."""
    head = measurement_head() | {"others": versions_of_others()}
    with tempfile.TemporaryDirectory(prefix="onnxproof-") as name:
        folder = Path(name)
        bench = made_bench(folder)
        faults = planted_faults(bench) + faults_around(bench)
        sound = sound_networks(folder, SOUND)
    write_measurement(out, head | {"faults": faults, "sound": sound})


if __name__ == "__main__":
    command()
