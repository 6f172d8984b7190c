"""Networks whose hidden fully connected layers can have other widths, and dropout after each."""

from collections.abc import Sequence
from dataclasses import dataclass

from errors import UsageError

MLP_WIDTHS = (128, 64)
LENET5_WIDTHS = (120, 84)  # of C5 and F6, as the paper has them
LARGEST_WIDTH = 1 << 16
MOST_LAYERS = 8


@dataclass(frozen=True, kw_only=True)
class HiddenLayers:
    """Which hidden fully connected layers a network can have.

    Attributes:
        widths: outputs of each, unless others are wanted.
        fewest: layers that it can have.
        most: the same; of a network with as many as its paper says, both are that number.
    """

    widths: tuple[int, ...]
    fewest: int
    most: int


# Light enough for `--help`. Every other network has none, or one that nobody chose the width of.
HIDDEN_LAYERS = {
    "mlp": HiddenLayers(widths=MLP_WIDTHS, fewest=1, most=MOST_LAYERS),
    "lenet5": HiddenLayers(widths=LENET5_WIDTHS, fewest=2, most=2),
}


def chosen_widths(name: str, widths: Sequence[int] | None, dropout: float = 0.0) -> tuple[int, ...]:
    """Return the outputs of the network's hidden layers; nothing where there is no choice.

    Args:
        name: of the network.
        widths: that are wanted; None takes the network's own.
        dropout: share of each hidden layer's outputs that training leaves out.

    Raises:
        UsageError: the network has no such layers, or another number of them, and widths or dropout
            are wanted; or a number is out of its range.
    """
    layers = HIDDEN_LAYERS.get(name)
    if layers is None:
        for option, is_wanted in (("--widths", widths is not None), ("--dropout", dropout != 0)):
            if is_wanted:
                raise UsageError(option, f"{name} has none: wanted {' or '.join(HIDDEN_LAYERS)}")
        return ()
    if not 0 <= dropout < 1:
        raise UsageError("--dropout", f"wanted from 0 to below 1, found {dropout}")
    if widths is None:
        return layers.widths
    if not layers.fewest <= len(widths) <= layers.most:
        wanted = f"{layers.fewest} to {layers.most}" if layers.fewest < layers.most else layers.most
        raise UsageError(
            "--widths",
            f"wanted {wanted} of them for {name}, found {len(widths)}",
            hint=f"its own are {','.join(map(str, layers.widths))}",
        )
    if not all(1 <= width <= LARGEST_WIDTH for width in widths):
        found = ",".join(map(str, widths))
        raise UsageError("--widths", f"wanted each from 1 to {LARGEST_WIDTH}, found {found}")
    return tuple(widths)


def recorded_widths(
    name: str, widths: Sequence[int] | None, dropout: float = 0.0
) -> tuple[int, ...] | None:
    """Return the same for a record: None for the network's own, so that one network has one record.

    Raises:
        UsageError: as `chosen_widths` does.
    """
    chosen = chosen_widths(name, widths, dropout)
    return None if chosen == chosen_widths(name, None) else chosen
