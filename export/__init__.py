"""PyTorch to ONNX, with the checks that an exported graph must pass before it counts."""
