#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""reader.py REPO POINT DISK OUTPUT [PASSWORD-FILE] - restores a disk of a restore point, by backup/repo/FORMAT.md alone.

It shares no code with lunette, and is the proof that the page describes every byte. POINT is NAME@latest or the
beginning of an id. It believes nothing: every digest and checksum that the page promises is compared.
"""
import hashlib
import hmac
import json
import os
import re
import struct
import sys
import time

import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

ZERO = bytes(32)
PAGE = 4096


class Damage(Exception):
    pass


def need(holds, what):
    if not holds:
        raise Damage(what)


def sha256(data):
    return hashlib.sha256(data).digest()


def hmac256(key, data):
    return hmac.new(key, data, 'sha256').digest()


def canonical(document, *but):
    document = {key: value for key, value in document.items() if key not in but}
    return json.dumps(document, sort_keys=True, separators=(',', ':'), ensure_ascii=True).encode()


def derived_key(key, nonce):
    """XAES-256-GCM: the key of AES-256-GCM comes from the first half of the nonce."""
    aes = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    left = int.from_bytes(aes.update(bytes(16)), 'big') << 1
    k1 = left & (1 << 128) - 1 ^ (0x87 if left >> 128 else 0)
    halves = [int.from_bytes(b'\0' + i + b'X\0' + nonce[:12], 'big') ^ k1 for i in (b'\1', b'\2')]
    return b''.join(aes.update(half.to_bytes(16, 'big')) for half in halves)


def open_sealed(key, nonce, data, note):
    try:
        return AESGCM(derived_key(key, nonce)).decrypt(nonce[12:], data, note)
    except InvalidTag:
        raise Damage('a box does not open')


def open_box(key, box, note):
    return open_sealed(key, box[:24], box[24:], note)


class Keys:
    def __init__(self, master, repository):
        prk = hmac256(repository.encode(), master)
        names = 'chunk id', 'data', 'metadata', 'config'
        self.id, self.data, self.metadata, self.config = (
            hmac256(prk, b'lunette ' + name.encode() + b'\1') for name in names)


def open_key_document(data, password):
    document = json.loads(data)
    need(document['format'] == 'lunette-key' and document['version'] == 1, 'a key document is not one')
    need(document['kdf'] == 'scrypt' and 128 * document['n'] * document['r'] <= 2 ** 30, 'a key document asks for too much')
    key = hashlib.scrypt(password, salt=bytes.fromhex(document['salt']), n=document['n'], r=document['r'],
                         p=document['p'], maxmem=2 ** 31 - 1, dklen=32)
    return open_box(key, bytes.fromhex(document['box']), canonical(document, 'box'))


class Repository:
    def __init__(self, path, password=None):
        self.path = path
        self.keys = None
        self.read_config(password)
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

    def read_config(self, password):
        config = json.loads(self.get('config'))
        need(config['format'] == 'lunette-repository', 'this is no repository')
        need(config['version'] == 1, 'the repository is of a newer version')
        need(config['features'] in ([], ['encrypted']), 'a feature is not known here')
        need(sha256(canonical(config, 'sha256')).hex() == config['sha256'], 'config is damaged')
        need(bool(config['features']) == (password is not None), 'a password is needed, or none')
        if password is None:
            return
        for name in self.names('keys'):
            data = self.get('keys', name)
            need(sha256(data).hex() == name, 'key document %s is damaged' % name)
            try:
                self.keys = Keys(open_key_document(data, password), config['id'])
            except Damage:
                continue
            mac = hmac256(self.keys.config, sha256(canonical(config, 'sha256', 'mac'))).hex()
            need(mac == config['mac'], 'somebody has changed the config')
            return
        raise Damage('this is not the password')

    # ---- restore points

    def read_point(self, name):
        data = self.get('points', name)
        need(sha256(data).hex() == name, 'restore point %s is damaged' % name)
        if self.keys:
            data = open_box(self.keys.metadata, data, b'points')
        point = json.loads(data)
        need(point['format'] == 'lunette-point' and point['version'] == 1, 'restore point %s is not one' % name)
        need(point['features'] in ([], ['unreadable']), 'restore point %s has a feature that is not known here' % name)
        return point

    def find_point(self, spec):
        points = {name: self.read_point(name) for name in self.names('points')}
        if spec.endswith('@latest'):
            mine = [(p['time'], p.get('finished', ''), n) for n, p in points.items() if p['name'] == spec[:-7]]
            need(mine, 'there is no restore point of this name')
            soon = time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(time.time() + 3600))
            return points[max([m for m in mine if m[0] <= soon] or mine)[2]]
        found = [n for n in points if n.startswith(spec)]
        need(len(found) == 1, '%d restore points begin like this' % len(found))
        return points[found[0]]

    # ---- indexes

    def open_header(self, header):
        if not self.keys:
            return header, None
        seed = header[4064:4080]
        clear = open_sealed(self.keys.metadata, seed + bytes(8), header[16:4064] + header[4080:], header[:16])
        return header[:16] + clear, seed

    def open_page(self, page, number, seed, sealed):
        if sealed:
            nonce = sealed + struct.pack('<Q', number)
            return page[:16] + open_sealed(self.keys.metadata, nonce, page[16:] + page[:16], b'LUNINDEX')
        need(sha256(seed + struct.pack('<Q', number) + page[16:])[:16] == page[:16], 'page %d is damaged' % number)
        return page

    def read_index(self, name):
        data = self.get('index', name)
        need(sha256(data[:PAGE]).hex() == name, 'index %s: the header is damaged' % name)
        header, sealed = self.open_header(data[:PAGE])
        magic, version, features, n, n_packs, zero, seed, sums = struct.unpack('<8sIIQII8s32s', header[:72])
        need(magic == b'LUNINDEX' and version == 1, 'index %s is of a newer version' % name)
        need(features == (1 if self.keys else 0), 'index %s has a feature that is not known' % name)
        pack_pages, entry_pages = -(-n_packs // 102), -(-n // 85)
        need(len(data) == PAGE * (1 + pack_pages + entry_pages), 'index %s: the length is wrong' % name)
        pages = [data[at:at + PAGE] for at in range(PAGE, len(data), PAGE)]
        need(sha256(b''.join(page[:16] for page in pages)) == sums, 'index %s: the checksums are wrong' % name)
        if not sealed:
            bare = b''.join(bytes(16) + page[16:] for page in pages[:pack_pages])
            need(sha256(bare)[:8] == seed, 'index %s: the seed is wrong' % name)
        pages = [self.open_page(page, number, seed, sealed) for number, page in enumerate(pages, 1)]
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
        if self.keys:
            data = open_box(self.keys.data, data, id)
        if codec == 1:
            data = zstandard.ZstdDecompressor().decompress(data, max_output_size=length)
        known_as = hmac256(self.keys.id, data) if self.keys else sha256(data)
        need(len(data) == length and known_as == id, 'chunk %s is damaged' % id.hex())
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
        for bad in disk.get('unreadable', []):
            print('reader: %d bytes at %d are not in the restore point' % (bad['length'], bad['start']), file=sys.stderr)


def main():
    if len(sys.argv) not in (5, 6):
        sys.exit(__doc__)
    password = None
    if len(sys.argv) == 6:
        with open(sys.argv[5], 'rb') as f:
            password = f.readline().rstrip(b'\r\n')
    try:
        repository = Repository(sys.argv[1], password)
        repository.restore(repository.find_point(sys.argv[2]), sys.argv[3], sys.argv[4])
    except Damage as damage:
        sys.exit('reader: %s' % damage)


if __name__ == '__main__':
    main()
