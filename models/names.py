"""Names of networks: our own, a library's, or a function in the user's file."""

import difflib
import hashlib
from dataclasses import dataclass
from pathlib import Path

from errors import UsageError
from untrusted.files import content_of_file

# Our own, by what they are. Light enough for `--help`.
SUMMARIES = {
    "logistic": "softmax regression: one linear layer",
    "mlp": "multilayer perceptron, hidden layers of 128 and 64 with ReLU",
    "lenet5": "LeNet-5 with ReLU and max pooling",
    "resnet18": "ResNet-18, 3x3 stem for small images",
    "resnet34": "ResNet-34, 3x3 stem for small images",
    "resnet50": "ResNet-50, 3x3 stem for small images",
    "resnet101": "ResNet-101, 3x3 stem for small images",
}
MODEL_NAMES = tuple(SUMMARIES)
LIBRARIES = ("torchvision", "timm")
MOST_SOURCE_BYTES = 1 << 24
FORMS = (
    f"one of {', '.join(MODEL_NAMES)}; torchvision:NAME or timm:NAME;"
    " or FILE.py:FUNCTION for a network of your own"
)


@dataclass(frozen=True, kw_only=True)
class NetworkName:
    """Which network is meant.

    Attributes:
        name: as it stands in records: `lenet5`, `timm:resnet26d`, `net.py:factory`.
        file: absolute path of the user's file, for a network that is defined there.
        file_sha256: of that file.
    """

    name: str
    file: str | None = None
    file_sha256: str | None = None

    @property
    def library(self) -> str | None:
        """The library that it comes from, `torchvision` or `timm`, if it does."""
        return library_of(self.name)


def library_of(name: str) -> str | None:
    """Return the library that a network of this name comes from, if it is one's."""
    library, colon, _ = name.partition(":")
    return library if colon and library in LIBRARIES else None


def network_name(text: str) -> NetworkName:
    """Return the network that the user named. Whether a library has it shows when it is built.

    Raises:
        UsageError: it is none of the three forms.
        ArtifactError: the user's file is missing or cannot be read.
    """
    if text in MODEL_NAMES:
        return NetworkName(name=text)
    if library := library_of(text):
        if not text.removeprefix(f"{library}:"):
            raise UsageError("--model", f"{text}: wanted {library}:NAME")
        return NetworkName(name=text)
    path, colon, function = text.rpartition(":")
    if colon and Path(path).suffix == ".py" and function.isidentifier():
        file = Path(path)
        return NetworkName(
            name=f"{file.name}:{function}",
            file=str(file.resolve()),
            file_sha256=sha256_of_source(file),
        )
    close = difflib.get_close_matches(text, MODEL_NAMES, n=1)
    raise UsageError(
        "--model",
        f"unknown network {text!r}: wanted {FORMS}",
        hint=f"did you mean {close[0]!r}?" if close else None,
    )


def sha256_of_source(file: Path) -> str:
    """Return the SHA-256 of a source file.

    Raises:
        ArtifactError: it is missing, too large to be one, or cannot be read.
    """
    return hashlib.sha256(source_of(file)).hexdigest()


def source_of(file: Path) -> bytes:
    """Return the content of a source file.

    Raises:
        ArtifactError: it is missing, too large to be one, or cannot be read.
    """
    return content_of_file(file, most_bytes=MOST_SOURCE_BYTES)
