"""Opens a segment with nothing but an escrow file: written from Schemas/formats/escrow-v1.md, no code of the product.

Usage: escrow_v1.py identity FILE             makes an age identity in FILE and prints its recipient
       escrow_v1.py open SEGMENT ESCROW FILE  prints a JSON object for each message, and last one with the number of
                                              those that do not open

SEGMENT is an object of the store. ESCROW is what `muniment archive export-keys` wrote for the recipient of the identity
in FILE; the age format (C2SP, "The age file encryption format") is read here too. Exit status 5 for anything damaged.
Needs PyNaCl and zstandard.
"""

import base64
import hashlib
import hmac
import json
import os
import sys

import nacl.bindings as sodium

import segment_v1
from segment_v1 import Damaged, need

VERSION = b"age-encryption.org/v1"
ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
CHUNK = (64 << 10) + 16


def polymod(values):
    sum_ = 1
    for value in values:
        top = sum_ >> 25
        sum_ = (sum_ & 0x1FFFFFF) << 5 ^ value
        for bit, factor in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            sum_ ^= factor if top >> bit & 1 else 0
    return sum_


def expanded(kind):
    return [ord(c) >> 5 for c in kind] + [0] + [ord(c) & 31 for c in kind]


def bech32(kind, data):
    bits = int.from_bytes(data, "big") << (-len(data) * 8 % 5)
    count = (len(data) * 8 + 4) // 5
    values = [bits >> 5 * (count - 1 - n) & 31 for n in range(count)]
    check = polymod(expanded(kind) + values + [0] * 6) ^ 1
    return kind + "1" + "".join(ALPHABET[v] for v in values + [check >> 5 * (5 - n) & 31 for n in range(6)])


def unbech32(text, kind):
    text = text.lower()
    need(text.startswith(kind + "1"), "identity")
    values = [ALPHABET.index(c) for c in text[len(kind) + 1 :]]
    need(polymod(expanded(kind) + values) == 1, "checksum of the identity")
    bits = 0
    for value in values[:-6]:
        bits = bits << 5 | value
    return (bits >> 4).to_bytes(32, "big")


def hkdf(secret, salt, info):
    key = hmac.new(salt or bytes(32), secret, hashlib.sha256).digest()
    return hmac.new(key, info + b"\1", hashlib.sha256).digest()


def unsealed(data, key, nonce):
    try:
        return sodium.crypto_aead_chacha20poly1305_ietf_decrypt(data, b"", nonce, key)
    except Exception:
        raise Damaged("encryption of the escrow file") from None


def unpadded(text):
    return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)


def decrypted(data, identity):
    """The plaintext of an age file."""
    lines, at = [], 0
    while not lines or not lines[-1].startswith(b"---"):
        end = data.find(b"\n", at)
        need(end >= 0 and len(lines) < 1_000, "header of the escrow file")
        lines.append(data[at:end])
        at = end + 1
    need(lines[0] == VERSION, "version of the escrow file")
    public = sodium.crypto_scalarmult_base(identity)
    for number, line in enumerate(lines):
        if not line.startswith(b"-> X25519 "):
            continue
        share = unpadded(line[10:])
        wrapping = hkdf(sodium.crypto_scalarmult(identity, share), share + public, VERSION + b"/X25519")
        try:
            key = unsealed(unpadded(lines[number + 1]), wrapping, bytes(12))
        except Damaged:
            continue
        break
    else:
        raise Damaged("the escrow file is not for this identity")
    mac = hmac.new(hkdf(key, b"", b"header"), b"\n".join(lines)[: -len(lines[-1])] + b"---", hashlib.sha256)
    need(hmac.compare_digest(mac.digest(), unpadded(lines[-1][4:])), "header of the escrow file")
    payload = hkdf(key, data[at : at + 16], b"payload")
    plain, at, counter = [], at + 16, 0
    while at < len(data):
        piece, at = data[at : at + CHUNK], at + CHUNK
        last = b"\1" if at >= len(data) else b"\0"
        plain.append(unsealed(piece, payload, counter.to_bytes(11, "big") + last))
        counter += 1
    return b"".join(plain)


def escrow(plain):
    lines = [json.loads(line) for line in plain.decode().splitlines()]
    need(lines and lines[0].get("muniment_escrow") == 1, "first line of the escrow file")
    need(lines[-1] == {"lines": len(lines) - 1}, "the escrow file is not whole")
    return lines


def keys_for(segment, lines):
    """What segment_v1 wants, of the month the segment says it is of."""
    known = [line for line in lines if line.get("segment") == segment[28:44].hex()]
    need(len(known) == 1, "the escrow file does not know the segment")
    need(segment_v1.blake(segment).hex() == known[0]["blake2b"], "the segment is not as it was sealed")
    month = [x for x in lines if (x.get("period"), x.get("class")) == (known[0]["period"], known[0]["class"])]
    month = [line for line in month if "key" in line]
    need(len(month) == 1, "the escrow file has no key of the month")

    def table(kind, value):
        return {int(line[kind]): bytes.fromhex(line[value]) for line in lines if kind in line and value in line}

    return {
        "period": bytes.fromhex(month[0]["key"]),
        "conversations": table("conversation", "key"),
        "subjects": table("subject", "key"),
        "hash": None,
        "dictionaries": {bytes.fromhex(x["dictionary"]): bytes.fromhex(x["content"]) for x in lines if "dictionary" in x},
    }


def fields(payload):
    """Id and plain text of a message, by Schemas/formats/payload-v1.md."""
    reader, found = segment_v1.Reader(payload), {}
    need(reader.byte() == 1, "version of a payload")
    while reader.at < len(payload):
        tag = reader.byte()
        found.setdefault(tag, reader.blob())
    return found[1].decode(), found[2].decode() if 2 in found else None


def open_segment(segment, lines):
    people = {line["subject"]: line.get("id") for line in lines if "subject" in line}
    rooms = {line["conversation"]: line.get("id") for line in lines if "conversation" in line}
    opened = segment_v1.Segment(segment, keys_for(segment, lines))
    unreadable = 0
    for ordinal, entry in enumerate(opened.entries):
        messages, hidden = opened.block(ordinal, entry)
        unreadable += hidden
        for sender, time, _, _, payload in messages:
            name, text = fields(payload)
            row = {"conversation_id": rooms[entry[0]], "sender_id": people[sender], "at": time}
            print(json.dumps({**row, "message_id": name, "text": text}))
    print(json.dumps({"unreadable": unreadable}))


def main():
    if sys.argv[1] == "identity":
        secret = os.urandom(32)
        with open(sys.argv[2], "x", encoding="utf-8") as file:
            file.write(bech32("age-secret-key-", secret).upper() + "\n")
        print(bech32("age", sodium.crypto_scalarmult_base(secret)))
        return 0
    with open(sys.argv[2], "rb") as file:
        segment = file.read()
    with open(sys.argv[3], "rb") as file:
        sealed = file.read()
    with open(sys.argv[4], encoding="utf-8") as file:
        identity = unbech32(file.read().strip(), "age-secret-key-")
    try:
        open_segment(segment, escrow(decrypted(sealed, identity)))
    except (Damaged, ValueError, KeyError) as error:
        print(json.dumps({"damaged": str(error)}))
        return 5
    return 0


if __name__ == "__main__":
    sys.exit(main())
