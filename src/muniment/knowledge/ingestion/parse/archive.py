"""ZIP and tar archives: each member of a readable kind is a section that bears its path."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath

from muniment.knowledge.formats import EXTENSIONS, MEDIA_TYPES
from muniment.knowledge.ingestion.parse.container import (
    MOST_ENTRIES,
    MOST_RATIO,
    bomb,
    check_names,
    link,
    opened,
)
from muniment.knowledge.ingestion.parse.enclosed import MOST_BYTES, MOST_FILE_BYTES, Enclosure
from muniment.knowledge.ingestion.parse.normal import Composer
from muniment.knowledge.ingestion.parse.title import from_file_name
from muniment.knowledge.ingestion.parsed import Parsed, ParseFailed

_BLOCK = 512
_MOST_OF_A_NAME = 64 << 10
_REGULAR, _FOLDER, _OTHER_NAME, _LINK_NAME = b"0\x007", b"5", b"L", b"K"
_ATTRIBUTES, _FOR_ALL = b"x", b"g"
_DAMAGED = "is damaged: it cannot be read as an archive."


def read_zip(name: str, content: bytes, enclosure: Enclosure) -> Parsed:
    """Read the members of a ZIP archive. Raises ParseFailed where it is hostile or holds nothing to read."""
    enclosure.check_depth()
    out = Composer()
    with opened(content, parts_are_xml=False) as archive:
        for entry in archive.infolist():
            if not entry.is_dir() and _is_wanted(entry.filename, out, enclosure):
                _append_entry(archive, entry, out, enclosure)
    return _finished(name, "zip", out, enclosure)


def _append_entry(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, out: Composer, enclosure: Enclosure
) -> None:
    if entry.flag_bits & 1:
        enclosure.leave_out(out, entry.filename, "is protected by a password.")
    elif entry.file_size > MOST_FILE_BYTES:
        enclosure.leave_out(out, entry.filename, f"is larger than {MOST_FILE_BYTES >> 20} MiB.")
    else:
        enclosure.append(out, entry.filename, archive.read(entry), 1)


def read_tar(name: str, content: bytes, enclosure: Enclosure) -> Parsed:
    """Read the members of a tar archive, packed with gzip or not. Raises ParseFailed as `read_zip` does."""
    enclosure.check_depth()
    members = list(_members(_Unpacked(content), keep=False))
    check_names(path.removeprefix("./") for path, _ in members if path not in (".", "./"))
    out = Composer()
    for path, data in _members(_Unpacked(content), keep=True):
        path = path.removeprefix("./")
        if data is None and not path.endswith("/"):
            enclosure.leave_out(out, path, f"is larger than {MOST_FILE_BYTES >> 20} MiB.")
        elif data is not None and _is_wanted(path, out, enclosure):
            enclosure.append(out, path, data, 1)
    return _finished(name, "tar", out, enclosure)


def _is_wanted(path: str, out: Composer, enclosure: Enclosure) -> bool:
    """Return whether a member can be read, judged by its name; what a Mac adds for itself is passed over."""
    member = PurePosixPath(path)
    if "__MACOSX" in member.parts or member.name.startswith("._"):
        return False
    if member.suffix[1:].lower() not in EXTENSIONS:
        enclosure.leave_out(out, path, f"has the type {member.suffix or '(none)'}.")
        return False
    return True


def _finished(name: str, kind: str, out: Composer, enclosure: Enclosure) -> Parsed:
    enclosure.close(out)
    if not enclosure.sections:
        raise ParseFailed(
            "holds no file that can be read.", fix="Put the files themselves here, or leave it out."
        )
    return out.parsed(from_file_name(name.removesuffix(".gz")), MEDIA_TYPES[kind])


class _Unpacked:
    """The bytes of a tar archive in order, unpacked as they are asked for and never beyond a bound."""

    def __init__(self, content: bytes) -> None:
        self._size = len(content)
        self._source = io.BytesIO(content)
        self._unpack = zlib.decompressobj(31) if content.startswith(b"\x1f\x8b") else None
        self._given = 0

    def read(self, count: int) -> bytes:
        """Return so many bytes. Raises ParseFailed where the archive ends before."""
        pieces: list[bytes] = []
        left = count
        while left:
            piece = self._piece(left)
            if not piece:
                raise ParseFailed(_DAMAGED, fix="Save or copy it again.")
            pieces.append(piece)
            left -= len(piece)
        self._count(count)
        return b"".join(pieces)

    def skip(self, count: int) -> None:
        """Pass over so many bytes."""
        while count > 0:
            count -= len(self.read(min(count, 1 << 20)))

    def _piece(self, most: int) -> bytes:
        if self._unpack is None:
            return self._source.read(most)
        while not self._unpack.eof:
            packed = self._unpack.unconsumed_tail or self._source.read(1 << 16)
            try:
                piece = self._unpack.decompress(packed, most)
            except zlib.error as error:
                raise ParseFailed(_DAMAGED, fix="Save or copy it again.") from error
            if piece or not packed:
                return piece
        return b""

    def _count(self, size: int) -> None:
        self._given += size
        if self._given > MOST_BYTES:
            raise bomb(f"inflates to more than {MOST_BYTES >> 20} MiB")
        if self._unpack and self._given > 1 << 20 and self._given > MOST_RATIO * self._size:
            raise bomb(f"inflates more than {MOST_RATIO} times")


def _members(unpacked: _Unpacked, *, keep: bool) -> Iterator[tuple[str, bytes | None]]:
    """Yield the path of each member, and its content where that is wanted and not too large; folders end in `/`."""
    name, count = "", 0
    while any(header := unpacked.read(_BLOCK)):
        _check_sum(header)
        size, kind = _number(header[124:136]), header[156:157]
        if kind in (_OTHER_NAME, _ATTRIBUTES):
            if size > _MOST_OF_A_NAME:
                raise bomb("holds a name without end")
            said = _padded(unpacked, size)
            name = _stated_path(said) or name if kind == _ATTRIBUTES else _text(said)
            continue
        if kind in (_LINK_NAME, _FOR_ALL):
            unpacked.skip(_whole(size))
            continue
        count += 1
        if count > MOST_ENTRIES:
            raise bomb(f"lists more than {MOST_ENTRIES:,} entries")
        path, name = name or _path(header), ""
        if kind == _FOLDER:
            unpacked.skip(_whole(size))
            yield path.rstrip("/") + "/", None
        elif kind not in _REGULAR:
            raise link()
        elif keep and size <= MOST_FILE_BYTES:
            yield path, _padded(unpacked, size)
        else:
            unpacked.skip(_whole(size))
            yield path, None


def _check_sum(header: bytes) -> None:
    stated = _number(header[148:156])
    if stated != sum(header[:148]) + 8 * 0x20 + sum(header[156:]):
        raise ParseFailed(_DAMAGED, fix="Save or copy it again.")


def _number(field: bytes) -> int:
    """Return a number written in octal, or in binary where it is too large for that."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    try:
        return int(field.rstrip(b" \x00").lstrip(b" ") or b"0", 8)
    except ValueError as error:
        raise ParseFailed(_DAMAGED, fix="Save or copy it again.") from error


def _path(header: bytes) -> str:
    prefix = _text(header[345:500]) if header[257:263] == b"ustar\x00" else ""
    name = _text(header[:100])
    return f"{prefix}/{name}" if prefix else name


def _stated_path(attributes: bytes) -> str:
    """Return the path in the attributes `LENGTH KEY=VALUE`, or nothing."""
    while attributes:
        length, _, _ = attributes.partition(b" ")
        if not length.isdigit() or len(length) > 6 or int(length) <= len(length):
            break
        record, attributes = attributes[: int(length)], attributes[int(length) :]
        key, _, value = record[len(length) + 1 :].rstrip(b"\n").partition(b"=")
        if key == b"path":
            return value.decode("utf-8", "replace")
    return ""


def _padded(unpacked: _Unpacked, size: int) -> bytes:
    return unpacked.read(_whole(size))[:size]


def _whole(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK


def _text(field: bytes) -> str:
    return field.partition(b"\x00")[0].decode("utf-8", "replace")
