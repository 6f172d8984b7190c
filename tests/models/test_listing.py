import pytest
import torchvision.models

from errors import UsageError
from models import MODEL_NAMES, build
from models.cost import all_multiply_adds, parameter_count
from models.listing import listed, matching_names


def test_names_are_ours_and_torchvision_s_unless_a_pattern_says_which() -> None:
    names = matching_names(())
    assert names[: len(MODEL_NAMES)] == MODEL_NAMES
    assert len(names) >= len(MODEL_NAMES) + 75
    assert matching_names(("resnet18",)) == ("resnet18", "torchvision:resnet18")
    assert matching_names(("torchvision:vit_l*", "mlp")) == (
        *("torchvision:vit_l_16", "torchvision:vit_l_32"),
        "mlp",
    )


def test_pattern_that_matches_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="no network is named 'nothing'"):
        matching_names(("mlp", "nothing"))


@pytest.mark.parametrize(
    "name", ["resnet50", "vit_b_16", "swin_t", "convnext_tiny", "regnet_y_400mf", "densenet121"]
)
def test_figures_are_those_that_torchvision_publishes(name: str) -> None:
    meta = torchvision.models.get_model_weights(name).DEFAULT.meta
    network = listed(f"torchvision:{name}")
    assert network.parameters == meta["num_params"]
    assert network.multiply_adds == pytest.approx(meta["_ops"] * 1e9, rel=2e-3, abs=1e6)
    assert network.image_shape == (3, 224, 224)


def test_figures_of_our_own_are_those_of_the_network_itself() -> None:
    for name in ("logistic", "mlp", "lenet5", "resnet18"):
        made = build(name, num_classes=10, in_channels=1, image_size=(28, 28))
        network = listed(name)
        assert network.parameters == parameter_count(made)
        assert network.multiply_adds == all_multiply_adds(made, (1, 28, 28))
        assert network.summary
