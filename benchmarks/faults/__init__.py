"""Faults and hostile files: what the bare libraries do with them, and what onnxproof does."""
