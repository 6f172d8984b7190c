"""The project's version, the same as in pyproject.toml; a test holds them together."""

ONNXPROOF_VERSION = "0.1.0"
