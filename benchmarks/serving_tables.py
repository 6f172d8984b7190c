"""The table of what `serve` holds out."""

from benchmarks.markdown import Measured, source_line, table

SERVING = """\
## Serving

`serve` with clients on the same machine, each sending one test image after another as a PNG file.
The client takes part of the same CPUs. "Unbatched" is the same server with `--max-batch 1`. "Right"
counts test images through HTTP, and by `evaluate`.
"""
LOADS = {"one_at_a_time": "one at a time", "concurrent": "concurrent", "unbatched": "unbatched"}


def serving_table(measured: Measured) -> str:
    """Return a row a load, and a row a run for the answers."""
    header = (
        *("run", "load", "clients", "requests", "errors", "a second", "p50, ms", "p99, ms"),
        *("mean batch", "times one at a time", "times unbatched"),
    )
    rows = []
    for name, run in measured["runs"].items():
        for key, words in LOADS.items():
            load = run[key]
            rates = [
                load["requests_per_second"] / run[other]["requests_per_second"]
                for other in ("one_at_a_time", "unbatched")
            ]
            rows.append(
                (
                    *(name, words, load["clients"], f"{load['requests']:,}", load["errors"]),
                    f"{load['requests_per_second']:,.0f}",
                    *(f"{load['p50_ms']:.2f}", f"{load['p99_ms']:.2f}"),
                    f"{load['mean_batch']:.2f}",
                    *(f"{rate:.2f}" for rate in rates),
                )
            )
    answers = [
        (name, *(run["accuracy"][key] for key in ("examples", "http_correct", "evaluate_correct")))
        for name, run in measured["runs"].items()
    ]
    right = table(("run", "images", "right through HTTP", "right by evaluate"), answers)
    return table(header, rows) + "\n" + right + "\n" + source_line(measured)
