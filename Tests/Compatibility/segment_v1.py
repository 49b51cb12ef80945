"""A reader of segments, version 1, written from Schemas/formats/segment-v1.md alone: no code of the product.

Usage: segment_v1.py SEGMENT KEYS. SEGMENT is an object, or its bytes in hexadecimal (lines with # are skipped). KEYS is
JSON: {"period": hex, "conversations": {id: hex}, "subjects": {id: hex}}; a key that is missing counts as destroyed.
Prints a JSON object for each message that opens and, last, one with the number of those that do not. Exit status 5
for a damaged segment. Needs PyNaCl and zstandard.
"""

import hashlib
import json
import struct
import sys

import nacl.bindings
import nacl.exceptions
import zstandard

HEADER, TRAILER = 64, 56
LIMIT = 32 << 20


class Damaged(Exception):
    pass


def need(condition, what):
    if not condition:
        raise Damaged(what)


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def raw(self, count):
        need(0 <= count <= len(self.data) - self.at, "ended early")
        self.at += count
        return self.data[self.at - count : self.at]

    def rest(self):
        return self.raw(len(self.data) - self.at)

    def byte(self):
        return self.raw(1)[0]

    def fixed(self, form):
        return struct.unpack("<" + form, self.raw(struct.calcsize("<" + form)))

    def varint(self):
        value = 0
        for shift in range(0, 70, 7):
            byte = self.byte()
            need(shift < 63 or byte <= 1, "number over 64 bits")
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise Damaged("number over 64 bits")

    def zigzag(self):
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def blob(self):
        return self.raw(self.varint())

    def end(self):
        need(self.at == len(self.data), "bytes left over")


def blake(data, size=32, key=b""):
    return hashlib.blake2b(data, digest_size=size, key=key).digest()


def derive(keys, context):
    return blake(context, key=blake(b"".join(keys), 64))


def opened(sealed, key, additional, what):
    need(len(sealed) >= 40, what)
    try:
        return nacl.bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(sealed[24:], additional, sealed[:24], key)
    except (nacl.exceptions.CryptoError, nacl.exceptions.ValueError):
        raise Damaged(what) from None


def signed64(value):
    return (value + (1 << 63)) % (1 << 64) - (1 << 63)


def lane(plain):
    """One author's messages of a block: time, sequence, key, payload."""
    need(plain[:1] in (b"\0", b"\1"), "lane marker")
    columns = plain[1:]
    if plain[0]:
        try:
            size = zstandard.get_frame_parameters(columns).content_size
            need(size <= LIMIT, "over the limit")
            columns = zstandard.ZstdDecompressor().decompress(columns, max_output_size=size)
        except zstandard.ZstdError:
            raise Damaged("lane frame") from None
    reader = Reader(columns)
    count = reader.varint()
    need(count <= 4_096, "messages in a lane")
    keys = [struct.pack(">qq", *reader.fixed("qq")) for _ in range(count)]
    numbers = []
    for _ in range(2):
        number = 0
        numbers.append([number := signed64(number + reader.zigzag()) for _ in range(count)])
    lengths = [reader.varint() for _ in range(count)]
    payloads = [reader.raw(length) for length in lengths]
    reader.end()
    return list(zip(*numbers, keys, payloads))


class Segment:
    def __init__(self, data, keys):
        self.data, self.keys = data, keys
        need(len(data) >= HEADER + TRAILER, "cut short")
        self.header = data[:HEADER]
        magic, version, algorithms, kind, zero, self.period, tenant, self.id, zeros = struct.unpack(
            "<8sHHhHiq16s20s", self.header
        )
        need((magic, version, algorithms, zero, zeros) == (b"MNMSEG01", 1, 1, 0, bytes(20)), "header")
        self.footer_at, length, zero, digest, magic = struct.unpack("<qII32s8s", data[-TRAILER:])
        need(magic == b"MNMSEGZ1" and zero == 0, "trailer")
        need(HEADER <= self.footer_at <= len(data) and self.footer_at + length + TRAILER == len(data), "trailer")
        need(blake(data[:-40]) == digest, "hash of the object")
        key = derive([keys["period"]], b"muniment/segment/footer/v1" + self.id)
        place = self.header + b"footer" + struct.pack("<q", self.footer_at)
        self.directory(Reader(opened(data[self.footer_at : self.footer_at + length], key, place, "footer")))

    def directory(self, reader):
        self.entries, end = [], HEADER
        for _ in range(reader.varint()):
            entry = reader.fixed("qqqqqqiqi32s")
            need(entry[7] == end and 0 < entry[6] <= 4_096 and 0 < entry[8] <= LIMIT, "block entry")
            end += entry[8]
            self.entries.append(entry)
        reader.end()
        need(end == self.footer_at, "blocks")

    def block(self, ordinal, entry):
        conversation, count, offset, length, digest = entry[0], entry[6], entry[7], entry[8], entry[9]
        data = self.data[offset : offset + length]
        need(blake(data) == digest, f"hash of block {ordinal}")
        if conversation not in self.keys["conversations"]:
            return [], count
        secret = self.keys["conversations"][conversation]
        reader = Reader(data)
        place = self.header + b"order" + struct.pack("<iq", ordinal, conversation)
        key = derive([secret, self.keys["period"]], b"muniment/segment/order/v1")
        table = Reader(opened(reader.raw(reader.fixed("I")[0]), key, place, f"order of block {ordinal}"))
        lanes = [(table.fixed("q")[0], table.varint()) for _ in range(table.varint())]
        order = [table.varint() for _ in range(table.varint())]
        table.end()
        need(len({sender for sender, _ in lanes}) == len(lanes) and len(order) == count, "order table")
        found = []
        for number, (sender, size) in enumerate(lanes):
            sealed = reader.raw(size)
            if sender not in self.keys["subjects"]:
                found.append(None)
                continue
            keys = [self.keys["subjects"][sender], secret, self.keys["period"]]
            place = self.header + b"lane" + struct.pack("<iiqq", ordinal, number, conversation, sender)
            plain = opened(sealed, derive(keys, b"muniment/lane/v1"), place, f"lane {number} of block {ordinal}")
            found.append([(sender, *message) for message in lane(plain)])
        reader.end()
        return self.merged(order, found, entry)

    def merged(self, order, lanes, entry):
        messages, unreadable, following = [], 0, [0] * len(lanes)
        for number in order:
            need(number < len(lanes), "order names no lane")
            if lanes[number] is None:
                unreadable += 1
            else:
                need(following[number] < len(lanes[number]), "lane is short")
                messages.append(lanes[number][following[number]])
            following[number] += 1
        for number, lane in enumerate(lanes):
            need(lane is None or len(lane) == following[number], "lane is long")
        positions = [message[1:3] for message in messages]
        need(all(a < b for a, b in zip(positions, positions[1:])), "positions")
        need(all(entry[2:4] <= position <= entry[4:6] for position in positions), "positions")
        return messages, unreadable


def load(path):
    with open(path, "rb") as file:
        data = file.read()
    if data.startswith(b"MNMSEG01"):
        return data
    return bytes.fromhex("".join(line for line in data.decode().splitlines() if not line.startswith("#")))


def main():
    with open(sys.argv[2], encoding="utf-8") as file:
        keys = json.load(file)
    keys["period"] = bytes.fromhex(keys["period"])
    for kind in ("conversations", "subjects"):
        keys[kind] = {int(name): bytes.fromhex(key) for name, key in keys[kind].items()}
    unreadable = 0
    try:
        segment = Segment(load(sys.argv[1]), keys)
        for ordinal, entry in enumerate(segment.entries):
            messages, hidden = segment.block(ordinal, entry)
            unreadable += hidden
            for sender, time, sequence, key, payload in messages:
                row = {"conversation": entry[0], "sender": sender, "created_at": time, "sequence": sequence}
                row["key"] = key.hex()
                print(json.dumps({**row, "payload": payload.hex()}))
    except Damaged as error:
        print(json.dumps({"damaged": str(error)}))
        return 5
    print(json.dumps({"unreadable": unreadable}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
