"""A small problem with random inputs and labels, which no layer gets all right."""

import torch
from torch import Tensor

from artifacts.study_records import StudiedLoss
from studies.linear_network import Problem

INPUTS, CLASSES, EXAMPLES = 3, 4, 40


def problem(loss: StudiedLoss, *, hidden: int | None = None) -> Problem:
    generator = torch.Generator().manual_seed(1)
    return Problem(
        inputs_ND=torch.randn(EXAMPLES, INPUTS, generator=generator, dtype=torch.float64),
        labels_N=torch.randint(CLASSES, (EXAMPLES,), generator=generator),
        classes=CLASSES,
        hidden=hidden,
        loss=loss,
    )


def weights_for(one: Problem, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(one.parameters, generator=generator, dtype=torch.float64)
