#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""iscsi-proxy - stands between an initiator and a target, and has the data of READs come short.

    iscsi-proxy.py TARGET_PORT FAULTS

Prints the port that it listens on. The file FAULTS is read anew for each READ (16); its lines are

    HOW LBA TIMES     a READ whose range has block LBA in it, so many times: -1 for ever

HOW: `short`: half of the last piece of data is missing, and the target says so. `silent`: it does
not say so. `more`: nothing is missing, and the target says that it would have had more.
"""
import socket
import struct
import sys
import threading

SCSI_COMMAND, SCSI_RESPONSE, DATA_IN = 0x01, 0x21, 0x25
READ_16 = 0x88
STATUS, UNDERFLOW, OVERFLOW = 0x01, 0x02, 0x04
BLOCK = 512

LOCK = threading.Lock()
DONE = {}  # by line of FAULTS: how often


def receive(sock, length):
    data = bytearray()
    while len(data) < length:
        more = sock.recv(length - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def receive_pdu(sock):
    head = receive(sock, 48)
    more = head[4] * 4
    length = int.from_bytes(head[5:8], "big")
    return head, receive(sock, more + (length + 3) // 4 * 4)


def fault_of(first, blocks, path):
    """What is to be done to this READ, or None."""
    with LOCK, open(path, encoding="ascii") as lines:
        for line in lines:
            how, lba, times = line.split()
            if first <= int(lba) < first + blocks and DONE.get(line, 0) != int(times):
                DONE[line] = DONE.get(line, 0) + 1
                return how
    return None


def to_target(client, target, reads):
    while True:
        head, body = receive_pdu(client)
        if head[0] & 0x3F == SCSI_COMMAND and head[32] == READ_16:
            first, blocks = struct.unpack(">QI", head[34:46])
            reads[bytes(head[16:20])] = fault_of(first, blocks, sys.argv[2])
        target.sendall(head + body)


def spoil(head, body, how):
    if how == "more":
        head[1] |= OVERFLOW
        head[44:48] = struct.pack(">I", 8 * BLOCK)
        return body
    length = int.from_bytes(head[5:8], "big")
    left = length // 2 // BLOCK * BLOCK
    head[5:8] = left.to_bytes(3, "big")
    if how == "short":
        head[1] |= UNDERFLOW
        head[44:48] = struct.pack(">I", length - left)
    return body[:left]


def to_client(target, client, reads):
    while True:
        head, body = receive_pdu(target)
        kind, task = head[0] & 0x3F, bytes(head[16:20])
        if kind == DATA_IN and head[1] & STATUS and reads.get(task):
            body = spoil(head, body, reads.pop(task))
        elif kind == SCSI_RESPONSE and reads.pop(task, None):
            print("the target sends its status apart from the data", file=sys.stderr)
        client.sendall(head + body)


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
        target = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
        for end in client, target:
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reads = {}
        for way, *ends in (to_target, client, target, reads), (to_client, target, client, reads):
            threading.Thread(target=carry, args=(way, *ends), daemon=True).start()


if __name__ == "__main__":
    main()
