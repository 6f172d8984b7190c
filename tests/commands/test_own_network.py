"""A network and images of the user's own, through every command."""

import io
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision.models
from PIL import Image

from artifacts.logits import load_reference
from commands.main import main
from tests.models.networks import TWO_BRANCHES, written

Capture = pytest.CaptureFixture[str]
SIZES = ((24, 20), (40, 30), (17, 33))  # width, height
THEIRS = ("--checkpoint", "theirs.pt", "--model", "net.py:factory")
COLOURS = {"blue": (20, 40, 200), "green": (30, 190, 40), "red": (210, 30, 20)}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    written(tmp_path)
    return tmp_path


@pytest.fixture
def photos(here: Path) -> Path:
    """Three colours as PNG and JPEG in three sizes, ten each to train on and five to test."""
    random = np.random.default_rng(0)
    for split, count in (("train", 10), ("test", 5)):
        for name, colour in COLOURS.items():
            folder = here / "photos" / split / name
            folder.mkdir(parents=True)
            for number in range(count):
                width, height = SIZES[number % 3]
                pixels = np.array(colour) + random.normal(0, 25, (height, width, 3))
                image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
                image.save(folder / f"{number}.{'jpg' if number % 2 else 'png'}")
    return here / "photos"


def printed(capsys: Capture, *arguments: str, code: int = 0) -> Any:
    assert main([*arguments, "--json"]) == code, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def test_own_network_goes_through_every_command(here: Path, capsys: Capture) -> None:
    trained = printed(capsys, "train", "--model", "net.py:factory", "--epochs", "4")
    run = Path("runs/digits-net.py-factory")
    recipe = json.loads((run / "recipe.json").read_text())
    assert recipe["model"]["name"] == "net.py:factory"
    assert recipe["model"]["file"] == str(here / "net.py")
    exported = printed(capsys, "export")
    assert exported["inputs"][0]["dtype"] == "uint8"
    evaluation = printed(capsys, "evaluate", "--batch-sizes", "1,5", "--min-seconds", "0.1")
    assert evaluation["verdict"] == "pass"
    assert evaluation["model"]["parameters"] == trained["parameters"]
    assert evaluation["accuracy"]["top1"] > 0.5
    assert evaluation["latency"][1]["pytorch"]
    live = printed(capsys, "evaluate", "--no-latency", "--reference", "live")
    assert live["parity"]["live"]["max_abs"] == 0
    assert printed(capsys, "verify")["intact"]


def test_own_images_of_many_sizes_go_through_every_command(photos: Path, capsys: Capture) -> None:
    options = ["--dataset", str(photos), "--model", "net.py:factory"]
    assert main(["train", *options]) == 4
    assert "--image-size" in capsys.readouterr().err
    printed(capsys, "train", *options, "--image-size", "20", "--epochs", "8", "--batch-size", "8")
    exported = printed(capsys, "export")
    assert exported["inputs"][0]["shape"][1:] == [3, 20, 20]
    evaluation = printed(capsys, "evaluate", "--no-latency", "--min-accuracy", "0.8")
    assert evaluation["accuracy"]["examples"] == 15
    assert [entry["label"] for entry in evaluation["accuracy"]["per_class"]] == sorted(COLOURS)
    files = sorted((photos / "test" / "red").iterdir())
    found = printed(capsys, "predict", *map(str, files), "--top", "1")["images"]
    predicted = [image["predictions"][0]["index"] for image in found]
    reference = load_reference(Path("runs/photos-net.py-factory/reference.npz"))
    assert predicted == reference.float32_NK[-5:].argmax(axis=1).tolist()


@pytest.mark.parametrize(
    "model", ["torchvision:shufflenet_v2_x0_5", "timm:test_resnet.r160_in1k", "timm:test_vit"]
)
def test_network_of_a_library_goes_through_every_command(
    model: str, here: Path, capsys: Capture
) -> None:
    options = ["--image-size", "32", "--epochs", "1", "--subset", "0.2"]
    printed(capsys, "train", "--model", model, *options)
    assert printed(capsys, "export")["inputs"][0]["shape"][1:] == [1, 32, 32]  # grey, as it is
    evaluation = printed(capsys, "evaluate", "--no-latency")
    assert evaluation["parity"]["within_tolerance"]
    assert printed(capsys, "verify")["intact"]


def test_checkpoint_from_elsewhere_is_proved_on_images_without_labels(
    photos: Path, capsys: Capture
) -> None:
    network = _network(classes=4, channels=3)
    torch.save({"state_dict": network.state_dict()}, "theirs.pt")
    options = ["--checkpoint", "theirs.pt", "--model", "net.py:factory", "--image-size", "24"]
    folder = photos / "test" / "green"
    assert main(["train", "--dataset", str(folder), "--image-size", "24"]) == 2
    assert "has no labels; a classifier needs two classes" in capsys.readouterr().err
    printed(capsys, "export", *options, "--dataset", str(folder))
    run = Path("runs/green-net.py-factory")
    imported = json.loads((run / "imported.json").read_text())
    assert imported["model"]["num_classes"] == 4
    assert imported["normalization"] == {"mean": [0.0], "std": [255.0]}
    evaluation = printed(capsys, "evaluate", "--batch-sizes", "2", "--min-seconds", "0.1")
    assert evaluation["verdict"] == "pass"
    assert evaluation["accuracy"] is None
    assert not evaluation["dataset"]["labelled"]
    parity = evaluation["parity"]
    assert (parity["examples"], parity["pytorch_accuracy"], parity["mcnemar_p"]) == (5, None, None)
    assert evaluation["latency"][0]["pytorch"]
    assert printed(capsys, "verify")["intact"]
    failed = printed(capsys, "evaluate", "--no-latency", "--min-accuracy", "0.1", code=1)
    assert failed["failures"] == ["accuracy: the images have no labels for --min-accuracy"]
    assert main(["evaluate", "--no-latency"]) == 0
    assert "not measured: the images have no labels" in capsys.readouterr().out
    # What PyTorch itself says of the images, without any of our code but the reader's.
    pixels = [
        np.asarray(Image.open(path).resize((24, 24), Image.Resampling.BILINEAR))
        for path in sorted(folder.iterdir())
    ]
    images = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).contiguous() / 255
    with torch.inference_mode():
        theirs = network.eval()(images).numpy()
    np.testing.assert_allclose(
        load_reference(run / "reference.npz").float32_NK, theirs, rtol=1e-4, atol=1e-5
    )


def test_checkpoint_from_elsewhere_has_an_accuracy_where_there_are_labels(
    here: Path, tiny_npz: Path, capsys: Capture
) -> None:
    torch.save(_network(classes=3, channels=1).state_dict(), "theirs.pt")
    options = [*THEIRS]
    printed(capsys, "export", *options, "--dataset", str(tiny_npz), "--mean", "0.1", "--std", "0.5")
    record = json.loads(Path("runs/tiny-net.py-factory/imported.json").read_text())
    assert record["normalization"] == {"mean": [25.5], "std": [127.5]}
    evaluation = printed(capsys, "evaluate", "--no-latency")
    assert evaluation["accuracy"]["examples"] == 67


def test_library_s_own_weights_are_exported_and_trained_further(
    photos: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(photos.parent))  # as if they had been downloaded
    offered = torchvision.models.SqueezeNet1_1_Weights.DEFAULT
    stream = io.BytesIO()
    torch.save(torchvision.models.squeezenet1_1().state_dict(), stream)
    digest = sha256(stream.getvalue()).hexdigest()
    url = f"https://localhost/squeezenet1_1-{digest[:8]}.pth"
    monkeypatch.setattr(type(offered), "url", property(lambda _: url), raising=False)
    kept = photos.parent / "hub" / "checkpoints" / Path(url).name
    kept.parent.mkdir(parents=True)
    kept.write_bytes(stream.getvalue())
    options = ["--model", "torchvision:squeezenet1_1", "--pretrained", "--image-size", "32"]
    folder = photos / "test" / "red"
    printed(capsys, "export", *options, "--dataset", str(folder), "--run", "theirs")
    (image, *_) = printed(capsys, "predict", str(folder / "0.png"))["images"]
    assert {entry["class"] for entry in image["predictions"]} < set(offered.meta["categories"])
    capsys.readouterr()
    assert main(["train", *options, "--dataset", str(photos), "--epochs", "1"]) == 0
    told = capsys.readouterr().err
    assert "is for other classes: classifier.1.bias, classifier.1.weight begin at random" in told
    recipe = json.loads(Path("runs/photos-torchvision-squeezenet1_1/recipe.json").read_text())
    assert recipe["mean"] == pytest.approx([123.675, 116.28, 103.53])  # what they want
    assert recipe["model"]["num_classes"] == 3
    assert recipe["initial_weights"] == {"file": str(kept), "sha256": digest}


def test_training_begins_with_weights_from_elsewhere(here: Path, capsys: Capture) -> None:
    torch.save(_network(classes=4, channels=1).state_dict(), "theirs.pt")
    options = ["--model", "net.py:factory", "--weights", "theirs.pt", "--epochs", "1"]
    assert main(["train", *options]) == 0
    told = capsys.readouterr().err
    assert "theirs.pt is for other classes: head.bias, head.weight begin at random" in told
    recipe = json.loads(Path("runs/digits-net.py-factory/recipe.json").read_text())
    assert recipe["initial_weights"]["file"] == str(here / "theirs.pt")
    assert recipe["hyperparameters"]["optimizer"] == "adamw"


def test_network_file_that_changed_after_training_is_refused(here: Path, capsys: Capture) -> None:
    assert main(["train", "--model", "net.py:factory", "--epochs", "1"]) == 0
    written(here, TWO_BRANCHES.replace("adaptive_max_pool2d", "adaptive_avg_pool2d"))
    capsys.readouterr()
    assert main(["export"]) == 4
    assert "net.py: is not the file that the network was made from" in capsys.readouterr().err
    assert main(["verify"]) == 4
    assert "net.py" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("condition", "command"),
    [("self.training", "train"), ("images.shape[0] == 7", "export")],
)
def test_error_of_the_network_s_own_code_is_told_by_its_line(
    condition: str, command: str, here: Path, capsys: Capture
) -> None:
    check = f"        if {condition}: raise ValueError('not so')\n        both = "
    written(here, TWO_BRANCHES.replace("        both = ", check))
    train = ["train", "--model", "net.py:factory", "--epochs", "1"]
    assert main(train) == (5 if command == "train" else 0)
    if command == "export":
        assert main(["export"]) == 5
    line = f"if {condition}: raise ValueError('not so')"
    told = f"error: net.py:factory: ValueError: not so at net.py:16 in forward (`{line}`)"
    assert told in capsys.readouterr().err


def test_network_that_gives_more_than_logits_while_it_trains_is_told(
    here: Path, capsys: Capture
) -> None:
    returned = "return self.head(self.drop(pooled.view(pooled.size(0), -1)))"
    assert returned in TWO_BRANCHES
    both = (
        "logits = self.head(pooled.flatten(1))\n"
        "        return (logits, 0) if self.training else logits"
    )
    written(here, TWO_BRANCHES.replace(returned, both))
    assert main(["train", "--model", "net.py:factory", "--epochs", "1"]) == 5
    told = "error: training: the network returns a tuple while it trains\nhint: return the logits"
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told", "code"),
    [
        (["--model", "net.py:factory"], "--model: wants --checkpoint FILE or --pretrained", 2),
        (["--mean", "0.5"], "--mean: wants --checkpoint FILE", 2),
        (["--image-size", "8"], "--image-size: wants --checkpoint FILE", 2),
        (["--checkpoint", "theirs.pt"], "--model: is missing", 2),
        (list(THEIRS), "--dataset: is missing", 2),
        (
            [*THEIRS, "--dataset", "digits"],
            "--dataset: digits has 10 classes, the network 4",
            2,
        ),
        (
            ["--checkpoint", "theirs.pt", "--model", "lenet5", "--dataset", "digits"],
            "theirs.pt: has no tensor of lenet5's last layer",
            4,
        ),
        (
            ["--checkpoint", "none.pt", "--model", "lenet5", "--dataset", "digits"],
            "none.pt: no such file",
            4,
        ),
        (
            ["--checkpoint", "theirs.pt", "--pretrained", "--model", "mlp", "--dataset", "digits"],
            "--checkpoint: cannot be given with --pretrained",
            2,
        ),
        (
            ["--checkpoint", "theirs.pt", "--model", "net.py:nothing", "--dataset", "digits"],
            "--model: net.py has no function 'nothing': it defines TwoBranches, factory",
            2,
        ),
        (
            [*THEIRS, "--dataset", "digits", "--std", "0"],
            "--std: wanted numbers above zero",
            2,
        ),
        (
            [*THEIRS, "--dataset", "digits", "--mean", "1,2", "--std", "1,2,3"],
            "--mean: wanted 1 or 3 numbers, found 2",
            2,
        ),
    ],
)
def test_import_that_cannot_be_meant_is_told(
    arguments: list[str], told: str, code: int, here: Path, capsys: Capture
) -> None:
    torch.save(_network(classes=4, channels=1).state_dict(), "theirs.pt")
    assert main(["export", *arguments]) == code
    assert f"error: {told}" in capsys.readouterr().err.replace(f"{here}/", "")
    assert not Path("runs").exists()


def test_import_leaves_a_training_alone(here: Path, capsys: Capture) -> None:
    assert main(["train", "--model", "net.py:factory", "--epochs", "1"]) == 0
    torch.save(_network(classes=10, channels=1).state_dict(), "theirs.pt")
    options = [*THEIRS, "--dataset", "digits"]
    assert main(["export", *options]) == 2
    assert "holds a network that was trained here" in capsys.readouterr().err
    assert main(["export"]) == 0
    assert main(["export", *options, "--run", "runs/theirs"]) == 0
    assert main(["train", "--model", "net.py:factory", "--run", "runs/theirs"]) == 2
    assert "trained elsewhere: name another" in capsys.readouterr().err


def _network(*, classes: int, channels: int) -> torch.nn.Module:
    module: dict[str, Any] = {}
    exec(TWO_BRANCHES, module)
    torch.manual_seed(1)
    network: torch.nn.Module = module["factory"](classes, channels)
    return network


def test_run_of_a_stranger_runs_no_code_until_it_is_trusted(
    here: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = here / "ran"
    written(here, f"open({str(mark)!r}, 'w').close()\n{TWO_BRANCHES}")
    printed(capsys, "train", "--model", "net.py:factory", "--epochs", "1")
    printed(capsys, "export")
    mark.unlink()
    monkeypatch.setenv("XDG_STATE_HOME", str(here / "another user"))
    evaluate = ["evaluate", "--batch-sizes", "1", "--min-seconds", "0.02"]
    for arguments in (["export"], evaluate, ["verify"]):
        assert main(arguments) == 4
        told = capsys.readouterr().err
        assert f"error: {here / 'net.py'}: holds code that would be run" in told
        assert "hint: read it and what it imports" in told
    assert not mark.exists()
    printed(capsys, "evaluate", "--no-latency")  # which needs nothing of PyTorch
    assert not mark.exists()
    printed(capsys, "verify", "--trust-code")
    assert mark.exists()
    printed(capsys, *evaluate)  # remembered


def test_option_to_trust_code_is_refused_for_an_onnx_file(here: Path, capsys: Capture) -> None:
    arguments = ["--onnx", "model.onnx", "--dataset", "digits", "--trust-code"]
    assert main(["evaluate", *arguments]) == 2
    assert "--trust-code: wants a run" in capsys.readouterr().err
