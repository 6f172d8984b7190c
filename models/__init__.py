"""Network definitions, a table of their names, and `build`. Importing this loads no torch."""

from models.names import MODEL_NAMES, NetworkName, network_name
from models.registry import build

__all__ = ["MODEL_NAMES", "NetworkName", "build", "network_name"]
