"""A reader of segments, version 1, written from Schemas/formats/segment-v1.md alone: no code of the product.

Usage: segment_v1.py SEGMENT KEYS
       segment_v1.py --refused FILE KEYS

SEGMENT is an object, or its bytes in hexadecimal (lines with # are skipped). KEYS is JSON: {"period": hex,
"conversations": {id: hex}, "subjects": {id: hex}, "hash": hex, "dictionaries": {id: hex}}; a key that is missing counts
as destroyed. "hash" is the key of the tenant's hash of message ids: without it, message keys that lanes do not hold are
printed as null. Prints a JSON object for each message that opens and, last, one with the number of those that do
not. Exit status 5 for a damaged segment, 6 for one whose dictionary is not in KEYS.

With --refused, FILE has a segment in each line, as JSON with "name" and "segment", in hexadecimal: exit status 1,
naming them, if one of them is read. Needs PyNaCl and zstandard.
"""

import base64
import datetime
import hashlib
import json
import os
import struct
import sys
import uuid

import nacl.bindings
import nacl.exceptions
import zstandard

HEADER, TRAILER = 64, 56
LIMIT, BLOCK = 32 << 20, 128 << 10
PAYLOADS, FOOTER, BLOCKS = 64 << 20, 256 << 20, 3_050_401


class Damaged(Exception):
    pass


class Missing(Exception):
    """A dictionary that is not at hand, which is no damage."""


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


class Bits:
    """A run of bits, each byte from its lowest up."""

    def __init__(self, data, at=0):
        self.data, self.at, self.bit = data, at, 0

    def read(self, count):
        value = 0
        for place in range(count):
            need(self.at < len(self.data), "bits ended early")
            value |= (self.data[self.at] >> self.bit & 1) << place
            self.bit += 1
            if self.bit == 8:
                self.at, self.bit = self.at + 1, 0
        return value

    def rest(self, size):
        """A number of which all bits but the highest follow."""
        need(size <= 64, "number over 64 bits")
        return self.read(size - 1) | 1 << size - 1 if size > 1 else size

    def sized(self, width):
        return self.rest(self.read(width))

    def end(self):
        """Where the bytes after the bits begin."""
        if self.bit:
            need(self.data[self.at] >> self.bit == 0, "bits left over")
            return self.at + 1
        return self.at


class Code:
    """A canonical Huffman code from the lengths of its words (RFC 1951, 3.2.2)."""

    def __init__(self, lengths):
        self.words, word, last = {}, 0, 0
        for length, symbol in sorted((int(digit, 16), symbol) for symbol, digit in enumerate(lengths)):
            word, last = word << length - last, length
            self.words[length, word] = symbol
            word += 1
        self.escape = len(lengths) - 1

    def step(self, bits, shift=0):
        word = 0
        for length in range(1, 16):
            word = word << 1 | bits.read(1)
            if (length, word) in self.words:
                symbol = self.words[length, word]
                if symbol == self.escape:
                    return bits.read(64)
                need(symbol >= shift, "size of a number")
                return bits.rest(symbol - shift)
        raise Damaged("word of no size")


TIMES = [
    Code("5bbbbbb9bbbbbbbbbbba89897665544555445444335b"),
    Code("6cccbbba9997654223556667776666668ccccccccccc"),
    Code("6764333334556666656997bbbbbbbbbbbbbbbbbbbbaa"),
    Code("2224556567788767ccccccccccccccccccccccccbbbb"),
]
SEQUENCES = [
    Code("12345679cccccccccccccccccccccccc"),
    Code("4133445679ccccccccccccccccccccbb"),
    Code("4133445679ccccccccccccccccccccbb"),
    Code("51333566679ccccccccccccccccccbbb"),
    Code("ccbbba8754222456678accccccccbbbb"),
]


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


def toward_zero(value, unit):
    return value // unit if value >= 0 else -(-value // unit)


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
    need(len(prefix) * count <= PAYLOADS, "over the limit")
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

    def __init__(self, plain, count, origin, dictionary, limit):
        self.count, self.columns = count, Reader(plain)
        flags = self.columns.byte()
        need(flags < 128 and flags & 65 != 65 and (not flags & 2 or flags & 65), "lane flags")
        table = self.read_shapes() if flags & 8 else [(0, b"text/plain")]
        bits = Bits(plain, self.columns.at)
        numbers = [bits.read((len(table) - 1).bit_length()) for _ in range(count)]
        need(all(number < len(table) for number in numbers), "shape")
        self.shapes = [table[number] for number in numbers]
        self.positions = self.read_positions(origin, flags >> 4 & 3, bits)
        self.replied = self.read_replies(origin[3], bits)
        self.columns.at = bits.end()
        fixed = self.columns.fixed
        self.keys = [struct.pack(">qq", *fixed("qq")) for _ in range(count)] if flags & 4 else None
        need(self.keys or not any(bits & WHOLE for bits, _ in self.shapes), "message without key")
        held = [ids(len(self.having(bit)), self.columns) for bit in (None, REPLY, THREAD, CLIENT)]
        self.bodies = [self.read_bytes(bits) for bits, _ in self.shapes]
        rest = self.columns.rest()
        before = len(plain) - len(rest)
        text = rest
        if flags & 65:
            found = dictionary() if flags & 2 else None
            text = self.opened(rest, found, limit - before, flags & 64)
        self.size = before + len(text)
        need(self.size <= limit, "over the limit")
        self.text = Reader(text)
        self.ids = [
            column if column is not None else [self.text.blob() for _ in self.having(bit)]
            for column, bit in zip(held, (None, REPLY, THREAD, CLIENT))
        ]
        self.read_text()
        self.text.end()

    def opened(self, frame, dictionary, limit, is_block):
        if is_block:
            need(0 < len(frame) <= BLOCK, "bare block")
            frame = b"\0\x38" + (len(frame) << 3 | 5).to_bytes(3, "little") + frame
        frame = b"\x28\xb5\x2f\xfd" + frame
        try:
            size = BLOCK if is_block else zstandard.get_frame_parameters(frame).content_size
            need(is_block or size <= limit, "over the limit")
            data = zstandard.ZstdCompressionDict(dictionary) if dictionary is not None else None
            text = zstandard.ZstdDecompressor(dict_data=data).decompress(
                frame, max_output_size=size, allow_extra_data=False
            )
        except zstandard.ZstdError:
            raise Damaged("lane frame") from None
        return text

    def having(self, bit):
        return [
            n
            for n, (bits, _) in enumerate(self.shapes)
            if (bits & bit and (bit != REPLY or n not in self.replied) if bit else not bits & WHOLE)
        ]

    def read_shapes(self):
        table = []
        number = self.columns.varint()
        need(0 < number <= self.count, "shapes")
        for _ in range(number):
            bits = self.columns.byte()
            need((not bits & WHOLE or bits == WHOLE) and bits & 3 != 3, "shape")
            table.append((bits, content_type(self.columns.blob()) if bits & TYPE else b"text/plain"))
        return table

    def read_positions(self, origin, unit, bits):
        start, first, pace, _ = origin
        steps = [TIMES[unit].step(bits) for _ in range(self.count)]
        time, sequence = toward_zero(signed64(first[0] - start), UNITS[unit]), first[1]
        positions = []
        for number, step in enumerate(steps):
            excess = max(0, (step * UNITS[unit] % (1 << 64)).bit_length() - pace)
            passed = SEQUENCES[min(excess, 4)].step(bits, 8 - (excess - 4) if excess >= 4 else 0)
            time, sequence = time + step, signed64(sequence + passed + (1 if number else 0))
            positions.append((signed64(start + time * UNITS[unit]), sequence))
        return positions

    def read_replies(self, messages, bits):
        """Numbers of messages of the block, by the messages that reply to them."""
        found = {}
        for number, (shape, _) in enumerate(self.shapes):
            if shape & REPLY and bits.read(1):
                found[number] = bits.read(messages.bit_length())
                need(found[number] <= messages, "reply to no message")
        return found

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

    def names(self):
        """The messages' ids, empty for one that is whole."""
        names = dict(zip(self.having(None), self.ids[0]))
        return [names.get(number, b"") for number in range(self.count)]

    def messages(self, hash_key, names):
        columns = [dict(zip(self.having(bit), found)) for bit, found in zip((None, REPLY, THREAD, CLIENT), self.ids)]
        for number, replied in self.replied.items():
            name = names[replied - 1] if replied else None
            need(name != b"", "reply to no message")
            columns[1][number] = name or b""
        for number, (bits, kind) in enumerate(self.shapes):
            if bits & WHOLE:
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
        need(12 <= period <= 119_999, "period")
        self.start = period_start(period)
        self.footer_at, length, zero, digest, magic = struct.unpack("<qII32s8s", data[-TRAILER:])
        need(magic == b"MNMSEGZ1" and zero == 0, "trailer")
        need(HEADER <= self.footer_at <= len(data) and self.footer_at + length + TRAILER == len(data), "trailer")
        need(length <= FOOTER + 16, "over the limit")
        need(blake(data[:-40]) == digest, "hash of the object")
        key = derive([keys["period"]], b"muniment/segment/footer/v1" + self.id)
        place = self.header + b"footer" + struct.pack("<q", self.footer_at)
        self.directory(Reader(opened(data[self.footer_at : self.footer_at + length], key, place, "footer")))

    def dictionary(self):
        need(self.dictionary_id != bytes(16), "dictionary")
        if self.dictionary_id not in self.keys["dictionaries"]:
            raise Missing(self.dictionary_id.hex())
        return self.keys["dictionaries"][self.dictionary_id]

    def directory(self, reader):
        count = reader.varint()
        need(count <= min(BLOCKS, len(reader.data) // 23), "blocks")
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
        place = self.header + b"table" + struct.pack("<iqqq", ordinal, conversation, *first)
        key = derive([secret, self.keys["period"]], b"muniment/segment/table/v1")
        lanes, pace = self.table(opened(reader.blob(), key, place, f"table of block {ordinal}"))
        need(sum(lane[1] for lane in lanes) == count, "lane table")
        found, names, unreadable, left = [], [], 0, LIMIT
        for number, (sender, written, size) in enumerate(lanes):
            sealed = reader.raw(size)
            if sender not in self.keys["subjects"]:
                unreadable += written
                names += [None] * written
                continue
            keys = [self.keys["subjects"][sender], secret, self.keys["period"]]
            place = self.header + b"lane" + struct.pack("<iiqq", ordinal, number, conversation, sender)
            plain = opened(sealed, derive(keys, b"muniment/lane/v1"), place, f"lane {number} of block {ordinal}")
            lane = Lane(plain, written, (self.start, first, pace, count), self.dictionary, left)
            left -= lane.size
            names += lane.names()
            found.append((sender, lane))
        reader.end()
        hash_key = self.keys.get("hash")
        messages, size = [], 0
        for sender, lane in found:
            for message in lane.messages(hash_key, names):
                size += len(message[3])
                need(size <= PAYLOADS, "over the limit")
                messages.append((sender, *message))
        messages.sort(key=lambda message: message[1:3])
        positions = [message[1:3] for message in messages]
        need(all(a < b for a, b in zip(positions, positions[1:])), "positions")
        need(all(first <= position <= last for position in positions), "positions")
        need(unreadable or (positions[0], positions[-1]) == (first, last), "positions")
        return messages, unreadable

    def table(self, data):
        bits, lanes = Bits(data), []
        number, pace = bits.sized(4), bits.read(6)
        need(number <= 4_096, "lanes")
        for _ in range(number):
            sender = signed64(lanes[-1][0] + bits.sized(7) if lanes else bits.read(64))
            need(not lanes or sender > lanes[-1][0], "lanes out of order")
            lanes.append((sender, bits.sized(4), bits.sized(5)))
            need(0 < lanes[-1][1] <= 4_096, "lane without messages")
        need(bits.end() == len(data), "lane table")
        return lanes, pace


def load(path):
    with open(path, "rb") as file:
        data = file.read()
    if data.startswith(b"MNMSEG01"):
        return data
    return bytes.fromhex("".join(line for line in data.decode().splitlines() if not line.startswith("#")))


def named(segment, path):
    """An object must be the segment that its name says."""
    name, suffix = os.path.splitext(os.path.basename(path))
    need(suffix != ".mseg" or name == segment.id.hex(), "the header names another segment")
    return segment


def refused(path, keys):
    taken = []
    with open(path, encoding="utf-8") as file:
        for line in map(json.loads, file):
            try:
                segment = Segment(bytes.fromhex(line["segment"]), keys)
                for ordinal, entry in enumerate(segment.entries):
                    segment.block(ordinal, entry)
                taken.append(line["name"])
            except Damaged:
                pass
    for name in taken:
        print(f"was read, and must not be: {name}")
    return 1 if taken else 0


def main():
    arguments = [word for word in sys.argv[1:] if word != "--refused"]
    with open(arguments[1], encoding="utf-8") as file:
        keys = json.load(file)
    keys["period"] = bytes.fromhex(keys["period"])
    for kind in ("conversations", "subjects"):
        keys[kind] = {int(name): bytes.fromhex(key) for name, key in keys[kind].items()}
    keys["hash"] = bytes.fromhex(keys["hash"]) if "hash" in keys else None
    dictionaries = keys.get("dictionaries", {})
    keys["dictionaries"] = {bytes.fromhex(name): bytes.fromhex(data) for name, data in dictionaries.items()}
    if len(arguments) < len(sys.argv) - 1:
        return refused(arguments[0], keys)
    unreadable = 0
    try:
        segment = named(Segment(load(arguments[0]), keys), arguments[0])
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
    except Missing as error:
        print(json.dumps({"missing_dictionary": str(error)}))
        return 6
    print(json.dumps({"unreadable": unreadable}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
