"""Files of datasets and images, given to the libraries that usually open them."""

import contextlib
import gzip
import io
import json
import os
import pickle
import stat
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np

from benchmarks.faults.fault import Fault

SIDE = 28
IDX_HEADER = struct.Struct(">BBBBIII")
ZEROS = bytes(1 << 26)


def _peak_mb() -> int:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def named_pipe_as_npz(directory: str) -> str:
    """Open a named pipe that has a dataset's name."""
    os.mkfifo(path := Path(directory, "set.npz"))
    np.load(path)
    return "read it"


def named_pipe_as_image(directory: str) -> str:
    """Open a named pipe that has an image's name."""
    from PIL import Image

    os.mkfifo(path := Path(directory, "cat.png"))
    Image.open(path)
    return "read it"


def _zeros_deflated(count: int) -> bytes:
    """Return so many times 64 MiB of zeros, packed once; what follows may be packed as well."""
    packer = zlib.compressobj(9, wbits=-15)
    return (packer.compress(ZEROS) + packer.flush(zlib.Z_FULL_FLUSH)) * count


def idx_that_unpacks_to_gigabytes(directory: str) -> str:
    """Read 8 MB that unpack to 8 GB."""
    path = Path(directory, "train-images-idx3-ubyte.gz")
    header = gzip.compress(IDX_HEADER.pack(0, 0, 8, 3, 10**7, SIDE, SIDE))
    path.write_bytes(header + 128 * gzip.compress(ZEROS))
    with gzip.open(path) as stream:
        stream.read()
    return "unpacked it"


def idx_that_promises_too_much(directory: str) -> str:
    """Make room for the 10^10 images that a header of 16 bytes promises."""
    path = Path(directory, "train-images-idx3-ubyte")
    path.write_bytes(IDX_HEADER.pack(0, 0, 8, 3, 10**9, SIDE, SIDE))
    with path.open("rb") as file:
        _, _, _, _, *shape = IDX_HEADER.unpack(file.read(16))
        images = np.empty(shape, dtype=np.uint8)
        file.readinto(images.data)
    return "made room for it"


def idx_with_a_changed_pixel(directory: str) -> str:
    """Read an IDX file of which one bit is another one."""
    from torchvision.datasets.mnist import read_image_file

    path = Path(directory, "train-images-idx3-ubyte")
    content = bytearray(IDX_HEADER.pack(0, 0, 8, 3, 1, SIDE, SIDE) + bytes(SIDE * SIDE))
    content[-1] ^= 64
    path.write_bytes(content)
    return f"reads the other pixel, {int(read_image_file(str(path)).max())} for 0"


def npz_header_that_promises_too_much(directory: str) -> str:
    """Load an array whose header promises more than its archive holds."""
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000, 28, 28), }\n"
    content = b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header
    with zipfile.ZipFile(Path(directory, "set.npz"), "w") as archive:
        archive.writestr("train_images.npy", content)
    return str(np.load(Path(directory, "set.npz"))["train_images"].shape)


def npz_that_unpacks_to_gigabytes(directory: str) -> str:
    """Load an archive of 5 MB that honestly holds 5 GB."""
    path, name, count = Path(directory, "set.npz"), b"train_images.npy", 80
    shape = (count * len(ZEROS),)
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    header = b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text
    stored = struct.pack("<BHH", 0, len(header), len(header) ^ 0xFFFF) + header
    content = stored + _zeros_deflated(count) + b"\3\0"
    checksum = zlib.crc32(header)
    for _ in range(count):
        checksum = zlib.crc32(ZEROS, checksum)
    # zip64 (APPNOTE.TXT, 4.5.3), which zipfile cannot write from what is packed already.
    sizes = struct.pack("<HHQQ", 1, 16, len(header) + count * len(ZEROS), len(content))
    common = struct.pack("<HHHHHIIIHH", 45, 0, 8, 0, 33, checksum, 2**32 - 1, 2**32 - 1, 16, 20)
    entry = b"PK\1\2\55\0" + common + struct.pack("<HHHII", 0, 0, 0, 0, 0) + name + sizes
    start = b"PK\3\4" + common + name + sizes
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, len(entry), len(start + content), 0)
    path.write_bytes(start + content + entry + end)
    return str(np.load(path)["train_images"].shape)


def npz_that_lost_an_array(directory: str) -> str:
    """Load an archive of which one bit of its directory is another one."""
    path = Path(directory, "set.npz")
    np.savez(path, train_images=np.zeros(3), train_labels=np.zeros(3), classes=["cat", "dog"])
    content = bytearray(path.read_bytes())
    content[content.rindex(b"PK\1\2") - len("train_labels.npy") - 46 + 32] ^= 128
    path.write_bytes(content)
    return f"finds {', '.join(np.load(path))}: the classes are gone, without a word"


def mat_with_a_changed_byte(directory: str) -> str:
    """Load a MATLAB file of which one byte is another one."""
    import scipy.io

    path = Path(directory, "train_32x32.mat")
    images = np.zeros((32, 32, 3, 2), dtype=np.uint8)
    scipy.io.savemat(path, {"X": images, "y": np.ones((2, 1), dtype=np.uint8)})
    content = bytearray(path.read_bytes())
    content[185] = 254  # the type of what follows
    path.write_bytes(content)
    return str(sorted(scipy.io.loadmat(path)))


def mat_that_unpacks_to_gigabytes(directory: str) -> str:
    """Load a MATLAB file of 4 MB that unpacks to 4 GB."""
    import scipy.io

    path, count = Path(directory, "train_32x32.mat"), 63
    scipy.io.savemat(path, {"X": np.zeros((1, 1), dtype=np.uint8)})
    values_bytes = count * len(ZEROS)
    header = struct.pack("<IIII", 6, 8, 9, 0) + struct.pack(
        "<IIii", 5, 8, 1 << 16, values_bytes >> 16
    )
    header += struct.pack("<HH4s", 1, 1, b"X") + struct.pack("<II", 2, values_bytes)
    start = struct.pack("<II", 14, len(header) + values_bytes) + header
    stored = struct.pack("<BHH", 0, len(start), len(start) ^ 0xFFFF) + start
    packed = b"\x78\xda" + stored + _zeros_deflated(count) + b"\3\0"
    path.write_bytes(path.read_bytes()[:128] + struct.pack("<II", 15, len(packed)) + packed)
    return str({name: np.shape(array) for name, array in scipy.io.loadmat(path).items()})


def postscript_as_png(directory: str) -> str:
    """Open a file called x.png that is PostScript, with a program called gs on the PATH."""
    from PIL import Image

    program = Path(directory, "gs")
    program.write_text(f"#!/bin/sh\necho $# >> {directory}/started\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    os.environ["PATH"] = f"{directory}:{os.environ['PATH']}"
    path = Path(directory, "x.png")
    Image.new("RGB", (4, 4)).save(path, "EPS")
    with contextlib.suppress(OSError):  # this gs writes nothing
        Image.open(path).load()
    started = Path(directory, "started")
    return "starts Ghostscript" if started.exists() else "starts nothing"


def png_of_169_million_pixels(directory: str) -> str:
    """Open a PNG of 21 kB."""
    from PIL import Image

    path = Path(directory, "x.png")
    Image.new("1", (13_000, 13_000)).save(path)
    before = _peak_mb()
    Image.open(path).convert("RGB")
    return f"warns, and takes {_peak_mb() - before} MB for {path.stat().st_size >> 10} kB"


def png_of_3600_million_pixels(directory: str) -> str:
    """Open a PNG that declares 60,000 x 60,000 pixels."""
    from PIL import Image

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    path = Path(directory, "x.png")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b""))
    Image.open(path)
    return "opens it"


def png_without_its_end(directory: str) -> str:
    """Open a PNG that was cut off behind its pixels, where its orientation stood."""
    from PIL import Image, ImageOps

    stream = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("L", (6, 4)).save(stream, "PNG")
    whole = stream.getvalue()
    orientation = exif.tobytes()[6:]
    checksum = struct.pack(">I", zlib.crc32(b"eXIf" + orientation))
    chunk = struct.pack(">I", len(orientation)) + b"eXIf" + orientation + checksum
    path, sizes = Path(directory, "x.png"), []
    for content in (whole[:-12] + chunk + whole[-12:], whole[:-12]):
        path.write_bytes(content)
        with Image.open(path) as image:
            image.load()
            sizes.append(ImageOps.exif_transpose(image).size)
    return f"decodes it without a word, as {sizes[1]} instead of {sizes[0]} pixels"


def jpeg_that_ends_early(directory: str) -> str:
    """Open a JPEG of which a quarter is missing."""
    from PIL import Image

    path = Path(directory, "x.jpg")
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    path.write_bytes(path.read_bytes()[:-800])
    Image.open(path).load()
    return "opens it"


def nested_json(directory: str) -> str:
    """Read JSON that is 100,000 lists deep."""
    path = Path(directory, "dataset.json")
    path.write_text("[" * 100_000)
    try:
        json.loads(path.read_text())
    except ValueError:
        return "says that it is damaged"
    except RecursionError:
        return "RecursionError, which is no ValueError"
    return "reads it"


class Hostile:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.trace),)


def pickle_as_cifar10_batch(directory: str) -> str:
    """Read a batch as CIFAR-10's page says."""
    path, trace = Path(directory, "data_batch_1"), Path(directory, "trace")
    path.write_bytes(pickle.dumps(Hostile(trace)))
    with path.open("rb") as file:
        pickle.load(file, encoding="bytes")
    return "runs its code" if trace.exists() else "runs nothing"


def addresses_of_downloads(directory: str) -> str:
    """Return which of torchvision's addresses are not https."""
    from torchvision.datasets import SVHN, FashionMNIST

    addresses = [*FashionMNIST.mirrors, *(row[0] for row in SVHN.split_list.values())]
    plain = [address for address in addresses if address.startswith("http:")]
    return f"{len(plain)} of {len(addresses)} addresses of Fashion-MNIST and SVHN are http"


_KINDS = "tests/data/test_kinds_of_files.py"
_NPZ = "tests/untrusted/test_npz.py"
_IMAGES = "tests/data/test_images.py"

DATA_FAULTS = tuple(
    Fault(area="data", name=name, raw=raw, library=library, ours=ours, test=test)
    for name, raw, library, ours, test in (
        (
            "a named pipe called set.npz",
            named_pipe_as_npz,
            "numpy.load",
            "exit 4 at once: it is a named pipe",
            f"{_KINDS}::test_dataset_refused_when_a_file_is_of_another_kind",
        ),
        (
            "a named pipe in an image folder",
            named_pipe_as_image,
            "PIL.Image.open",
            "exit 4 at once: it is a named pipe",
            f"{_KINDS}::test_dataset_refused_when_a_file_is_of_another_kind",
        ),
        (
            "an IDX header that promises 10^9 images",
            idx_that_promises_too_much,
            "numpy.empty, file.readinto",
            "exit 4 before memory is taken: so many do not fit into the file",
            "tests/data/test_idx.py::test_idx_refused_before_memory_is_taken_for_a_promise",
        ),
        (
            "an IDX file of 8 MB that unpacks to 8 GB",
            idx_that_unpacks_to_gigabytes,
            "gzip.open().read()",
            "exit 5 where they are not free, naming need and what is free",
            "tests/data/test_idx.py::test_idx_is_unfinished_before_memory_is_taken_that_is_not_there",
        ),
        (
            "one bit of a pixel in an IDX file",
            idx_with_a_changed_pixel,
            "torchvision.datasets.mnist.read_image_file",
            "exit 4: it is not the dataset that the run recorded",
            "tests/robustness/test_damaged_idx.py::test_export_refuses_a_run_whose_pixels_changed",
        ),
        (
            "an array in an .npz whose header promises 784 GB",
            npz_header_that_promises_too_much,
            "numpy.load",
            "exit 4 before memory is taken: header and archive differ",
            f"{_NPZ}::test_header_that_promises_another_size_is_refused",
        ),
        (
            "an .npz of 5 MB that unpacks to 5 GB",
            npz_that_unpacks_to_gigabytes,
            "numpy.load",
            "exit 5 where they are not free, naming need and what is free",
            f"{_NPZ}::test_what_honestly_takes_too_much_memory_is_unfinished",
        ),
        (
            "one bit in the directory of an .npz",
            npz_that_lost_an_array,
            "numpy.load",
            "exit 4: the directory does not list what it says",
            f"{_NPZ}::test_member_that_a_comment_swallowed_is_missed",
        ),
        (
            "one byte of a MATLAB file",
            mat_with_a_changed_byte,
            "scipy.io.loadmat",
            "exit 4: it is read in a process of its own, which may crash",
            "tests/robustness/test_damaged_mat.py"
            "::test_damaged_file_is_refused_or_is_the_recorded_dataset",
        ),
        (
            "a MATLAB file of 4 MB that unpacks to 4 GB",
            mat_that_unpacks_to_gigabytes,
            "scipy.io.loadmat",
            "exit 5: its process may take no more than is free",
            "tests/data/test_mat.py::test_mat_is_unfinished_when_its_reader_takes_too_much",
        ),
        (
            "PostScript called x.png",
            postscript_as_png,
            "PIL.Image.open().load()",
            "exit 4: seven formats are decoded, none of which starts a program",
            f"{_IMAGES}::test_other_formats_are_refused_whatever_the_file_is_called",
        ),
        (
            "a PNG that declares 60,000 x 60,000 pixels",
            png_of_3600_million_pixels,
            "PIL.Image.open",
            "exit 4: it is too large, before it is decoded",
            "tests/data/test_image_folder.py"
            "::test_image_folder_refused_when_header_promises_too_many_pixels",
        ),
        (
            "a PNG of 13,000 x 13,000 pixels in 20 kB",
            png_of_169_million_pixels,
            "PIL.Image.open().convert()",
            "exit 4: at most 67 million pixels",
            "tests/data/test_image_folder.py"
            "::test_image_folder_refused_when_header_promises_too_many_pixels",
        ),
        (
            "a PNG that is cut off behind its pixels",
            png_without_its_end,
            "PIL.Image.open().load()",
            "exit 4: all its checksums are compared",
            f"{_IMAGES}::test_png_refused_when_its_checksums_are_wrong",
        ),
        (
            "a JPEG that ends early",
            jpeg_that_ends_early,
            "PIL.Image.open().load()",
            "exit 4: it is truncated",
            f"{_IMAGES}::test_jpeg_that_ends_early_is_refused",
        ),
        (
            "JSON that is 100,000 lists deep",
            nested_json,
            "json.loads",
            "the entry of the cache is made anew, with a warning",
            "tests/data/test_cache.py::test_entry_is_made_anew_when_its_record_is_damaged",
        ),
        (
            "a pickle called data_batch_1",
            pickle_as_cifar10_batch,
            "pickle.load, as CIFAR-10's page says",
            "exit 4 by its checksum; and batches are unpickled with nothing but arrays in reach",
            "tests/data/test_torchvision_datasets.py"
            "::test_cifar10_s_batches_can_call_nothing_but_numpy_s_arrays",
        ),
        (
            "a download that somebody on the way may change",
            addresses_of_downloads,
            "torchvision.datasets, its addresses",
            "https alone, also where it is redirected; sha256; to a temporary name",
            "tests/untrusted/test_downloads.py::test_redirect_is_followed_by_https_alone",
        ),
    )
)
