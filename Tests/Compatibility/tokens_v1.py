#!/usr/bin/env python3
"""Search tokens, version 1, a second time: from Schemas/tokens/v1.md, with Python's standard library only.

    tokens_v1.py [--write] [FILE]     check every vector of FILE (default Schemas/tokens/vectors-v1.json), or write it
    tokens_v1.py --tokens             text on stdin, words and set as JSON on stdout

Shares no code with the Swift implementation. Needs Unicode 14.0.0 (Python 3.11); a newer Python checks all but the
planes, as it has more scalars."""
import hashlib
import hmac
import json
import pathlib
import struct
import sys
import unicodedata

UNICODE = "14.0.0"
SCALARS_MAX, MARKS_MAX, DISTINCT_MAX, WORDS_MAX, BYTES_MAX = 65536, 30, 256, 4096, 64

UNSPACED = [
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x2E80, 0x2FDF), (0x3005, 0x3007), (0x3021, 0x3029),
    (0x3031, 0x3035), (0x3038, 0x303C), (0x3041, 0x30FF), (0x31F0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF),
    (0xA9E0, 0xA9FF), (0xAA60, 0xAA7F), (0xF900, 0xFAFF), (0x1AFF0, 0x1B16F), (0x20000, 0x3FFFD)]
IGNORED = [
    (0x00AD, 0x00AD), (0x034F, 0x034F), (0x180B, 0x180F), (0x200C, 0x200D), (0x2060, 0x2060), (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF), (0xE0100, 0xE01EF)]


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
    return unicodedata.normalize("NFKC", folded)


# --- 3. Segmentation --------------------------------------------------------------------------------------------------

def kind(char):
    """S separator, W word, U unspaced, M mark, J joiner, X suffix, A at, I ignored."""
    if char in "'_\u2019":
        return "J"
    if char in "#+":
        return "X"
    if char == "@":
        return "A"
    if within(ord(char), IGNORED):
        return "I"
    category = unicodedata.category(char)[0]
    if category in "LN":
        return "U" if within(ord(char), UNSPACED) else "W"
    return "M" if category == "M" else "S"


class Full(Exception):
    pass


class Tokens:
    def __init__(self, distinct_max):
        self.words, self.distinct, self.distinct_max = [], {}, distinct_max

    def add(self, token, is_word):
        if len(token.encode()) > BYTES_MAX:
            return
        if token not in self.distinct:
            if len(self.distinct) == self.distinct_max:
                raise Full
            self.distinct[token] = None
        if is_word:
            if len(self.words) == WORDS_MAX:
                raise Full
            self.words.append(token)


def tokenize(original, distinct_max=DISTINCT_MAX):
    text = n1(original)
    kinds = [kind(char) for char in text] + ["S"] * 4
    tokens, truncated, mention = Tokens(distinct_max), len(original) > SCALARS_MAX, False
    index = 0
    try:
        while index < len(text):
            if kinds[index] == "W":
                index = word(text, kinds, index, tokens)
            elif kinds[index] == "U":
                index = run(text, kinds, index, tokens)
            else:
                if kinds[index] == "A" and kinds[index + 1] in "WU" and (index == 0 or kinds[index - 1] not in "WUM"):
                    mention = True
                index += 1
    except Full:
        truncated = True
    flags = (["link"] if has_link(text, kinds) else []) + (["mention"] if mention else [])
    return {"words": tokens.words, "set": sorted(tokens.distinct), "flags": flags, "truncated": truncated}


def word(text, kinds, start, tokens):
    end, joined = start, False
    while True:
        if kinds[end] in "WM":
            end += 1
        elif kinds[end] == "J" and kinds[end + 1] == "W":
            end, joined = end + 2, True
        else:
            break
    suffix = end
    while kinds[suffix] == "X":
        suffix += 1
    marks = text[end:suffix]
    length = len(marks) if marks in ("#", "++") and kinds[suffix] not in "WU" else 0
    base = text[start:end].replace("\u2019", "'")
    tokens.add(base + marks[:length], True)
    if length:
        tokens.add(base, False)
    if joined:
        for part in base.replace("_", "'").split("'"):
            if len(part) >= 2:
                tokens.add(part, False)
    return end + length


def run(text, kinds, start, tokens):
    units, index = [], start
    while kinds[index] == "U":
        end = index + 1
        while kinds[end] == "M":
            end += 1
        units.append(text[index:end])
        index = end
    if len(units) == 1:
        tokens.add(units[0], True)
    else:
        for number, unit in enumerate(units):
            tokens.add(unit, False)
            if number + 1 < len(units):
                tokens.add(unit + units[number + 1], True)
    return index


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
    return sorted({t[:n] for t in tokens if kind(t[0]) != "U" for n in range(3, 7) if len(t) >= n})


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


# --- Vectors ----------------------------------------------------------------------------------------------------------

TEXTS = [
    ("English", "Don't panic: the users' well-known C++ code, C# and F# too!"),
    ("English, typographic apostrophe", "Don\u2019t say l\u2019amour"),
    ("identifiers", "max_value __init__ snake_case_name a_b issue#12 a+b x++y c+++ c## g++."),
    ("URL", "See https://www.Example.co.jp/a_b?q=1#top and http:// alone"),
    ("mention and e-mail", "@alice please write to bob@example.org"),
    ("German", "Straße STRASSE Größe Weiß"),
    ("Turkish dotted I", "İstanbul ISPARTA ılık"),
    ("Greek final sigma", "ΟΔΥΣΣΕΥΣ Ὀδυσσεύς ᾳ ᾼ"),
    ("French decomposed", "e\u0301te\u0301 cafe\u0301 \u00c9T\u00c9 \u0153uvre"),
    ("Vietnamese", "Tie\u0302\u0301ng Vie\u0323\u0302t"),
    ("Russian", "Привет, МИР! Ещё раз"),
    ("Ukrainian", "П\u2019ять об'єктів"),
    ("Hebrew with points", "שָׁלוֹם עוֹלָם"),
    ("Arabic with vowels and digits", "مَرْحَبًا ١٢٣ ﷺ ﻻ"),
    ("Persian with ZWNJ", "می\u200cخواهم میخواهم"),
    ("Hindi", "नमस्ते दुनिया क़लम"),
    ("Hindi with ZWJ", "क्\u200dष"),
    ("Bengali", "বাংলা ভাষা"),
    ("Tamil", "தமிழ் மொழி"),
    ("Georgian capitals", "ᲗᲑᲘᲚᲘᲡᲘ თბილისი"),
    ("Armenian ligature", "ﬓ և ԵՒ"),
    ("Cherokee", "ꭰꭱ ᎠᎡ"),
    ("Korean syllables", "안녕하세요 한국어"),
    ("Korean Jamo", "\u1112\u1161\u11ab\u1100\u116e\u11a8 각\u11a8"),
    ("Japanese", "東京タワーへ行く。3月にHaskellの本"),
    ("Japanese half width", "ﾊﾝｶｸ ｶﾞｷﾞｸﾞ ＡＢＣ１２！？　（笑）…"),
    ("Japanese decomposed", "か\u3099き\u3099 ハ\u309a ゝ々〆"),
    ("Chinese", "我们在北京 學"),
    ("Chinese plane 2 and compatibility", "\U00020000\U0002F800 豈\ufa0c"),
    ("variation selectors", "葛\U000E0100飾 ❤\ufe0f 1\ufe0f\u20e3"),
    ("Thai", "ภาษาไทย กินน้ำ ก"),
    ("Lao", "ພາສາລາວ"),
    ("Khmer", "ភាសាខ្មែរ"),
    ("Burmese", "မြန်မာဘာသာ"),
    ("emoji", "👍🏽 ok 👩\u200d👩\u200d👧 🇯🇵 🎉done"),
    ("ligatures and fractions", "ﬁne oﬃce ½ ① Ⅳ ㍿ ㎏ x²"),
    ("ypogegrammeni order", "α\u0345\u0301 α\u0301\u0345"),
    ("marks alone", "\u0301 a\u0301\u0327 \u0327\u0301b"),
    ("soft hyphen and zero width space", "co\u00adop\u200bera\ufefftion\u2060al"),
    ("numbers", "3.14 1,000 2024-05-31 5'10"),
    ("controls", "a\u0000b\u0007c\td\ne\u0085f"),
    ("private use and unassigned", "a\ue000b \U000E0001c\u0378d"),
    ("mathematical letters", "𝐇𝐞𝐥𝐥𝐨 𝓦 𝟙"),
    ("Deseret and Adlam", "𐐀𐐁 𞤀𞤁"),
    ("empty", ""),
    ("punctuation only", "!!! --- '_' ++ #"),
]
LONG = [
    ("64 bytes and one more", "x" * 64 + " " + "y" * 65 + " z"),
    ("257 distinct words", " ".join("w%d" % n for n in range(257))),
    ("256 distinct words, repeated", " ".join("w%d" % (n % 256) for n in range(600))),
    ("4,097 words", "a b " * 2049),
    ("35 marks in a row", "a" + "\u0301\u0327" * 17 + "\u0301b"),
]
NORMALISED = ["Straße", "ﬁne", "ＡＢＣ１２", "İ", "ΣΑΣ", "ǅ", "ŉ", "ﬆ", "ẞ", "a\u0301", "\u1112\u1161\u11ab", "ｶﾞ", "\u0345",
              "ͺ", "ϒ\u0301", "ẛ\u0323", "\u00a8\u0301", "½", "…", "\u3000", "ﷺ", "𝐀", "\u0958", "⁉\ufe0f", "\u212b"]


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


def vectors():
    return {
        "version": 1, "unicode": UNICODE, "normalization": [{"text": t, "n1": n1(t)} for t in NORMALISED],
        "segmentation": [case(*pair) for pair in TEXTS], "long": [long_case(*pair) for pair in LONG],
        "planes": sweep(), "blinding": blinding(), "master": master()}


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
    print("%d texts, %d keys, %d planes agree" % (
        len(made["segmentation"]) + len(made["long"]), len(made["blinding"]), len(made["planes"])))


if __name__ == "__main__":
    main()
