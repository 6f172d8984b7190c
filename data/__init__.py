"""Datasets as uint8 images with labels: readers, checks, and a cache on disk.

Importing this loads neither torch, torchvision, scipy, scikit-learn nor Pillow, and so does loading
a dataset that is in the cache.
"""

from data.dataset import UNLABELLED, Dataset, Split
from data.load import load_dataset
from data.sources import DATASET_NAMES

__all__ = ["DATASET_NAMES", "UNLABELLED", "Dataset", "Split", "load_dataset"]
