"""What is taken follows from what was measured: each rule with a case that turns it."""

import itertools

import numpy as np
import pytest

from artifacts.architecture_records import NetworkAdvice
from report.architecture_advice import gain, in_one_sentence, taken
from tests.report.architectures import (
    EXAMPLES,
    Right,
    network_of,
    right_of,
    study_of,
    three_networks,
)

BEST, GOOD, POOR = right_of(range(10)), right_of(range(50)), right_of(range(200))
LIKE_GOOD = right_of(range(5), range(10, 56))  # 6 wrong that GOOD has right, 5 the other way round


def advised(
    networks: dict[str, tuple[Right, float]], *, failed: str = ""
) -> tuple[NetworkAdvice, ...]:
    """The advice on networks with these answers and median latencies, at batch 1."""
    made = [
        network_of(name, right_N, {1: median}, passed=name != failed)
        for name, (right_N, median) in networks.items()
    ]
    return study_of(made, [right_N for right_N, _ in networks.values()]).advice


def sentence_on(name: str, advice: tuple[NetworkAdvice, ...]) -> str:
    return next(one.sentence for one in advice if one.network == name)


@pytest.mark.parametrize(
    ("networks", "to_take"),
    [
        ({"a": (GOOD, 1.0)}, ("a",)),
        ({"a": (POOR, 1.0), "b": (GOOD, 2.0)}, ("a", "b")),
        ({"b": (GOOD, 2.0), "a": (POOR, 1.0)}, ("a", "b")),  # fastest first, however named
        ({"a": (GOOD, 1.0), "b": (POOR, 2.0)}, ("a",)),
        ({"a": (GOOD, 1.0), "b": (LIKE_GOOD, 2.0)}, ("a",)),
        ({"a": (LIKE_GOOD, 1.0), "b": (GOOD, 2.0)}, ("a",)),  # one more right: chance
        ({"a": (POOR, 1.0), "b": (GOOD, 2.0), "c": (BEST, 3.0)}, ("a", "b", "c")),
        ({"a": (POOR, 1.0), "b": (GOOD, 2.0), "c": (LIKE_GOOD, 3.0)}, ("a", "b")),
        # 4% apart is no difference between two runs: the better one alone.
        ({"a": (POOR, 1.0), "b": (GOOD, 1.04)}, ("b",)),
        ({"a": (POOR, 1.0), "b": (GOOD, 1.04), "c": (BEST, 9.0)}, ("b", "c")),
        ({"a": (GOOD, 1.0), "b": (LIKE_GOOD, 1.0)}, ("a",)),
    ],
)
def test_network_is_taken_where_it_is_worth_its_time(
    networks: dict[str, tuple[Right, float]], to_take: tuple[str, ...]
) -> None:
    assert taken(advised(networks)) == {1: to_take}


def test_better_than_the_fastest_is_taken_though_chance_may_tell_it_from_one_between() -> None:
    # b is not told from a, nor c from b; but c from a.
    a, b, c = right_of(range(30)), right_of(range(25)), right_of(range(20))
    networks = {"a": (a, 1.0), "b": (b, 2.0), "c": (c, 3.0)}
    advice = advised(networks)
    assert taken(advice) == {1: ("a", "c")}
    assert sentence_on("b", advice).startswith("Not b: a is 2 times as fast, and 0.50 points less")


def test_sentences_have_the_figures_that_decide() -> None:
    advice = three_networks().advice
    told = {(one.batch_size, one.network): one.sentence for one in advice}
    assert told[1, "lenet5"] == (
        "Take lenet5 when time decides: 0.100 ms a batch of 1, 94.00% right."
    )
    assert (
        "5.000 ms a batch of 1, 98.00% right; 4.00 points more than lenet5" in told[1, "resnet18"]
    )
    assert told[1, "resnet18"].endswith("for 50 times lenet5's time.")
    assert told[32, "resnet50"].startswith("Not resnet50: resnet18 is 4 times as fast, and 0.20")
    assert "which may be chance (McNemar's p = " in told[32, "resnet50"]
    assert in_one_sentence(advice) == (
        "For batches of 1 and 32 take lenet5 when time decides, resnet18 when accuracy does."
    )


def test_answers_that_differ_by_batch_size_are_told_apart() -> None:
    networks = [
        network_of("a", POOR, {1: 1.0, 32: 9.0}),
        network_of("b", GOOD, {1: 2.0, 32: 8.0}),
    ]
    assert in_one_sentence(study_of(networks, [POOR, GOOD]).advice) == (
        "For batches of 1 take a when time decides, b when accuracy does; for batches of 32 take b:"
        " no other is better by more than chance."
    )


def test_network_that_failed_is_never_taken() -> None:
    networks = {"a": (BEST, 1.0), "b": (POOR, 2.0)}
    assert taken(advised(networks)) == {1: ("a",)}
    advice = advised(networks, failed="a")
    assert taken(advice) == {1: ("b",)}
    assert "it is not proved" in sentence_on("a", advice)


def test_nothing_is_advised_where_none_passed_or_no_size_is_common() -> None:
    only = {"a": (GOOD, 1.0)}
    assert in_one_sentence(advised(only, failed="a")) == (
        "For batches of 1 take none: none passed that has learnt anything."
    )
    networks = [network_of("a", POOR, {1: 1.0}), network_of("b", GOOD, {32: 8.0})]
    advice = study_of(networks, [POOR, GOOD]).advice
    assert advice == ()
    assert in_one_sentence(advice).startswith("Nothing can be said")


@pytest.mark.parametrize(("wrong", "to_take"), [(480, ("b",)), (400, ("a", "b"))])
def test_network_that_knows_the_commonest_class_alone_is_never_taken(
    wrong: int, to_take: tuple[str, ...]
) -> None:
    # Of two classes with 500 images each: 520 right are chance, 600 are not.
    advice = advised({"a": (right_of(range(wrong)), 1.0), "b": (GOOD, 2.0)})
    assert taken(advice) == {1: to_take}
    assert ("commonest class" in sentence_on("a", advice)) is ("a" not in to_take)


def test_gain_is_of_the_first_whichever_way_round_the_pair_was_counted() -> None:
    study = three_networks()
    there = gain("lenet5", "resnet18", study.networks, study.pairs)
    back = gain("resnet18", "lenet5", study.networks, study.pairs)
    assert (there.points, back.points) == (-4.0, 4.0)
    assert (there.is_better, back.is_better) == (False, True)


@pytest.mark.parametrize("seed", range(10))
def test_what_is_taken_gains_at_each_step_and_what_is_not_is_beaten(seed: int) -> None:
    random = np.random.default_rng(seed)
    names = "abcde"
    rights = [random.random(EXAMPLES) < share for share in random.uniform(0.9, 0.99, len(names))]
    medians = random.uniform(1, 1.5, len(names)).tolist()
    networks = [
        network_of(name, right_N, {1: median})
        for name, right_N, median in zip(names, rights, medians, strict=True)
    ]
    study = study_of(networks, rights)
    front = taken(study.advice)[1]
    for faster, slower in itertools.pairwise(front):
        assert medians[names.index(faster)] < medians[names.index(slower)]
        assert gain(slower, faster, study.networks, study.pairs).is_better
    for name in set(names) - set(front):
        slower_by = [medians[names.index(name)] / medians[names.index(one)] for one in front]
        better = [gain(name, one, study.networks, study.pairs).is_better for one in front]
        # One of them is as fast at least, up to what two runs differ by, and as accurate.
        assert any(
            ratio > 1 / 1.08 and not is_better
            for ratio, is_better in zip(slower_by, better, strict=True)
        )
