"""Networks as people write them, none of which can be exported; `# here` marks the reason."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


class Linear(nn.Module):
    """64 pixels to three logits; those below give it something that no ONNX file can hold."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(64, 3)

    def logits(self, values: Tensor) -> Tensor:
        result: Tensor = self.layer(values.flatten(1))
        return result


class Branching(Linear):
    def forward(self, x: Tensor) -> Tensor:
        if x.sum() > 0:  # here
            x = x + 1
        return self.logits(x)


class BranchingOnItem(Linear):
    def forward(self, x: Tensor) -> Tensor:
        largest = x.max().item()
        return self.logits(x / largest if largest > 1 else x)  # here


class Repeating(Linear):
    def forward(self, x: Tensor) -> Tensor:
        while x.norm() > 10:  # here
            x = x / 2
        return self.logits(x)


class FixedView(Linear):
    def forward(self, x: Tensor) -> Tensor:
        return self.logits(x.view(2, 64))  # here


class FixedAddend(Linear):
    def forward(self, x: Tensor) -> Tensor:
        return self.logits(x + torch.zeros(2, 1, 8, 8))  # here


class FixedByInt(Linear):
    def forward(self, x: Tensor) -> Tensor:
        batch = int(x.shape[0])  # here
        return self.logits(x.reshape(batch, 64))


class LoopOverImages(Linear):
    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.logits(image[None]) for image in x])  # here


class NumpyFunction(Linear):
    def forward(self, x: Tensor) -> Tensor:
        doubled = np.vectorize(lambda pixel: 2 * pixel)(x.numpy())  # here
        return self.logits(torch.from_numpy(doubled))


class NoTranslation(Linear):
    def forward(self, x: Tensor) -> Tensor:
        q, _ = torch.linalg.qr(x[:, 0])  # here
        return self.logits(q)


class NoTranslationOnceDecomposed(Linear):
    def forward(self, x: Tensor) -> Tensor:
        return self.logits(torch.special.bessel_j0(x))  # here


class TranslationRefuses(Linear):
    def forward(self, x: Tensor) -> Tensor:
        return self.logits(x) + torch.histc(x, bins=3)  # here


@torch.library.custom_op("onnxproof_tests::doubled", mutates_args=())
def doubled(x: Tensor) -> Tensor:
    return x * 2


@doubled.register_fake
def _(x: Tensor) -> Tensor:
    return torch.empty_like(x)


class CustomOperator(Linear):
    def forward(self, x: Tensor) -> Tensor:
        return self.logits(doubled(x))  # here


class Inner(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(63, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)  # type: ignore[no-any-return]  # here


class WrongShape(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = Inner()

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x.flatten(1))  # type: ignore[no-any-return]


class Raising(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        raise ValueError("wanted three channels,\nfound another number")  # here


class Exhausted(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        raise MemoryError


class Interrupted(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        raise KeyboardInterrupt


class SecondInput(Linear):
    def forward(self, x: Tensor, mask: Tensor) -> Tensor:  # here
        return self.logits(x * mask)


class TwoOutputs(Linear):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:  # here
        return self.logits(x), x


class NamedOutputs(Linear):
    def forward(self, x: Tensor) -> dict[str, Tensor]:  # here
        return {"logits": self.logits(x)}


class NoOutput(Linear):
    def forward(self, x: Tensor) -> Any:  # here
        self.logits(x)


class NumberOutput(Linear):
    def forward(self, x: Tensor) -> float:  # here
        return 3.0


class ImagesMixed(Linear):
    def forward(self, x: Tensor) -> Tensor:  # here
        return self.layer(x.flatten()[:64])  # type: ignore[no-any-return]


class RowsByValue(Linear):
    def forward(self, x: Tensor) -> Tensor:  # here
        return self.logits(torch.nonzero(x).float().repeat(1, 16))
