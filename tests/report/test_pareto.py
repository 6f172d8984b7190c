from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

from report.conditions import Conditions
from report.pareto import (
    Point,
    common_batch_sizes,
    dominating,
    is_faster,
    points_at,
    recommended,
)
from report.pareto_plot import save_pareto_plot
from tests.evaluate.records import EVALUATION, LATENCY

HERE = Conditions(cpu="a CPU", cpus=2, gpu="a GPU", threads=2)
FLOAT32 = Point(
    name="mlp",
    precision="float32",
    provider="cpu",
    passed=True,
    correct=990,
    examples=1000,
    points_lost=0.0,
    is_loss_chance=True,
    p50_ms=2.0,
    p50_ci95_ms=(1.9, 2.1),
    beside_float32=None,
    beside_float32_ci95=None,
    file_bytes=400,
    weights="w",
    split_sha256="s",
    measured_on=HERE,
)
INT8 = replace(
    FLOAT32,
    precision="int8",
    correct=989,
    points_lost=0.1,
    p50_ms=0.8,
    p50_ci95_ms=(0.7, 0.9),
    beside_float32=2.5,
    beside_float32_ci95=(2.4, 2.6),
    file_bytes=100,
)
SLOW_INT8 = replace(
    INT8, p50_ms=5.0, p50_ci95_ms=(4.9, 5.1), beside_float32=0.4, beside_float32_ci95=(0.39, 0.41)
)


@pytest.mark.parametrize(
    ("change", "is_dominated"),
    [
        ({}, False),  # as good in everything, better in nothing
        ({"file_bytes": 401}, True),
        ({"correct": 989}, True),
        ({"p50_ms": 2.05, "p50_ci95_ms": (1.95, 2.15)}, False),  # slower by chance
        ({"p50_ms": 3.0, "p50_ci95_ms": (2.9, 3.1)}, True),
        ({"p50_ms": 3.0, "p50_ci95_ms": (2.9, 3.1), "correct": 991}, False),
        ({"p50_ms": 3.0, "p50_ci95_ms": (2.9, 3.1), "file_bytes": 399}, False),
    ],
)
def test_point_is_dominated_where_another_is_better_in_something_and_worse_in_nothing(
    change: dict[str, object], is_dominated: bool
) -> None:
    point = replace(FLOAT32, **change)  # type: ignore[arg-type]
    assert (dominating(point, [FLOAT32, point]) is FLOAT32) is is_dominated


def test_ratio_of_one_run_decides_on_one_provider_and_intervals_on_two() -> None:
    drifted = replace(INT8, p50_ms=9.0, p50_ci95_ms=(8.9, 9.1))  # on a machine that was busy later
    assert is_faster(drifted, FLOAT32)
    assert not is_faster(FLOAT32, drifted)
    nearly = replace(FLOAT32, provider="cuda", p50_ms=1.85, p50_ci95_ms=(1.84, 1.86))
    assert not is_faster(nearly, FLOAT32)  # two runs of one file differ by as much
    assert is_faster(replace(nearly, p50_ms=1.5, p50_ci95_ms=(1.49, 1.51)), FLOAT32)
    elsewhere = replace(drifted, provider="cuda")
    assert not is_faster(elsewhere, FLOAT32)
    assert is_faster(FLOAT32, elsewhere)


def test_ratio_to_one_networks_float32_says_nothing_of_anothers() -> None:
    other = replace(INT8, weights="others", p50_ms=9.0, p50_ci95_ms=(8.9, 9.1), correct=999)
    assert not is_faster(other, FLOAT32)  # though 2.5 times as fast as its own float32
    assert is_faster(FLOAT32, other)
    assert dominating(replace(FLOAT32, file_bytes=99), [other]) is None


@pytest.mark.parametrize(
    "change",
    [{"cpu": "another"}, {"cpus": 4}, {"threads": 1}, {"gpu": "one"}, {"split_sha256": "t"}],
)
def test_points_of_other_conditions_are_not_held_together(change: dict[str, object]) -> None:
    better = replace(FLOAT32, p50_ms=0.1, p50_ci95_ms=(0.1, 0.1), correct=999, file_bytes=1)
    assert dominating(FLOAT32, [better]) is better
    of_point = {key: change[key] for key in change if key == "split_sha256"}
    of_machine = {key: change[key] for key in change if key not in of_point}
    there = replace(HERE, **of_machine)  # type: ignore[arg-type]
    elsewhere = replace(better, measured_on=there, **of_point)  # type: ignore[arg-type]
    assert dominating(FLOAT32, [elsewhere]) is None
    assert not is_faster(elsewhere, FLOAT32)


def test_provider_without_a_gpu_is_compared_with_one_that_has_it() -> None:
    on_gpu = replace(FLOAT32, provider="cuda", p50_ms=0.5, p50_ci95_ms=(0.49, 0.51))
    on_cpu = replace(FLOAT32, measured_on=replace(HERE, gpu=None))
    assert is_faster(on_gpu, on_cpu)
    assert dominating(on_cpu, [on_gpu]) is on_gpu


def test_time_of_outputs_that_are_not_right_is_no_point() -> None:
    wrong = LATENCY.model_copy(update={"outputs_verified": False})
    evaluation = EVALUATION.model_copy(update={"latency": (wrong,)})
    assert points_at([evaluation], 1) == ()
    assert common_batch_sizes([evaluation]) == ()


@pytest.mark.parametrize(
    ("points", "best"),
    [
        ([FLOAT32, INT8], INT8),
        ([FLOAT32, SLOW_INT8], FLOAT32),
        ([FLOAT32, replace(INT8, passed=False)], FLOAT32),
        ([replace(FLOAT32, passed=False), SLOW_INT8], SLOW_INT8),
        ([FLOAT32, replace(INT8, beside_float32=1.01, beside_float32_ci95=(0.98, 1.03))], FLOAT32),
        ([replace(FLOAT32, passed=False)], None),
    ],
    ids=["faster", "slower", "failed", "only one passed", "chance", "none"],
)
def test_recommendation_follows_the_measurement(points: list[Point], best: Point | None) -> None:
    assert recommended(points) == best


def test_points_are_of_the_evaluations_that_timed_the_batch_size() -> None:
    large = LATENCY.model_copy(update={"batch_size": 32, "p50_ms": 9.0})
    on_device = LATENCY.model_copy(update={"boundary": "device", "p50_ms": 0.1})
    first = EVALUATION.model_copy(update={"latency": (LATENCY, large, on_device)})
    second = EVALUATION.model_copy(update={"latency": (LATENCY,)})
    assert common_batch_sizes([first, second]) == (1,)
    assert [point.p50_ms for point in points_at([first, second], 1)] == [2.0, 2.0]
    (point,) = points_at([first, second], 32)
    assert (point.p50_ms, point.percent, point.points_lost) == (9.0, 99.0, 0.0)


@pytest.mark.parametrize("suffix", [".svg", ".png"])
def test_plot_is_a_picture_and_the_same_one_again(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"pareto{suffix}"
    contents = []
    for _ in range(2):
        save_pareto_plot(path, [FLOAT32, INT8, SLOW_INT8], "three variants")
        contents.append(path.read_bytes())
    assert contents[0] == contents[1]
    if suffix == ".png":
        with Image.open(path) as image:
            assert image.size == (1000, 816)
        return
    drawing = ElementTree.fromstring(contents[0])
    groups = [element.get("id", "") for element in drawing.iter() if element.tag.endswith("}g")]
    assert sum(name.startswith("PathCollection") for name in groups) == 3  # a mark each
