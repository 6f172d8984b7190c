"""The page of `study architectures`: which network to take when, and what that rests on."""

from artifacts.architecture_records import ArchitectureStudy, StudiedNetwork
from report.architecture_advice import in_one_sentence
from report.architecture_plots import latency_plot, learning_plots, multiply_adds_plot
from report.architecture_tables import (
    cost_table,
    latency_table,
    machine_table,
    pairs_table,
    seconds_table,
    settings_table,
)
from report.contents import Contents
from report.numbers import count
from report.pareto import common_batch_sizes
from report.sections import Section


def contents_of_architectures(name: str, study: ArchitectureStudy) -> Contents:
    """Return what the page says of the study, which is called by that name."""
    data = study.networks[0].evaluation.dataset
    facts = (
        f"{count(len(study.networks), 'network')} on {data.name}",
        f"{count(study.epochs, 'epoch')} of {study.train_examples:,} images each",
        count(data.examples, "test image"),
    )
    typed = [study.command, *(network.training.command for network in study.networks)]
    return Contents(
        name=name,
        summary=" · ".join(facts),
        headline=in_one_sentence(study.advice),
        sections=[
            _choice(study),
            _accuracy(study),
            _learning(study),
            _latency(study),
            _settings(study),
        ],
        commands=list(dict.fromkeys(typed)),
    )


def _choice(study: ArchitectureStudy) -> Section:
    sizes = common_batch_sizes([network.evaluation for network in study.networks])
    advice = {
        size: " ".join(one.sentence for one in study.advice if one.batch_size == size)
        for size in dict.fromkeys(one.batch_size for one in study.advice)
    }
    ends = dict.fromkeys((*sizes[:1], *sizes[-1:]))
    return Section(
        anchor="choice",
        title="Which one to take",
        notes=[
            *(f"Batches of {size}: {sentences}" for size, sentences in advice.items()),
            "A network is worth its time only where it gets more of the same test images right than"
            " each faster one that is worth its own, by more than chance (McNemar's exact test,"
            " corrected by Holm's method for all pairs). Accuracy and latency are those of the"
            " exported network in ONNX Runtime.",
        ],
        tables=[cost_table(study, sizes)],
        plots=[*(latency_plot(study, size) for size in ends), multiply_adds_plot(study)],
    )


def _accuracy(study: ArchitectureStudy) -> Section:
    return Section(
        anchor="accuracy",
        title="Which differences are more than chance",
        notes=[
            "Each pair of networks is compared on the test images that only one of the two gets"
            " right; if they were equally good, each would get about half of those.",
            f"That says how sure a difference is for these trained weights (seed {study.seed}) and"
            " other images of the kind. It does not say what another seed, other hyperparameters or"
            " a longer training would give: each network was trained once.",
        ],
        tables=[pairs_table(study)] if study.pairs else [],
    )


def _learning(study: ArchitectureStudy) -> Section:
    slowest = max(study.networks, key=lambda network: network.training_seconds)
    others = [network for network in study.networks if network is not slowest]
    return Section(
        anchor="learning",
        title="What training takes",
        notes=[
            f"The budget is in images: each network saw {study.epochs * study.train_examples:,}"
            f" ({count(study.epochs, 'epoch')} of {study.train_examples:,}), and"
            f" {study.val_examples:,} others validated each epoch, to choose the weights to keep.",
            *(_seconds_note(network, slowest) for network in others),
            "The table reads the other budget, seconds, off the same trainings: the best validation"
            " accuracy that each network had reached by then. It is no experiment of its own: a"
            " network that is given more seconds would be trained by another schedule.",
        ],
        tables=[seconds_table(study)],
        plots=learning_plots(study),
    )


def _seconds_note(network: StudiedNetwork, slowest: StudiedNetwork) -> str:
    ratio = slowest.training_seconds / network.training_seconds
    return (
        f"In the seconds that {slowest.name} took, {network.name} would have seen about {ratio:.3g}"
        " times as many images."
    )


def _latency(study: ArchitectureStudy) -> Section:
    return Section(
        anchor="latency",
        title="Latency",
        notes=[
            "The networks were timed one after another, each in alternating blocks with PyTorch:"
            " where the machine was busy, its ratio to PyTorch is the surer figure. Two networks"
            " count as differently fast only where their intervals lie more than 5% apart."
        ],
        tables=[latency_table(study)],
    )


def _settings(study: ArchitectureStudy) -> Section:
    return Section(
        anchor="settings",
        title="How it was done",
        notes=[
            "Recipes are the project's own for each network, made for full trainings; none was made"
            " for this budget. The verdict is that of an evaluation: the same answers as PyTorch on"
            " every test image, on the provider that was asked for."
        ],
        tables=[settings_table(study), machine_table(study)],
    )
