#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-3.0-or-later
"""iscsi-liar - a portal that says what it likes.

    iscsi-liar.py NAMES LUNS [mute]

Prints the port that it listens on. SendTargets is answered with the bytes of the file NAMES, REPORT LUNS with those
of LUNS, and any other command with "there is no such LUN". Every login is let in, but for a target with `refused` in
its name; one with `elsewhere` in it is not there, and one with `mute` gets no answer. With the argument `mute` nobody does.
"""
import socket
import struct
import sys
import threading

from iscsi_socket import receive

LOGIN, TEXT, COMMAND, LOGOUT = 0x03, 0x04, 0x01, 0x06
REPORT_LUNS = 0xA0
SENSE = bytes([0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x25, 0, 0, 0, 0, 0])


def answer(sock, request, opcode, flags, data=b"", **places):
    head = bytearray(48)
    head[0], head[1] = opcode, flags
    head[5:8] = len(data).to_bytes(3, "big")
    head[16:20] = request[16:20]
    status = int.from_bytes(request[28:32], "big") + 1
    number = int.from_bytes(request[24:28], "big") + (not request[0] & 0x40)  # the next one, but for immediate ones
    head[24:36] = struct.pack(">III", status & 0xFFFFFFFF, number & 0xFFFFFFFF, (number + 32) & 0xFFFFFFFF)
    for place, value in places.items():
        head[int(place[1:]) : int(place[1:]) + len(value)] = value
    sock.sendall(bytes(head) + data + bytes(-len(data) % 4))


def log_in(sock, head, data):
    if b"mute" in data:
        return False
    for word, status in (b"refused", b"\x02\x02"), (b"elsewhere", b"\x02\x03"):
        if word in data:
            answer(sock, head, 0x23, 0, _8=head[8:16], _36=status)
            return False
    # Straight to the full-feature phase, whatever was proposed.
    keys = b"HeaderDigest=None\0DataDigest=None\0"
    answer(sock, head, 0x23, 0x80 | (head[1] & 0x0C) | 3, keys, _8=head[8:16])
    return True


def serve(sock):
    while True:
        head = receive(sock, 48)
        length = int.from_bytes(head[5:8], "big")
        data = receive(sock, (length + 3) // 4 * 4)
        opcode = head[0] & 0x3F
        if opcode == LOGIN:
            if not log_in(sock, head, data):
                receive(sock, 1)
        elif opcode == TEXT:
            with open(sys.argv[1], "rb") as names:
                answer(sock, head, 0x24, 0x80, names.read(), _20=b"\xff" * 4)
        elif opcode == COMMAND and head[32] == REPORT_LUNS:
            with open(sys.argv[2], "rb") as luns:
                answer(sock, head, 0x25, 0x81, luns.read())
        elif opcode == COMMAND:
            answer(sock, head, 0x21, 0x80, struct.pack(">H", len(SENSE)) + SENSE, _3=b"\x02")
        elif opcode == LOGOUT:
            answer(sock, head, 0x26, 0x80)


def carry(sock):
    try:
        if len(sys.argv) > 3:
            receive(sock, 1 << 30)
        serve(sock)
    except (EOFError, OSError):
        sock.close()


def main():
    server = socket.create_server(("127.0.0.1", 0))
    print(server.getsockname()[1], flush=True)
    while True:
        client, _ = server.accept()
        threading.Thread(target=carry, args=(client,), daemon=True).start()


if __name__ == "__main__":
    main()
