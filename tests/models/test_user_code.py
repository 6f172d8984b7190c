import pytest

from errors import ArtifactError
from models.user_code import described, told_as, told_by_line


@pytest.mark.parametrize("telling", [told_as, told_by_line])
def test_what_is_told_already_and_exhausted_memory_pass_through(telling: type) -> None:
    for error in (ArtifactError("net.py", "is missing"), MemoryError()):
        with pytest.raises(type(error)) as caught, telling("--model"):
            raise error
        assert caught.value is error


def test_error_without_a_line_of_the_network_s_is_told_without_one() -> None:
    assert described(ValueError("a\n  b")) == "ValueError: a b"
    assert described(ValueError()) == "ValueError: no message"
