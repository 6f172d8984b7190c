"""`doctor`: what is installed, which providers really work, and why one does not."""

from typing import TYPE_CHECKING

import click

from commands.options import output_options

if TYPE_CHECKING:
    from commands.diagnosis import ProviderReport


@click.command("doctor")
@output_options
def command(as_json: bool) -> int:
    """Say what is installed here, and try every execution provider on a graph of one node.

    Ends with exit code 0 where the CPU provider works, 3 where not even that does.

    \b
    Example: python cli.py doctor --json
    """
    from commands.console import print_json, print_pairs, show_log
    from commands.diagnosis import diagnosis
    from commands.progress import step_progress

    show_log()
    with step_progress("trying what is installed"):
        found = diagnosis()
    if as_json:
        print_json(found)
    else:
        machine, versions = found["machine"], found["versions"]
        print_pairs("machine", list(machine.items()))
        print_pairs("versions", list(versions.items()))
        for problem in found["problems"]:
            print_pairs("problem", [("", problem)])
        print_pairs(
            "execution providers",
            [
                line
                for name, report in found["providers"].items()
                for line in _provider_lines(name, report)
            ],
        )
    cpu = found["providers"].get("cpu")
    return 0 if cpu and cpu["works"] else 3


def _provider_lines(name: str, report: "ProviderReport") -> list[tuple[str, str]]:
    if report["works"]:
        return [(name, "works")]
    return [(name, report["why"] or "does not work"), ("", f"hint: {report['remedy']}")]
