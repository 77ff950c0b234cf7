"""Output files: complete or as they were before, never in the place of something else, of one process at a time.

A file is written beside its target under a hidden name that carries the mark of magsearch, brought to the disk, and
renamed. Of several files that belong together, those that are replaced keep a second name until all are renamed. Locks
are those of the system (flock): they end with their process, however it ends, also on another host. Nothing is removed
that does not carry the mark.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import socket
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from hashlib import blake2b
from pathlib import Path

from magsearch.errors import InputError, visible

MARK = "magsearch"
LONGEST = 200  # bytes of a name that ours are derived from
KINDS = {
    stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}  # fmt: skip
NO_LOCKS = {errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL}  # some parallel file systems
NO_LINKS = {errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.EMLINK}  # some file systems; files of others
WRITING, OLD = "writing", "writing-old"  # roles of a new file, and of the one that it replaces
CHANGED = 100  # times that a file may be replaced while it is opened


def target(path: str | Path) -> Path:
    """Return the file that a name leads to, through symbolic links; it need not exist.

    Raises InputError for what is not a regular file: a folder, a device, a pipe.
    """
    path = Path(path)
    try:
        found = Path(os.path.realpath(path)) if path.is_symlink() else path
        mode = found.stat().st_mode
    except FileNotFoundError:
        return found
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be written: {_reason(error, path)}", path) from None
    if kind := KINDS.get(stat.S_IFMT(mode)):
        raise InputError(f"is {kind}; expected the name of a file", path)
    return found


def write(contents: Mapping[Path, bytes | str]) -> None:
    """Replace files, in their order, each as a whole, once all of them are on the disk. Texts are stored as UTF-8.

    Names that are symbolic links are written through. Raises InputError for what is not a regular file, and where the
    system does not let the files be written; what was there before is then intact, and nothing else remains.
    """
    path = Path()
    try:
        with ExitStack() as scratches:
            moves = []
            for path, content in contents.items():
                final = target(path)
                scratch = scratches.enter_context(_scratch(final))
                _fill(scratch, content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content)
                moves.append((scratch, final))
            for _, path in moves[:-1]:
                scratches.enter_context(_kept(path))
            with ExitStack() as undo:
                for (_, place), path in moves:
                    os.replace(place, path)
                    undo.callback(_put_back, path)
                undo.pop_all()
            for folder in {final.parent for _, final in moves}:
                _sync(folder)
    except InputError:
        raise
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be written: {_reason(error, path)}", path) from None


Scratch = tuple[int, Path]  # an open file, and its name


@contextmanager
def _scratch(final: Path) -> Iterator[Scratch]:
    """Yield an empty file beside another, which no other process has; it is removed unless it was renamed."""
    if final.exists() and not os.access(final, os.W_OK):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))
    place = beside(final, WRITING)
    handle = _opened(place, fcntl.LOCK_EX)
    if handle is None:
        raise OSError(errno.EBUSY, "another process is writing it")
    try:
        os.ftruncate(handle, 0)
        with suppress(OSError):
            os.fchmod(handle, stat.S_IMODE(final.stat().st_mode))
        yield handle, place
    finally:
        if _leads_to(place, handle):
            place.unlink()
        os.close(handle)


@contextmanager
def _kept(final: Path) -> Iterator[None]:
    """Give a file, if there is one, a second name until the context ends; the caller has its ``_scratch``."""
    place = beside(final, OLD)
    place.unlink(missing_ok=True)  # of a process that was killed
    try:
        if final.exists():
            try:
                os.link(final, place)
            except OSError as error:
                if error.errno not in NO_LINKS:
                    raise
                shutil.copy2(final, place)
        yield
    finally:
        place.unlink(missing_ok=True)


def _put_back(final: Path) -> None:
    """Undo the replacement of a file that is ``_kept``; one that was not there before is removed."""
    place = beside(final, OLD)
    if place.exists():
        os.replace(place, final)
    else:
        final.unlink()


def _fill(scratch: Scratch, content: bytes) -> None:
    handle, rest = scratch[0], memoryview(content)
    while len(rest):
        rest = rest[os.write(handle, rest) :]
    os.fsync(handle)


def _sync(folder: Path) -> None:
    """Bring new names to the disk, where the system supports it."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def claimed(path: str | Path, share: str = "") -> Iterator[None]:
    """Keep other processes from claiming a file while the context is open.

    share   what this process writes, where several write parts of the file: only the same share is refused then

    Raises InputError if another process has the file, or the folder cannot be written.
    """
    final = target(path)
    with ExitStack() as held:
        held.enter_context(_locked(final, "lock", fcntl.LOCK_SH if share else fcntl.LOCK_EX))
        if share:
            held.enter_context(_locked(final, f"lock-{share}", fcntl.LOCK_EX))
        yield


@contextmanager
def _locked(final: Path, role: str, how: int) -> Iterator[None]:
    place = beside(final, role)
    try:
        handle = _opened(place, how)
    except OSError as error:
        raise InputError(f"cannot be written: {_reason(error, final)}", final) from None
    if handle is None:
        raise InputError(f"is being written by {_owner(place)}; wait until it has ended, or choose another name", final)
    try:
        with suppress(OSError):  # without an owner on a full disk
            os.ftruncate(handle, 0)
            os.write(handle, f"{MARK}: process {os.getpid()} on {socket.gethostname()}\n".encode())
        yield
    finally:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails where others share it
            if _leads_to(place, handle):
                place.unlink()
        os.close(handle)


def _owner(place: Path) -> str:
    with suppress(OSError):
        mark, _, owner = place.read_bytes()[:LONGEST].decode(errors="replace").strip().partition(": ")
        if mark == MARK and owner:
            return owner
    return "another process"


def beside(final: Path, role: str) -> Path:
    """Return the hidden name beside a file that carries the mark: .run.h5.magsearch-lock."""
    name = os.fsencode(final.name)
    short = final.name if len(name) <= LONGEST else blake2b(name, digest_size=8).hexdigest()
    return final.with_name(f".{short}.{MARK}-{role}")


def _opened(place: Path, how: int) -> int | None:
    """Open a file of ours, made if it is missing, and lock it; None if another process has locked it.

    Raises OSError if the system does not let it, and if something else has the name.
    """
    for _ in range(CHANGED):
        handle = os.open(place, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise OSError(errno.EEXIST, f"{place.name} is not a file of magsearch")
            fcntl.flock(handle, how | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return None
        except OSError as error:
            if error.errno not in NO_LOCKS:
                os.close(handle)
                raise
            _tell_of_no_locks(place.parent)
        if _leads_to(place, handle):  # its last owner may have removed or renamed it in between
            return handle
        os.close(handle)
    return None


@cache
def _tell_of_no_locks(folder: Path) -> None:
    """Print a note, once for each folder: a run writes its file again and again."""
    told = f"magsearch: note: {visible(str(folder))} has no locks: never let two processes write one file at once"
    print(told, file=sys.stderr)


def _leads_to(place: Path, handle: int) -> bool:
    with suppress(OSError):
        return os.path.samestat(place.lstat(), os.fstat(handle))
    return False


# -- folders of parts --------------------------------------------------------------------------------------------------


def marked_folder(folder: Path, of: str) -> None:
    """Make a folder that magsearch may remove again, if there is none; ``of`` says what it is for.

    Several processes may make it at the same time. Raises InputError for a folder that someone else has made, and if
    the system does not let it.
    """
    try:
        folder.mkdir(exist_ok=True)
        if not is_marked(folder):
            if any(folder.iterdir()) and not is_marked(
                folder
            ):  # another process marks it before it puts anything there
                raise InputError("is a folder that magsearch has not made; move it, or choose another name", folder)
            try:
                (folder / f".{MARK}").write_text(f"written and removed by magsearch: {visible(of)}\n")
            except OSError:
                remove_folder(folder)
                raise
    except OSError as error:
        raise InputError(f"cannot be written: {_reason(error, folder)}", folder) from None


def is_marked(folder: Path) -> bool:
    """Return whether magsearch has made a folder."""
    return (folder / f".{MARK}").is_file()


def remove_folder(folder: Path) -> None:
    """Remove a folder that magsearch has made, if it holds nothing but our mark and unfinished files."""
    with suppress(OSError):
        if is_marked(folder):
            for leftover in folder.glob(f".*.{MARK}-{WRITING}*"):
                leftover.unlink()
            if [entry.name for entry in folder.iterdir()] == [f".{MARK}"]:
                (folder / f".{MARK}").unlink()
                folder.rmdir()


def _reason(error: Exception, path: Path) -> str:
    if isinstance(error, FileNotFoundError) and not path.parent.exists():
        return f"the folder {path.parent} does not exist; create it, or choose another name"
    return str(getattr(error, "strerror", None) or error)
