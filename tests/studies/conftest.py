from collections.abc import Iterator

import pytest
import torch

from studies.examples import THREADS


@pytest.fixture(autouse=True, scope="package")
def threads_of_studies() -> Iterator[None]:
    """As many threads as a study sets: with more, matrices so small take many times as long."""
    earlier = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    yield
    torch.set_num_threads(earlier)
