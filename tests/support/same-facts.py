#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a document says what the text for people says: same-facts.py DOCUMENT TEXT ONLY WORDS

Each text of the DOCUMENT, and each size, must be in TEXT, but for those at a path that the regular
expression ONLY matches (disks.name: of all disks). What is left of TEXT when all these are taken out
must be WORDS, a regular expression of those that are the same for every disk. What is not so is
printed.
"""
import json
import re
import sys


def leaves(value, path=""):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, path)
    elif value is not None:
        yield path, value


def size_text(n):
    units = ["B", "KiB", "MiB", "GiB", "TiB"]
    unit = 0
    while n >= 1024 and unit + 1 < len(units):
        n /= 1024
        unit += 1
    if unit == 0:
        return f"{n} B"
    return f"{n:.1f} {units[unit]}" if n < 9.95 else f"{n:.0f} {units[unit]}"


def spellings(value):
    if isinstance(value, str):
        return [re.sub(r"[\x00-\x1f\x7f]", "?", value)]  # as nothing reaches the terminal
    return [size_text(value), str(value), f"{value}-byte"]


def main():
    document, text, only, words = sys.argv[1:]
    with open(document, encoding="utf-8") as f:
        facts = list(leaves(json.load(f)))
    with open(text, encoding="utf-8", errors="replace") as f:
        said = f.read()
    known = [False] * len(said)
    for path, value in facts:
        if isinstance(value, bool):
            continue
        found = False
        for spelling in filter(None, spellings(value)):
            for match in re.finditer(r"(?<![\w.-])" + re.escape(spelling) + r"(?![\w-])", said, re.IGNORECASE):
                known[match.start():match.end()] = [True] * len(match.group())
                found = True
        if not found and not re.fullmatch(only, path):
            print(f"only in the document: {path}: {value}")
    for match in re.finditer(r"[\w.:/-]+", said):
        if not all(known[match.start():match.end()]) and not re.fullmatch(words, match.group()):
            print(f"only in the text: {match.group()}")


main()
