#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""liar - a target that lies, and what the program makes of it.

    liar.py PROGRAM TARGET_PORT FOLDER RUNS SEED [LIE...]

A proxy between the program and a real target tells one lie (lies_data.py, lies_talk.py) a run, at a random place, once or more
often. The program probes, backs up, or mounts and is read. What is right: the right data, or an error, in
bounded time. FOLDER has disk.img, what the LUN holds, and files/, what its file system does. SEED repeats the
choices. Prints what came of each lie; status 1 when anything was wrong, and then FOLDER has the logs.
"""
import collections
import concurrent.futures
import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import threading
import time

from iscsi_socket import receive
import lies_data  # the lies are in its table, then
import lies_talk
from liar_pdu import CAPACITY, CUT, DATA_IN, COMMAND, INQUIRY, LIES, LOGIN, MUTE, Pdu, READ, REPORT_LUNS, RESPONSE, SERVICE_IN, STATUS, TEXT

IQN = "iqn.2026-11.test:liar"
TIMEOUT = 2  # seconds that a LUN may be away
BOUND = 60  # seconds that a command may take
FOR_EVER = 1 << 30


def receive_pdu(sock):
    head = receive(sock, 48)
    length = int.from_bytes(head[5:8], "big")
    return Pdu(head, receive(sock, (length + 3) // 4 * 4)[:length])


class Connection:
    """Between one login of the program and the target."""

    def __init__(self, liar, client, target):
        self.liar, self.client, self.target, self.random = liar, client, target, liar.random
        self.tasks = {}
        self.mute = False
        self.sent = 0

    def wait(self, seconds):
        time.sleep(seconds)

    def what(self, pdu):
        if pdu.opcode in (LOGIN, TEXT):
            return "login" if pdu.opcode == LOGIN else "text"
        return self.tasks.get(pdu.task, "other")

    def end(self):
        for sock in self.client, self.target:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def to_target(self):
        while True:
            pdu = receive_pdu(self.client)
            if pdu.opcode == COMMAND:
                kinds = {READ: "read", INQUIRY: "page" if pdu.head[33] & 1 else "inquiry",
                         REPORT_LUNS: "reported", SERVICE_IN: "capacity" if pdu.head[33] & 0x1F == CAPACITY else "extents"}
                self.tasks[pdu.task] = kinds.get(pdu.head[32], "other")
            self.target.sendall(pdu.pack())

    def to_client(self):
        while True:
            pdu = receive_pdu(self.target)
            if pdu.opcode == TEXT:  # a list of targets: they are here
                pdu.data = pdu.data.replace(f":{self.liar.target_port},".encode(), f":{self.liar.port},".encode())
            for one in self.liar.answer(self, pdu):
                self.send(one.pack() if isinstance(one, Pdu) else one)
            if pdu.opcode in (DATA_IN, RESPONSE) and (pdu.opcode == RESPONSE or pdu.head[1] & STATUS):
                self.tasks.pop(pdu.task, None)

    def send(self, data):
        if self.mute:
            return
        left = self.liar.bytes_left(self, len(data))
        if left < len(data):
            self.liar.times -= 1
            self.client.sendall(data[:left])
            if self.liar.lie == "cut":
                raise EOFError
            self.mute = True
        else:
            self.sent += len(data)
            self.liar.sent += len(data)
            self.client.sendall(data)

    def carry(self, way):
        try:
            way()
        except (EOFError, OSError):
            self.end()


class Liar:
    """The proxy, with one lie: at the occasion numbered @at, and @times in all."""

    def __init__(self, target_port, lie=None, at=0, times=0, seed=0):
        self.target_port, self.lie, self.at, self.times = target_port, lie, at, times
        self.where, self.function = LIES.get(lie, (None, None))
        self.random = random.Random(seed)
        self.seen = collections.Counter()
        self.sent = self.connections = self.told = 0
        self.kept = []
        self.lock = threading.Lock()
        self.open = []
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.server.accept()
                target = socket.create_connection(("127.0.0.1", self.target_port))
            except OSError:
                return
            self.connections += 1
            connection = Connection(self, client, target)
            self.open.append(connection)
            for way in connection.to_target, connection.to_client:
                threading.Thread(target=connection.carry, args=(way,), daemon=True).start()

    def close(self):
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        for connection in self.open:
            connection.end()

    def places(self, connection, pdu):
        """Of which kinds an answer is."""
        what = connection.what(pdu)
        with_status = pdu.opcode == RESPONSE or pdu.opcode == DATA_IN and pdu.head[1] & STATUS
        found = {"any"}
        if pdu.opcode in (LOGIN, TEXT) or pdu.opcode == DATA_IN and with_status:
            found.add(what)
        if with_status:
            found.add("status")
        if pdu.opcode == DATA_IN and with_status:
            found.add("data")
        return found

    def is_told(self, kinds):
        """Counts the occasions, and says whether this is one."""
        with self.lock:
            number = self.seen[self.where]
            for kind in kinds:
                self.seen[kind] += 1
            if self.where not in kinds or number < self.at or self.times <= 0:
                return False
            self.times -= 1
            self.told += 1
            return True

    def answer(self, connection, pdu):
        kinds = self.places(connection, pdu)
        if self.where == "again":
            return self.again(connection, pdu, kinds)
        made = self.function(connection, pdu) if self.is_told(kinds) else [pdu]
        if made is CUT:
            raise EOFError
        if self.kept and pdu.opcode in (DATA_IN, RESPONSE) and pdu is made[0] if made else False:
            made = [self.kept.pop(), *made]
        return made

    def again(self, connection, pdu, kinds):
        """Cut once; from then on the LUN is another."""
        if self.connections == 1 and "status" in kinds:
            with self.lock:
                self.seen["status"] += 1
                if self.seen["status"] > self.at:
                    raise EOFError
        if self.connections > 1 and kinds & {"capacity", "page"}:
            self.told += 1
            return self.function(connection, pdu)
        return [pdu]

    def bytes_left(self, connection, length):
        """How many of these are still sent; at is a byte of the first connection, and then of each."""
        if self.where != "byte" or self.times <= 0 or connection.sent + length <= self.at:
            return length
        self.told += 1
        return max(0, self.at - connection.sent)


class Wrong(Exception):
    """What must not be."""


class Run:
    """One run of the program through the proxy."""

    def __init__(self, campaign, number):
        self.campaign = campaign
        self.folder = os.path.join(campaign.folder, f"run{number}")
        os.mkdir(self.folder)
        self.log = open(os.path.join(self.folder, "log"), "w+", encoding="utf-8", errors="replace")

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self, *words):
        print("+", *words, file=self.log, flush=True)
        return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def end(self, child, bound=BOUND):
        """Waits for a child. Return: its status."""
        try:
            status = child.wait(bound)
        except subprocess.TimeoutExpired:
            self.campaign.explain(child.pid, self.log)
            child.kill()
            child.wait()
            raise Wrong(f"hangs: {bound} s") from None
        self.log.flush()
        said = open(self.path("log"), encoding="utf-8", errors="replace").read()
        if status < 0 or re.search("Sanitizer|runtime error:|Assertion", said):
            raise Wrong(f"crashes: status {status}")
        return status

    def call(self, *words):
        return self.end(self.start(*words))

    def outcome(self, status, good=(0, 3)):
        if status in good:
            return False
        if not re.search("^lunette: ", open(self.path("log"), encoding="utf-8", errors="replace").read(), re.M):
            raise Wrong(f"ends with status {status} and says nothing")
        return True

    def probe(self, source):
        with open(self.path("out"), "w", encoding="utf-8") as out:
            child = subprocess.Popen([self.campaign.program, "probe", "--json", "--timeout", str(TIMEOUT), source],
                                     stdin=subprocess.DEVNULL, stdout=out, stderr=self.log)
        status = self.end(child)
        if self.outcome(status):
            return "error"
        if self.campaign.layout(self.path("out")) == self.campaign.truth:
            return "right"
        if status == 0:
            raise Wrong("another layout")
        return "error" # it says what it could not read

    def list(self, source):
        with open(self.path("out"), "w", encoding="utf-8") as out:
            child = subprocess.Popen([self.campaign.program, "probe", "--json", "--timeout", str(TIMEOUT),
                                      source[: source.index("/", 8)]],
                                     stdin=subprocess.DEVNULL, stdout=out, stderr=self.log)
        status = self.end(child)
        if self.outcome(status):
            return "error"
        with open(self.path("out"), encoding="utf-8") as lines:
            found = [[target["name"], [[lun["lun"], lun["size"]] for lun in target["luns"]]]
                     for target in json.load(lines)["targets"]]
        if found == [[IQN, [[0, None], [1, self.campaign.truth[0][0][0]]]]]:
            return "right"
        if status == 0:
            raise Wrong("another list")
        return "error"  # it says what it could not ask

    def backup(self, source):
        program, repo = self.campaign.program, self.path("repo")
        shutil.copytree(os.path.join(self.campaign.folder, "repo"), repo)
        if self.outcome(self.call(program, "backup", "--quiet", "--repo", repo, "--name", "x", "--timeout", str(TIMEOUT),
                                  source)):
            return "error"
        if self.call(program, "restore", "--repo", repo, "x@latest", "--disk", "disk0", self.path("image")) != 0:
            raise Wrong("no restore")
        if self.call("cmp", self.path("image"), os.path.join(self.campaign.folder, "restored")) != 0:
            raise Wrong("wrong data in the backup")
        return "right"

    def mount(self, source):
        where = self.path("mnt")
        os.mkdir(where)
        child = self.start(self.campaign.program, "mount", "--foreground", "--timeout", str(TIMEOUT), source, where)
        end = time.monotonic() + BOUND
        while child.poll() is None and not os.path.ismount(where) and time.monotonic() < end:
            time.sleep(0.02)
        if child.poll() is not None or not os.path.ismount(where):
            return "error" if self.outcome(self.end(child, 1), ()) else ""
        try:
            found = self.compare(where)
        finally:
            subprocess.run(["umount", where], stderr=self.log, check=False, timeout=BOUND)
            subprocess.run(["umount", "-l", where], stderr=subprocess.DEVNULL, check=False)
            time.sleep(0.1)
            child.terminate() # a copy of the mount in another namespace keeps it alive
        if self.end(child) not in (0, 3):
            raise Wrong(f"ends with status {child.returncode}")
        return found

    def compare(self, where):
        self.log.flush()
        at = self.log.tell()
        volumes = os.path.join(where, "volumes")
        volume = [os.path.join(volumes, name) for name in os.listdir(volumes)] + ["/nowhere"]
        files = self.call("diff", "-r", "--exclude=$*", "--exclude=System Volume Information", os.path.join(self.campaign.folder, "files"), os.path.join(volume[0], "files"))
        disk = self.call("cmp", os.path.join(where, "disks/disk0.img"), os.path.join(self.campaign.folder, "disk.img"))
        if files == 0 and disk == 0:
            return "right"
        with open(self.path("log"), encoding="utf-8", errors="replace") as log:
            log.seek(at)
            said = log.read()
        if re.search(" differ| EOF ", said):
            raise Wrong("wrong data in the mount")
        if not re.search("error|timed out|No such|Stale|not connected", said):
            raise Wrong("files are missing in the mount")
        return "error"


class Campaign:
    """All runs."""

    def __init__(self, program, port, folder, seed):
        self.program, self.port, self.folder, self.seed = program, port, folder, seed
        self.kinds = {"list": Run.list, "probe": Run.probe, "backup": Run.backup}
        if os.access("/dev/fuse", os.R_OK | os.W_OK):
            self.kinds["mount"] = Run.mount
        self.occasions = {}
        self.table = collections.defaultdict(collections.Counter)
        self.slowest = 0.0, ""
        self.wrong = 0

    def layout(self, path):
        with open(path, encoding="utf-8") as lines:
            document = json.load(lines)
        return [[disk["size"], disk["table"]] for disk in document["disks"]], [
            [volume["size"], volume["filesystem"], volume["uuid"], volume["state"]] for volume in document["volumes"]]

    def explain(self, pid, log):
        """Where a child hangs."""
        if not shutil.which("gdb"):
            return
        subprocess.run(["gdb", "-p", str(pid), "-batch", "-ex", "thread apply all bt 12"], stdout=log,
                       stderr=subprocess.DEVNULL, check=False, timeout=60)

    def prepare(self):
        """What is right; and how many occasions to lie each kind of run has."""
        disk, repo = os.path.join(self.folder, "disk.img"), os.path.join(self.folder, "repo")
        call = lambda *words, **more: subprocess.run([self.program, *words], check=True, **more)
        with open(os.path.join(self.folder, "layout"), "w", encoding="utf-8") as out:
            call("probe", "--json", disk, stdout=out)
        self.truth = self.layout(os.path.join(self.folder, "layout"))
        call("init", "--quiet", repo)
        truth = os.path.join(self.folder, "truth")
        shutil.copytree(repo, truth)
        call("backup", "--quiet", "--repo", truth, "--name", "x", disk)
        call("restore", "--repo", truth, "x@latest", "--disk", "disk0", os.path.join(self.folder, "restored"),
             stdout=subprocess.DEVNULL)
        for kind, function in self.kinds.items():
            liar = Liar(self.port)
            run = Run(self, f"-{kind}")
            if function(run, f"iscsi://127.0.0.1:{liar.port}/{IQN}/1") != "right":
                raise SystemExit(f"{kind} fails without a lie: see {run.folder}")
            liar.close()
            self.occasions[kind] = dict(liar.seen, byte=liar.sent, again=liar.seen["status"])
        self.occasions["list"]["again"] = 0  # what it shows was said once

    def one(self, number, lie):
        choose = random.Random(f"{self.seed} {number}")
        where = LIES[lie][0]
        kind = choose.choice([kind for kind in ["backup", *self.kinds] if self.occasions[kind].get(where)])
        at = choose.randrange(self.occasions[kind][where])
        times = FOR_EVER if lie.endswith("for-ever") else choose.choice([1, 1, 2, 5, FOR_EVER])
        liar = Liar(self.port, lie, at, times, f"{self.seed} {number}")
        run = Run(self, number)
        begin = time.monotonic()
        what = ""
        try:
            found = self.kinds[kind](run, f"iscsi://127.0.0.1:{liar.port}/{IQN}/1")
            if found == "right" and liar.told == 0:
                found = "not told"
        except Wrong as wrong:
            found, what = "WRONG", str(wrong)
        liar.close()
        took = time.monotonic() - begin
        if found == "WRONG":
            print(f"{lie}: {kind}: {what} (run {number}, at {at}, {times} times, {took:.1f} s; {run.path('log')})", flush=True)
        elif not os.environ.get("LIAR_KEEP"):
            shutil.rmtree(run.folder, ignore_errors=True)
        return lie, found, took

    def go(self, runs, chosen):
        names = chosen or sorted(LIES)
        random.Random(self.seed).shuffle(names)
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            for lie, found, took in pool.map(lambda n: self.one(n, names[n % len(names)]), range(runs)):
                self.table[lie][found] += 1
                self.slowest = max(self.slowest, (took, lie))
                self.wrong += found == "WRONG"

    def report(self):
        columns = ["right", "error", "not told", "WRONG"]
        total = collections.Counter()
        for lie in sorted(self.table):
            total += self.table[lie]
            print(f"{lie:28}" + "".join(f"{self.table[lie][column]:6} {column}" for column in columns))
        print(f"{'all':28}" + "".join(f"{total[column]:6} {column}" for column in columns))
        print(f"seed {self.seed}, the slowest took {self.slowest[0]:.1f} s: {self.slowest[1]}")


def main():
    program, port, folder, runs, seed, *chosen = sys.argv[1:]
    campaign = Campaign(program, int(port), folder, seed)
    campaign.prepare()
    campaign.go(int(runs), chosen)
    campaign.report()
    return campaign.wrong > 0


if __name__ == "__main__":
    sys.exit(main())
