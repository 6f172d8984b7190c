"""What all measurements share: where their JSON goes, and what says how it was made."""

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from artifacts.environment import current_environment

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"


def measurement_head() -> dict[str, Any]:
    """Return the command, the commit, whether files differ from it, and the machine."""
    changed = _git("status", "--porcelain", "--untracked-files=no")
    return {
        "command": shlex.join(
            ["python", "-m", f"benchmarks.{Path(sys.argv[0]).stem}", *sys.argv[1:]]
        ),
        "commit": _git("rev-parse", "HEAD"),
        "uncommitted_changes": bool(changed),
        "environment": current_environment().model_dump(),
    }


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()
