"""Each command's help has an example, and what help and README tell to type can be typed."""

import re
import shlex
from pathlib import Path

import click
import pytest

from commands.lazy_group import LazyGroup
from commands.main import COMMANDS, cli
from commands.study import command as study

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text()
CALL = re.compile(r"(?:python |\./|-- )cli\.py ([a-z][^\n#`|;)]*)")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")
OF_OTHERS = {"--nproc-per-node", "--strict"}  # torchrun's, mypy's
NAMES = (*COMMANDS, *(f"study {name}" for name in study.names))


def command_and_arguments(words: list[str]) -> tuple[click.Command, list[str]]:
    """The innermost command that the words name, and what follows."""
    command: click.Command = cli
    while isinstance(command, LazyGroup) and words:
        with click.Context(command) as context:
            _, found, words = command.resolve_command(context, words)
        assert found is not None
        command = found
    return command, words


def command_of(name: str) -> click.Command:
    return command_and_arguments(name.split())[0]


def examples_in(text: str) -> list[str]:
    return [found.strip().rstrip('"') for found in CALL.findall(text) if "..." not in found]


def parse(example: str) -> None:
    """Parse a command's arguments as the command would, without running it."""
    command, arguments = command_and_arguments(shlex.split(example))
    command.make_context(command.name, arguments).close()


EXAMPLES = {
    (source, example)
    for source, text in [("README", README), *((name, command_of(name).help) for name in NAMES)]
    for example in examples_in(text or "")
}


@pytest.mark.parametrize("name", NAMES)
def test_help_has_an_example_of_its_command(name: str) -> None:
    text = command_of(name).help or ""
    assert re.search(r"^ *Examples?: ", text, flags=re.MULTILINE)
    assert any(f"{example} ".startswith(f"{name} ") for example in examples_in(text))


@pytest.mark.parametrize(("source", "example"), sorted(EXAMPLES))
def test_example_can_be_typed(source: str, example: str) -> None:
    parse(example)


def test_readme_has_examples() -> None:
    assert sum(source == "README" for source, _ in EXAMPLES) > 15


@pytest.mark.parametrize(
    "example",
    ["train --epoch 3", "evaluate --precision int9", "compare --columns", "trian", "study x"],
)
def test_example_that_cannot_be_typed_is_seen(example: str) -> None:
    with pytest.raises(click.UsageError):
        parse(example)


def test_options_that_the_readme_names_exist() -> None:
    known = {"--help", "--version"} | OF_OTHERS
    for name in NAMES:
        for parameter in command_of(name).params:
            known |= {*parameter.opts, *parameter.secondary_opts}
    of_benchmarks = re.sub(r"python\s+-m\s+benchmarks[^`]*", "", README)
    assert set(OPTION.findall(of_benchmarks)) - known == set()
