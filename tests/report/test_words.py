import pytest

from artifacts.evaluation_records import (
    AccuracyLoss,
    BaselineComparison,
    Explanation,
    LatencyChange,
)
from report.words import headline, sentences
from tests.evaluate.records import CPU, CUDA, EVALUATION, PARITY, PROOF

LOSS = AccuracyLoss(
    points=0.8,
    only_reference=9,
    only_onnx=1,
    mcnemar_p=0.02,
    more_than_chance=True,
    allowed_points=0.5,
)


def changed(**parts: object) -> str:
    return " ".join(sentences(EVALUATION.model_copy(update=parts)))


def test_headline_names_what_failed() -> None:
    failed = EVALUATION.model_copy(update={"verdict": "fail"})
    assert headline([]).startswith("Nothing is proved")
    assert headline([EVALUATION]) == "float32 on cuda passed all that was checked."
    assert headline([EVALUATION] * 2) == "Both evaluations passed all that was checked."
    assert headline([EVALUATION] * 3) == "All 3 evaluations passed all that was checked."
    assert headline([EVALUATION, failed]) == "1 evaluation of 2 failed: float32 on cuda."


def test_sentences_tell_provider_and_agreement() -> None:
    told = changed()
    assert "All 16 nodes ran on ONNX Runtime's CUDA provider." in told
    assert "Beside PyTorch, over all 1,000 test images: no prediction changed" in told
    assert "1e-06, where 0.0001 near zero is allowed" in told


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (
            {"provider": PROOF.model_copy(update={"nodes": {CUDA: 14, CPU: 2}})},
            "2 of 16 nodes did not run on CUDA",
        ),
        (
            {"provider": PROOF.model_copy(update={"nodes": {CPU: 8, CUDA: 1}})},
            "8 of 9 nodes did not run on CUDA",
        ),
        (
            {"provider": PROOF.model_copy(update={"nodes": {CPU: 9}})},
            "9 of 9 nodes did not run on CUDA",
        ),
        ({"provider": PROOF.model_copy(update={"nodes": {}})}, "is not known"),
        ({"parity": None}, "Nothing was there to compare with"),
        (
            {"parity": PARITY.model_copy(update={"nonfinite": 1, "max_abs": None})},
            "1 logit of 1,000 test images are no finite numbers",
        ),
        (
            {"parity": PARITY.model_copy(update={"flips": 3, "unexplained_flips": 2})},
            "3 predictions changed, 2 of them unexplained",
        ),
        (
            {"parity": PARITY.model_copy(update={"flips": 1, "explained_flips": 1})},
            "1 prediction changed, each so close a call",
        ),
        (
            {"parity": PARITY.model_copy(update={"outside_share": 0.01, "elements_outside": 12})},
            "all but 1% of the logits (further apart: 12)",
        ),
        ({"parity": PARITY.model_copy(update={"reference": "onnx"})}, "Beside the other ONNX file"),
        ({"accuracy_loss": LOSS}, "costs 0.80 points of accuracy, more than chance"),
        (
            {"accuracy_loss": LOSS.model_copy(update={"points": -0.1})},
            "costs nothing: 0.10 points of accuracy gained",
        ),
        (
            {"accuracy_loss": LOSS.model_copy(update={"points": 0.0})},
            "costs nothing: as many images are right",
        ),
        ({"accuracy": None}, "no labels, so no accuracy is known"),
        ({"scenario": None}, "Nothing was timed."),
    ],
)
def test_sentences_tell_what_is_wrong_or_missing(parts: dict[str, object], expected: str) -> None:
    assert expected in changed(**parts)
    assert expected not in changed()


def test_explanation_and_baseline_are_told() -> None:
    explanation = Explanation(
        against="pytorch",
        node="conv_3",
        op_type="Conv",
        module="features.3",
        output="x",
        max_abs=1.0,
        allowed=0.1,
        compared=3,
        not_compared=(),
    )
    assert "begins in conv_3 (Conv, of features.3)" in changed(explanation=explanation)
    change = LatencyChange(
        batch_size=8, boundary="host", of="p50_ms", baseline=1.0, now=2.0, worse=True
    )
    baseline = BaselineComparison(
        sha256="0" * 64,
        accuracy_change_ci95=None,
        accuracy_worse=True,
        latency=(change, change.model_copy(update={"batch_size": 1, "worse": False})),
        measurements=1,
        not_compared=(),
    )
    assert "worse by more than chance: accuracy and latency at batch 8." in changed(
        baseline=baseline
    )
