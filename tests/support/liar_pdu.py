# SPDX-License-Identifier: GPL-3.0-or-later
"""liar_pdu - PDUs of a target, and how to spoil them: what lies are made of.

A lie takes the connection and a PDU of the target, and returns what is sent in its place: PDUs and bytes,
CUT or MUTE. Which PDUs it is for stands in the table. What is not among the lies is a target that is wrong
in good form: other bytes of the right length under the right tag, two tags exchanged for one another,
blocks called unmapped that hold data. Nobody can tell these.
"""
import struct

COMMAND, RESPONSE, DATA_IN, LOGIN, TEXT, R2T, ASYNC, REJECT, NOP_IN = (
    0x01, 0x21, 0x25, 0x23, 0x24, 0x31, 0x32, 0x3F, 0x20)
FINAL, STATUS, UNDERFLOW, OVERFLOW, ACKNOWLEDGE = 0x80, 0x01, 0x02, 0x04, 0x40
GOOD, CHECK, BUSY, FULL = 0, 2, 8, 0x28
INQUIRY, CAPACITY, READ, SERVICE_IN, REPORT_LUNS = 0x12, 0x10, 0x88, 0x9E, 0xA0
CUT, MUTE = "cut", "mute"
BLOCK = 512
NOBODY = b"\xff\xff\xff\xff"


class Pdu:
    """One PDU; @length and @ahs are those that it claims when they are not what it has."""

    def __init__(self, head, data=b""):
        self.head = bytearray(head)
        self.data = bytes(data)
        self.length = None

    def copy(self, data=None):
        return Pdu(self.head, self.data if data is None else data)

    def pack(self):
        length = len(self.data) if self.length is None else self.length
        self.head[5:8] = (length & 0xFFFFFF).to_bytes(3, "big")
        return bytes(self.head) + self.data + bytes(-len(self.data) % 4)

    def number(self, place):
        return int.from_bytes(self.head[place : place + 4], "big")

    def put(self, place, value):
        self.head[place : place + 4] = struct.pack(">I", value & 0xFFFFFFFF)
        return self

    opcode = property(lambda self: self.head[0] & 0x3F)
    task = property(lambda self: bytes(self.head[16:20]))


def answer(pdu, status, data=b"", response=0):
    """A SCSI response in place of an answer."""
    new = Pdu(bytes(48), data)
    new.head[0:4] = bytes([RESPONSE, FINAL, response, status])
    new.head[16:20] = pdu.task
    new.head[24:36] = pdu.head[24:36]
    return new


def sense(key, code, form=0x70):
    if form in (0x72, 0x73):
        body = bytes([form, key, code >> 8, code & 255, 0, 0, 0, 0])
    else:
        body = bytes([form, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, code >> 8, code & 255, 0, 0, 0, 0])
    return struct.pack(">H", len(body)) + body


def pieces(pdu, cuts):
    """The data of a PDU in several, each with its place; only the last has the status."""
    edges = [0] + sorted(cuts) + [len(pdu.data)]
    made = []
    for n, (begin, end) in enumerate(zip(edges, edges[1:])):
        piece = pdu.copy(pdu.data[begin:end]).put(36, pdu.number(36) + n).put(40, pdu.number(40) + begin)
        if end < len(pdu.data):
            piece.head[1], piece.head[3] = 0, 0
            piece.put(24, 0).put(44, 0)
        made.append(piece)
    return made


def halves(c, pdu):
    return pieces(pdu, [c.random.randrange(BLOCK, len(pdu.data), BLOCK)]) if len(pdu.data) > BLOCK else [pdu.copy()]


LIES = {}  # by name: where, and the function


def lie(where):
    def add(function):
        LIES[function.__name__.replace("_", "-")] = where, function
        return function

    return add
