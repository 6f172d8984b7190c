import pytest

from benchmarks.precision import targets


def variants(network: str, *, speed: float, lost: int, file_bytes: int) -> dict[str, object]:
    return {
        "float32": {"file_bytes": 1000},
        "int8": {
            "network": network,
            "file_bytes": file_bytes,
            "correct": 900 - lost,
            "pytorch_correct": 900,
            "examples": 1000,
            "latency": [
                {"batch_size": 1, "float32_speedup": 9.0},
                {"batch_size": 32, "float32_speedup": speed},
            ],
        },
    }


@pytest.mark.parametrize(
    ("network", "speed", "lost", "file_bytes", "met"),
    [
        ("resnet18", 2.3, 3, 260, [True, True, True]),
        ("resnet18", 2.1, 4, 280, [False, False, False]),
        ("resnet50", 2.9, 0, 270, [False, True, True]),
    ],
)
def test_targets_are_those_of_the_network(
    network: str, speed: float, lost: int, file_bytes: int, met: list[bool]
) -> None:
    run = variants(network, speed=speed, lost=lost, file_bytes=file_bytes)
    found = targets({"some": run})
    assert [target["met"] for target in found] == met
    assert found[0]["measured"] == f"{speed:.2f}"


def test_networks_without_a_target_have_none() -> None:
    assert targets({"some": variants("mlp", speed=1, lost=0, file_bytes=1)}) == []
