"""The weights that libraries offer: by https alone, known by their hash, and not unpickled here.

torchvision's own way unpickles whatever it finds under the file's name, and compares the hash only
when it downloads. Here its file is downloaded to where torchvision keeps it, and compared each
time. timm's lie on Hugging Face's hub, which names its files by their hash. What a training began
with is recorded by its whole sha256 (`artifacts.training_records.InitialWeights`).
"""

import errno
import hashlib
import logging
import os
import re
from dataclasses import dataclass
from pathlib import Path

from errors import ArtifactError, UsageError
from models.libraries import require_known, timm_library
from models.names import library_of
from storage.writing import replacing
from untrusted import downloads
from untrusted.files import opened_file

# At the end of the name that torchvision gives a file: the first digits of its sha256.
_HASH_IN_NAME = re.compile(r"-([0-9a-f]{8,64})\.pth$")
_MEBIBYTE = 1 << 20
_HINT = "bring the file: train takes it as --weights, export as --checkpoint"


@dataclass(frozen=True, kw_only=True)
class Pretrained:
    """Weights that a library offers for a network.

    Attributes:
        file: on this machine.
        classes: what the logits stand for, where the library says it.
    """

    file: Path
    classes: tuple[str, ...] | None


def pretrained(name: str) -> Pretrained:
    """Return the library's default weights, downloaded unless they are here already.

    Raises:
        UsageError: the network is not a library's, or the library has no weights for it.
        ArtifactError: they cannot be downloaded, or are not the library's.
        UnfinishedError: the disk is full.
    """
    library = library_of(name)
    if library is None:
        raise UsageError("--pretrained", f"{name} is not a library's: give its --weights FILE")
    own_name = name.partition(":")[2]
    require_known(library, own_name)
    if library == "timm":
        return Pretrained(file=_timm_file(name, own_name), classes=None)
    import torch
    from torchvision import models

    weights = models.get_model_weights(own_name).DEFAULT
    file = Path(torch.hub.get_dir()) / "checkpoints" / Path(weights.url).name
    most_bytes = 2 * int(_MEBIBYTE * (1 + weights.meta["_file_size"]))
    _ensure_torchvision_file(name, file, weights.url, most_bytes)
    return Pretrained(file=file, classes=_distinct(weights.meta["categories"]))


def _ensure_torchvision_file(name: str, file: Path, url: str, most_bytes: int) -> None:
    known = _HASH_IN_NAME.search(file.name)
    if known is None:
        raise ArtifactError(name, f"the hash of {url} is not known", hint=_HINT)
    if file.exists():
        _require_hash(file, known[1])
        return
    with replacing(file) as part:
        try:
            downloads.download(url, part, most_bytes, is_exact=False)
        except downloads.FAILURES as error:
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise _not_downloaded(name, error) from error
        found = _sha256(part)
        if not found.startswith(known[1]):
            problem = f"what {url} sent is not the file: its sha256 is {found}, wanted {known[1]}"
            raise ArtifactError(name, problem, hint=_HINT)


def _timm_file(name: str, own_name: str) -> Path:
    config = timm_library().get_pretrained_cfg(own_name)
    if not config or not config.hf_hub_id:
        raise UsageError("--pretrained", f"timm has no weights for {own_name}")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # read when it is imported
    from huggingface_hub import constants, hf_hub_download

    if not constants.ENDPOINT.startswith("https://"):
        raise ArtifactError(name, f"its hub is {constants.ENDPOINT}: wanted https", hint=_HINT)
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # a line for each of its tries
    try:
        file = Path(hf_hub_download(config.hf_hub_id, "model.safetensors"))
    except (OSError, RuntimeError, ValueError) as error:
        raise _not_downloaded(name, error) from error
    # The name in the hub's cache is a link to a file that is called by its sha256.
    stored = file.resolve()
    if re.fullmatch("[0-9a-f]{64}", stored.name):
        _require_hash(stored, stored.name)
    return file


def _require_hash(file: Path, wanted: str) -> None:
    found = _sha256(file)
    if not found.startswith(wanted):
        raise ArtifactError(
            str(file),
            f"is not the library's file: its sha256 is {found}, wanted {wanted}",
            hint="remove it, and it is downloaded again",
        )


def _sha256(path: Path) -> str:
    with opened_file(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _not_downloaded(name: str, error: Exception) -> ArtifactError:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return ArtifactError(name, f"its weights cannot be downloaded: {lines[0]}", hint=_HINT)


def _distinct(names: list[str]) -> tuple[str, ...]:
    """Return the names, those that occur twice (ImageNet's "crane" and "maillot") told apart."""
    return tuple(
        name if names.count(name) == 1 else f"{name} ({number})"
        for number, name in enumerate(names)
    )
