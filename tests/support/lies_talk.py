# SPDX-License-Identifier: GPL-3.0-or-later
"""lies_talk - what a target can do to all the rest: tags, order, logins, what it says of its LUNs."""
import struct

from liar_pdu import *

# ---- tags, LUNs, late ----


@lie("status")
def tag_unknown(c, pdu):
    new = pdu.copy()
    new.head[16:20] = c.random.randbytes(4)
    return [new]


@lie("status")
def tag_next(c, pdu):
    return [pdu.copy().put(16, pdu.number(16) + c.random.choice([1, 1, 2, -1]))]


@lie("read")
def tag_of_another(c, pdu):
    others = [task for task in c.tasks if task != pdu.task]
    new = pdu.copy()
    new.head[16:20] = c.random.choice(others or [NOBODY])
    return [new]


@lie("read")
def tag_of_another_for_ever(c, pdu):
    return tag_of_another(c, pdu)


@lie("read")
def piece_of_another(c, pdu):
    made = halves(c, pdu)
    others = [task for task in c.tasks if task != pdu.task]
    made[0].head[16:20] = c.random.choice(others or [NOBODY])
    return made


@lie("read")
def also_to_another(c, pdu):
    others = [task for task in c.tasks if task != pdu.task]
    new = halves(c, pdu)[0].copy()
    new.head[1], new.head[3] = 0, 0
    new.head[16:20] = c.random.choice(others or [NOBODY])
    return [new, pdu.copy()]


@lie("status")
def lun_wrong(c, pdu):
    new = pdu.copy()
    new.head[8:16] = c.random.randbytes(8)
    return [new]


@lie("status")
def late(c, pdu):
    c.wait(c.random.choice([0.3, 1.7, 3.5]))
    return [pdu.copy()]


@lie("status")
def late_by_a_connection(c, pdu):
    c.liar.kept.append(pdu.copy())
    return CUT


@lie("status")
def late_behind_others(c, pdu):
    c.liar.kept.append(pdu.copy())
    return []


# ---- PDUs that nobody asked for ----


@lie("any")
def opcode_wrong(c, pdu):
    new = pdu.copy()
    new.head[0] = c.random.randrange(256)
    return [new]


@lie("any")
def header_wrong(c, pdu):
    new = pdu.copy()
    new.head[c.random.randrange(48)] ^= 1 << c.random.randrange(8)
    new.length = int.from_bytes(new.head[5:8], "big")
    return [new]


@lie("any")
def header_extended(c, pdu):
    new = pdu.copy()
    new.head[4] = c.random.choice([1, 5, 255])
    return [bytes(new.pack()[:48]) + c.random.choice([b"", bytes(new.head[4] * 4)]) + new.pack()[48:]]


@lie("any")
def garbage(c, pdu):
    return [c.random.randbytes(c.random.choice([1, 47, 48, 512])), pdu.copy()]


@lie("status")
def rejected(c, pdu):
    new = Pdu(bytes(48), c.random.choice([bytes(16) + pdu.task + bytes(28), bytes(48), b"", bytes(7)]))
    new.head[0:4] = bytes([REJECT, FINAL, c.random.randrange(1, 13), 0])
    new.head[16:20] = NOBODY
    new.head[24:36] = pdu.head[24:36]
    return [new]


@lie("status")
def message(c, pdu):
    new = Pdu(bytes(48), c.random.choice([b"", sense(6, 0x3F0E)]))
    new.head[0:2] = bytes([ASYNC, FINAL])
    new.head[16:20] = NOBODY
    new.head[24:36] = pdu.head[24:36]
    new.head[36] = c.random.choice([0, 1, 2, 3, 4, 255])
    return [new, pdu.copy()]


@lie("status")
def storm(c, pdu):
    new = Pdu(bytes(48))
    new.head[0:2] = bytes([NOP_IN, FINAL])
    new.head[8:16] = pdu.head[8:16]
    new.head[16:20] = NOBODY
    new.head[20:24] = c.random.choice([NOBODY, b"\0\0\0\1"])
    new.head[24:36] = pdu.head[24:36]
    return [new.pack() * c.random.choice([100, 30000]), pdu.copy()]


@lie("status")
def window_shut(c, pdu):
    return [pdu.copy().put(28, pdu.number(28) + c.random.choice([0, 1000])).put(32, pdu.number(28) - 1)]


# ---- the login ----


def with_keys(pdu, more):
    return pdu.copy(pdu.data + more)


@lie("login")
def login_keys(c, pdu):
    key = c.random.choice([
        b"MaxRecvDataSegmentLength=0\0", b"MaxRecvDataSegmentLength=4294967295\0", b"MaxRecvDataSegmentLength=-1\0",
        b"MaxBurstLength=0\0", b"FirstBurstLength=0\0", b"HeaderDigest=CRC32C\0", b"DataDigest=CRC32C\0",
        b"HeaderDigest=Reject\0", b"ErrorRecoveryLevel=2\0", b"InitialR2T=Maybe\0", b"novalue\0", b"=\0", b"\0\0\0",
        b"X-" + b"k" * 300 + b"=1\0", b"TargetAlias=" + b"a" * 4000 + b"\0", b"AuthMethod=CHAP\0",
        b"CHAP_A=5\0CHAP_I=1\0CHAP_C=0x" + b"a" * 3000 + b"\0", b"CHAP_I=999\0CHAP_C=0xzz\0", b"unended",
        b"TargetPortalGroupTag=99999\0", b"TargetAddress=" + b"x" * 700 + b"\0", c.random.randbytes(200)])
    return [with_keys(pdu, key)]


@lie("login")
def login_status(c, pdu):
    new = pdu.copy(b"")
    new.head[36:38] = bytes([c.random.choice([1, 2, 3, 9]), c.random.randrange(12)])
    return [new]


@lie("login")
def login_stage(c, pdu):
    new = pdu.copy()
    new.head[1] = c.random.randrange(256)
    return [new]


@lie("login")
def login_versions(c, pdu):
    new = pdu.copy()
    new.head[2:4] = c.random.randbytes(2)
    new.head[8:16] = c.random.randbytes(8)
    return [new]


@lie("login")
def sent_to_itself(c, pdu):
    where = c.random.choice([f"127.0.0.1:{c.liar.port},1", f"127.0.0.1:{c.liar.port}", "127.0.0.1:1,1", "", "[::1",
                             "x" * 600, ":::::", "127.0.0.1:99999999999"])
    new = pdu.copy(b"TargetName=iqn.2026-11.test:liar\0TargetAddress=" + where.encode() + b"\0")
    new.head[1] = 0
    new.head[36:38] = bytes([1, c.random.choice([1, 2])])
    return [new]


# ---- what the LUN says of itself ----


@lie("capacity")
def capacity_wrong(c, pdu):
    last, size = c.random.choice([(0xFFFFFFFFFFFFFFFF, 512), (0, 0), (1000, 513), (1000, 1 << 30), (1 << 60, 4096)])
    return [pdu.copy(struct.pack(">QI", last, size) + pdu.data[12:])]


@lie("capacity")
def capacity_short(c, pdu):
    return [pdu.copy(pdu.data[: c.random.randrange(len(pdu.data))])]


@lie("page")
def page_length_wrong(c, pdu):
    data = bytearray(pdu.data)
    data[2:4] = struct.pack(">H", c.random.choice([0, 1, 3, len(data), 0x7FFF, 0xFFFF]))
    return [pdu.copy(data)]


@lie("page")
def page_garbage(c, pdu):
    return [pdu.copy(pdu.data[:4] + c.random.randbytes(max(0, len(pdu.data) - 4)))]


@lie("page")
def page_short(c, pdu):
    return [pdu.copy(pdu.data[: c.random.randrange(len(pdu.data))])]


@lie("page")
def page_another(c, pdu):
    data = bytearray(pdu.data)
    data[1] ^= 1 << c.random.randrange(8)
    return [pdu.copy(data)]


@lie("inquiry")
def inquiry_wrong(c, pdu):
    data = bytearray(pdu.data)
    data[0] = c.random.choice([0x7F, 0x20, 0x05, 0x1F])
    return [pdu.copy(c.random.choice([bytes(data), b"", pdu.data[:5], c.random.randbytes(96)]))]


def descriptors(c, data):
    """GET LBA STATUS, spoiled; what is called unmapped stays, or is called mapped."""
    begin, count, state = struct.unpack(">QIB", data[8:21]) if len(data) >= 24 else (0, 1, 0)
    mapped = lambda first, blocks: struct.pack(">QIBBBB", first, blocks, 0, 0, 0, 0)
    head = lambda length: struct.pack(">II", length, 0)
    return c.random.choice([
        head(20) + mapped(begin, 0), head(4 + 16 * 60) + mapped(begin, 1) * 60, head(20) + mapped(begin + 1, 100),
        head(20) + mapped(begin, 0xFFFFFFFF), head(36) + mapped(begin, 8) + mapped(begin - 8 if begin > 8 else 0, 8),
        head(20) + mapped(0xFFFFFFFFFFFFFFFF, 2), head(0xFFFFFFFF) + data[8:], head(0) + data[8:], head(3), b"",
        head(36) + data[8:24] + mapped(begin + count // 2, count), data[: 8 + 13],
        head(4 + 16 * 4000) + data[8:24] + mapped(begin + count, 1)])


@lie("extents")
def extents_wrong(c, pdu):
    new = pdu.copy(descriptors(c, pdu.data))
    new.put(44, max(0, pdu.number(44) + len(pdu.data) - len(new.data)))
    return [new]


# ---- lists ----


@lie("text")
def text_wrong(c, pdu):
    new = pdu.copy(c.random.choice([
        b"", pdu.data[:-1], pdu.data + b"x", b"TargetAddress=127.0.0.1:1,1\0" + pdu.data, c.random.randbytes(300),
        pdu.data + b"TargetName=" + b"x" * 9000 + b"\0", b"TargetName=\0TargetAddress=\0", b"Other=1\0" + pdu.data,
        pdu.data[: c.random.randrange(len(pdu.data))],
        b"".join(b"TargetName=iqn.2026-11.test:none%d\0" % n for n in range(2000))]))
    new.head[1] = c.random.choice([FINAL, FINAL, FINAL, 0x40, 0])
    return [new]


@lie("reported")
def reported_wrong(c, pdu):
    one = lambda number: struct.pack(">H6x", number)
    head = lambda length: struct.pack(">II", length, 0)
    return [pdu.copy(c.random.choice([
        b"", head(0xFFFFFFFF) + pdu.data[8:], head(7) + pdu.data[8:], pdu.data[: c.random.randrange(len(pdu.data))],
        pdu.data + one(1), head(16 * 8) + one(1) * 16, head(24) + one(0) + one(1) + one(0x4000), head(800) + one(1),
        head(16) + c.random.randbytes(16)]))]


# ---- what comes back is not what went ----


@lie("again")
def capacity_after_reconnect(c, pdu):
    if c.what(pdu) != "capacity":
        return [pdu.copy()]
    last, size = struct.unpack(">QI", pdu.data[:12])
    last, size = c.random.choice([(last - 8, size), (last + 8, size), (last // 8, 4096), (2 * last, size)])
    return [pdu.copy(struct.pack(">QI", last, size) + pdu.data[12:])]


@lie("again")
def identity_after_reconnect(c, pdu):
    if c.what(pdu) != "page":
        return [pdu.copy()]
    data = bytearray(pdu.data)
    for n in range(len(data) - 4, len(data)):
        data[n] ^= 1
    for n in range(4, min(len(data), 4 + 40)):
        if data[1] == 0x80:
            data[n] = 0x41
    return [pdu.copy(data)]


# ---- at any byte: these take a place in the stream ----


@lie("byte")
def cut(c, pdu):
    return CUT


@lie("byte")
def mute(c, pdu):
    return MUTE
