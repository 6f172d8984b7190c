"""The proof: accuracy, parity, latency, where it ran, and the verdict on all of them."""

from untrusted.telemetry import switch_off_telemetry

switch_off_telemetry()  # before any file of this room loads ONNX Runtime
