"""The options that say which network, and with which weights; what they mean together."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.completion_values import word_list, words
from commands.options import FiniteRange, Function, layer_widths
from errors import UsageError
from models import MODEL_NAMES, NetworkName, network_name
from models.hidden_layers import HIDDEN_LAYERS, HiddenLayers
from models.trust import trust

if TYPE_CHECKING:  # at run time these load pydantic
    from artifacts.training_records import InitialWeights, Normalization

WHICH = (
    f"{', '.join(MODEL_NAMES)}; torchvision:NAME, timm:NAME; or FILE.py:FUNCTION, whose code is"
    " run: a function of num_classes and in_channels that returns a torch.nn.Module."
)


def model_option(default: str | None) -> Callable[[Function], Function]:
    """Add --model."""
    shown = "" if default is not None else "  [default: the run's own]"
    return click.option(
        "--model",
        default=default,
        show_default=default is not None,
        metavar="NAME|FILE.py:FUNCTION",
        shell_complete=words(*MODEL_NAMES, or_files=True),
        help=f"Network: {WHICH}{shown}",
    )


def models_option(default: str) -> Callable[[Function], Function]:
    """Add --models, several networks by their names."""
    return click.option(
        "--models",
        callback=_names,
        metavar="NAME,NAME,...",
        shell_complete=word_list(MODEL_NAMES),
        default=default,
        show_default=True,
        help=f"Networks: {WHICH}",
    )


def _names(_ctx: click.Context, _param: click.Parameter, value: str) -> tuple[str, ...]:
    """Return the different networks of a list such as mlp,lenet5; a callback of click's options."""
    names = tuple(part.strip() for part in value.split(","))
    for name in names:
        try:
            network_name(name)
        except UsageError as error:
            raise click.BadParameter(error.problem) from error
    return tuple(dict.fromkeys(names))


def hidden_layer_options(function: Function) -> Function:
    """Add --widths and --dropout."""
    function = click.option(
        "--dropout",
        type=FiniteRange(min=0, max=1, max_open=True),
        default=0.0,
        show_default=True,
        metavar="SHARE",
        help="Of each hidden fully connected layer's outputs, left out while training; of"
        f" {' and '.join(HIDDEN_LAYERS)}.",
    )(function)
    own = ", ".join(f"{name} {_listed(layers)}" for name, layers in HIDDEN_LAYERS.items())
    return click.option(
        "--widths",
        callback=layer_widths,
        metavar="N,N,...",
        help=f"Outputs of the hidden fully connected layers.  [default: {own}]",
    )(function)


def _listed(layers: HiddenLayers) -> str:
    return ",".join(map(str, layers.widths))


def pretrained_option(function: Function) -> Function:
    """Add --pretrained."""
    return click.option(
        "--pretrained",
        is_flag=True,
        help="Take the library's own weights, downloaded unless they are here.",
    )(function)


@dataclass(frozen=True, kw_only=True)
class ChosenNetwork:
    """What the options mean.

    Attributes:
        network: which one.
        weights: the file that it begins with, if any.
        normalization: that those weights want, where that is known.
        classes: what their logits stand for, where that is known.
    """

    network: NetworkName
    weights: "InitialWeights | None" = None
    normalization: "Normalization | None" = None
    classes: tuple[str, ...] | None = None


def chosen_network(
    model: str, *, weights: Path | None, pretrained: bool, option: str
) -> ChosenNetwork:
    """Return the network that was asked for, its weights downloaded if that was asked for too.

    Args:
        model: as the user named it.
        weights: a file of them.
        pretrained: take the library's own.
        option: that named the file, for the error.

    Raises:
        UsageError: there is no such network; or both a file and the library's weights are wanted.
        ArtifactError: the file is missing, or the library's weights cannot be downloaded.
    """
    network = network_name(model)
    if network.file is not None and network.file_sha256 is not None:
        trust(Path(network.file), network.file_sha256)  # to name a file here is to have it run
    if weights is not None and pretrained:
        raise UsageError(option, "cannot be given with --pretrained: both name the weights")
    if weights is None and not pretrained:
        return ChosenNetwork(network=network)
    from artifacts.files import sha256_of_file
    from artifacts.training_records import InitialWeights
    from models.pretrained import pretrained as library_weights
    from untrusted.files import require_file
    from untrusted.memory import require_memory

    classes = None
    if weights is None:
        offered = library_weights(network.name)
        weights, classes = offered.file, offered.classes
    # Before it is hashed: what cannot be loaded may be so large that this takes hours.
    require_memory(str(weights), require_file(weights))
    return ChosenNetwork(
        network=network,
        weights=InitialWeights(file=str(weights.resolve()), sha256=sha256_of_file(weights)),
        normalization=_normalization(network, weights),
        classes=classes,
    )


def _normalization(network: NetworkName, weights: Path) -> "Normalization | None":
    """Return what the weights want: what their file says, else what their library does."""
    from artifacts.training_records import Normalization
    from models.foreign_weights import normalization_in
    from models.libraries import normalization

    found = normalization_in(weights)
    if found is None and network.library is not None:
        found = normalization(network.name)
    return Normalization(mean=found[0], std=found[1]) if found else None
