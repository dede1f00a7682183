"""One signed-in session with an SMB share, kept open: what it may read is answered by the server in a millisecond."""

from __future__ import annotations

import struct
import uuid
from contextlib import suppress

from smbprotocol import exceptions as refused
from smbprotocol.connection import Connection
from smbprotocol.file_info import FileInformationClass, InfoType
from smbprotocol.header import NtStatus
from smbprotocol.open import (
    CreateDisposition,
    CreateOptions,
    FileAttributes,
    FilePipePrinterAccessMask,
    ImpersonationLevel,
    InfoAdditionalInformation,
    Open,
    RequestedOplockLevel,
    ShareAccess,
    SMB2SetInfoRequest,
)
from smbprotocol.session import Session
from smbprotocol.tree import TreeConnect

READ, WRITE = FilePipePrinterAccessMask.FILE_READ_DATA, FilePipePrinterAccessMask.FILE_WRITE_DATA
READ_RIGHTS = FilePipePrinterAccessMask.READ_CONTROL
SET_RIGHTS = FilePipePrinterAccessMask.WRITE_DAC | FilePipePrinterAccessMask.WRITE_OWNER
DELETE = FilePipePrinterAccessMask.DELETE
RENAME = FileInformationClass.FILE_RENAME_INFORMATION
_SHARED = ShareAccess.FILE_SHARE_READ | ShareAccess.FILE_SHARE_WRITE | ShareAccess.FILE_SHARE_DELETE
_NO = (refused.AccessDenied, refused.ObjectNameNotFound, refused.ObjectPathNotFound)
_NO_LOGIN = {
    NtStatus.STATUS_LOGON_FAILURE,
    0xC0000072,  # STATUS_ACCOUNT_DISABLED
    NtStatus.STATUS_ACCESS_DENIED,
}


class NotAdmitted(Exception):
    """The server does not let this user in."""


class SmbCaller:
    """A session of one user with one share."""

    def __init__(self, host: str, port: int, share: str, user: str, password: str) -> None:
        self._connection = Connection(uuid.uuid4(), host, port)
        self._connection.connect(timeout=10)
        try:
            session = Session(
                self._connection, user, password, require_encryption=False, auth_protocol="ntlm"
            )
            session.connect()
            self._tree = TreeConnect(session, rf"\\{host}\{share}")
            self._tree.connect()
        except refused.SMBException as error:
            self._connection.disconnect(close=False)
            if getattr(error, "status", None) in _NO_LOGIN or isinstance(
                error, refused.SMBAuthenticationError
            ):
                raise NotAdmitted(str(error)) from error
            raise

    def can_read(self, path: str) -> bool:
        """Return whether the server gives out bytes of a file; what is absent is not readable."""
        try:
            opened = self._opened(path, READ)
        except _NO:
            return False
        try:
            opened.read(0, 1)
        except refused.EndOfFile:
            pass
        finally:
            opened.close()
        return True

    def put(self, path: str, content: bytes) -> None:
        """Write a file, which gets the rights that its folder hands down."""
        opened = self._opened(path, WRITE, CreateDisposition.FILE_OVERWRITE_IF)
        opened.write(content)
        opened.close()

    def make_folder(self, path: str) -> None:
        """Make a folder in one that is there."""
        self._opened(path, READ, CreateDisposition.FILE_OPEN_IF, CreateOptions.FILE_DIRECTORY_FILE).close()

    def remove(self, path: str) -> None:
        """Remove a file or an empty folder."""
        self._opened(path, DELETE, options=CreateOptions.FILE_DELETE_ON_CLOSE).close()

    def move(self, path: str, to: str) -> None:
        """Give a file or folder another name or place, where nothing lies yet."""
        opened = self._opened(path, DELETE)
        name = to.replace("/", "\\").encode("utf-16-le")
        self._set(opened, InfoType.SMB2_0_INFO_FILE, struct.pack("<QQI", 0, 0, len(name)) + name, RENAME)
        opened.close()

    def set_rights(self, path: str, descriptor: bytes, owner: bool) -> None:
        """Set the access list of a file or folder, and its owner where the descriptor names one."""
        opened = self._opened(path, SET_RIGHTS)
        which = InfoAdditionalInformation.DACL_SECURITY_INFORMATION
        which |= owner and InfoAdditionalInformation.OWNER_SECURTIY_INFORMATION
        self._set(opened, InfoType.SMB2_0_INFO_SECURITY, descriptor, more=which)
        opened.close()

    def close(self) -> None:
        """End the session."""
        with suppress(refused.SMBException, OSError):
            self._connection.disconnect()

    def _set(self, opened: Open, kind: int, said: bytes, file_info: int = 0, more: int = 0) -> None:
        request = SMB2SetInfoRequest()
        request["info_type"] = kind
        request["file_info_class"] = file_info
        request["additional_information"] = more
        request["file_id"] = opened.file_id
        request["buffer"] = said
        sent = self._connection.send(request, self._tree.session.session_id, self._tree.tree_connect_id)
        self._connection.receive(sent)

    def _opened(
        self, path: str, access: int, how: int = CreateDisposition.FILE_OPEN, options: int = 0
    ) -> Open:
        opened = Open(self._tree, path.replace("/", "\\").strip("\\"))
        opened.create(
            ImpersonationLevel.Impersonation,
            access,
            FileAttributes.FILE_ATTRIBUTE_NORMAL,
            _SHARED,
            how,
            options,
            oplock_level=RequestedOplockLevel.SMB2_OPLOCK_LEVEL_NONE,
        )
        return opened


def descriptor(aces: list[tuple[int, int, int, str]], owner: str = "", protected: bool = True) -> bytes:
    """Return a self-relative security descriptor; an entry is its type, flags, mask and the SID it is for."""
    entries = b""
    for kind, flags, mask, who in aces:
        sid = sid_bytes(who)
        entries += struct.pack("<BBHI", kind, flags, 8 + len(sid), mask) + sid
    rights = struct.pack("<BBHHH", 2, 0, 8 + len(entries), len(aces), 0) + entries
    control = 0x8000 | 0x0004 | (0x1000 if protected else 0)
    own = sid_bytes(owner) if owner else b""
    head = struct.pack("<BBHIIII", 1, 0, control, 20 + len(rights) if own else 0, 0, 0, 20)
    return head + rights + own


def sid_bytes(sid: str) -> bytes:
    """Return a SID as it goes over the wire."""
    _, revision, authority, *rest = sid.split("-")
    numbers = [int(number) for number in rest]
    head = struct.pack("<BB", int(revision), len(numbers)) + int(authority).to_bytes(6, "big")
    return head + struct.pack(f"<{len(numbers)}I", *numbers)
