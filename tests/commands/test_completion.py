"""Completion as a person sees it: keys into a real shell on a terminal, and what it does."""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from commands.completion_scripts import COMPLETE_VARIABLE, completion_script
from commands.main import COMMANDS, main

ROOT = Path(__file__).parent.parent.parent
CLI = ROOT / "cli.py"
INTERACTIVE = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "--interactive"],
}
# fish wants to own its terminal, which a process gets that leads a session.
OWN_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""
SETUP = {
    "bash": 'bind "set bell-style none"; eval "$({python} {cli} completion bash)"; PS1=',
    "zsh": 'autoload -Uz compinit && compinit -D; eval "$({python} {cli} completion zsh)"; PS1=',
    "fish": "{python} {cli} completion fish | source",
}


def answers(line: str, folder: Path, shell: str = "bash") -> list[str]:
    """What can follow a line, in a shell's own way to ask."""
    environment = {
        **os.environ,
        COMPLETE_VARIABLE: f"{shell}_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split(" ")) - 1),
    }
    finished = subprocess.run(
        [sys.executable, str(CLI)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return [answer.partition(",")[2] for answer in finished.stdout.splitlines()]


def typed(shell: str, keys: str, folder: Path) -> list[str]:
    """The arguments that a program gets after these keys and Enter, a tabulator among them."""
    for name in ("python", "python3"):
        fake = folder / "bin" / name
        fake.parent.mkdir(exist_ok=True)
        fake.write_text('#!/bin/sh\nprintf "<%s>" "$@" > arguments.txt\n')
        fake.chmod(0o755)
    terminal, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", OWN_TERMINAL, *INTERACTIVE[shell]],
        cwd=folder,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env={
            **os.environ,
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "TERM": "xterm",
            "HOME": str(folder),
        },
    )
    os.close(theirs)

    def send(text: str, until: Path) -> None:
        os.write(terminal, text.encode())
        deadline = time.monotonic() + 20
        while not until.exists() and time.monotonic() < deadline:
            if select.select([terminal], [], [], 0.05)[0]:
                os.read(terminal, 1 << 16)

    setup = SETUP[shell].format(python=sys.executable, cli=CLI)
    send(f"{setup}\n touch ready\n", folder / "ready")
    assert (folder / "ready").exists(), "the shell did not take the script"
    send(f"{keys}\n", folder / "arguments.txt")
    process.kill()
    process.wait()
    os.close(terminal)
    return re.findall("<(.*?)>", (folder / "arguments.txt").read_text(), flags=re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("digits-mlp", "other thing"):
        run = tmp_path / "runs" / name
        run.mkdir(parents=True)
        (run / "recipe.json").write_text("{}")
    (tmp_path / "runs" / "no-run").mkdir()
    (tmp_path / "runs" / "study-losses").mkdir()
    (tmp_path / "runs" / "study-losses" / "study.json").write_text("{}")
    (tmp_path / "notes.py").write_text("")
    return tmp_path


@pytest.mark.parametrize("shell", INTERACTIVE)
@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("ev\t--prec\tfp\t", ["evaluate", "--precision", "fp16"]),
        ("verify runs/dig\t", ["verify", "runs/digits-mlp"]),
    ],
)
def test_shell_completes_what_follows_python_and_this_file(
    shell: str, keys: str, words: list[str], folder: Path
) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    assert typed(shell, f"python {CLI} {keys}", folder) == [str(CLI), *words]


@pytest.mark.parametrize("shell", INTERACTIVE)
def test_shell_completes_other_files_of_python_as_before(shell: str, folder: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    (folder / "cli.py").write_text("")  # of another project
    assert typed(shell, "python cli.py notes\t", folder) == ["cli.py", "notes.py"]


def in_bash(line: str, folder: Path, before: str = "") -> list[str]:
    """What bash would offer after a line, by its own function in its own variables."""
    words = " ".join(f"'{word}'" for word in line.split(" "))
    script = f"""
        {before}
        eval "$('{sys.executable}' '{CLI}' completion bash)"
        compopt() {{ :; }}
        COMP_WORDS=({words}); COMP_CWORD=$(({len(line.split(" "))} - 1))
        _onnxproof_completion "${{COMP_WORDS[0]}}"
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    finished = subprocess.run(
        ["bash", "--norc", "-c", script],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert finished.stderr == ""
    return finished.stdout.split("\n")[:-1]


def test_file_is_completed_when_it_is_called_itself(folder: Path) -> None:
    assert os.access(CLI, os.X_OK)
    assert in_bash(f"{CLI} ", folder) == list(COMMANDS)


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("train --model = res", ["resnet18", "resnet34", "resnet50", "resnet101"]),
        ("train --dataset m", ["mnist"]),
        ("pipeline --models mlp,len", ["mlp,lenet5"]),
        ("compare --columns accuracy,cal", ["accuracy,calibration"]),
        ("evaluate --run runs/o", ["runs/other\\ thing"]),
        ("report runs/", ["runs/digits-mlp", "runs/other\\ thing", "runs/study-losses"]),
        ("study architectures --models lenet5,resnet1", ["lenet5,resnet18", "lenet5,resnet101"]),
        ("evaluate --provider ", ["cpu", "cuda", "openvino", "tensorrt"]),
        ("datasets --prepare sv", ["svhn"]),
        ("study lo", ["losses"]),
        ("study convexity --dataset fash", ["fashion-mnist"]),
        ("nonsense --x", [""]),
    ],
)
def test_values_are_completed(line: str, wanted: list[str], folder: Path) -> None:
    assert in_bash(f"python {CLI} {line}", folder) == wanted


def test_what_completed_python_before_still_does(folder: Path) -> None:
    before = "_mine() { COMPREPLY=(mine); }; complete -F _mine python"
    assert in_bash("python other.py x", folder, before) == ["mine"]
    assert in_bash("python -c x", folder, before) == ["mine"]
    assert in_bash(f"python {CLI} doct", folder, before) == ["doctor"]
    loaded = "_comp_load() { _mine() { COMPREPLY=($1); }; complete -F _mine $1; }"
    assert in_bash("python3 other.py x", folder, loaded) == ["python3"]


def test_answers_load_nothing_heavy(folder: Path) -> None:
    code = (
        "import sys; from commands.main import main\n"
        "try: main([])\n"
        "except SystemExit: pass\n"
        "print(*sys.modules)"
    )
    for line in ("cli.py evaluate --provider ", "cli.py train --dataset ", "cli.py compare "):
        finished = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={
                **os.environ,
                COMPLETE_VARIABLE: "bash_complete",
                "COMP_WORDS": line,
                "COMP_CWORD": str(len(line.split(" ")) - 1),
            },
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        loaded = set(finished.stdout.splitlines()[-1].split())
        assert loaded & {"torch", "onnxruntime", "onnx", "pydantic", "rich", "sklearn"} == set()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_script_names_the_interpreter_and_the_file(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", shell]) == 0
    assert capsys.readouterr().out == completion_script(shell, python=sys.executable, cli=str(CLI))
    script = completion_script(shell, python="/a b/python", cli="/it's/cli.py")
    assert "'/a b/python'" in script
    assert "@" not in script.replace("$@", "").replace("[@]", "").replace("@f", "").replace(
        "/@", ""
    )


def test_unknown_shell_lists_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "tcsh"]) == 2
    assert "'bash', 'zsh', 'fish'" in capsys.readouterr().err
