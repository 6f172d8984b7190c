"""LeNet-5."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from models.hidden_layers import LENET5_WIDTHS

INPUT_SIDE = 32  # pixels; what the original's 28x28 digits were padded to


class LeNet5(nn.Module):
    """LeNet-5 (LeCun, Bottou, Bengio and Haffner 1998), with the layers' sizes kept.

    What differs from the paper:
    - ReLU in the place of the scaled tanh;
    - max pooling in the place of averaging with a trained gain and bias (S2, S4);
    - C3 sees all six maps of S2, rather than a hand-chosen subset for each of its maps;
    - the output is a linear layer whose logits a softmax reads, rather than Euclidean distances
      to fixed bitmaps of the characters (radial basis functions);
    - images smaller than 32x32 are padded with the mean pixel; larger ones widen C5's input;
    - C5 and F6 have the paper's 120 and 84 outputs unless `widths` says otherwise, and training
      leaves out a share `dropout` of them.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        image_size: tuple[int, int],
        *,
        widths: Sequence[int] = LENET5_WIDTHS,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        height, width = (max(side, INPUT_SIDE) for side in image_size)
        missing_rows, missing_columns = height - image_size[0], width - image_size[1]
        self.pad = nn.ZeroPad2d(
            (
                missing_columns // 2,
                missing_columns - missing_columns // 2,
                missing_rows // 2,
                missing_rows - missing_rows // 2,
            )
        )
        self.c1 = nn.Conv2d(in_channels, 6, kernel_size=5)
        self.c3 = nn.Conv2d(6, 16, kernel_size=5)
        self.pool = nn.MaxPool2d(2)
        c5, f6 = widths
        self.c5 = nn.Linear(16 * _side_after_s4(height) * _side_after_s4(width), c5)
        self.f6 = nn.Linear(c5, f6)
        self.output = nn.Linear(f6, num_classes)
        self.dropout = nn.Dropout(dropout)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits_NK of normalized images_NCHW."""
        s2 = self.pool(torch.relu(self.c1(self.pad(images))))
        s4 = self.pool(torch.relu(self.c3(s2)))
        c5 = self.dropout(torch.relu(self.c5(torch.flatten(s4, start_dim=1))))
        logits: Tensor = self.output(self.dropout(torch.relu(self.f6(c5))))
        return logits


def _side_after_s4(side: int) -> int:
    return ((side - 4) // 2 - 4) // 2
