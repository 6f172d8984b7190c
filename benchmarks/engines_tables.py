"""Tables of the engines, and of what settings of a session gain."""

from collections.abc import Iterator
from typing import Any

from benchmarks.markdown import (
    Measured,
    missing_lines,
    missing_of,
    source_line,
    table,
    versions_text,
)
from benchmarks.targets import target_table

ENGINES = """\
## Inference engines

The same exported file in each engine, in processes of their own that take turns, with as many
threads as CPUs for all (ONNX Runtime's defaults choose for themselves); uint8 images in, float32
logits out, both numpy arrays. Random weights and real images: what a call takes does not depend on
what was learned. Each cell: median milliseconds of a call, images a second, and how many times as
long as ours it took (median, least and most of the rounds). "Difference" is the largest of a logit
from PyTorch's float32 logits, "flips" how many classes differ, over the images told below; the time
is worth no more than what stands beside it. "Opens" is what the engine needs before its first call,
and the first calls of all batch sizes, which is where torch.compile compiles.

OpenVINO stands here twice: it computes in bfloat16 by default where the CPU has it, and in float32
where it is told to, as all others do. ONNX Runtime 1.31's CPU provider has no such way for float32
graphs on x86: its one entry of that kind is for ARM.
"""
SETTINGS = """\
### Settings of a session

Each is our session with one thing changed, beside ours in the same rounds: how many times as fast
as ours it is (median, least and most; above 1 it gains), and how far its logits are from PyTorch's.
The first row is what two sessions that are alike differ by. "Without preprocessing" is given floats
that were normalized before, so its ratio is what the graph's own preprocessing costs.
"""


def engines_table(measured: Measured) -> str:
    """Return a table of engines, one of settings, what is missing, and the targets."""
    engines = [
        row for model, network in measured["networks"].items() for row in _rows(model, network)
    ]
    sizes = _sizes(measured, "engines")
    header = ("network", "engine", "precision", "threads", *(f"batch {size}" for size in sizes))
    header = (*header, "difference", "flips", "opens, s")
    rows = [(*row[:4], *(row[4].get(size, "") for size in sizes), *row[5:]) for row in engines]
    text = [table(header, rows), _absent(measured), SETTINGS, _settings_table(measured)]
    text += [target_table(measured["targets"]), source_line(measured) + _notes(measured)]
    return "\n".join(part for part in text if part)


def _rows(model: str, network: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    for name, found in network["engines"].items():
        cells = {size: _cell(timing) for size, timing in found["batches"].items()}
        opens = found["open_seconds"] + sum(found["first_seconds"].values())
        parity = found["parity"]
        exact = (f"{parity['max_abs']:.1e}", parity["flips"])
        yield (model, name, found["precision"], found["threads"], cells, *exact, f"{opens:.1f}")


def _cell(timing: dict[str, Any]) -> str:
    ratio = timing["ratio_to_ours"]
    spread = f"{ratio['median']:.2f} ({ratio['min']:.2f} to {ratio['max']:.2f})"
    return f"{timing['median_ms']:.4g} ms, {timing['images_per_second']:,}/s, {spread}"


def _settings_table(measured: Measured) -> str:
    networks = {
        model: network["settings"]["sessions"]
        for model, network in measured["networks"].items()
        if "settings" in network
    }
    columns = [
        (model, size)
        for model, sessions in networks.items()
        for size in dict.fromkeys(size for found in sessions.values() for size in found["batches"])
    ]
    names = dict.fromkeys(name for sessions in networks.values() for name in sessions)
    rows = []
    for name in names:
        found = {model: sessions[name] for model, sessions in networks.items() if name in sessions}
        cells = (
            _gain(found[model]["batches"][size]) if model in found else ""
            for model, size in columns
        )
        worst = max(session["parity"]["max_abs"] for session in found.values())
        rows.append((name, *cells, f"{worst:.1e}"))
    header = ("session", *(f"{model}, {size}" for model, size in columns), "difference")
    return table(header, rows)


def _gain(timing: dict[str, Any]) -> str:
    """Return our time over the setting's: the inverse of how many times as long as ours it took."""
    ratio = timing["ratio_to_ours"]
    median, least, most = (1 / ratio[key] for key in ("median", "max", "min"))
    return f"{median:.2f} ({least:.2f} to {most:.2f})"


def _sizes(measured: Measured, part: str) -> list[str]:
    sizes = {
        size
        for network in measured["networks"].values()
        for found in network[part].values()
        for size in found["batches"]
    }
    return sorted(sizes, key=int)


def _absent(measured: Measured) -> str:
    tried = {
        model: network["settings"]
        for model, network in measured["networks"].items()
        if "settings" in network
    }
    return missing_lines(missing_of(measured) | missing_of({"missing": {}, "networks": tried}))


def _notes(measured: Measured) -> str:
    networks = measured["networks"].items()
    told = "; ".join(
        f"{model}: {network['dataset']}, {network['rounds']} rounds" for model, network in networks
    )
    versions = {
        package: version
        for _, network in networks
        for found in network["engines"].values()
        for package, version in found["versions"].items()
    }
    images = {
        found["parity"]["images"]
        for _, network in networks
        for found in network["engines"].values()
    }
    return (
        f"  {told}; parity over {', '.join(map(str, sorted(images)))} images;"
        f" {versions_text(versions)}\n"
    )
