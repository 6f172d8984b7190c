"""The tables of the machine's limit, and of what share of it is reached."""

from benchmarks.markdown import Measured, source_line, table

LIMIT = """\
## The limit of the machine

The roofline model (Williams, Waterman, Patterson 2009): work attains at most the best product of
matrices that was seen in the run, or the best copy of its own size times its operations a byte,
whichever is less. Multiply-adds are those of convolutions and matrix products, a multiply-add two
operations; bytes are those of the graph as it stands in the file, every value written once and read
once, so that work whose nodes are fused, or whose values stay in caches, can pass a limit of
bandwidth. Inference is ONNX Runtime's as `evaluate` runs it; a step of training is PyTorch's,
forward, backward and Adam, counted as three times the forward pass and 28 bytes a parameter. All in
float32.
"""


def limit_table(measured: Measured) -> str:
    """Return the machine's best, then a row for each network, kind of work and batch size."""
    best = [
        (what, name, f"{found['median']:,.1f}", f"{found['min']:,.1f} to {found['max']:,.1f}")
        for what, by_name in measured["peaks"].items()
        for name, found in by_name.items()
    ]
    copies = measured["limit"]["copies"]
    within = ", ".join(
        f"{copy['gb_per_second']:,.0f} GB/s ({copy['moved_bytes'] / 2**20:g} MiB)"
        for copy in copies
    )
    rows = [
        (
            *(f"{row['network']}, {_size(row['image_shape'])}", row["what"], row["batch_size"]),
            f"{row['median_ms']:,.3f}",
            f"{row['gflops']:,.1f}",
            f"{row['intensity']:.1f}",
            f"{row['attainable_gflops']:,.0f}",
            f"{100 * row['share']:.0f}%",
            row["bound"],
        )
        for row in measured["rows"]
    ]
    header = (
        *("network, image", "work", "batch", "median, ms", "GFLOP/s", "operations a byte"),
        *("limit, GFLOP/s", "share", "bound by"),
    )
    threads = "one thread" if measured["threads"] == 1 else f"{measured['threads']} threads"
    return (
        f"{table(('rate', 'of', 'median', 'least to most'), best)}\n"
        f"Best copies by what they move, {threads}: {within}.\n\n"
        f"{table(header, rows)}\n{source_line(measured)}"
    )


def _size(image_shape: list[int]) -> str:
    return "x".join(str(length) for length in image_shape)
