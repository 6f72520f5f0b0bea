#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""iscsi-proxy - stands between an initiator and a target, and has READs and connections go wrong.

    iscsi-proxy.py TARGET_PORT FAULTS

Prints the port that it listens on. The file FAULTS is read anew for each READ (16); its lines are

    HOW LBA TIMES     a READ whose range has block LBA in it, so many times: -1 for ever

HOW: `short`: half of the last piece of data is missing, and the target says so. `silent`: it does
not say so. `hole`: a block is missing in the middle, and the target does not say so. `more`: nothing is
missing, and the target says that it would have had more. `medium`: no data, but MEDIUM ERROR. `recovered`:
all of the data, and RECOVERED ERROR.

    who KEY TIMES

INQUIRY for the page of identities (83h) ends, so many times, with that sense key in place of an answer: 0 for
the beginning of an answer. Beside a `cut`, none does before a connection was cut.

    blocks LBA TIMES

GET LBA STATUS from a block on is answered with that block alone, whatever LBA says; how often it was asked
stands in FAULTS.asked.

    cut BYTES MILLISECONDS

Each connection is cut after so many bytes to the initiator, and the next one is made so much later.
"""
import socket
import struct
import sys
import threading
import time

from iscsi_socket import receive

SCSI_COMMAND, SCSI_RESPONSE, DATA_IN = 0x01, 0x21, 0x25
INQUIRY, READ_16, SERVICE_IN, GET_LBA_STATUS = 0x12, 0x88, 0x9E, 0x12
FINAL, STATUS, UNDERFLOW, OVERFLOW = 0x80, 0x01, 0x02, 0x04
CHECK_CONDITION, RECOVERED_ERROR, MEDIUM_ERROR = 2, 1, 3
BLOCK = 512

LOCK = threading.Lock()
DONE = {}  # by line of FAULTS: how often
AWAY = [0.0]  # until when no connection is made


def receive_pdu(sock):
    head = receive(sock, 48)
    more = head[4] * 4
    length = int.from_bytes(head[5:8], "big")
    return head, receive(sock, more + (length + 3) // 4 * 4)


def fault_of(names, first, blocks, path):
    """What is to be done to this READ, or to this INQUIRY ("who 4"), or None."""
    with LOCK, open(path, encoding="ascii") as file:
        lines = list(file)
        if names and any(line.startswith("cut ") and line not in DONE for line in lines):
            return None
        for line in lines:
            how, lba, times = line.split()
            if how in ("cut", "blocks") or names != (how == "who"):
                continue
            if names:
                how, lba = f"who {lba}", first
            if first <= int(lba) < first + blocks and DONE.get(line, 0) != int(times):
                DONE[line] = DONE.get(line, 0) + 1
                return how
    return None


def cut_of(path):
    """After how many bytes connections are cut, or None; for how many seconds; and the line that says so."""
    with open(path, encoding="ascii") as lines:
        for line in lines:
            how, length, pause = line.split()
            if how == "cut":
                return int(length), int(pause) / 1000, line
    return None, 0, None


def is_by_blocks(path):
    """Whether GET LBA STATUS tells of one block at a time; it counts."""
    with LOCK, open(path, encoding="ascii") as lines:
        if not any(line.startswith("blocks ") for line in lines):
            return False
        DONE["asked"] = DONE.get("asked", 0) + 1
        with open(path + ".asked", "w", encoding="ascii") as asked:
            print(DONE["asked"], file=asked)
    return True


def to_target(client, target, reads):
    while True:
        head, body = receive_pdu(client)
        if head[0] & 0x3F == SCSI_COMMAND and head[32] == READ_16:
            first, blocks = struct.unpack(">QI", head[34:46])
            reads[bytes(head[16:20])] = fault_of(False, first, blocks, sys.argv[2])
        elif head[0] & 0x3F == SCSI_COMMAND and head[32:35] == bytes([INQUIRY, 1, 0x83]):
            reads[bytes(head[16:20])] = fault_of(True, 0, 1, sys.argv[2])
        elif head[0] & 0x3F == SCSI_COMMAND and head[32] == SERVICE_IN and head[33] & 0x1F == GET_LBA_STATUS:
            if is_by_blocks(sys.argv[2]):
                reads[bytes(head[16:20])] = bytes(head[34:42])
        target.sendall(head + body)


def number(head, place, more):
    """Adds to a number of a head."""
    head[place : place + 4] = struct.pack(">I", int.from_bytes(head[place : place + 4], "big") + more)


def complain(head, key, code):
    """The response of a READ that ends with sense data, from the head of its last data."""
    sense = bytes([0x70, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, code >> 8, code & 255, 0, 0, 0, 0])
    response = bytearray(48)
    response[0:4] = SCSI_RESPONSE, FINAL, 0, CHECK_CONDITION
    response[5:8] = (len(sense) + 2).to_bytes(3, "big")
    response[16:20] = head[16:20]
    response[24:36] = head[24:36]
    return bytes(response) + struct.pack(">H", len(sense)) + sense


def spoil(head, body, how):
    """What comes in place of the last data of a READ."""
    length = int.from_bytes(head[5:8], "big")
    if isinstance(how, bytes):  # the block that was asked for
        missing = length - 24
        if head[1] & UNDERFLOW:
            missing += int.from_bytes(head[44:48], "big")
        head[1] |= UNDERFLOW
        head[44:48] = struct.pack(">I", missing)
        head[5:8] = (24).to_bytes(3, "big")
        return head + struct.pack(">I", 20) + body[4:8] + how + struct.pack(">I", 1) + body[20:24]
    if how == "who 0":
        missing = length - 8
        if head[1] & UNDERFLOW:
            missing += int.from_bytes(head[44:48], "big")
        head[1] |= UNDERFLOW
        head[44:48] = struct.pack(">I", missing)
        head[5:8] = (8).to_bytes(3, "big")
        return head + body[:8]
    if how.startswith("who "):
        return complain(head, int(how[4:]), 0x4400)
    if how == "medium":
        return complain(head, MEDIUM_ERROR, 0x1100)
    if how == "recovered":
        response = complain(head, RECOVERED_ERROR, 0x1701)
        head[1], head[3] = FINAL, 0
        head[24:28] = bytes(4)
        return head + body + response
    if how == "more":
        head[1] |= OVERFLOW
        head[44:48] = struct.pack(">I", 8 * BLOCK)
        return head + body
    left = length // 2 // BLOCK * BLOCK
    if how == "hole":
        rest, tail = bytearray(head), body[left + BLOCK :]
        number(rest, 36, 1)
        number(rest, 40, left + BLOCK)
        rest[5:8] = len(tail).to_bytes(3, "big")
        head[1], head[3] = 0, 0
        head[24:28] = bytes(4)
        head[5:8] = left.to_bytes(3, "big")
        return head + body[:left] + rest + tail
    head[5:8] = left.to_bytes(3, "big")
    if how == "short":
        head[1] |= UNDERFLOW
        head[44:48] = struct.pack(">I", length - left)
    return head + body[:left]


def to_client(target, client, reads):
    left, pause, line = cut_of(sys.argv[2])
    while True:
        head, body = receive_pdu(target)
        kind, task = head[0] & 0x3F, bytes(head[16:20])
        if kind == DATA_IN and head[1] & STATUS and reads.get(task):
            pdu = spoil(head, body, reads.pop(task))
        else:
            pdu = head + body
            if kind == SCSI_RESPONSE and reads.pop(task, None):
                print("the target sends its status apart from the data", file=sys.stderr)
        if left is not None:
            left -= len(pdu)
            if left < 0:
                DONE[line] = 1
                AWAY[0] = time.monotonic() + pause
                raise EOFError
        client.sendall(pdu)


def carry(way, *ends):
    try:
        way(*ends)
    except (EOFError, OSError):
        for sock in ends[:2]:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def main():
    server = socket.create_server(("127.0.0.1", 0))
    print(server.getsockname()[1], flush=True)
    while True:
        client, _ = server.accept()
        time.sleep(max(0.0, AWAY[0] - time.monotonic()))
        target = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
        for end in client, target:
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reads = {}
        for way, *ends in (to_target, client, target, reads), (to_client, target, client, reads):
            threading.Thread(target=carry, args=(way, *ends), daemon=True).start()


if __name__ == "__main__":
    main()
