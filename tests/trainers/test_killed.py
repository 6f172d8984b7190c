"""Processes that die at any moment, also while they write, and trainings that go on in others."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from artifacts.run_directory import RunDirectory
from tests.trainers.runs import CLI, LONG, arguments, differences, started, train
from trainers.checkpoints import load_resume_state

LONG_EPOCHS = 150
# Writes half of the fifth checkpoint, then dies as by `kill -9`.
DIES_WHILE_WRITING = """
import os, signal, sys
sys.path.insert(0, sys.argv.pop(1))
import torch, trainers.checkpoints
from commands.main import main
whole, calls = torch.save, []
def save(content, file):
    whole(content, file)
    calls.append(file)
    if len(calls) == 5:
        file.truncate(file.tell() // 2)
        os.kill(os.getpid(), signal.SIGKILL)
trainers.checkpoints.torch.save = save
sys.exit(main(sys.argv[1:]))
"""
# Dies when one of the files of a finished training has taken its place, and the others have not.
DIES_WHILE_PUBLISHING = """
import os, signal, sys
sys.path.insert(0, sys.argv.pop(1))
import pathlib, trainers.publish
from commands.main import main
write, replace, replaced = trainers.publish.write_weights, pathlib.Path.replace, []
def replace_and_die(self, target):
    if replaced:
        os.kill(os.getpid(), signal.SIGKILL)
    replaced.append(target)
    replace(self, target)
def write_weights(path, weights):
    write(path, weights)
    pathlib.Path.replace = replace_and_die
trainers.publish.write_weights = write_weights
sys.exit(main(sys.argv[1:]))
"""


def test_processes_killed_at_random_moments_end_with_the_same_bits(
    uninterrupted: Callable[..., RunDirectory], tiny_npz: Path, folder: Path
) -> None:
    run = RunDirectory(folder / "run")
    moments = random.Random(3)
    stops = (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL, signal.SIGINT)
    for number in stops:
        resume = ("--resume",) if run.resume.is_file() else ()
        before = run.resume.stat().st_mtime_ns if resume else None
        child = started(arguments(tiny_npz, run.root, *LONG, *resume, epochs=LONG_EPOCHS), folder)
        while child.poll() is None and (
            not run.resume.is_file() or run.resume.stat().st_mtime_ns == before
        ):
            time.sleep(0.005)  # it has begun, or gone on, when it has saved once
        time.sleep(moments.uniform(0, 0.3))
        child.send_signal(number)
        _, errors = child.communicate(timeout=60)
        wanted = -number if number == signal.SIGKILL else 128 + number
        assert child.returncode == wanted, errors
        assert load_resume_state(run.resume).epoch <= LONG_EPOCHS
    last = started(arguments(tiny_npz, run.root, *LONG, "--resume", epochs=LONG_EPOCHS), folder)
    _, errors = last.communicate(timeout=120)
    assert last.returncode == 0, errors
    assert differences(run, uninterrupted(*LONG, epochs=LONG_EPOCHS)) == []


def test_process_killed_while_it_writes_a_checkpoint_can_go_on(
    uninterrupted: Callable[..., RunDirectory], tiny_npz: Path, folder: Path
) -> None:
    run = RunDirectory(folder / "run")
    script = [sys.executable, "-c", DIES_WHILE_WRITING, str(CLI.parent)]
    words = arguments(tiny_npz, run.root, *LONG)
    killed = subprocess.run([*script, *words], cwd=folder, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert load_resume_state(run.resume).epoch == 5  # four are saved whole
    assert train(tiny_npz, run.root, *LONG, "--resume") == 0
    assert differences(run, uninterrupted(*LONG)) == []


def test_process_killed_while_it_publishes_leaves_no_record_and_can_go_on(
    uninterrupted: Callable[..., RunDirectory], tiny_npz: Path, folder: Path
) -> None:
    run = RunDirectory(folder / "run")
    assert train(tiny_npz, run.root, *LONG) == 0
    old = {name: getattr(run, name).read_bytes() for name in ("weights", "recipe", "history")}
    script = [sys.executable, "-c", DIES_WHILE_PUBLISHING, str(CLI.parent)]
    words = arguments(tiny_npz, run.root, *LONG, "--seed", "1")
    killed = subprocess.run([*script, *words], cwd=folder, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not run.training.exists()
    assert sum(getattr(run, name).read_bytes() != content for name, content in old.items()) == 1
    assert train(tiny_npz, run.root, *LONG, "--seed", "1", "--resume") == 0
    assert differences(run, uninterrupted(*LONG, "--seed", "1")) == []
