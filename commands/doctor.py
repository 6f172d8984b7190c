"""`doctor`: what is installed, which providers really work, and why one does not."""

import click

from commands.options import output_options


@click.command("doctor")
@output_options
def command(as_json: bool) -> int:
    """Say what is installed here, and try every execution provider on a graph of one node.

    Ends with exit code 0 where the CPU provider works, 3 where not even that does.

    \b
    Example: python cli.py doctor --json
    """
    import json

    from commands.console import print_json, print_pairs, show_log
    from commands.diagnosis import diagnosis

    show_log()
    found = diagnosis()
    if as_json:
        print_json(json.dumps(found, indent=2))
    else:
        machine, versions = found["machine"], found["versions"]
        print_pairs("machine", list(machine.items()))
        print_pairs("versions", list(versions.items()))
        for problem in found["problems"]:
            print_pairs("problem", [("", problem)])
        print_pairs(
            "execution providers",
            [
                (name, "works" if report["works"] else f"{report['why']}; {report['remedy']}")
                for name, report in found["providers"].items()
            ],
        )
    cpu = found["providers"].get("cpu")
    return 0 if cpu and cpu["works"] else 3
