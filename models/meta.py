"""Networks without numbers in them, for their names, shapes and costs."""

from typing import Any

import torch

from errors import UsageError
from models.classifier import Classifier
from models.registry import build


def built_without_numbers(name: str, **options: Any) -> Classifier:
    """Return what `build` makes of the same arguments, on torch's meta device.

    Raises:
        UsageError: as `build` does.
    """
    try:
        with torch.device("meta"):
            return build(name, **options)
    except UsageError:  # RegNet, for one, computes its widths with tensors, which needs numbers
        return build(name, **options).to("meta")
