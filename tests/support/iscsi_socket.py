# SPDX-License-Identifier: GPL-3.0-or-later
"""What the targets and proxies of tests share: bytes from a socket."""


def receive(sock, length):
    data = bytearray()
    while len(data) < length:
        more = sock.recv(length - len(data))
        if not more:
            raise EOFError
        data += more
    return data
