#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""reader.py REPO POINT DISK OUTPUT - restores a disk of a restore point, by backup/repo/FORMAT.md alone.

It shares no code with lunette, and is the proof that the page describes every byte. POINT is NAME@latest or the
beginning of an id. It believes nothing: every digest and checksum that the page promises is compared.
"""
import hashlib
import json
import os
import re
import struct
import sys

import zstandard

ZERO = bytes(32)
PAGE = 4096


class Damage(Exception):
    pass


def need(holds, what):
    if not holds:
        raise Damage(what)


def sha256(data):
    return hashlib.sha256(data).digest()


class Repository:
    def __init__(self, path):
        self.path = path
        self.config = self.read_config()
        self.chunks = {}  # id -> [(pack, offset, stored, length, codec)]
        for name in self.names('index'):
            self.read_index(name)

    def names(self, folder):
        try:
            return [n for n in os.listdir(os.path.join(self.path, folder)) if re.fullmatch('[0-9a-f]{64}', n)]
        except FileNotFoundError:
            return []

    def get(self, *key):
        with open(os.path.join(self.path, *key), 'rb') as f:
            return f.read()

    # ---- config

    def read_config(self):
        config = json.loads(self.get('config'))
        need(config['format'] == 'lunette-repository', 'this is no repository')
        need(config['version'] == 1, 'the repository is of a newer version')
        need(config['features'] == [], 'a feature is not known here')
        said = config.pop('sha256')
        text = json.dumps(config, sort_keys=True, separators=(',', ':'), ensure_ascii=True)
        need(sha256(text.encode()).hex() == said, 'config is damaged')
        return config

    # ---- restore points

    def read_point(self, name):
        data = self.get('points', name)
        need(sha256(data).hex() == name, 'restore point %s is damaged' % name)
        point = json.loads(data)
        need(point['format'] == 'lunette-point' and point['version'] == 1, 'restore point %s is not one' % name)
        return point

    def find_point(self, spec):
        points = {name: self.read_point(name) for name in self.names('points')}
        if spec.endswith('@latest'):
            mine = [(p['time'], p.get('finished', ''), n) for n, p in points.items() if p['name'] == spec[:-7]]
            need(mine, 'there is no restore point of this name')
            return points[max(mine)[2]]
        found = [n for n in points if n.startswith(spec)]
        need(len(found) == 1, '%d restore points begin like this' % len(found))
        return points[found[0]]

    # ---- indexes

    def read_index(self, name):
        data = self.get('index', name)
        header = data[:PAGE]
        need(sha256(header).hex() == name, 'index %s: the header is damaged' % name)
        magic, version, features, n, n_packs, zero, seed, sums = struct.unpack('<8sIIQII8s32s', header[:72])
        need(magic == b'LUNINDEX' and version == 1 and features == 0, 'index %s is of a newer version' % name)
        pack_pages, entry_pages = -(-n_packs // 102), -(-n // 85)
        need(len(data) == PAGE * (1 + pack_pages + entry_pages), 'index %s: the length is wrong' % name)
        pages = [data[at:at + PAGE] for at in range(PAGE, len(data), PAGE)]
        need(sha256(b''.join(page[:16] for page in pages)) == sums, 'index %s: the checksums are wrong' % name)
        bare = b''.join(bytes(16) + page[16:] for page in pages[:pack_pages])
        need(sha256(bare)[:8] == seed, 'index %s: the seed is wrong' % name)
        for number, page in enumerate(pages, 1):
            place = seed + struct.pack('<Q', number)
            need(sha256(place + page[16:])[:16] == page[:16], 'index %s: page %d is damaged' % (name, number))
        packs = b''.join(page[16:16 + 102 * 40] for page in pages[:pack_pages])
        packs = [packs[at:at + 32].hex() for at in range(0, 40 * n_packs, 40)]
        entries = b''.join(page[16:16 + 85 * 48] for page in pages[pack_pages:])
        last = b''
        for at in range(0, 48 * n, 48):
            id, pack, offset, stored, length_codec = struct.unpack('<32sIIII', entries[at:at + 48])
            need(last < id, 'index %s is not sorted' % name)
            last = id
            place = packs[pack], offset, stored, length_codec & 0xffffff, length_codec >> 24
            self.chunks.setdefault(id, []).append(place)

    # ---- chunks

    def read_place(self, id, place):
        pack, offset, stored, length, codec = place
        with open(os.path.join(self.path, 'packs', pack[:2], pack), 'rb') as f:
            f.seek(offset)
            data = f.read(stored)
        if codec == 1:
            data = zstandard.ZstdDecompressor().decompress(data, max_output_size=length)
        need(len(data) == length and sha256(data) == id, 'chunk %s is damaged' % id.hex())
        return data

    def read_chunk(self, id):
        why = Damage('chunk %s is in no index' % id.hex())
        for place in self.chunks.get(id, []):
            try:
                return self.read_place(id, place)
            except (Damage, OSError, zstandard.ZstdError) as e:
                why = e
        raise why

    def walk(self, id, level, first):
        """The chunks below a node of the chunk map that are not zero: their numbers and ids."""
        if id == ZERO:
            return
        node = self.read_chunk(id)
        need(len(node) == 16384, 'a node of the chunk map has another length')
        for slot in range(512):
            child, number = node[32 * slot:32 * slot + 32], first + slot * 512 ** level
            if level > 0:
                yield from self.walk(child, level - 1, number)
            elif child != ZERO:
                yield number, child

    def restore(self, point, name, output):
        disk, = [d for d in point['disks'] if d['name'] == name]
        size, chunk_size, n = disk['size'], disk['chunk_size'], disk['map']['chunks']
        need(n == -(-size // chunk_size), 'the chunk map has another length than the disk')
        levels = 1
        while 512 ** levels < n:
            levels += 1
        with open(output, 'wb') as out:
            out.truncate(size)
            for number, id in self.walk(bytes.fromhex(disk['map']['root']), levels - 1, 0):
                need(number < n, 'a chunk lies past the end of the disk')
                data = self.read_chunk(id)
                need(len(data) == min(chunk_size, size - number * chunk_size), 'a chunk has another length')
                out.seek(number * chunk_size)
                out.write(data)


def main():
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    repository = Repository(sys.argv[1])
    try:
        repository.restore(repository.find_point(sys.argv[2]), sys.argv[3], sys.argv[4])
    except Damage as damage:
        sys.exit('reader: %s' % damage)


if __name__ == '__main__':
    main()
