"""Network definitions, a table of their names, and `build`. Importing this loads no torch."""

from models.registry import MODEL_NAMES, build

__all__ = ["MODEL_NAMES", "build"]
