"""Write a file so that readers see all of it or none."""

import errno
import os
from pathlib import Path

# what file systems answer that cannot sync a folder (CIFS, sshfs, some FUSE), or may not open one
NO_SYNC_OF_FOLDERS = {
    getattr(errno, name)
    for name in ("EINVAL", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EACCES", "EPERM", "EBADF", "EISDIR")
}


def write_atomically(path: Path, content: bytes | memoryview) -> None:
    """Put bytes under a path: temporary name, fsync, read back, rename, fsync of the folder.

    Raises OSError, which names the path, and then leaves what was there before untouched.
    """
    draft = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with open(draft, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if draft.read_bytes() != content:
            raise OSError(None, "what was read back is not what was written")
        os.replace(draft, path)
        sync_folder(path.parent)
    except BaseException as error:
        if isinstance(error, OSError):  # a write or an fsync that fails names no file
            error.filename, error.filename2 = str(path), None
        draft.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """A rename itself must survive a power cut, where the file system can promise that."""
    try:
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
    except OSError as error:
        if error.errno not in NO_SYNC_OF_FOLDERS:
            raise
