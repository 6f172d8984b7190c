"""`completion`: the script that makes a shell complete commands, options and their values."""

import sys
from pathlib import Path

import click

SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> None:
    """Print a script after which the shell completes what follows cli.py.

    Both `cli.py ...` and `python cli.py ...` are completed; other programs, and other files that
    Python runs, stay as they were.

    \b
    Examples: eval "$(python cli.py completion bash)"       # in ~/.bashrc; zsh: in ~/.zshrc
              python cli.py completion fish | source
    """
    from commands.completion_scripts import completion_script

    cli = Path(__file__).resolve().parent.parent / "cli.py"
    sys.stdout.write(completion_script(shell, python=sys.executable, cli=str(cli)))
