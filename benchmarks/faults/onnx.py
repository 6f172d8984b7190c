"""ONNX files of strangers, given to the libraries that usually open them."""

from benchmarks.faults.fault import Fault

ONNX_FAULTS: tuple[Fault, ...] = ()
