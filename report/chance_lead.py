"""How far the best of several lies ahead by chance, chosen as it is by what it is measured by."""

import math
from dataclasses import dataclass

from scipy.optimize import brentq
from scipy.stats import norm

RARELY = 0.05  # one search of twenty
_FAR = 20.0  # standard deviations; beyond every lead of a search that has an end


@dataclass(frozen=True, kw_only=True)
class ChanceLead:
    """How far the best of equally good candidates lies ahead of one of them, as an accuracy.

    Attributes:
        mean: on average.
        rare: what it passes in one search of twenty only.
    """

    mean: float
    rare: float


def chance_lead(candidates: int, accuracy: float, examples: int) -> ChanceLead:
    """Return the lead that candidates of the same true accuracy give the best of them.

    Each one's count of right answers is taken for a normal number of the binomial's variance, on
    images of its own. On the same images the counts rise and fall together, which makes leads
    smaller: what is returned bounds them from above.

    Args:
        candidates: at least one; the one that the best is compared with is among them.
        accuracy: of each.
        examples: that it is measured on.
    """
    if candidates == 1:
        return ChanceLead(mean=0.0, rare=0.0)
    deviation = math.sqrt(accuracy * (1 - accuracy) / examples)
    others = candidates - 1

    def share_beyond(lead: float) -> float:
        return 1 - float(norm.expect(lambda z: norm.cdf(z + lead) ** others))

    # The largest of N normal numbers has the density N phi(z) Phi(z)^(N - 1).
    mean = float(norm.expect(lambda z: candidates * z * norm.cdf(z) ** others))
    rare = brentq(lambda lead: share_beyond(lead) - RARELY, 0.0, _FAR)
    return ChanceLead(mean=mean * deviation, rare=float(rare) * deviation)
