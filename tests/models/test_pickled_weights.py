"""Most tests call what the child does, without a child: to start one takes seconds."""

import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from errors import ArtifactError, OnnxproofError
from models.pickled_weights import convert, is_dense, read_pickled_weights


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "net.pt"


def converted(path: Path) -> dict[str, Tensor]:
    target = path.with_name("out.safetensors")
    convert(str(path), str(target))
    found: dict[str, Tensor] = load_file(target)
    return found


def refusal(path: Path) -> str:
    with pytest.raises(ArtifactError) as caught:
        converted(path)
    told = f"{caught.value} {caught.value.hint}"
    assert caught.value.subject == str(path)
    assert "weights_only" not in told  # torch's advice to run what is in the file
    assert "safe_globals" not in told
    assert len(told.splitlines()) == 1
    return caught.value.problem


@pytest.mark.parametrize("is_zip", [True, False])
def test_tensors_come_back_through_the_child(is_zip: bool, path: Path) -> None:
    saved = {
        "whole": torch.arange(6.0).view(2, 3),
        "half": torch.ones(3, dtype=torch.bfloat16),
        "count": torch.tensor(7),
        "none": torch.zeros(0, 3),
        "channels last": torch.rand(2, 3, 4, 5).to(memory_format=torch.channels_last),
        "transposed": torch.rand(4, 2).T,
        "parameter": nn.Parameter(torch.rand(3)),
    }
    saved["tied"] = saved["whole"]
    torch.save(saved, path, _use_new_zipfile_serialization=is_zip)
    found = read_pickled_weights(path)
    assert found.keys() == saved.keys()
    assert all(torch.equal(found[name], saved[name]) for name in saved)
    assert all(found[name].dtype == saved[name].dtype for name in saved)


class Evil:
    """Runs what it likes when it is unpickled."""

    def __init__(self, function: Callable[..., object], argument: str) -> None:
        self.call = (function, (argument,))

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return self.call


def evil_files(folder: Path) -> list[Path]:
    evils = [Evil(os.system, "touch ran"), Evil(exec, "open('ran', 'w')")]
    paths = []
    for number, evil in enumerate(evils):
        content = {"weight": torch.zeros(2), "more": evil}
        for is_zip in (True, False):
            path = folder / f"{number}-{is_zip}.pt"
            torch.save(content, path, _use_new_zipfile_serialization=is_zip)
            paths.append(path)
        (folder / f"{number}.pt").write_bytes(pickle.dumps(content))
        paths.append(folder / f"{number}.pt")
    torch.save(nn.Linear(2, 2), folder / "whole module.pt")
    return [*paths, folder / "whole module.pt"]


def test_file_that_would_run_code_is_refused_and_nothing_ran(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for path in evil_files(tmp_path):
        assert "what would run code is not loaded" in refusal(path)
    with pytest.raises(ArtifactError, match="what would run code is not loaded"):
        read_pickled_weights(tmp_path / "0-True.pt")
    assert not (tmp_path / "ran").exists()
    # And it does run where it is unpickled without care: the files are what they claim to be.
    torch.load(tmp_path / "0-True.pt", weights_only=False)
    assert (tmp_path / "ran").exists()


def quantized() -> Tensor:
    return torch.quantize_per_tensor(torch.rand(3), 0.1, 0, torch.qint8)


@pytest.mark.filterwarnings("ignore")  # torch's own, of what it gave up
@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.zeros(1).expand(10**9),
        lambda: torch.zeros(4).as_strided((3, 3), (1, 0)),
        lambda: torch.zeros(4).as_strided((2, 2), (1, 1)),
        lambda: torch.zeros(10)[::2],
        lambda: torch.eye(3).to_sparse(),
        lambda: torch.eye(3).to_sparse_csr(),
        lambda: torch.zeros(10**12, device="meta"),
        quantized,
        lambda: torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)]),
    ],
)
def test_tensor_whose_numbers_are_not_all_in_the_file_is_refused(
    make: Callable[[], Tensor], path: Path
) -> None:
    torch.save({"fine": torch.zeros(3), "odd": make()}, path)
    assert "odd" in refusal(path) or "is damaged, or holds more" in refusal(path)


def test_every_order_of_axes_is_dense() -> None:
    tensor = torch.rand(2, 1, 3, 4)
    for axes in ((0, 1, 2, 3), (3, 2, 1, 0), (1, 3, 0, 2)):
        assert is_dense(tensor.permute(axes))
    assert is_dense(tensor[1])
    assert not is_dense(tensor[..., 1:])
    assert is_dense(torch.tensor(3.0))


def test_many_names_of_one_tensor_are_refused(path: Path) -> None:
    large = torch.zeros(1000, 1000)
    torch.save({f"w{number}": large for number in range(500)}, path)
    assert "its tensors take 2,000,000,000 bytes, which 4," in refusal(path)


def rewritten(path: Path, change: Callable[[str, bytes], bytes], compression: int) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, change(name, content))


def test_archive_that_is_compressed_is_refused(path: Path) -> None:
    torch.save({"weight": torch.zeros(1000)}, path)
    rewritten(path, lambda _, content: content, zipfile.ZIP_DEFLATED)
    assert "is damaged" in refusal(path)


def test_storage_that_promises_more_than_its_member_holds_is_refused(path: Path) -> None:
    torch.save({"weight": torch.zeros(1000)}, path)
    rewritten(path, lambda name, c: c[:100] if name.endswith("data/0") else c, zipfile.ZIP_STORED)
    assert "is damaged" in refusal(path)


def test_old_file_that_promises_a_terabyte_ends_within_limits(path: Path) -> None:
    torch.save({"weight": torch.zeros(77)}, path, _use_new_zipfile_serialization=False)
    content = path.read_bytes()
    size = struct.pack("<q", 77)
    assert size in content
    path.write_bytes(content.replace(size, struct.pack("<q", 1 << 40)))
    with pytest.raises(OnnxproofError) as caught:
        read_pickled_weights(path)
    assert caught.value.exit_code in (4, 5)
    assert caught.value.subject == str(path)


def test_flipped_bit_of_a_weight_is_noticed_by_the_archive_s_checksum(path: Path) -> None:
    weight = torch.rand(100)
    torch.save({"weight": weight}, path)
    content = bytearray(path.read_bytes())
    content[content.index(weight.numpy().tobytes()) + 200] ^= 1
    path.write_bytes(content)
    assert "is damaged" in refusal(path)


@pytest.mark.parametrize("content", [[1, 2], {"weight": 3}, {3: torch.zeros(1)}])
def test_file_of_other_things_than_tensors_is_refused(content: object, path: Path) -> None:
    torch.save(content, path)
    assert refusal(path).startswith("wanted ")


def test_state_dict_is_found_under_the_usual_keys(path: Path) -> None:
    torch.save({"epoch": 3, "model": {"state_dict": {"weight": torch.ones(2)}}}, path)
    assert converted(path).keys() == {"weight"}
