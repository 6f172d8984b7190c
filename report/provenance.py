"""The chain of hashes, and the commands that make all of it again."""

from collections.abc import Mapping, Sequence

from artifacts.evaluation_records import Evaluation
from artifacts.verification import Link
from report.reading import EVALUATIONS, RunRecords
from report.tables import Table


def chain_table(run: RunRecords, dataset: Link | None) -> Table:
    """Return each link with the sha256 of what it speaks of.

    Args:
        run: its records.
        dataset: whether the dataset is the one of the record; None: it was not looked for.
    """
    links = [*([dataset] if dataset else []), *run.links]
    hashes = _hashes(run)
    rows = [_row(link, run, hashes) for link in links]
    if run.export is None:
        rows += [row for evaluation in run.evaluations for row in _files_of(evaluation)]
    return Table(
        caption="The chain of hashes: what each file is, and which record says so",
        columns=("file", "sha256", "said by", "now"),
        rows=rows,
    )


def _row(link: Link, run: RunRecords, hashes: Mapping[str, str]) -> tuple[str, ...]:
    if link.name in run.evaluations_sha256:
        # Nothing speaks of an evaluation: it speaks of the files above, which is what was checked.
        now = f"left out: {link.detail}" if link.holds is False else "speaks of the files above"
        return (link.name, run.evaluations_sha256[link.name], "nothing: its own, as it is now", now)
    return (link.name, hashes.get(link.name, "not recorded"), link.of, _told(link))


def _files_of(evaluation: Evaluation) -> Sequence[tuple[str, ...]]:
    """Return what an evaluation says of files that no run of this project made."""
    record = f"{EVALUATIONS}{evaluation.model.precision}-{evaluation.provider.requested}.json"
    now = "not checked: no run of this project made it"
    rows = [(evaluation.model.name, evaluation.model.onnx_sha256, record, now)]
    if evaluation.reference_sha256 is not None:
        rows.append(("its reference", evaluation.reference_sha256, record, now))
    return rows


def _hashes(run: RunRecords) -> dict[str, str]:
    hashes: dict[str, str] = {}
    if run.training is not None and run.recipe is not None:
        hashes["recipe.json"] = run.training.recipe_sha256
        hashes[run.training.checkpoint] = run.training.checkpoint_sha256
        hashes["dataset"] = run.recipe.dataset.sha256
    if run.imported is not None:
        hashes[run.imported.checkpoint] = run.imported.checkpoint_sha256
        hashes["dataset"] = run.imported.dataset.sha256
    if run.evaluations:
        hashes.setdefault("dataset", run.evaluations[0].dataset.sha256)
    if run.export is not None:
        hashes[run.export.reference.file] = run.export.reference.sha256
        hashes |= {one.file: one.onnx_sha256 for one in run.export.variants.values()}
    return hashes


def _told(link: Link) -> str:
    verdict = {True: "holds", False: "BROKEN", None: "not checked"}[link.holds]
    return f"{verdict}: {link.detail}" if link.detail else verdict


def commands(run: RunRecords) -> list[str]:
    """Return what was typed, in its order; one that made several files stands once."""
    typed = [record.command for record in (run.training, run.imported) if record is not None]
    if run.export is not None:
        typed += [variant.command for variant in run.export.variants.values()]
    typed += [evaluation.command for evaluation in run.evaluations]
    return list(dict.fromkeys(typed))
