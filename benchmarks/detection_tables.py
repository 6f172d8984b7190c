"""The tables of the planted faults: who found which, and who cried wolf."""

from typing import Any

from benchmarks.markdown import Measured, source_line, table, versions_text
from benchmarks.targets import target_table

DETECTION = """\
## Planted faults

Faults put into a ResNet-18 that learned digits in colour, and who found them. *Answers* counts the
test images whose class a fault changes in PyTorch itself, *difference* is the largest between two
logits. Each check has the inputs and tolerances that it has when nobody says anything: `evaluate`
the whole test split, with records whose hashes fit the faulty file; torch `assert_onnx_program`;
Optimum `validate_model_outputs` for a ResNet; Polygraphy's `Comparator`; timm what `onnx_export`
does with `check_forward`; all four on random input. *Accuracy alone* is top-1 of both sides on the
test split to three decimals, as timm's `onnx_validate` prints it, had somebody held the two beside
each other.
"""
ALARMS = """\
Sound networks with random weights that tell images apart, exported in the same ways, and what was
said against them:
"""
OURS = "ours"


def detection_table(measured: Measured) -> str:
    """Return a row a fault, the sums, and what was said against sound networks."""
    faults, sound = measured["faults"], measured["sound"]
    checks = [OURS, *faults[0]["others"]]
    changing = [row for row in faults if row.get("answers_changed")]
    rows: list[tuple[object, ...]] = [_row(row, checks) for row in faults]
    rows += [
        _sums("found of all", faults, checks),
        _sums("found of those that change an answer", changing, checks),
        _sums(f"false alarms, {len(sound)} sound networks", sound, checks),
    ]
    alarms = [
        (row["network"], check, _of(row, check)["said"])
        for row in sound
        for check in checks
        if _of(row, check)["caught"]
    ]
    text = table(("fault", "answers", "difference", *checks), rows)
    if alarms:
        text += f"\n{ALARMS}\n" + table(("network", "check", "said"), alarms)
    targets = target_table(measured["targets"])
    versions = versions_text(measured["others"])
    return f"{text}\n{targets}\n{source_line(measured)}  others: {versions}\n"


def _row(row: dict[str, Any], checks: list[str]) -> tuple[object, ...]:
    found = ("found" if _of(row, check)["caught"] else "**missed**" for check in checks)
    if "answers_changed" not in row:
        return (row["fault"], "", "", *found)
    difference = row["largest_logit_difference"]
    told = "NaN" if difference is None else f"{difference:.1e}"
    return (row["fault"], f"{row['answers_changed']} of {row['examples']}", told, *found)


def _sums(name: str, rows: list[dict[str, Any]], checks: list[str]) -> tuple[object, ...]:
    counts = (sum(_of(row, check)["caught"] for row in rows) for check in checks)
    return (name, "", "", *(f"{count} of {len(rows)}" for count in counts))


def _of(row: dict[str, Any], check: str) -> dict[str, Any]:
    found: dict[str, Any] = row[OURS] if check == OURS else row["others"][check]
    return found
