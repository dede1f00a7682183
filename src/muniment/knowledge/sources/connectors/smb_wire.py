"""The questions that are put to an SMB server, and how its answers are taken.

Every opening is one that follows no link.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress

from smbprotocol.connection import Connection, Request
from smbprotocol.exceptions import SMBException, SMBResponseException
from smbprotocol.file_info import FileAttributes, FileInformationClass, InfoType
from smbprotocol.header import NtStatus
from smbprotocol.open import (
    CloseFlags,
    CreateDisposition,
    CreateOptions,
    FilePipePrinterAccessMask,
    ImpersonationLevel,
    QueryDirectoryFlags,
    RequestedOplockLevel,
    ShareAccess,
    SMB2CloseRequest,
    SMB2CreateRequest,
    SMB2QueryDirectoryRequest,
    SMB2QueryInfoRequest,
    SMB2ReadRequest,
)
from smbprotocol.structure import Structure
from smbprotocol.tree import TreeConnect

from muniment.knowledge.sources.connector import Throttled
from muniment.knowledge.sources.connectors.smb_facts import Entry, Facts, Fault, Seen, Why, entries_in

_WHOLE_ANSWER = 1 << 16
_PORTION = 1 << 20
_SHARED = ShareAccess.FILE_SHARE_READ | ShareAccess.FILE_SHARE_WRITE | ShareAccess.FILE_SHARE_DELETE
_READ_RIGHTS = FilePipePrinterAccessMask.READ_CONTROL | FilePipePrinterAccessMask.FILE_READ_ATTRIBUTES
_READ = _READ_RIGHTS | FilePipePrinterAccessMask.FILE_READ_DATA
_OWNER_LIST_LABEL_POLICY = 0x1 | 0x4 | 0x10 | 0x40
_THE_SAME = b"\xff" * 16
"""Means, within a chain of requests, the file that the first of them opened."""

_FAULTS: dict[int, Why] = {
    NtStatus.STATUS_ACCESS_DENIED: "refused",
    NtStatus.STATUS_PRIVILEGE_NOT_HELD: "refused",
    NtStatus.STATUS_OBJECT_NAME_NOT_FOUND: "gone",
    NtStatus.STATUS_OBJECT_PATH_NOT_FOUND: "gone",
    NtStatus.STATUS_NO_SUCH_FILE: "gone",
    NtStatus.STATUS_NOT_FOUND: "gone",
    NtStatus.STATUS_DELETE_PENDING: "gone",
    NtStatus.STATUS_NOT_A_DIRECTORY: "gone",
    0xC0000123: "gone",  # STATUS_FILE_DELETED
    NtStatus.STATUS_STOPPED_ON_SYMLINK: "link",
    NtStatus.STATUS_PATH_NOT_COVERED: "link",
    NtStatus.STATUS_SHARING_VIOLATION: "busy",
    0xC0000054: "busy",  # STATUS_FILE_LOCK_CONFLICT
    NtStatus.STATUS_BUFFER_TOO_SMALL: "large",
    NtStatus.STATUS_BUFFER_OVERFLOW: "large",
}
PATIENCE = frozenset(
    {
        NtStatus.STATUS_INSUFFICIENT_RESOURCES,
        NtStatus.STATUS_INSUFF_SERVER_RESOURCES,
        NtStatus.STATUS_REQUEST_NOT_ACCEPTED,
    }
)
DROPPED = frozenset(
    {
        NtStatus.STATUS_USER_SESSION_DELETED,
        NtStatus.STATUS_NETWORK_NAME_DELETED,
        NtStatus.STATUS_FILE_CLOSED,
        NtStatus.STATUS_IO_TIMEOUT,
        0xC000035C,  # STATUS_NETWORK_SESSION_EXPIRED
        0xC000020C,  # STATUS_CONNECTION_DISCONNECTED
    }
)


class Dropped(Exception):
    """The session is no more."""


def meant(error: SMBResponseException) -> Exception:
    """Return what to raise for a status that an answer holds."""
    status = error.status
    if status in PATIENCE:
        return Throttled(0.0)
    if status in DROPPED:
        return Dropped(f"status {status:#x}")
    return Fault(_FAULTS.get(status, "odd"))


def _create(path: str, access: int, options: int = 0) -> SMB2CreateRequest:
    create = SMB2CreateRequest()
    create["requested_oplock_level"] = RequestedOplockLevel.SMB2_OPLOCK_LEVEL_NONE
    create["impersonation_level"] = ImpersonationLevel.Impersonation
    create["desired_access"] = access
    create["file_attributes"] = FileAttributes.FILE_ATTRIBUTE_NORMAL
    create["share_access"] = _SHARED
    create["create_disposition"] = CreateDisposition.FILE_OPEN
    create["create_options"] = options | CreateOptions.FILE_OPEN_REPARSE_POINT
    create["buffer_path"] = path.replace("/", "\\").encode("utf-16-le") or b"\0\0"
    return create


def _close(file_id: bytes, flags: int = 0) -> SMB2CloseRequest:
    close = SMB2CloseRequest()
    close["file_id"] = file_id
    close["flags"] = flags
    return close


def _query(file_id: bytes, kind: int, file_info: int = 0, more: int = 0) -> SMB2QueryInfoRequest:
    query = SMB2QueryInfoRequest()
    query["info_type"] = kind
    query["file_info_class"] = file_info
    query["additional_information"] = more
    query["output_buffer_length"] = _WHOLE_ANSWER
    query["file_id"] = file_id
    return query


def _rights_query(file_id: bytes) -> SMB2QueryInfoRequest:
    return _query(file_id, InfoType.SMB2_0_INFO_SECURITY, more=_OWNER_LIST_LABEL_POLICY)


def _number_query(file_id: bytes) -> SMB2QueryInfoRequest:
    return _query(file_id, InfoType.SMB2_0_INFO_FILE, FileInformationClass.FILE_INTERNAL_INFORMATION)


def _told(tree: TreeConnect, request: Structure) -> bytes:
    """Return the answer to one request, behind its header."""
    sent = tree.session.connection.send(request, tree.session.session_id, tree.tree_connect_id)
    return bytes(tree.session.connection.receive(sent)["data"].get_value())


def _within(answer: bytes) -> bytes:
    """Return what an answer carries: of a query, a listing or a reading."""
    _, offset, length = struct.unpack_from("<HHI", answer)
    found = answer[offset - 64 : offset - 64 + length]
    if offset < 72 or len(found) < length:
        raise ValueError("an answer that is cut off")
    return found


def listed(tree: TreeConnect, folder: str) -> Iterator[Entry]:
    """Return all that a folder holds."""
    file_id = _told(tree, _create(folder, _READ, CreateOptions.FILE_DIRECTORY_FILE))[64:80]
    try:
        pages = _pages(tree, file_id)
        yield from (one for one in entries_in(pages) if one.name not in (".", ".."))
    finally:
        with suppress(SMBException, OSError):
            _told(tree, _close(file_id))


def _pages(tree: TreeConnect, file_id: bytes) -> Iterator[bytes]:
    flags = QueryDirectoryFlags.SMB2_RESTART_SCANS
    while True:
        query = SMB2QueryDirectoryRequest()
        query["file_information_class"] = FileInformationClass.FILE_ID_BOTH_DIRECTORY_INFORMATION
        query["flags"] = flags
        query["file_id"] = file_id
        query["output_buffer_length"] = _WHOLE_ANSWER
        query["buffer"] = "*".encode("utf-16-le")
        try:
            yield _within(_told(tree, query))
        except SMBResponseException as error:
            if error.status in (NtStatus.STATUS_NO_MORE_FILES, NtStatus.STATUS_NO_SUCH_FILE):
                return
            raise
        flags = 0


def seen(tree: TreeConnect, paths: Sequence[str]) -> list[Seen | Fault]:
    """Return how each file or folder is now, and what says who may read it."""
    connection, session = tree.session.connection, tree.session
    sent: list[list[Request]] = []
    for path in paths:
        chain = [
            _create(path, _READ_RIGHTS),
            _rights_query(_THE_SAME),
            _number_query(_THE_SAME),
            _close(_THE_SAME),
        ]
        sent.append(connection.send_compound(chain, session.session_id, tree.tree_connect_id, related=True))
    return [_shown(connection, requests) for requests in sent]


def _shown(connection: Connection, requests: Sequence[Request]) -> Seen | Fault:
    """Take the answers about one file; all of them, for the library keeps what nobody asked for."""
    answers: list[bytes] = []
    first: SMBResponseException | None = None
    for request in requests:
        try:
            answers.append(bytes(connection.receive(request)["data"].get_value()))
        except SMBResponseException as error:
            first = first or error
    if first is None:
        created, rights, number, _ = answers
        return Seen(_facts(created, _within(number)), _within(rights))
    error = meant(first)
    if isinstance(error, Fault):
        return error
    raise error


def read(tree: TreeConnect, path: str, most: int) -> tuple[Seen, bytes, Seen]:
    """Return a file's bytes, and how it was before and after they were read."""
    created = _told(tree, _create(path, _READ, CreateOptions.FILE_NON_DIRECTORY_FILE))
    file_id = created[64:80]
    closed = False
    try:
        number = _within(_told(tree, _number_query(file_id)))
        before = Seen(_facts(created, number), _within(_told(tree, _rights_query(file_id))))
        content = b"".join(_portions(tree, file_id, most))
        rights = _within(_told(tree, _rights_query(file_id)))
        last = _told(tree, _close(file_id, CloseFlags.SMB2_CLOSE_FLAG_POSTQUERY_ATTRIB))
        closed = True
        return before, content, Seen(_facts(last, number), rights)
    finally:
        if not closed:
            with suppress(SMBException, OSError):
                _told(tree, _close(file_id))


def _portions(tree: TreeConnect, file_id: bytes, most: int) -> Iterator[bytes]:
    connection = tree.session.connection
    step = min(_PORTION if connection.supports_multi_credit else _WHOLE_ANSWER, connection.max_read_size)
    at = 0
    while at <= most:
        query = SMB2ReadRequest()
        query["length"] = min(step, most + 1 - at)
        query["offset"] = at
        query["file_id"] = file_id
        query["padding"] = b"\x50"
        try:
            answer = _told(tree, query)
        except SMBResponseException as error:
            if error.status == NtStatus.STATUS_END_OF_FILE:
                return
            raise
        offset, length = struct.unpack_from("<xxBxI", answer)
        portion = answer[offset - 64 : offset - 64 + length]
        if not portion or len(portion) != length or length > step:
            raise ValueError("a reading that is cut off")
        yield portion
        at += length


def _facts(answer: bytes, number: bytes) -> Facts:
    """Return what the answer to an opening or a closing says of a file; both have it at the same place."""
    created, _, written, changed, _, size, attributes = struct.unpack_from("<QQQQQQI", answer, 8)
    return Facts(struct.unpack("<Q", number[:8])[0], created, written, changed, size, attributes)
