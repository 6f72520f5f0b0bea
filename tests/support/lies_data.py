# SPDX-License-Identifier: GPL-3.0-or-later
"""lies_data - what a target can do to data, and to what it says of data."""
import struct

from liar_pdu import *

# ---- data of a READ ----


@lie("read")
def data_missing(c, pdu):
    return []


@lie("read")
def data_short_and_said(c, pdu):
    left = c.random.randrange(0, len(pdu.data))
    new = pdu.copy(pdu.data[:left]).put(44, len(pdu.data) - left)
    new.head[1] |= UNDERFLOW
    return [new]


@lie("read")
def data_short(c, pdu):
    return [pdu.copy(pdu.data[: c.random.randrange(0, len(pdu.data))])]


@lie("read")
def data_none_but_good(c, pdu):
    return [answer(pdu, GOOD)]


@lie("read")
def data_none_then_good(c, pdu):
    return [pdu.copy(b"")]


@lie("read")
def data_long(c, pdu):
    return [pdu.copy(pdu.data + bytes(c.random.choice([1, 4, 512, 4096])))]


@lie("read")
def data_doubled(c, pdu):
    return [pdu.copy(), pdu.copy()]


@lie("read")
def half_doubled(c, pdu):
    first, *rest = halves(c, pdu)
    return [first, first.copy(), *rest] if rest else [first, first.copy()]


@lie("read")
def half_missing(c, pdu):
    return halves(c, pdu)[-1:]


@lie("read")
def hole(c, pdu):
    if len(pdu.data) < 64:
        return []
    a, b = sorted(c.random.sample(range(4, len(pdu.data) - 4, 4), 2))
    first, _, last = pieces(pdu, [a, b])
    return [first, last.put(36, first.number(36) + 1)]


@lie("read")
def small_hole(c, pdu):
    a = c.random.randrange(4, len(pdu.data) - 8)
    first, _, last = pieces(pdu, [a, a + c.random.choice([1, 2, 3, 4, 8, 100])][:2])
    return [first, last.put(36, first.number(36) + 1)]


@lie("read")
def place_wrong(c, pdu):
    more = c.random.choice([1, 4, 100, 512, 4096, -4, -512, 1 << 31])
    return [pdu.copy().put(40, pdu.number(40) + more)]


@lie("read")
def piece_place_wrong(c, pdu):
    made = halves(c, pdu)
    it = c.random.choice(made)
    it.put(40, it.number(40) + c.random.choice([1, 4, 8, 100, 512, -4, -512]))
    return made


@lie("read")
def places_exchanged(c, pdu):
    made = halves(c, pdu)
    if len(made) == 2:
        a, b = made
        place = a.number(40)
        a.put(40, place + len(b.data))
        b.put(40, place)
    return made


@lie("read")
def pieces_out_of_order(c, pdu):
    made = pieces(pdu, [n for n in range(BLOCK, len(pdu.data), max(BLOCK, len(pdu.data) // 5 // BLOCK * BLOCK))])
    head = made[:-1]
    c.random.shuffle(head)
    return head + made[-1:]


@lie("read")
def status_before_data(c, pdu):
    return halves(c, pdu)[::-1]


@lie("read")
def overlap(c, pdu):
    made = halves(c, pdu)
    if len(made) == 2:
        made[1].put(40, made[1].number(40) - BLOCK)
    return made


@lie("read")
def data_number_gap(c, pdu):
    made = halves(c, pdu)
    made[-1].put(36, made[-1].number(36) + c.random.choice([1, 7, 1 << 30]))
    return made


@lie("read")
def length_wrong(c, pdu):
    new = pdu.copy()
    new.length = max(0, len(pdu.data) + c.random.choice([-512, -48, -4, 4, 48, 512, 262144, 0xFFFFFF]))
    return [new]


@lie("read")
def acknowledge(c, pdu):
    new = pdu.copy()
    new.head[1] |= ACKNOWLEDGE
    return [new]


@lie("read")
def number_wrong(c, pdu):
    return [pdu.copy().put(24, pdu.number(24) + c.random.choice([-1, 1, 1000, 1 << 31]))]


@lie("read")
def asked_for_data(c, pdu):
    new = Pdu(bytes(48))
    new.head[0:2] = bytes([R2T, FINAL])
    new.head[8:36] = pdu.head[8:36]
    return [new.put(20, 1).put(40, 0).put(44, c.random.choice([512, 1 << 20, 0xFFFFFFFF])), pdu.copy()]


# ---- flags, status, sense ----


@lie("data")
def underflow_untrue(c, pdu):
    new = pdu.copy().put(44, c.random.choice([1, 512, len(pdu.data), 0xFFFFFFFF]))
    new.head[1] |= UNDERFLOW
    return [new]


@lie("data")
def overflow_untrue(c, pdu):
    new = pdu.copy().put(44, c.random.choice([1, 512, 0xFFFFFFFF]))
    new.head[1] |= OVERFLOW
    return [new]


@lie("data")
def status_twice(c, pdu):
    return [pdu.copy(), answer(pdu, c.random.choice([GOOD, CHECK, BUSY]))]


@lie("data")
def never_final(c, pdu):
    new = pdu.copy()
    new.head[1] &= ~c.random.choice([FINAL, STATUS, FINAL | STATUS])
    return [new]


@lie("data")
def status_in_data(c, pdu):
    new = pdu.copy(c.random.choice([b"", pdu.data]))
    new.head[3] = c.random.choice([CHECK, BUSY, FULL, 0x18, 0x77])
    return [new]


@lie("status")
def busy(c, pdu):
    return [answer(pdu, c.random.choice([BUSY, FULL]))]


@lie("status")
def status_unknown(c, pdu):
    return [answer(pdu, c.random.choice([0x04, 0x10, 0x18, 0x22, 0x30, 0x40, 0x77, 0xFF]))]


@lie("status")
def response_failed(c, pdu):
    return [answer(pdu, GOOD, response=c.random.choice([1, 2, 0x80, 0xFF]))]


@lie("status")
def sense_any(c, pdu):
    return [answer(pdu, CHECK, sense(c.random.randrange(16), c.random.choice([0, 0x401, 0x2900, 0x3F0E, 0x2500, 0x2A09,
                                                                              c.random.randrange(65536)]),
                                     c.random.choice([0x70, 0x71, 0x72, 0x73])))]


@lie("status")
def sense_none(c, pdu):
    return [answer(pdu, CHECK)]


@lie("status")
def sense_short(c, pdu):
    whole = sense(c.random.choice([0, 1, 3]), 0x1100, c.random.choice([0x70, 0x72]))
    return [answer(pdu, CHECK, whole[: c.random.randrange(len(whole))])]


@lie("status")
def sense_length_wrong(c, pdu):
    made = bytearray(sense(c.random.choice([0, 1, 3]), 0x1100, 0x72))
    made[0:2] = struct.pack(">H", c.random.choice([0, 1, 255, 0xFFFF]))
    made[9] = c.random.choice([0, 1, 255])
    return [answer(pdu, CHECK, bytes(made) + c.random.randbytes(c.random.choice([0, 4, 40])))]


@lie("status")
def sense_and_data(c, pdu):
    data = pdu.copy()
    data.head[1], data.head[3] = FINAL, 0
    data.put(24, 0)
    return [data, answer(pdu, CHECK, sense(c.random.choice([0, 1, 2, 3, 5, 6, 11]), 0x1100))]
