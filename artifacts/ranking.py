"""What a network says of one image, and the function that gives it for many.

It crosses from `evaluate`, which computes it, to whoever tells it: `predict`, and the server.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from artifacts.logits import Images
from artifacts.prediction_records import Prediction


@dataclass(frozen=True, kw_only=True, eq=False)
class Ranking:
    """How probable each class is, and which come first.

    Attributes:
        order_K: indices of the classes, the most probable first. By logit, since two probabilities
            may both be 1; of equal ones the first, as argmax has it.
        probabilities_K: by index of the class.
    """

    order_K: NDArray[np.intp]
    probabilities_K: NDArray[np.float64]

    def predictions(self, classes: Sequence[str], top: int) -> tuple[Prediction, ...]:
        """Return the `top` most probable of these classes, in that order."""
        return tuple(
            Prediction(
                class_name=classes[index],
                index=index,
                probability=float(self.probabilities_K[index]),
            )
            for index in self.order_K[:top].tolist()
        )


# For each image of a batch, in order; None where the network's answer is not finite.
RankingFunction = Callable[[Images], list[Ranking | None]]
