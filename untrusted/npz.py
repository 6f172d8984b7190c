"""Archives of numpy's arrays, unpacked only where they can be what they say.

`numpy.load` takes memory for what a header promises, and unpacks an archive whatever it unpacks to.
"""

import contextlib
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from errors import ArtifactError
from untrusted.compressed import CHUNK_BYTES, MOST_EXPANSION, content_of_stream
from untrusted.files import opened_file
from untrusted.memory import require_memory
from untrusted.npy import MAGIC, ArrayHeader, array_header

_ENCRYPTED = 1  # bit 0 of a member's flags
_END = struct.Struct("<4s4H2LH")  # the last bytes of an archive (APPNOTE.TXT, 4.3.16)
_LOCAL_HEADER_BYTES = 30  # and the member's name, before its content
_LENGTHS_OFFSET = 26  # in it, of the lengths of that name and of more fields
# What zipfile and zlib raise for what is damaged, and numpy for shapes that cannot be.
DAMAGE = (
    OSError,
    ValueError,
    EOFError,
    RuntimeError,
    OverflowError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
)


def arrays_from_npz(
    path: Path,
    wanted: Sequence[str],
    *,
    optional: Sequence[str] = (),
    error: type[ArtifactError] = ArtifactError,
) -> dict[str, NDArray[np.generic]]:
    """Return arrays of an `.npz` file by name, their CRC-32 verified; the others are not read.

    Args:
        path: of the file.
        wanted: the names that must be there.
        optional: names that may be there.
        error: what to raise.

    Raises:
        ArtifactError: no such file, or one that is damaged, lacks an array, has one that is neither
            numbers nor text, or cannot honestly hold what it promises.
        UnfinishedError: it does, and that is more than there is memory for.
    """
    with _readable(path, wanted, optional, error) as (archive, members, _):
        headers = {name: _header(archive, member) for name, member in members.items()}
        require_memory(str(path), sum(each.content_bytes for each in headers.values()))
        return {name: _array(archive, members[name], headers[name]) for name in members}


def mapped_arrays_from_npz(
    path: Path, wanted: Sequence[str], *, error: type[ArtifactError] = ArtifactError
) -> dict[str, NDArray[np.generic]]:
    """Return arrays of an `.npz` file as read-only memory maps, their CRC-32 verified.

    numpy maps no archive, but it writes arrays as they are: uncompressed, a header before each.

    Args:
        path: of the file.
        wanted: the names that must be there.
        error: what to raise.

    Raises:
        ArtifactError: no such file, or one that is damaged, lacks an array, or has one that is
            compressed, empty, not in C order, or neither numbers nor text.
    """
    with _readable(path, wanted, (), error) as (archive, members, file):
        return {name: _mapped(archive, member, file) for name, member in members.items()}


@contextlib.contextmanager
def _readable(
    path: Path, wanted: Sequence[str], optional: Sequence[str], error: type[ArtifactError]
) -> Iterator[tuple[zipfile.ZipFile, dict[str, zipfile.ZipInfo], BinaryIO]]:
    """Give an archive, its arrays of these names, and the file; tell of damage as the file's."""
    with opened_file(path, error=error) as file:
        if file.read(len(MAGIC)) == MAGIC:
            raise error(str(path), f"holds one array, wanted {', '.join(wanted)}")
        try:
            with zipfile.ZipFile(file) as archive:
                members = _members(archive, file)
                lacking = [name for name in wanted if name not in members]
                if lacking:
                    raise error(
                        str(path),
                        f"lacks {', '.join(lacking)}: found {', '.join(members) or 'no array'}",
                        hint=f"it must hold {', '.join(wanted)}"
                        + (f", and may hold {', '.join(optional)}" if optional else ""),
                    )
                names = [name for name in (*wanted, *optional) if name in members]
                yield archive, {name: members[name] for name in names}, file
        except DAMAGE as failure:
            raise error(str(path), f"not a readable .npz file: {_reason(failure)}") from failure


def _members(archive: zipfile.ZipFile, file: BinaryIO) -> Mapping[str, zipfile.ZipInfo]:
    """Return the arrays of an archive by name, sorted, all of it being possible.

    Raises:
        ValueError: two members have one name, or lie in one place, as in an archive that is made to
            unpack to more than there are atoms; or one promises more than it can hold.
    """
    if len(archive.infolist()) != _count(file):
        raise ValueError("its directory does not list as many members as it says")
    infos = sorted(archive.infolist(), key=lambda info: info.header_offset)
    ends = [*(info.header_offset for info in infos), _size(file)][1:]
    arrays: dict[str, zipfile.ZipInfo] = {}
    for info, end in zip(infos, ends, strict=True):
        name = info.filename.removesuffix(".npy")
        if name in arrays:
            raise ValueError(f"has two arrays {name!r}")
        if info.header_offset + _LOCAL_HEADER_BYTES + info.compress_size > end:
            raise ValueError(f"{name!r} overlaps what follows it")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"{name!r} is neither stored nor deflated")
        if info.flag_bits & _ENCRYPTED:
            raise ValueError(f"{name!r} is encrypted")
        is_deflated = info.compress_type == zipfile.ZIP_DEFLATED
        if info.file_size > info.compress_size * (MOST_EXPANSION if is_deflated else 1):
            raise ValueError(
                f"{name!r} promises {info.file_size:,} bytes: {info.compress_size:,} cannot hold"
                " them"
            )
        # Its name is written twice, and compared here: another name would be another array, unseen.
        archive.open(info).close()
        arrays[name] = info
    return dict(sorted(arrays.items()))


def _count(file: BinaryIO) -> int:
    """Return how many members an archive says that it has.

    zipfile does not look there, so that a comment that grew can swallow the member after it.
    """
    file.seek(-_END.size, os.SEEK_END)
    signature, *_, count, _size_bytes, _offset, _comment_bytes = _END.unpack(file.read())
    if signature != b"PK\5\6":
        raise ValueError("ends with a comment, wanted none")
    return int(count)


def _header(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> ArrayHeader:
    with archive.open(info) as member:
        header = array_header(member)
    promised = header.size_bytes + header.content_bytes
    if promised != info.file_size:
        raise ValueError(
            f"{info.filename}: its header promises {promised:,} bytes, the archive"
            f" {info.file_size:,}"
        )
    return header


def _array(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, header: ArrayHeader
) -> NDArray[np.generic]:
    with archive.open(info) as member:
        member.read(header.size_bytes)
        content = content_of_stream(member, header.content_bytes)
    if content.nbytes != header.content_bytes:
        raise ValueError(f"{info.filename} ends after {content.nbytes:,} bytes of values")
    values = content.view(header.dtype)
    return values.reshape(header.shape, order=header.order)


def _mapped(archive: zipfile.ZipFile, info: zipfile.ZipInfo, file: BinaryIO) -> NDArray[np.generic]:
    if info.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{info.filename} is compressed")
    header = _header(archive, info)
    if header.order != "C" or not header.content_bytes:
        raise ValueError(f"{info.filename} is empty, or not in C order")
    with archive.open(info) as member:
        while member.read(CHUNK_BYTES):  # to the end, where its checksum is compared
            pass
    file.seek(info.header_offset + _LENGTHS_OFFSET)
    name_bytes, extra_bytes = struct.unpack("<HH", file.read(4))
    start = info.header_offset + _LOCAL_HEADER_BYTES + name_bytes + extra_bytes
    return np.memmap(
        file, mode="r", dtype=header.dtype, shape=header.shape, offset=start + header.size_bytes
    )


def _size(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size


def _reason(failure: Exception) -> str:
    return " ".join(str(failure).split()) or type(failure).__name__
