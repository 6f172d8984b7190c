"""The search for hyperparameters with Optuna: what is tried, by whom, and what came of it.

Optuna is an extra, so importing this package does not load it, and nothing outside of it does.
"""

from artifacts.environment import is_installed
from errors import UnusableError


def require_optuna() -> None:
    """Return if Optuna is installed.

    Raises:
        UnusableError: it is not.
    """
    if not is_installed("optuna"):
        raise UnusableError(
            "tune", "Optuna is not installed", hint="python -m pip install '.[tune]'"
        )
