"""The chain of hashes, and the commands that make all of it again."""

from artifacts.verification import Link
from report.reading import EVALUATIONS, RunRecords
from report.tables import Table


def chain_table(run: RunRecords, dataset: Link | None) -> Table:
    """Return each link with the sha256 of what it speaks of.

    Args:
        run: its records.
        dataset: whether the dataset is the one of the record; None: it was not looked for.
    """
    hashes = _hashes(run)
    links = [*([dataset] if dataset else []), *run.links]
    rows = [
        (link.name, hashes.get(link.name, "not recorded"), link.of, _told(link)) for link in links
    ]
    return Table(
        caption="The chain of hashes: what each file is, and which record says so",
        columns=("file", "sha256", "said by", "now"),
        rows=rows
        or [("no run", "not recorded", "nothing", "an ONNX file that no run of this project made")],
    )


def _hashes(run: RunRecords) -> dict[str, str]:
    hashes: dict[str, str] = {}
    if run.training is not None and run.recipe is not None:
        hashes["recipe.json"] = run.training.recipe_sha256
        hashes[run.training.checkpoint] = run.training.checkpoint_sha256
        hashes["dataset"] = run.recipe.dataset.sha256
    if run.imported is not None:
        hashes[run.imported.checkpoint] = run.imported.checkpoint_sha256
        hashes["dataset"] = run.imported.dataset.sha256
    if run.export is not None:
        hashes[run.export.reference.file] = run.export.reference.sha256
        hashes |= {one.file: one.onnx_sha256 for one in run.export.variants.values()}
    return hashes | run.evaluations_sha256


def _told(link: Link) -> str:
    broken = "left out" if link.name.startswith(EVALUATIONS) else "BROKEN"
    verdict = {True: "holds", False: broken, None: "not checked"}[link.holds]
    return f"{verdict}: {link.detail}" if link.detail else verdict


def commands(run: RunRecords) -> list[str]:
    """Return what was typed, in its order; one that made several files stands once."""
    typed = [record.command for record in (run.training, run.imported) if record is not None]
    if run.export is not None:
        typed += [variant.command for variant in run.export.variants.values()]
    typed += [evaluation.command for evaluation in run.evaluations]
    return list(dict.fromkeys(typed))
