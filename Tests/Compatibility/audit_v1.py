#!/usr/bin/env python3
"""A verifier of the audit log, written from Schemas/formats/audit-v1.md, RFC 9162, RFC 8032 and C2SP alone: no code of
the product, and nothing but Python's standard library.

    audit_v1.py entries KEY CHECKPOINT FILE       every line of FILE, as `audit export` writes it, from entry 0 on
    audit_v1.py proof KEY PROOF LINE              a .tlog-proof, and a file with the exported line of its entry
    audit_v1.py consistency KEY OLD REQUEST       an old checkpoint, and what `audit consistency` prints
    audit_v1.py tiles KEY CHECKPOINT FOLDER       FOLDER/tile/..., as GET /v1/audit/tile/... gives them
    audit_v1.py cosigned KEY CHECKPOINT WITNESS   a witness's signature under a checkpoint

KEY and WITNESS are verifier keys (`audit key`). Exit status 5: it does not verify.
"""

import base64
import hashlib
import json
import pathlib
import sys


class Wrong(Exception):
    pass


def need(condition, what):
    if not condition:
        raise Wrong(what)


# Ed25519, RFC 8032 section 6.
P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def add(a, b):
    e, f = (a[1] - a[0]) * (b[1] - b[0]), (a[1] + a[0]) * (b[1] + b[0])
    g, h = 2 * a[3] * b[3] * D, 2 * a[2] * b[2]
    e, f, g, h = f - e, h - g, h + g, e + f
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def times(n, point):
    result = (0, 1, 1, 0)
    while n:
        if n & 1:
            result = add(result, point)
        point, n = add(point, point), n >> 1
    return result


def point(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    need(y < P, "not a point")
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    need((x * x - square) % P == 0, "not a point")
    if x & 1 != sign:
        x = P - x
    return (x, y, 1, x * y % P)


BASE = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def signed(key, message, signature):
    need(len(signature) == 64, "a signature has 64 bytes")
    s = int.from_bytes(signature[32:], "little")
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    left, right = times(s, BASE), add(point(signature[:32]), times(h, point(key)))
    same = (left[0] * right[2] - right[0] * left[2]) % P == 0 and (left[1] * right[2] - right[1] * left[2]) % P == 0
    need(s < L and same, "the signature is not valid")


# RFC 9162 section 2.1.
def leaf(entry):
    return hashlib.sha256(b"\0" + entry).digest()


def node(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def root(hashes):
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return node(root(hashes[:split]), root(hashes[split:]))


def from_inclusion(index, size, hash_, proof):
    """The root that a proof leads to, by recursion over the definition of PATH(m, D)."""
    if size == 1:
        need(not proof, "the proof is too long")
        return hash_
    need(proof, "the proof is too short")
    split = 1 << (size - 1).bit_length() - 1
    if index < split:
        return node(from_inclusion(index, split, hash_, proof[:-1]), proof[-1])
    return node(proof[-1], from_inclusion(index - split, size - split, hash_, proof[:-1]))


def from_consistency(old, size, old_root, proof, whole=True):
    """Both roots that a proof leads to, by recursion over the definition of SUBPROOF(m, D, b)."""
    if old == size:
        need(len(proof) == (0 if whole else 1), "the proof has another length")
        return (old_root, old_root) if whole else (proof[0], proof[0])
    need(proof, "the proof is too short")
    split = 1 << (size - 1).bit_length() - 1
    if old <= split:
        before, after = from_consistency(old, split, old_root, proof[:-1], whole)
        return before, node(after, proof[-1])
    before, after = from_consistency(old - split, size - split, old_root, proof[:-1], False)
    return node(proof[-1], before), node(proof[-1], after)


# C2SP signed-note, tlog-checkpoint, tlog-cosignature.
def verify_note(note, verifier):
    name, key_id, key = verifier.split("+", 2)
    key = base64.b64decode(key, validate=True)
    need(hashlib.sha256(name.encode() + b"\n" + key).digest()[:4].hex() == key_id, "the verifier key has another id")
    text, _, lines = note.rpartition("\n\n")
    text += "\n"
    found = False
    for line in lines.splitlines():
        dash, signer, signature = line.split(" ")
        signature = base64.b64decode(signature, validate=True)
        if (dash, signer, signature[:4].hex()) != ("\u2014", name, key_id):
            continue
        if key[0] == 4:
            time = int.from_bytes(signature[4:12], "big")
            signed(key[1:], f"cosignature/v1\ntime {time}\n{text}".encode(), signature[12:])
        else:
            need(key[0] == 1, "the key is of another kind")
            signed(key[1:], text.encode(), signature[4:])
        found = True
    need(found, f"{name} did not sign")
    return text.split("\n"), name


def checkpoint(note, verifier):
    lines, name = verify_note(note, verifier)
    need(lines[0] == name and str(int(lines[1])) == lines[1], "not a checkpoint of this log")
    return int(lines[1]), base64.b64decode(lines[2], validate=True)


def canonical(value):
    """RFC 8785, for the strings, integers, objects and nulls that entries are made of."""
    if isinstance(value, dict):
        members = sorted(value.items(), key=lambda member: member[0].encode("utf-16-be"))
        return "{" + ",".join(canonical(key) + ":" + canonical(item) for key, item in members) + "}"
    return json.dumps(value, ensure_ascii=False)


def entry(line, index):
    value = json.loads(line)
    need(canonical(value) == line and value["index"] == index, f"line {index + 1} is not the one that was exported")
    need(value["entry"]["index"] == index, f"entry {index} states another place")
    return canonical(value["entry"]).encode()


def read(path):
    return pathlib.Path(path).read_text(encoding="utf-8")


def entries(key, note, path):
    size, stated = checkpoint(read(note), key)
    lines = read(path).split("\n")[:-1]
    need(len(lines) >= size, f"{len(lines)} entries, the checkpoint states {size}")
    hashes = [leaf(entry(line, index)) for index, line in enumerate(lines[:size])]
    need(root(hashes) == stated, "the entries are not those of the checkpoint")
    return f"{size} entries"


def proof(key, path, line):
    head, _, note = read(path).partition("\n\n")
    lines = [text for text in head.split("\n") if not text.startswith("extra ")]
    need(lines[0] == "c2sp.org/tlog-proof@v1" and lines[1].startswith("index "), "not a proof")
    index = int(lines[1][6:])
    size, stated = checkpoint(note, key)
    need(index < size, "the entry is not among those of the checkpoint")
    hashes = [base64.b64decode(text, validate=True) for text in lines[2:]]
    found = from_inclusion(index, size, leaf(entry(read(line).rstrip("\n"), index)), hashes)
    need(found == stated, "the proof does not lead from the entry to the checkpoint")
    return f"entry {index} of {size}"


def consistency(key, old_note, path):
    old, old_root = checkpoint(read(old_note), key)
    head, _, note = read(path).partition("\n\n")
    lines = head.split("\n")
    size, stated = checkpoint(note if lines[0].startswith("old ") else "\n\n", key)
    need(lines[0] == f"old {old}", "the proof is from another size")
    hashes = [base64.b64decode(text, validate=True) for text in lines[1:]]
    need(from_consistency(old, size, old_root, hashes) == (old_root, stated), "the log did not grow out of the old one")
    return f"{old} entries are the first of {size}"


def tile_path(kind, index, width):
    groups = [f"{index % 1000:03}"]
    while index >= 1000:
        index //= 1000
        groups.insert(0, f"x{index % 1000:03}")
    return f"tile/{kind}/{'/'.join(groups)}" + ("" if width == 256 else f".p/{width}")


def tiles(key, note, folder):
    size, stated = checkpoint(read(note), key)
    folder = pathlib.Path(folder)
    level, below, count = 0, None, size
    while count:
        data = b"".join(
            (folder / tile_path(level, index, min(256, count - 256 * index))).read_bytes()
            for index in range((count + 255) // 256))
        hashes = [data[start:start + 32] for start in range(0, len(data), 32)]
        need(len(hashes) == count, f"level {level} has {len(hashes)} hashes, not {count}")
        if level == 0:
            need(root(hashes) == stated, "the tiles are not those of the checkpoint")
            bundles(folder, size, hashes)
        else:
            need(hashes == [root(below[256 * at:256 * at + 256]) for at in range(count)], f"level {level} is wrong")
        level, below, count = level + 1, hashes, count >> 8
    return f"{size} entries in tiles"


def bundles(folder, size, hashes):
    for index in range((size + 255) // 256):
        width = min(256, size - 256 * index)
        data = (folder / tile_path("entries", index, width)).read_bytes()
        for at in range(width):
            length = int.from_bytes(data[:2], "big")
            need(leaf(data[2:2 + length]) == hashes[256 * index + at], f"entry {256 * index + at} is not the one hashed")
            data = data[2 + length:]
        need(not data, "a bundle is too long")


def cosigned(key, note, witness):
    size, _ = checkpoint(read(note), key)
    verify_note(read(note), witness)
    return f"checkpoint of {size} entries, with its witness"


def main(words):
    commands = {"entries": entries, "proof": proof, "consistency": consistency, "tiles": tiles, "cosigned": cosigned}
    if len(words) != 4 or words[0] not in commands:
        sys.exit(__doc__)
    try:
        print("verified:", commands[words[0]](*words[1:]))
    except (Wrong, ValueError, KeyError, OSError) as error:
        print("not verified:", error)
        sys.exit(5)


main(sys.argv[1:])
