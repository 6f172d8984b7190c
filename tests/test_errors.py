import pickle

import pytest

from errors import ArtifactError, DatasetError, UnfinishedError, UnusableError, UsageError


@pytest.mark.parametrize(
    "kind", [UsageError, UnusableError, ArtifactError, DatasetError, UnfinishedError]
)
@pytest.mark.parametrize("hint", [None, "a way out"])
def test_error_of_another_process_is_told_as_it_was_there(
    kind: type[UsageError], hint: str | None
) -> None:
    error = kind("--option", "what is wrong", hint=hint)
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert str(copy) == str(error) == "--option: what is wrong"
    assert (copy.subject, copy.problem, copy.hint) == ("--option", "what is wrong", hint)
