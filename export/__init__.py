"""PyTorch to ONNX, with the checks that an exported graph must pass before it counts."""

from untrusted.telemetry import switch_off_telemetry

switch_off_telemetry()  # before any file of this room loads ONNX Runtime
