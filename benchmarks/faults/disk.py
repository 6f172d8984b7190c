"""Processes that are killed and disks that are full, with bare calls."""

from benchmarks.faults import disk_calls as calls
from benchmarks.faults.fault import Fault

_KILLED = (
    "tests/robustness/test_killed_commands.py"
    "::test_killed_command_leaves_old_or_new_files_and_finishes_the_next_time"
)
_FULL = "tests/robustness/test_full_disk.py::test_disk_that_becomes_full_is_told_and_costs_nothing"
_WHOLE = "the old file stays until the new one is whole, on the disk and renamed"
_TOLD = "exit 5, the file and the reason; the old file is whole"

DISK_FAULTS = tuple(
    Fault(area="processes and disks", name=name, raw=raw, library=library, ours=ours, test=test)
    for name, raw, library, ours, test in (
        (
            "SIGKILL while a record is written",
            calls.json_killed_in_the_middle,
            "json.dump",
            _WHOLE,
            _KILLED,
        ),
        (
            "SIGKILL while logits are written",
            calls.npz_killed_in_the_middle,
            "numpy.savez",
            _WHOLE,
            _KILLED,
        ),
        (
            "SIGKILL while a checkpoint is written",
            calls.torch_save_killed_in_the_middle,
            "torch.save",
            _WHOLE,
            "tests/trainers/test_killed.py"
            "::test_process_killed_while_it_writes_a_checkpoint_can_go_on",
        ),
        (
            "Ctrl-C while a checkpoint is written",
            calls.interrupt_while_saving,
            "numpy.savez",
            "exit 130, one line; what was finished is kept",
            "tests/robustness/test_stopped_commands.py"
            "::test_stopped_command_tells_it_and_leaves_old_or_new_files",
        ),
        (
            "no room for a checkpoint",
            calls.torch_save_on_a_full_disk,
            "torch.save",
            _TOLD,
            "tests/trainers/test_checkpoints.py"
            "::test_state_that_cannot_be_written_leaves_the_old_one_and_says_why",
        ),
        (
            "no room for weights",
            calls.safetensors_on_a_full_disk,
            "safetensors.torch.save_file",
            _TOLD,
            _FULL,
        ),
        ("no room for a graph", calls.onnx_on_a_full_disk, "onnx.save_model", _TOLD, _FULL),
        (
            "no room for what a training is about to make",
            calls.room_that_is_missing,
            "a loop, then torch.save",
            "exit 5 before the first step, naming need and what is free",
            "tests/robustness/test_full_disk.py::test_room_is_asked_for_before_the_work",
        ),
        (
            "two processes that write one file",
            calls.two_writers,
            "numpy.savez",
            "exit 5 at once for the second one; the first goes on",
            "tests/robustness/test_second_writers.py"
            "::test_second_writer_ends_at_once_and_changes_nothing",
        ),
        (
            "a name that is a pipe's or a device's",
            calls.device_as_output,
            "pathlib.Path.replace",
            "exit 5: what is there is no regular file, and it stays",
            "tests/storage/test_writing.py::test_nothing_but_a_file_is_replaced_by_one",
        ),
        (
            "`| head -1`",
            calls.reader_that_has_gone,
            "print",
            "the work is done and the exit code is the verdict's",
            "tests/commands/test_streams.py::test_reader_that_has_gone_is_no_error",
        ),
        (
            "a full disk behind standard output",
            calls.output_without_a_place,
            "print",
            "exit 5, one line that names it",
            "tests/robustness/test_lost_streams.py"
            "::test_output_that_has_no_place_is_told_in_one_line",
        ),
        (
            "standard output that is closed",
            calls.output_that_is_closed,
            "open, then a library that prints",
            "closed streams are opened first, so that no file gets their numbers",
            "tests/commands/test_streams.py::test_exit_code_is_the_verdict_s_whatever_the_streams",
        ),
    )
)
