"""The tables of exports: what they take, and what each checks."""

from typing import Any

from benchmarks.markdown import (
    Measured,
    missing_lines,
    missing_of,
    source_line,
    table,
    versions_text,
)

EXPORTING = """\
## Exporters

LeNet-5 and ResNet-18 to ONNX: seconds of the whole process and of the call without imports (medians
of alternating runs, each in a fresh process), the file, its nodes, and how many are left when ONNX
Runtime has rewritten them. Then by experiment: which batches each gives to ONNX Runtime, and how it
ends when torch's exporter writes last weights that are 10% larger than they were. Our command also
computes PyTorch's float32 and float64 answers on the whole test split, for `evaluate`. Ours and the
bare exporter's files contain the preprocessing, timm's and optimum's do not; optimum takes
transformers' networks alone, so its ResNet-18 is theirs, with other first layers.
"""
IMAGES = {  # what a way compares on, by its name
    "onnxproof export": "real test images",
    "onnxproof, graph and checks alone": "real test images",
    "torch.onnx.export(dynamo=True)": "nothing",
    "timm onnx_export(check_forward=True)": "random numbers",
    "optimum main_export": "random numbers",
}


def exporting_table(measured: Measured) -> str:
    """Return a row a network and way for the cost, and one for the checks."""
    rows = [
        (model, name, found)
        for model, network in measured["networks"].items()
        for name, found in network["ways"].items()
    ]
    costs = table(
        ("network", "exporter", "process, s", "call, s", "file, bytes", "nodes", "rewritten"),
        [
            (
                *(model, name, f"{found['process_seconds']:.2f}", f"{found['call_seconds']:.2f}"),
                *(f"{found['file_bytes']:,}", found["nodes"], found["optimized_nodes"]),
            )
            for model, name, found in rows
        ],
    )
    checks = table(
        ("network", "exporter", "compares on", "batch sizes", "examples", "given wrong weights"),
        [
            (
                *(model, name, IMAGES[name]),
                *(", ".join(map(str, found["batch_sizes"])) or "none", found["examples"]),
                _ending(found["wrong"]),
            )
            for model, name, found in rows
        ],
    )
    absent = missing_lines(missing_of(measured))
    source = f"{source_line(measured)}  others: {versions_text(measured['versions'])}\n"
    return f"{costs}\n{checks}\n{absent}{source}"


def _ending(wrong: dict[str, Any] | None) -> str:
    if wrong is None:
        return ""
    said = f"`{wrong['said'].replace('|', '/')}`" if wrong["said"] else "says nothing"
    file = "the file stays" if wrong["file_kept"] else "no file is left"
    return f"exit code {wrong['exit_code']}, {file}: {said}"
