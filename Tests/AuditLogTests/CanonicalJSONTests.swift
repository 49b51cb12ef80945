import AuditLog
import Testing

struct CanonicalJSONTests {
  @Test(
    "Values are written in the one form RFC 8785 allows, and read back from it",
    arguments: [
      (.null, "null"), (.integer(-7), "-7"), (.integer(0), "0"), (.object([:]), "{}"),
      (
        .string("a\"\\/\u{8}\t\n\u{c}\r\u{1}\u{1f}\u{7f}é😀"), #""a\"\\/\b\t\n\f\r\u0001\u001f"# + "\u{7f}é😀\""
      ),
      (.object(["b": .integer(1), "a": .object(["z": .null])]), #"{"a":{"z":null},"b":1}"#),
      // RFC 8785 §3.2.3: by UTF-16, where a surrogate pair comes before U+FB33.
      (.object(["\u{fb33}": .integer(1), "😀": .integer(2)]), "{\"😀\":2,\"\u{fb33}\":1}"),
    ] as [(CanonicalJSON, String)])
  func written(value: CanonicalJSON, text: String) {
    #expect(String(decoding: value.bytes, as: UTF8.self) == text)
    #expect(CanonicalJSON(parsing: Array(text.utf8)) == value)
  }

  @Test(
    "Any other spelling is refused",
    arguments: [
      "", " null", "null ", "nul", "+1", "01", "-0", "1.0", "1e3", "--1", "[]", "true", "{", "{}}",
      "{\"a\":1,}",
      "{\"b\":1,\"a\":2}", "{\"a\":1,\"a\":1}", "{\"a\": 1}", "\"\\u0041\"", "\"\\u000a\"", "\"\\/\"", "\"",
      "\"\\",
      "\"\\u00", "\"\u{1}\"", "99999999999999999999",
      String(repeating: "{\"a\":", count: 100) + "1" + String(repeating: "}", count: 100),
    ])
  func refused(text: String) {
    #expect(CanonicalJSON(parsing: Array(text.utf8)) == nil)
  }

  @Test("Random bytes neither crash the reader nor are taken for something else")
  func fuzz() {
    let alphabet = Array("{}\":,\\u0n1ulab ".utf8) + [0xFF, 0x00]
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<5_000 {
      let bytes = (0..<Int.random(in: 0...24)).map { _ in alphabet.randomElement(using: &generator)! }
      if let value = CanonicalJSON(parsing: bytes) { #expect(value.bytes == bytes) }
    }
  }

  @Test(
    "Tile paths are those of the specification",
    arguments: [
      (TilePath(level: 0, index: 0), "tile/0/000"),
      (TilePath(level: 3, index: 1_234_067), "tile/3/x001/x234/067"),
      (TilePath(level: 1, index: 1, width: 17), "tile/1/001.p/17"),
      (TilePath(level: nil, index: 273, width: 112), "tile/entries/273.p/112"),
    ])
  func tilePaths(path: TilePath, text: String) {
    #expect(path.text == text)
    #expect(TilePath(parsing: text) == path)
  }

  @Test(
    "Other paths are not tiles",
    arguments: [
      "", "tile", "tile/0", "tile/0/1", "tile/0/0001", "tile/-1/000", "tile/64/000", "tile/x/000",
      "tile/0/000.p/0",
      "tile/0/000.p/256", "tile/0/x000/001", "tile/0/001/000", "tile/0/000.p", "tile/0/000/", "tile/00/000",
      "tile/0/x999/x999/x999/x999/x999/x999/x999/x999/999",
    ])
  func notTilePaths(text: String) { #expect(TilePath(parsing: text) == nil) }
}
