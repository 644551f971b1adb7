"""A file system that hands everything to the directory below it, but for its oddities.

disk.py ROOT MOUNTPOINT NAME=WORD,…: `owner=1000` and `mode=777` are shown for everything, whatever is set; `chmod`,
`chown`, `fsync`, `rename`, `symlink` and `write` fail with the error that is named, `ignored` does nothing and says nothing,
`done` does it and then fails with EIO; `sticky=dropped` and `sticky=EPERM` are of chmod. It has no access control lists.
"""

import errno
import os
import sys

from fuse import FUSE, FuseOSError, Operations

ODD = dict(word.split("=") for word in sys.argv[3].split(",") if word)
STICKY = 0o1000
SHOWN = "st_atime st_ctime st_gid st_ino st_mode st_mtime st_nlink st_size st_uid".split()


def oddly(name, work):
    word = ODD.get(name)
    if word == "ignored":
        return 0
    if word == "done":
        work()
        raise FuseOSError(errno.EIO)
    if word:
        raise FuseOSError(getattr(errno, word))
    return work() or 0


class Disk(Operations):
    def at(self, path):
        return sys.argv[1] + path

    def __call__(self, operation, *arguments):
        try:
            return super().__call__(operation, *arguments)
        except OSError as error:
            raise FuseOSError(error.errno)

    def access(self, path, mode):
        return 0

    def chmod(self, path, mode):
        if mode & STICKY and ODD.get("sticky") == "EPERM":
            raise FuseOSError(errno.EPERM)
        if ODD.get("sticky") == "dropped":
            mode &= ~STICKY
        return oddly("chmod", lambda: os.chmod(self.at(path), mode))

    def chown(self, path, uid, gid):
        return oddly("chown", lambda: os.lchown(self.at(path), uid, gid))

    def getattr(self, path, handle=None):
        found = os.lstat(self.at(path))
        shown = {name: getattr(found, name) for name in SHOWN}
        if "owner" in ODD:
            shown["st_uid"] = shown["st_gid"] = int(ODD["owner"])
        if "mode" in ODD:
            shown["st_mode"] = shown["st_mode"] & ~0o7777 | int(ODD["mode"], 8)
        return shown

    def readdir(self, path, handle):
        return [".", ".."] + os.listdir(self.at(path))

    def readlink(self, path):
        return os.readlink(self.at(path))

    def mkdir(self, path, mode):
        os.mkdir(self.at(path), mode & ~STICKY if "sticky" in ODD else mode)

    def rmdir(self, path):
        os.rmdir(self.at(path))

    def unlink(self, path):
        os.unlink(self.at(path))

    def symlink(self, name, target):
        return oddly("symlink", lambda: os.symlink(target, self.at(name)))

    def rename(self, old, new):
        return oddly("rename", lambda: os.rename(self.at(old), self.at(new)))

    def create(self, path, mode, info=None):
        return os.open(self.at(path), os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)

    def open(self, path, flags):
        return os.open(self.at(path), flags & ~os.O_NOFOLLOW)

    def read(self, path, size, offset, handle):
        return os.pread(handle, size, offset)

    def write(self, path, content, offset, handle):
        return oddly("write", lambda: os.pwrite(handle, content, offset))

    def truncate(self, path, length, handle=None):
        os.truncate(self.at(path), length)

    def fsync(self, path, data_only, handle):
        return oddly("fsync", lambda: os.fsync(handle))

    def fsyncdir(self, path, data_only, handle):
        return oddly("fsync", lambda: None)

    def release(self, path, handle):
        os.close(handle)


# Without `hard_remove` the library renames what is open instead of removing it; inodes are those below.
FUSE(Disk(), sys.argv[2], foreground=True, nothreads=True, allow_other=True, hard_remove=True, use_ino=True)
