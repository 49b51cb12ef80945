"""A reader of segments, version 1, written from Schemas/formats/segment-v1.md alone: no code of the product.

Usage: segment_v1.py SEGMENT KEYS. SEGMENT is an object, or its bytes in hexadecimal (lines with # are skipped). KEYS is
JSON: {"period": hex, "conversations": {id: hex}, "subjects": {id: hex}, "hash": hex, "dictionaries": {id: hex}}; a key
that is missing counts as destroyed. "hash" is the key of the tenant's hash of message ids: without it those message keys
that lanes do not hold are printed as null. Prints a JSON object for each message that opens and, last, one with the
number of those that do not. Exit status 5 for a damaged segment. Needs PyNaCl and zstandard.
"""

import base64
import datetime
import hashlib
import json
import struct
import sys
import uuid

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

    def terminated(self):
        stop = self.data.find(b"\0", self.at)
        need(stop >= 0, "no zero byte")
        return self.raw(stop + 1 - self.at)[:-1]

    def end(self):
        need(self.at == len(self.data), "bytes left over")


def blake(data, size=32, key=b""):
    return hashlib.blake2b(data, digest_size=size, key=key).digest()


def derive(keys, context):
    return blake(context, key=blake(b"".join(keys), 64))


def opened(sealed, key, additional, what):
    need(len(sealed) >= 16, what)
    nonce = blake(b"muniment/segment/nonce/v1" + additional, 24)
    try:
        return nacl.bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(sealed, additional, nonce, key)
    except (nacl.exceptions.CryptoError, nacl.exceptions.ValueError):
        raise Damaged(what) from None


def signed64(value):
    return (value + (1 << 63)) % (1 << 64) - (1 << 63)


def varint(value):
    data = b""
    while value >= 0x80:
        data, value = data + bytes([value & 0x7F | 0x80]), value >> 7
    return data + bytes([value])


def blob(data):
    return varint(len(data)) + data


def period_start(period):
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    start = datetime.datetime(period // 12, period % 12 + 1, 1, tzinfo=datetime.timezone.utc)
    return (start - epoch) // datetime.timedelta(microseconds=1)


def uuid_text(data):
    return str(uuid.UUID(bytes=data)).encode()


def ids(count, columns):
    """A column of ids, or None where they are text."""
    if count == 0:
        return []
    form = columns.byte()
    need(form <= 5, "form of ids")
    if form == 0:
        return None
    if form == 1:
        return [uuid_text(columns.raw(16)) for _ in range(count)]
    if form == 2:
        return uuids_of_version(count, columns)
    if form == 3:
        size = columns.varint()
        return [columns.raw(size).hex().encode() for _ in range(count)]
    prefix = columns.blob()
    if form == 4:
        size = columns.varint()
        return [prefix + base64.urlsafe_b64encode(columns.raw(size)).rstrip(b"=") for _ in range(count)]
    found, number = [], 0
    for _ in range(count):
        number = signed64(number + columns.zigzag())
        need(number >= 0, "counted id")
        found.append(prefix + str(number).encode())
    return found


def uuids_of_version(count, columns):
    version = columns.byte()
    need(version < 16, "version of ids")
    parts = [columns.raw(14) for _ in range(count)]
    bits = int.from_bytes(columns.raw((count * 10 + 7) // 8), "little")
    found = []
    for part in parts:
        middle = bytes([version << 4 | bits >> 6 & 15, part[6], 0x80 | bits & 63])
        found.append(uuid_text(part[:6] + middle + part[7:]))
        bits >>= 10
    need(bits == 0, "bits after ids")
    return found


SEALED, ENCODED, REPLY, THREAD, CLIENT, REST, TYPE, WHOLE = (1 << bit for bit in range(8))
TYPES = (b"", b"text/markdown", b"text/html", b"application/json")
UNITS = (1, 1_000, 1_000_000, 60_000_000)


def content_type(stored):
    need(len(stored) != 1 or stored[0] in (1, 2, 3), "content type")
    return TYPES[stored[0]] if len(stored) == 1 else stored


class Lane:
    """One author's messages of a block."""

    def __init__(self, plain, count, start, dictionary, limit):
        self.count, self.columns = count, Reader(plain)
        flags = self.columns.byte()
        need(flags < 64 and flags & 3 != 2, "lane flags")
        self.shapes = self.read_shapes() if flags & 8 else [(0, b"text/plain")] * count
        self.positions = self.read_positions(start, UNITS[flags >> 4])
        fixed = self.columns.fixed
        self.keys = [struct.pack(">qq", *fixed("qq")) for _ in range(count)] if flags & 4 else None
        held = [ids(len(self.having(bit)), self.columns) for bit in (None, REPLY, THREAD, CLIENT)]
        self.bodies = [self.read_bytes(bits) for bits, _ in self.shapes]
        rest = self.columns.rest()
        self.size = len(plain)
        if flags & 1:
            text = self.opened(rest, dictionary() if flags & 2 else None, limit - len(plain))
            self.size += len(text) - len(rest)
        else:
            text = rest
        self.text = Reader(text)
        self.ids = [
            column if column is not None else [self.text.blob() for _ in self.having(bit)]
            for column, bit in zip(held, (None, REPLY, THREAD, CLIENT))
        ]
        self.read_text()
        self.text.end()

    def opened(self, frame, dictionary, limit):
        frame = b"\x28\xb5\x2f\xfd" + frame
        try:
            size = zstandard.get_frame_parameters(frame).content_size
            need(size <= limit, "over the limit")
            data = zstandard.ZstdCompressionDict(dictionary) if dictionary is not None else None
            text = zstandard.ZstdDecompressor(dict_data=data).decompress(
                frame, max_output_size=size, allow_extra_data=False
            )
        except zstandard.ZstdError:
            raise Damaged("lane frame") from None
        return text

    def having(self, bit):
        return [n for n, (bits, _) in enumerate(self.shapes) if (bits & bit if bit else not bits & WHOLE)]

    def read_shapes(self):
        table = []
        number = self.columns.varint()
        need(number <= self.count, "shapes")
        for _ in range(number):
            bits = self.columns.byte()
            need((not bits & WHOLE or bits == WHOLE) and bits & 3 != 3, "shape")
            table.append((bits, content_type(self.columns.blob()) if bits & TYPE else b"text/plain"))
        numbers = [self.columns.varint() if number > 1 else 0 for _ in range(self.count)]
        need(all(number < len(table) for number in numbers), "shape")
        return [table[number] for number in numbers]

    def read_positions(self, start, unit):
        times, sequences = [], []
        for number in range(self.count):
            times.append(times[-1] + self.columns.varint() if number else self.columns.zigzag())
        sequence = 0
        for _ in range(self.count):
            sequences.append(sequence := signed64(sequence + self.columns.zigzag()))
        return [(signed64(start + time * unit), sequence) for time, sequence in zip(times, sequences)]

    def read_bytes(self, bits):
        if bits & ENCODED:
            return self.columns.blob()
        if bits & SEALED:
            ciphertext, number = self.columns.blob(), self.columns.varint()
            return ciphertext, number % 2, [self.columns.blob() for _ in range(number // 2)]
        return None

    def read_text(self):
        for number in self.having(SEALED):
            ciphertext, has_key_id, keys = self.bodies[number]
            body = blob(ciphertext) + (b"\1" + blob(self.text.blob()) if has_key_id else b"\0")
            self.bodies[number] = body + b"".join(blob(self.text.blob()) + blob(key) for key in keys)
        self.rests = {number: self.text.blob() for number in self.having(REST | WHOLE)}
        for number in self.having(None):
            if not self.shapes[number][0] & (SEALED | ENCODED):
                self.bodies[number] = self.text.terminated()

    def messages(self, hash_key):
        columns = [dict(zip(self.having(bit), found)) for bit, found in zip((None, REPLY, THREAD, CLIENT), self.ids)]
        for number, (bits, kind) in enumerate(self.shapes):
            if bits & WHOLE:
                need(self.keys, "message without key")
                payload, key = self.rests[number], self.keys[number]
            else:
                name = columns[0][number]
                body = self.bodies[number]
                if bits & ENCODED:
                    body = base64.b64encode(body)
                payload = b"\1\1" + blob(name) + (b"\3" if bits & SEALED else b"\2") + blob(body) + b"\4" + blob(kind)
                for tag, column in zip((5, 6, 7), columns[1:]):
                    payload += bytes([tag]) + blob(column[number]) if number in column else b""
                payload += self.rests.get(number, b"")
                if self.keys:
                    key = self.keys[number]
                else:
                    key = blake(b"message\0" + name, 16, hash_key) if hash_key else None
            yield (*self.positions[number], key, payload)


class Segment:
    def __init__(self, data, keys):
        self.data, self.keys = data, keys
        need(len(data) >= HEADER + TRAILER, "cut short")
        self.header = data[:HEADER]
        magic, version, algorithms, kind, zero, period, tenant, self.id, self.dictionary_id, zeros = struct.unpack(
            "<8sHHhHiq16s16s4s", self.header
        )
        need((magic, version, algorithms, zero, zeros) == (b"MNMSEG01", 1, 1, 0, bytes(4)), "header")
        need(12 <= period < 12 * 9_999, "period")
        self.start = period_start(period)
        self.footer_at, length, zero, digest, magic = struct.unpack("<qII32s8s", data[-TRAILER:])
        need(magic == b"MNMSEGZ1" and zero == 0, "trailer")
        need(HEADER <= self.footer_at <= len(data) and self.footer_at + length + TRAILER == len(data), "trailer")
        need(blake(data[:-40]) == digest, "hash of the object")
        key = derive([keys["period"]], b"muniment/segment/footer/v1" + self.id)
        place = self.header + b"footer" + struct.pack("<q", self.footer_at)
        self.directory(Reader(opened(data[self.footer_at : self.footer_at + length], key, place, "footer")))

    def dictionary(self):
        need(self.dictionary_id != bytes(16), "dictionary")
        return self.keys["dictionaries"][self.dictionary_id]

    def directory(self, reader):
        count = reader.varint()
        need(count <= len(reader.data) // 23, "blocks")
        conversations, routes = [], []
        for _ in range(count):
            step = reader.zigzag()
            conversations.append(signed64((conversations[-1] if conversations else 0) + step))
            routes.append(routes[-1] if step == 0 and routes else reader.fixed("q")[0])
        firsts = [signed64(self.start + reader.zigzag()) for _ in range(count)]
        lasts = [signed64(first + reader.varint()) for first in firsts]
        sequences, sequence = [], 0
        for _ in range(count):
            sequence = signed64(sequence + reader.zigzag())
            sequences.append((sequence, signed64(sequence + reader.zigzag())))
        sizes = [(reader.varint(), reader.varint()) for _ in range(count)]
        self.entries, end = [], HEADER
        for number, (messages, length) in enumerate(sizes):
            first, last = (firsts[number], sequences[number][0]), (lasts[number], sequences[number][1])
            need(0 < messages <= 4_096 and 0 < length <= LIMIT, "block entry")
            need(first == last if messages == 1 else first < last, "block entry")
            self.entries.append((conversations[number], first, last, messages, end, length, reader.raw(16)))
            end += length
        reader.end()
        need(end == self.footer_at, "blocks")

    def block(self, ordinal, entry):
        conversation, first, last, count, offset, length, digest = entry
        data = self.data[offset : offset + length]
        need(blake(data, 16) == digest, f"hash of block {ordinal}")
        if conversation not in self.keys["conversations"]:
            return [], count
        secret = self.keys["conversations"][conversation]
        reader = Reader(data)
        place = self.header + b"table" + struct.pack("<iq", ordinal, conversation)
        key = derive([secret, self.keys["period"]], b"muniment/segment/table/v1")
        lanes = self.table(Reader(opened(reader.blob(), key, place, f"table of block {ordinal}")))
        need(sum(lane[1] for lane in lanes) == count, "lane table")
        messages, unreadable, left = [], 0, LIMIT
        for number, (sender, written, size) in enumerate(lanes):
            sealed = reader.raw(size)
            if sender not in self.keys["subjects"]:
                unreadable += written
                continue
            keys = [self.keys["subjects"][sender], secret, self.keys["period"]]
            place = self.header + b"lane" + struct.pack("<iiqq", ordinal, number, conversation, sender)
            plain = opened(sealed, derive(keys, b"muniment/lane/v1"), place, f"lane {number} of block {ordinal}")
            need(len(plain) - 1 <= left, "over the limit")
            lane = Lane(plain, written, self.start, self.dictionary, left)
            left -= lane.size
            messages += [(sender, *message) for message in lane.messages(self.keys.get("hash"))]
        reader.end()
        messages.sort(key=lambda message: message[1:3])
        positions = [message[1:3] for message in messages]
        need(all(a < b for a, b in zip(positions, positions[1:])), "positions")
        need(all(first <= position <= last for position in positions), "positions")
        need(unreadable or (positions[0], positions[-1]) == (first, last), "positions")
        return messages, unreadable

    def table(self, reader):
        lanes = []
        number = reader.varint()
        need(number <= 4_096, "lanes")
        for _ in range(number):
            sender = signed64(lanes[-1][0] + reader.varint()) if lanes else reader.zigzag()
            need(not lanes or sender > lanes[-1][0], "lanes out of order")
            lanes.append((sender, reader.varint(), reader.varint()))
            need(0 < lanes[-1][1] <= 4_096, "lane without messages")
        reader.end()
        return lanes


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
    keys["hash"] = bytes.fromhex(keys["hash"]) if "hash" in keys else None
    dictionaries = keys.get("dictionaries", {})
    keys["dictionaries"] = {bytes.fromhex(name): bytes.fromhex(data) for name, data in dictionaries.items()}
    unreadable = 0
    try:
        segment = Segment(load(sys.argv[1]), keys)
        for ordinal, entry in enumerate(segment.entries):
            messages, hidden = segment.block(ordinal, entry)
            unreadable += hidden
            for sender, time, sequence, key, payload in messages:
                row = {"conversation": entry[0], "sender": sender, "created_at": time, "sequence": sequence}
                row["key"] = key.hex() if key else None
                print(json.dumps({**row, "payload": payload.hex()}))
    except Damaged as error:
        print(json.dumps({"damaged": str(error)}))
        return 5
    print(json.dumps({"unreadable": unreadable}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
