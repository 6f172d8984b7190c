"""What all tables of measurements are made of."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Measured = dict[str, Any]  # one file of results, with its name


def source_line(measured: Measured) -> str:
    """Return which command made the figures, at which commit, on which machine, when."""
    environment = measured["environment"]
    return (
        f"- `{measured['command']}`: commit {measured['commit'][:7]}, torch"
        f" {environment['versions']['torch']}, CPU {environment['cpu']},"
        f" {environment['cpus']} usable, {environment['date'][:10]}\n"
    )


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(str(cell) for cell in line) + " |\n" for line in lines)


def missing_lines(missing: Mapping[str, str]) -> str:
    """Return a paragraph for each that was left out, with the reason."""
    return "".join(f"Missing: {name}: {why.rstrip('.')}.\n\n" for name, why in missing.items())


def missing_of(measured: Measured) -> dict[str, str]:
    """Return what is missing of a measurement and of each of its networks, by names that tell."""
    missing: dict[str, str] = dict(measured["missing"])
    for model, network in measured["networks"].items():
        missing |= {f"{name} ({model})": why for name, why in network["missing"].items()}
    return missing


def versions_text(versions: Mapping[str, str]) -> str:
    """Return names with their versions, or that there are none."""
    return ", ".join(f"{name} {version}" for name, version in versions.items()) or "none"
