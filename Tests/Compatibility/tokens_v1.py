#!/usr/bin/env python3
"""Search tokens, version 1, a second time: from Schemas/tokens/v1.md, with Python's standard library only.

    tokens_v1.py [--write] [FILE]     check every vector of FILE (default Schemas/tokens/vectors-v1.json), or write it
    tokens_v1.py --tokens             text on stdin, words and set as JSON on stdout

The texts of the vectors are in tokens_v1_texts.py.

Shares no code with the Swift implementation. Needs Unicode 14.0.0 (Python 3.11); a newer Python checks all but the
planes, as it has more scalars."""
import hashlib
import hmac
import json
import pathlib
import struct
import sys
import unicodedata

from tokens_v1_texts import LANGUAGES, LONG, MALFORMED, NORMALISED, TEXTS

UNICODE = "14.0.0"
SCALARS_MAX, MARKS_MAX, DISTINCT_MAX, WORDS_MAX, BYTES_MAX = 65536, 30, 512, 4096, 64
NAME_WORDS_MAX, CUTS_MAX, SHORTCODE_MAX = 8, 8, 40

UNSPACED = [
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1100, 0x11FF), (0x1780, 0x17FF), (0x2E80, 0x2FDF), (0x3005, 0x3007),
    (0x3021, 0x3029), (0x3031, 0x3035), (0x3038, 0x303C), (0x3041, 0x30FF), (0x3130, 0x318F), (0x31F0, 0x31FF),
    (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xA960, 0xA97F), (0xA9E0, 0xA9FF), (0xAA60, 0xAA7F), (0xAC00, 0xD7FF),
    (0xF900, 0xFAFF), (0x1AFF0, 0x1B16F), (0x20000, 0x3FFFD)]
EMOJI = [
    (0x2194, 0x2199), (0x21A9, 0x21AA), (0x231A, 0x231B), (0x2328, 0x2328), (0x23CF, 0x23CF), (0x23E9, 0x23F3),
    (0x23F8, 0x23FA), (0x25AA, 0x25AB), (0x25B6, 0x25B6), (0x25C0, 0x25C0), (0x25FB, 0x25FE), (0x2600, 0x2767),
    (0x2794, 0x27BF), (0x2934, 0x2935), (0x2B05, 0x2B07), (0x2B1B, 0x2B1C), (0x2B50, 0x2B50), (0x2B55, 0x2B55),
    (0x1F004, 0x1F004), (0x1F0CF, 0x1F0CF), (0x1F170, 0x1F171), (0x1F17E, 0x1F17F), (0x1F18E, 0x1F18E),
    (0x1F191, 0x1F19A), (0x1F300, 0x1FAFF)]
IGNORED = [
    (0x00AD, 0x00AD), (0x034F, 0x034F), (0x0591, 0x05BD), (0x05BF, 0x05BF), (0x05C1, 0x05C2), (0x05C4, 0x05C5),
    (0x05C7, 0x05C7), (0x0640, 0x0640), (0x064B, 0x0652), (0x0656, 0x065F), (0x0670, 0x0670), (0x06D6, 0x06DC),
    (0x06DF, 0x06E4), (0x06E7, 0x06E8), (0x06EA, 0x06ED), (0x180B, 0x180F), (0x200C, 0x200D), (0x2060, 0x2060),
    (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF), (0x1F3FB, 0x1F3FF), (0xE0100, 0xE01EF)]
ZEROS = [0x0660, 0x06F0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66, 0x0E50, 0x0ED0,
         0x0F20, 0x1040, 0x17E0, 0x1810]
VARIANTS = {0x0451: "\u0435", 0x0622: "\u0627", 0x0623: "\u0627", 0x0625: "\u0627", 0x0671: "\u0627",
            0x0629: "\u0647", 0x06C0: "\u0647", 0x06C1: "\u0647", 0x06C2: "\u0647", 0x0649: "\u064a",
            0x06CC: "\u064a", 0x06A9: "\u0643", 0x0653: "", 0x0654: "", 0x0655: ""}
VARIANTS.update({zero + n: str(n) for zero in ZEROS for n in range(10)})
ACCENTED = [(0xC0, 0x24F), (0x370, 0x3FF), (0x1E00, 0x1EFF), (0x1F00, 0x1FFF)]
ACCENTS = [(0x300, 0x36F), (0x20D0, 0x20FF)]
PLAIN = {"\u00e6": "ae", "\u00f0": "d", "\u00f8": "o", "\u00fe": "th", "\u0111": "d", "\u0127": "h",
         "\u0131": "i", "\u0142": "l", "\u0153": "oe", "\u0167": "t"}


def within(scalar, ranges):
    return any(low <= scalar <= high for low, high in ranges)


# --- 2. Normalisation -------------------------------------------------------------------------------------------------

def n1(text):
    kept, marks = [], 0
    for char in text[:SCALARS_MAX]:
        if within(ord(char), IGNORED):
            continue
        marks = marks + 1 if unicodedata.combining(char) else 0
        if marks <= MARKS_MAX:
            kept.append(char)
    folded = unicodedata.normalize("NFKC", "".join(kept)).casefold()
    composed = unicodedata.normalize("NFKC", folded)
    return "".join(VARIANTS.get(ord(c), "" if within(ord(c), IGNORED) else c) for c in composed)


def plain(text):
    """Without accents."""
    out = []
    for char in text:
        scalar, category = ord(char), unicodedata.category(char)[0]
        if within(scalar, ACCENTS) and category == "M":
            continue
        if within(scalar, ACCENTED) and category == "L":
            char = unicodedata.normalize("NFKD", char)[0]
            char = PLAIN.get(char, char)
        out.append(char)
    return "".join(out)


# --- 3. Segmentation --------------------------------------------------------------------------------------------------

def kind(char):
    """S separator, W word, U unspaced, M mark, J joiner, X suffix, A at, C colon, E emoji, R regional, T tag, I ignored."""
    scalar = ord(char)
    if char in "'_\u2019":
        return "J"
    if char in "#+":
        return "X"
    if char in ":@":
        return "C" if char == ":" else "A"
    if 0x1F1E6 <= scalar <= 0x1F1FF:
        return "R"
    if 0xE0020 <= scalar <= 0xE007F:
        return "T"
    if within(scalar, IGNORED):
        return "I"
    if within(scalar, EMOJI):
        return "E"
    category = unicodedata.category(char)[0]
    if category in "LN":
        return "U" if within(scalar, UNSPACED) else "W"
    return "M" if category == "M" else "S"


class Full(Exception):
    pass


class Tokens:
    def __init__(self, distinct_max):
        self.words, self.distinct, self.distinct_max = [], {}, distinct_max

    def keep(self, token):
        if not token or len(token.encode()) > BYTES_MAX:
            return False
        if token not in self.distinct:
            if len(self.distinct) == self.distinct_max:
                raise Full
            self.distinct[token] = None
        return True

    def add(self, token, is_word):
        token = token.replace("\u2019", "'")
        if not self.keep(token):
            return
        base = plain(token)
        if base != token and not self.keep(base):
            return
        if is_word:
            if len(self.words) == WORDS_MAX:
                raise Full
            self.words.append(base)

    def entity(self, token):
        self.keep(plain(token.replace("\u2019", "'")))


class Reader:
    def __init__(self, text, distinct_max):
        self.text, self.kinds = text, [kind(char) for char in text] + ["S"] * 4
        self.tokens, self.mention_seen, self.dotted_end, self.number_end = Tokens(distinct_max), False, 0, 0

    def at(self, index):
        return self.text[index] if index < len(self.text) else ""

    def read(self):
        index, kinds = 0, self.kinds
        while index < len(self.text):
            if kinds[index] == "W":
                index = self.word(index)
            elif kinds[index] == "U":
                index = self.run(index)
            elif kinds[index] in "ER":
                index = self.pictograph(index)
            else:
                self.sign(index)
                index += 1

    def sign(self, index):
        follows = index > 0 and self.kinds[index - 1] in "WM"
        if self.kinds[index] == "A" and self.kinds[index + 1] in "WU" and not follows:
            self.mention_seen = True
            self.mention(index)
        elif self.kinds[index] == "C" and not follows:
            self.shortcode(index)
        elif self.text[index] == "#" and self.kinds[index + 1] in "WU" and (index == 0 or self.text[index - 1] != "&"):
            self.tokens.entity(self.text[index:self.end_of_label(index + 1)])

    def end_of_word(self, start):
        end = start
        while True:
            if self.kinds[end] in "WM":
                end += 1
            elif self.kinds[end] == "J" and self.kinds[end + 1] == "W":
                end += 2
            else:
                return end

    def end_of_label(self, end):
        while True:
            if self.kinds[end] in "WUM":
                end += 1
            elif self.kinds[end] == "J" and self.kinds[end + 1] in "WU":
                end += 2
            else:
                return end

    def word(self, start):
        text, kinds = self.text, self.kinds
        end = suffix = self.end_of_word(start)
        while kinds[suffix] == "X":
            suffix += 1
        marks = text[end:suffix]
        length = len(marks) if marks in ("#", "++") and kinds[suffix] not in "WU" else 0
        if start >= self.dotted_end and not length:
            self.dotted_name(start, end)
        if start >= self.number_end and text[start] in "0123456789":
            self.number(start)
        base = text[start:end]
        self.tokens.add(base + marks[:length], True)
        if length:
            self.tokens.add(base, False)
        parts = base.replace("_", "'").replace("\u2019", "'").split("'")
        if len(parts) > 1:
            for part in parts:
                if len(part) >= 2:
                    self.tokens.add(part, False)
        for cut in article_cuts(base):
            self.tokens.add(base[cut:], False)
        return end + length

    def is_connector(self, index):
        return self.at(index) in (".", "-", "@") and self.kinds[index + 1] == "W"

    def dotted_name(self, start, end):
        if not self.is_connector(end):
            return
        words, connectors = [(start, end)], ""
        while len(words) < NAME_WORDS_MAX and self.is_connector(end):
            if self.text[end] == "@" and "@" in connectors:
                break
            connectors += self.text[end]
            words.append((end + 1, self.end_of_word(end + 1)))
            end = words[-1][1]
        self.dotted_end = end
        if not connectors.strip("-"):
            return
        self.tokens.entity(self.text[start:end])
        inner = words[1:-1]
        for low, high in [(low, end) for low, _ in inner] + [(start, high) for _, high in reversed(inner)]:
            if "." in self.text[low:high] or "@" in self.text[low:high]:
                self.tokens.entity(self.text[low:high])
        self.address(words)

    def address(self, words):
        text, path = self.text, words[-1][1]
        if self.at(path) == ":":
            port = path + 1
            while port < path + 6 and self.at(port) and self.at(port) in "0123456789":
                port += 1
            path = port
        if self.at(path) != "/":
            return
        is_www = len(words) > 2 and text[words[0][0]:words[0][1]] == "www"
        start = words[1 if is_www else 0][0]
        index = letters_end = taken = path
        cuts = 0
        while cuts < CUTS_MAX and index - start <= BYTES_MAX:
            char = self.at(index)
            is_letter = self.kinds[min(index, len(text))] in "WM"
            is_part = is_letter or (char != "" and char in "/?&#=.-~%+:@,;!$*_'")
            if is_letter:
                letters_end = index + 1
            elif not is_part or char in "/?&#":
                if letters_end > taken:
                    self.tokens.entity(text[start:letters_end])
                    taken, cuts = letters_end, cuts + 1
                if not is_part:
                    return
            index += 1

    def mention(self, index):
        end = self.end_of_label(index + 1)
        self.tokens.entity(self.text[index:end])
        longer = end
        for _ in range(1, NAME_WORDS_MAX):
            if not self.is_connector(longer) or self.text[longer] == "@":
                break
            longer = self.end_of_word(longer + 1)
        if longer > end:
            self.tokens.entity(self.text[index:longer])

    def shortcode(self, index):
        end, letters = index + 1, False
        while end < len(self.text) and end - index <= SHORTCODE_MAX and (
                self.kinds[end] in "WUMJ" or self.text[end] in "+-"):
            letters = letters or self.kinds[end] in "WU"
            end += 1
        if letters and self.kinds[end] == "C" and self.kinds[end + 1] != "W":
            self.tokens.entity(self.text[index:end + 1])

    def separator(self, index):
        return self.at(index).replace("\u2019", "'") if self.at(index) and self.at(index) in ",.'_\u2019" else ""

    def end_of_digits(self, index):
        while self.at(index) and self.at(index) in "0123456789":
            index += 1
        return index

    def continued(self, index):
        return self.kinds[min(index, len(self.text))] in "WU" or (
            self.separator(index) and self.end_of_digits(index + 1) > index + 1)

    def number(self, start):
        if start > 1 and self.separator(start - 1) and self.text[start - 2] in "0123456789":
            return
        digits = end = self.end_of_digits(start)
        separator = self.separator(end)
        if not 1 <= digits - start <= 3 or not separator:
            return
        while self.separator(end) == separator and self.end_of_digits(end + 1) == end + 4:
            end += 4
        if end == digits:
            return
        self.number_end = end
        value = "".join(c for c in self.text[start:end] if c in "0123456789")
        if not self.continued(end):
            self.tokens.entity(value)
        point, last = self.separator(end), self.end_of_digits(end + 1)
        if point and point != separator and point in ".," and last > end + 1 and not self.continued(last):
            self.tokens.entity(value)
            self.tokens.entity(value + "." + self.text[end + 1:last])
            self.number_end = last

    def run(self, start):
        units, index = [], start
        while self.kinds[index] == "U":
            end = index + 1
            while self.kinds[end] == "M":
                end += 1
            units.append(self.text[index:end])
            index = end
        if len(units) == 1:
            self.tokens.add(units[0], True)
        else:
            for number, unit in enumerate(units):
                self.tokens.add(unit, False)
                if number + 1 < len(units):
                    self.tokens.add(unit + units[number + 1], True)
        return index

    def pictograph(self, start):
        end = start + 1
        if self.kinds[start] == "R":
            end += self.kinds[end] == "R"
        else:
            while self.kinds[end] == "T":
                end += 1
        self.tokens.add(self.text[start:end], True)
        return end


def article_cuts(word):
    if word.startswith(("\u0627\u0644", "\u0644\u0644")):
        cuts = [2]
    elif word[0] in "\u0648\u0641\u0628\u0643" and word[1:3] == "\u0627\u0644":
        cuts = [1, 3]
    else:
        return []
    return cuts if len(word) - cuts[-1] >= 2 else []


def tokenize(original, distinct_max=DISTINCT_MAX):
    reader, truncated = Reader(n1(original), distinct_max), len(original) > SCALARS_MAX
    try:
        reader.read()
    except Full:
        truncated = True
    flags = ["link"] if has_link(reader.text, reader.kinds) else []
    flags += ["mention"] if reader.mention_seen else []
    flags += ["truncated"] if truncated else []
    return {"words": reader.tokens.words, "set": sorted(reader.tokens.distinct), "flags": flags, "truncated": truncated}


def has_link(text, kinds):
    for scheme in ("http", "https"):
        at = text.find(scheme + "://")
        while at >= 0:
            after = at + len(scheme) + 3
            if (at == 0 or kinds[at - 1] != "W") and kinds[after] in "WU":
                return True
            at = text.find(scheme + "://", at + 1)
    return False


def bigrams(words):
    return sorted({a + "\x1f" + b for a, b in zip(words, words[1:])})


def prefixes(tokens):
    words = [t for t in tokens if t[0] != "#" and all(kind(c) in "WMJX" for c in t)]
    return sorted({t[:n] for t in words for n in range(3, 7) if len(t) >= n})


# --- 4. Keys and blinding ---------------------------------------------------------------------------------------------

def mac(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def opaque(kind_of_id, identifier):
    return hashlib.sha256(b"muniment/id/v1\0" + kind_of_id + b"\0" + identifier.encode()).digest()[:16]


def info(tenant, conversation, generation):
    return tenant + conversation + struct.pack(">I", generation)


def kid(secret, about):
    return mac(secret, b"bt1/kid\0" + about)[:8]


def class_key(secret, about, number):
    return mac(secret, b"bt1/key\0" + bytes([number]) + about)


def token(secret, about, number, text):
    return mac(class_key(secret, about, number), b"bt1/tok\0" + text.encode())[:8]


# --- 5. Bodies: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) -------------------------------------------------------

def rotate(value, by):
    return ((value << by) | (value >> (32 - by))) & 0xFFFFFFFF


def rounds(state):
    s = list(state)
    columns = [(0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15)]
    diagonals = [(0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)]
    for _ in range(10):
        for a, b, c, d in columns + diagonals:
            for x, y, z, by in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
                s[x] = (s[x] + s[y]) & 0xFFFFFFFF
                s[z] = rotate(s[z] ^ s[x], by)
    return s


def state(key, tail):
    return list(struct.unpack("<4I", b"expand 32-byte k") + struct.unpack("<8I", key) + struct.unpack("<4I", tail))


def chacha_block(key, counter, nonce):
    start = state(key, struct.pack("<I", counter) + nonce)
    return struct.pack("<16I", *((a + b) & 0xFFFFFFFF for a, b in zip(rounds(start), start)))


def poly1305(key, data):
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    total = 0
    for at in range(0, len(data), 16):
        total = (total + int.from_bytes(data[at:at + 16] + b"\x01", "little")) * r % ((1 << 130) - 5)
    return ((total + int.from_bytes(key[16:], "little")) & ((1 << 128) - 1)).to_bytes(16, "little")


def seal(key, nonce, plaintext, additional):
    mixed = rounds(state(key, nonce[:16]))
    subkey, inner = struct.pack("<8I", *(mixed[:4] + mixed[12:])), bytes(4) + nonce[16:]
    stream = b"".join(chacha_block(subkey, n + 1, inner) for n in range(len(plaintext) // 64 + 1))
    cipher = bytes(a ^ b for a, b in zip(plaintext, stream))
    def padded(data):
        return data + bytes(-len(data) % 16)
    text = padded(additional) + padded(cipher) + struct.pack("<QQ", len(additional), len(cipher))
    return nonce + cipher + poly1305(chacha_block(subkey, 0, inner)[:32], text)


# --- 6. Wire: frames of blinded tokens, and links between generations -------------------------------------------------

FLAGS, CLASSES, SECTION_MAX = ["link", "mention", "image", "file", "truncated"], (1, 3, 4, 5), 512


class FrameError(Exception):
    pass


def encode_frame(kid_bytes, flags, sections):
    bits = sum(1 << FLAGS.index(flag) for flag in flags)
    out = bytes([1, 1, 1, bits]) + kid_bytes + bytes([len(sections)])
    for number, tokens in sections:
        out += struct.pack(">BH", number, len(tokens)) + b"".join(tokens)
    return out


def decode_frame(frame):
    def take(count):
        nonlocal index
        if len(frame) - index < count:
            raise FrameError("short", len(frame))
        index += count
        return frame[index - count:index]
    index, sections = 0, []
    for _ in range(3):
        if take(1) != b"\x01":
            raise FrameError("unknown_version", index - 1)
    bits = take(1)[0]
    if bits >> len(FLAGS):
        raise FrameError("unknown_flag", 3)
    kid_bytes = take(8)
    for _ in range(take(1)[0]):
        start, tokens = index, []
        number = take(1)[0]
        if number not in CLASSES:
            raise FrameError("unknown_class", start)
        count = struct.unpack(">H", take(1) + take(1))[0]
        if count == 0:
            raise FrameError("empty_section", start + 1)
        if count > SECTION_MAX:
            raise FrameError("too_many", start + 1)
        for _ in range(count):
            offset = index
            tokens.append(take(8))
            if len(tokens) > 1 and tokens[-2] >= tokens[-1]:
                raise FrameError("token_order", offset)
        if sections and sections[-1][0] >= number:
            raise FrameError("section_order", start)
        sections.append((number, tokens))
    if index != len(frame):
        raise FrameError("trailing", index)
    return kid_bytes, [flag for bit, flag in enumerate(FLAGS) if bits >> bit & 1], sections


def frame_of(secret, about, text, external=False):
    found = tokenize(text)
    lists = [(5, found["set"])] if external else [
        (1, found["set"]), (3, bigrams(found["words"])), (4, prefixes(found["set"]))]
    sections, cut = [], False
    for number, texts in lists:
        tokens = sorted({token(secret, about, number, t) for t in texts})
        cut = cut or len(tokens) > SECTION_MAX
        if tokens:
            sections.append((number, tokens[:SECTION_MAX]))
    flags = [f for f in FLAGS if f in found["flags"] or (f == "truncated" and cut)]
    return encode_frame(kid(secret, about), flags, sections)


def link(newer, older, tenant, conversation, generation):
    """Opens SK[generation - 1] to who has SK[generation]."""
    key = mac(newer, b"bt1/wrap\0" + info(tenant, conversation, generation))
    nonce = mac(key, b"bt1/wrap-nonce\0" + older)[:24]
    about = b"bt1/wrap\0" + info(tenant, conversation, generation - 1) + struct.pack(">I", generation)
    return seal(key, nonce, older, about)


# --- Vectors ----------------------------------------------------------------------------------------------------------

def case(name, text):
    found = tokenize(text)
    return {"name": name, "text": text, "normalized": n1(text), **found,
            "bigrams": bigrams(found["words"]), "prefixes": prefixes(found["set"])}


def long_case(name, text):
    found = tokenize(text)
    digest = hashlib.sha256("\n".join(found["words"] + [""] + found["set"]).encode()).hexdigest()
    return {"name": name, "text": text, "words": len(found["words"]), "set": len(found["set"]),
            "truncated": found["truncated"], "sha256": digest}


def sweep():
    """Every scalar assigned in Unicode 14.0, between two letters: n1 and the words; two hashes for each plane."""
    planes = []
    for plane in (0, 1, 2, 3, 14):
        text, words = hashlib.sha256(), hashlib.sha256()
        for scalar in range(plane << 16, (plane + 1) << 16):
            if unicodedata.category(chr(scalar)) not in ("Cn", "Cs"):
                between = "x" + chr(scalar) + "y"
                text.update((n1(between) + "\n").encode())
                words.update((" ".join(tokenize(between)["words"]) + "\n").encode())
        planes.append({"plane": plane, "n1_sha256": text.hexdigest(), "words_sha256": words.hexdigest()})
    return planes


def blinding():
    secret, about = bytes(range(32)), info(b"\x11" * 16, b"\x22" * 16, 1)
    # Published with the design, computed with Python and libsodium: they must come out again.
    assert kid(secret, about).hex() == "d319368b843ae9f5"
    assert class_key(secret, about, 1).hex() == "358870234953273ad7f821357f5fdd2606e2e42499b1129acfdfc3431fdbd85a"
    published = [(1, "Hello", "cc25fdf94e30826b"), (1, "Straße", "b0cfe92622f5cc55"), (1, "ﬁne", "dc1f4582dc7cf5d8"),
                 (1, "ＡＢＣ１２", "ba5caefa6506de4c"), (3, "hello\x1fworld", "956bdf5f546cfcc5"),
                 (4, "hel", "e0d638657cf76389")]
    for number, text, expected in published:
        assert token(secret, about, number, n1(text)).hex() == expected, text
    inputs = [(number, n1(text)) for number, text, _ in published]
    inputs += [(5, "hello"), (2, "hello"), (6, "hello"), (1, "東京"), (1, "c++"), (1, "don't"), (4, "strass")]
    keys = [(secret, b"\x11" * 16, b"\x22" * 16, 1), (secret, b"\x11" * 16, b"\x22" * 16, 2),
            (secret, b"\x11" * 16, bytes(16), 1), (bytes(32), b"\xff" * 16, b"\x00" * 16, 0xFFFFFFFF)]
    made = []
    for key, tenant, conversation, generation in keys:
        about = info(tenant, conversation, generation)
        made.append({"secret": key.hex(), "tenant": tenant.hex(), "conversation": conversation.hex(),
                     "generation": generation, "kid": kid(key, about).hex(),
                     "tokens": [{"class": number, "text": text, "token": token(key, about, number, text).hex()}
                                for number, text in inputs]})
    return made


def master():
    key, made = bytes(range(64, 96)), []
    for tenant, conversation, generation, message, text in [
            ("acme", "general", 1, "m-1", "Hello, 世界"), ("acme", "#mediawiki", 7, "", ""),
            ("テナント", "99ff83c7-b33b-58a4-8335-dc54e0401500", 4294967295, "m-2", "x" * 200)]:
        t, c = opaque(b"tenant", tenant), opaque(b"conversation", conversation)
        secret = mac(key, b"muniment/sk/v1\0" + info(t, c, generation))
        about = info(t, c, generation)
        nonce = bytes(range(24))
        made.append({
            "tenant": tenant, "conversation": conversation, "generation": generation, "tenant_bytes": t.hex(),
            "conversation_bytes": c.hex(), "secret": secret.hex(), "kid": kid(secret, about).hex(),
            "token_hello": token(secret, about, 1, "hello").hex(),
            "body_key_id": "mk1." + mac(key, b"muniment/body-kid/v1\0" + t + c)[:8].hex(), "message_id": message,
            "body": text, "nonce": nonce.hex(),
            "sealed": seal(mac(key, b"muniment/body-key/v1\0" + t + c), nonce, text.encode(),
                           b"muniment/body/v1" + message.encode()).hex()})
    return {"file": "muniment-token-key-v1\n" + key.hex() + "\n", "cases": made}


def wire():
    secret, about = bytes(range(32)), info(b"\x11" * 16, b"\x22" * 16, 1)
    frames = []
    for name, text, external in [
            ("words, pairs and beginnings", "Hello world, see https://example.com \U0001F389", False),
            ("no tokens", "...", False), ("of a text that no member wrote", "@ann build passed", True),
            ("more pairs than a section holds", " ".join("w%d" % (n * n % 37) + " v%d" % n for n in range(300)), False)]:
        frame = frame_of(secret, about, text, external)
        kid_bytes, flags, sections = decode_frame(frame)
        assert encode_frame(kid_bytes, flags, sections) == frame
        frames.append({"name": name, "text": text, "external": external, "flags": flags,
                       "sections": [[number, len(tokens)] for number, tokens in sections], "frame": frame.hex()})
    return {"secret": secret.hex(), "tenant": "11" * 16, "conversation": "22" * 16, "generation": 1,
            "frames": frames, "malformed": [malformed(*pair) for pair in MALFORMED]}


def malformed(name, text):
    frame = bytes.fromhex(text.replace(" ", ""))
    try:
        decode_frame(frame)
    except FrameError as error:
        return {"name": name, "frame": frame.hex(), "code": error.args[0], "offset": error.args[1]}
    raise AssertionError(name)


def links():
    made = []
    tenant, conversation = b"\x11" * 16, b"\x22" * 16
    secrets = [bytes((n * 7 + i) % 256 for i in range(32)) for n in range(4)]
    for generation, older, newer in [(2, secrets[0], secrets[1]), (3, secrets[1], secrets[2]),
                                     (0xFFFFFFFF, secrets[2], secrets[3])]:
        made.append({"generation": generation, "secret": newer.hex(), "older": older.hex(), "tenant": tenant.hex(),
                     "conversation": conversation.hex(), "link": link(newer, older, tenant, conversation, generation).hex()})
    return made


def vectors():
    return {
        "version": 1, "unicode": UNICODE, "normalization": [{"text": t, "n1": n1(t)} for t in NORMALISED],
        "segmentation": [case(*pair) for pair in TEXTS], "long": [long_case(*pair) for pair in LONG],
        "planes": sweep(), "blinding": blinding(), "master": master(),
        "wire": wire(), "links": links(), "languages": [name for name, _ in TEXTS[:LANGUAGES]]}


def main():
    is_same = unicodedata.unidata_version == UNICODE
    arguments = sys.argv[1:]
    if arguments == ["--tokens"]:
        print(json.dumps(tokenize(sys.stdin.read()), ensure_ascii=False))
        return
    default = pathlib.Path(__file__).resolve().parents[2] / "Schemas/tokens/vectors-v1.json"
    names = [a for a in arguments if a != "--write"]
    path = pathlib.Path(names[0]) if names else default
    if not is_same and ("--write" in arguments or int(unicodedata.unidata_version.split(".")[0]) < 14):
        sys.exit("this Python has Unicode %s; the vectors are of %s" % (unicodedata.unidata_version, UNICODE))
    made = vectors()
    if "--write" in arguments:
        path.write_text(json.dumps(made, ensure_ascii=True, indent=1) + "\n")
        return
    stored = json.loads(path.read_text())
    if not is_same:
        made["planes"] = stored["planes"]
    wrong = [key for key in made if stored.get(key) != made[key]] + [key for key in stored if key not in made]
    if wrong:
        sys.exit("vectors differ: " + ", ".join(wrong))
    print("%d texts in %d languages and scripts, %d keys, %d frames, %d links, %d planes agree" % (
        len(made["segmentation"]) + len(made["long"]), len(made["languages"]), len(made["blinding"]),
        len(made["wire"]["frames"]) + len(made["wire"]["malformed"]), len(made["links"]), len(made["planes"])))


if __name__ == "__main__":
    main()
