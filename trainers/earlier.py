"""What an earlier training left in a run that the same recipe need not do again."""

from pydantic import ValidationError

from artifacts.chain import require_hash, trained_network
from artifacts.history import MOST_BYTES as MOST_HISTORY_BYTES
from artifacts.json_records import read_record
from artifacts.run_directory import RunDirectory
from artifacts.training_records import Recipe, Training
from errors import ArtifactError
from trainers.checkpoints import load_resume_state
from trainers.progress import recipe_differences


def finished_training(run: RunDirectory, recipe: Recipe) -> Training | None:
    """Return the record of a training that this recipe has finished there; None without one.

    One of which a file is missing or damaged is none.
    """
    try:
        trained = trained_network(run)
        training = read_record(run.training, Training)
        require_hash(
            run.history,
            training.history_sha256,
            record=run.training,
            most_bytes=MOST_HISTORY_BYTES,
        )
    except ArtifactError:
        return None
    if trained.recipe is None or recipe_differences(trained.recipe, recipe):
        return None
    return training


def is_begun(run: RunDirectory, recipe: Recipe) -> bool:
    """Return whether a training by this recipe can be gone on with there.

    Raises:
        UnfinishedError: what is there takes more memory than there is.
    """
    try:
        state = load_resume_state(run.resume)
        begun = Recipe.model_validate_json(state.recipe_json, strict=True)
    except (ArtifactError, ValidationError):
        return False
    return not recipe_differences(begun, recipe)
