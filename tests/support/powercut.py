#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""powercut - what is left of a folder when the power goes, from the log of tool-record.

    powercut.py rest LOG FOLDER [BUT]
        is all that a command did below FOLDER on stable storage when it has ended? BUT: a regular
        expression of paths that do not matter
    powercut.py last LOG FOLDER TO
        writes to TO what is certain to be left of FOLDER after the last line of LOG
    powercut.py every LOG FOLDER TO COMMAND...
        for every moment, and every state that may be left then: writes it to TO and runs COMMAND,
        which says by its status whether that is sound. $POWERCUT_ENDED tells how many commands of
        the log had ended

The one idea: a file system promises what was synced, and nothing else. A file has the bytes that it
had when it was synced last; what was written since may be there, or missing, or zeros, or half of it.
A name is made, moved or removed for good when its folder has been synced; until then each of these
may have happened or not, whatever happened to the others. What was synced counts as it was when that
began, and from when it has ended.
"""
import hashlib
import os
import re
import shutil
import subprocess
import sys

FOLDER = object()  # instead of an inode


class File:
    """The bytes of a file as a program sees them, and those that are certain."""

    def __init__(self):
        self.now = bytearray()
        self.synced = b""

    def write(self, off, data):
        if off > len(self.now):
            self.now.extend(bytes(off - len(self.now)))
        self.now[off : off + len(data)] = data

    def truncate(self, size):
        del self.now[size:]
        self.now.extend(bytes(size - len(self.now)))

    def content(self, how):
        if how == "written":
            return bytes(self.now)
        more = len(self.now) - len(self.synced)
        if how == "zeros" and more > 0:
            return self.synced + bytes(more)
        if how == "half" and more > 0:
            return bytes(self.now[: len(self.synced) + more // 2])
        return self.synced


class Change:
    """Names that come and go, at once: [(path, inode, FOLDER or None for gone)]."""

    def __init__(self, what, names):
        self.what = what
        self.names = names
        self.folder = os.path.dirname(names[-1][0])

    def apply(self, names):
        for path, thing in self.names:
            if thing is None:
                names.pop(path, None)
            else:
                names[path] = thing


class Machine:
    """What is on its disk, and what it believes is there."""

    def __init__(self, data):
        self.data = data  # LOG.data
        self.files = {}
        self.names = {}  # that are certain
        self.pending = []  # changes to them that are not
        self.syncing = {}  # by thread: what to do when it has ended
        self.ended = 0
        self.status = None

    def change(self, what, *names):
        self.pending.append(Change(what, names))

    def make(self, ino):
        self.files[ino] = File()
        return self.files[ino]

    def settle(self, changes):
        for change in changes:
            change.apply(self.names)
            self.pending.remove(change)

    def line(self, text):
        what, *args = text.rstrip("\n").split("\t")
        getattr(self, "do_" + what)(*args)

    def do_create(self, ino, path):
        self.change("create " + path, (path, self.make(ino)))

    def do_nameless(self, ino):
        self.make(ino)

    def do_write(self, ino, off, length):
        self.files[ino].write(int(off), self.data.read(int(length)))

    def do_punch(self, ino, off, length):
        end = min(int(off) + int(length), len(self.files[ino].now))
        if end > int(off):
            self.files[ino].write(int(off), bytes(end - int(off)))

    def do_truncate(self, ino, size):
        self.files[ino].truncate(int(size))

    def do_link(self, ino, path):
        self.change("link " + path, (path, self.files[ino]))

    def do_rename(self, ino, old, new):
        self.change(f"rename {old} {new}", (old, None), (new, self.files[ino]))

    def do_unlink(self, path):
        self.change("unlink " + path, (path, None))

    def do_mkdir(self, path):
        self.change("mkdir " + path, (path, FOLDER))

    do_rmdir = do_unlink

    def do_sync(self, thread, ino):
        file = self.files[ino]
        self.syncing[thread] = lambda content=bytes(file.now): setattr(file, "synced", content)

    def do_syncdir(self, thread, path):
        changes = [change for change in self.pending if change.folder == path]
        self.syncing[thread] = lambda: self.settle([c for c in changes if c in self.pending])

    def do_synced(self, thread):
        self.syncing.pop(thread)()

    def do_exit(self, status):
        self.ended += 1
        self.status = int(status)


def tree(machine, folder, changes, how):
    """The state with these of the pending changes: {path below folder: bytes, None for a folder}."""
    names = dict(machine.names)
    for change in changes:
        change.apply(names)
    state = {}
    for path in sorted(names):  # folders come before what is in them
        inside = os.path.relpath(path, folder)
        up = os.path.dirname(path)
        if path == folder or inside.startswith("..") or (up != folder and os.path.relpath(up, folder) not in state):
            continue
        state[inside] = None if names[path] is FOLDER else names[path].content(how)
    return state


def ours(machine, folder):
    """Names in tmp/ are of no account: nothing ever reads them."""
    return [c for c in machine.pending if c.folder.startswith(folder) and os.path.basename(c.folder) != "tmp"]


def states(machine, folder):
    """What may be left at this moment, with a word for each."""
    pending = ours(machine, folder)
    yield "only what was synced", tree(machine, folder, [], "synced")
    for how in "synced", "zeros", "half", "written":
        yield f"all names, and of the bytes: {how}", tree(machine, folder, pending, how)
    if len(pending) > 1:
        for change in pending:
            yield f"of the names only: {change.what}", tree(machine, folder, [change], "synced")
            yield f"all names but: {change.what}", tree(machine, folder, [c for c in pending if c is not change], "written")


def write_tree(state, to):
    shutil.rmtree(to, ignore_errors=True)
    os.mkdir(to, 0o700)
    for path, content in state.items():
        if content is None:
            os.mkdir(os.path.join(to, path), 0o700)
        else:
            with open(os.path.join(to, path), "wb") as f:
                f.write(content)


def fingerprint(state):
    return frozenset((path, None if c is None else hashlib.blake2b(c).digest()) for path, c in state.items())


def replay(log):
    with open(log, encoding="utf-8", errors="surrogateescape") as lines, open(log + ".data", "rb") as data:
        machine = Machine(data)
        for number, text in enumerate(lines, 1):
            machine.line(text)
            yield number, text.rstrip("\n").replace("\t", " "), machine


def rest(log, folder, but="$^"):
    bad = 0
    for number, text, machine in replay(log):
        if not text.startswith("exit 0"):
            continue
        certain = tree(machine, folder, [], "synced")
        written = tree(machine, folder, ours(machine, folder), "written")
        for path in sorted(certain.keys() | written.keys()):
            if path in certain and path in written and certain[path] == written[path] or re.search(but, path):
                continue
            if path not in written:
                print(f"line {number}, command {machine.ended}: '{path}' was removed, and may be there again")
            elif path not in certain:
                print(f"line {number}, command {machine.ended}: the name '{path}' may be gone")
            else:
                print(f"line {number}, command {machine.ended}: the bytes of '{path}' may be gone")
            bad += 1
    return bad


def last(log, folder, to):
    machine = None
    for _, _, machine in replay(log):
        pass
    write_tree(tree(machine, folder, [], "synced"), to)
    return 0


def every(log, folder, to, *command):
    seen, bad = {}, 0
    for number, text, machine in replay(log):
        if text.startswith("write"):
            continue  # nothing else happens between writes
        for word, state in states(machine, folder):
            key = (machine.ended, fingerprint(state))
            if key in seen:
                continue
            seen[key] = True
            write_tree(state, to)
            done = subprocess.run(command, env={**os.environ, "POWERCUT_ENDED": str(machine.ended)},
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
            if done.returncode == 0:
                continue
            bad += 1
            print(f"line {number} ({text}): {word}:\n{done.stdout}{done.stderr}")
            if bad == 5:
                return bad
    print(f"{len(seen)} states")
    return bad if len(seen) > 1 else 1


def main():
    what = {"rest": rest, "last": last, "every": every}
    if len(sys.argv) < 4 or sys.argv[1] not in what:
        sys.exit(__doc__)
    return what[sys.argv[1]](sys.argv[2], os.path.realpath(sys.argv[3]), *sys.argv[4:])


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
