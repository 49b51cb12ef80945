import SimdJSON
import Testing

@Suite("JSON parser")
struct JSONParserTests {
  let parser = JSONParser()

  func parse(_ text: String) throws -> JSONValue { try parser.parse(Array(text.utf8)) }

  @Test(
    "values have the kind they were written as",
    arguments: [
      ("{}", JSONValue.Kind.object), ("[]", .array), (#""a""#, .string), ("1", .int), ("-0", .int),
      ("9223372036854775807", .int), ("-9223372036854775808", .int), ("9223372036854775808", .double),
      ("1.0", .double), ("1e3", .double), ("true", .bool), ("false", .bool), ("null", .null),
    ])
  func kinds(text: String, kind: JSONValue.Kind) throws {
    #expect(try parse(text).kind == kind)
  }

  @Test("accessors answer only for their kind")
  func accessors() throws {
    let value = try parse(
      #"{"s":"x","i":-7,"d":2.5,"t":true,"f":false,"n":null,"a":[1,[2]],"u":18446744073709551615}"#)
    #expect(value["s"]?.string == "x")
    #expect(value["s"]?.utf8 == [0x78])
    #expect(value["s"]?.int == nil)
    #expect(value["i"]?.int == -7)
    #expect(value["i"]?.double == -7)
    #expect(value["i"]?.string == nil)
    #expect(value["d"]?.double == 2.5)
    #expect(value["d"]?.int == nil)
    #expect(value["u"]?.int == nil)
    #expect(value["u"]?.double == 18_446_744_073_709_551_616)
    #expect(value["t"]?.bool == true)
    #expect(value["f"]?.bool == false)
    #expect(value["n"]?.isNull == true)
    #expect(value["n"]?.bool == nil)
    #expect(value["missing"] == nil)
    #expect(value["a"]?.elements.map(\.kind) == [.int, .array])
    #expect(value["a"]?["s"] == nil)
    #expect(value["s"]?.elements.isEmpty == true)
    #expect(value["a"]?.members.isEmpty == true)
  }

  @Test("members keep their order; of two named alike the first is found; nested ones are not")
  func members() throws {
    let value = try parse(#"{"b":{"x":1,"c":2},"a":[{"c":3}],"c":4,"c":5,"":6,"\u0063\u0000":7}"#)
    #expect(value.members.map(\.0) == ["b", "a", "c", "c", "", "c\0"])
    #expect(value["c"]?.int == 4)
    #expect(value[""]?.int == 6)
    #expect(value["c\0"]?.int == 7)
    #expect(value["x"] == nil)
    #expect(value["b"]?["c"]?.int == 2)
    #expect(value["a"]?.elements.first?["c"]?.int == 3)
    #expect(try parse("{}").members.isEmpty)
    #expect(try parse("[]").elements.isEmpty)
  }

  @Test(
    "strings come back exactly",
    arguments: [
      ("", ""), (#"\u0000"#, "\0"), (#"a\u0000b"#, "a\0b"), ("日本語", "日本語"), (#"\ud83d\ude00"#, "😀"),
      ("😀", "😀"), (#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{c}\n\r\t"), ("e\u{301}", "e\u{301}"),
    ])
  func strings(written: String, meant: String) throws {
    let value = try parse("\"" + written + "\"")
    #expect(value.string.map { Array($0.utf8) } == Array(meant.utf8))
    #expect(value.utf8 == Array(meant.utf8))
  }

  @Test(
    "what is not JSON is refused",
    arguments: [
      "", " ", "{", "}", "[1,]", #"{"a":1,}"#, "{a:1}", "nul", "01", "+1", ".5", "1 2", #"{"a" 1}"#, "'a'",
      "\"a", "\"\n\"", "\"\\x\"", #""\ud800""#, #""\udc00x""#, "[1", "NaN", "1e999", "\u{feff}{}",
      "123456789012345678901234567890",
    ])
  func malformed(text: String) {
    #expect(throws: JSONError(code: .malformed)) { try parse(text) }
  }

  @Test(
    "bytes that are not UTF-8 are refused",
    arguments: [
      [0x22, 0xFF, 0x22], [0x22, 0xC0, 0x80, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22], [0x22, 0xE3, 0x81, 0x22],
    ] as [[UInt8]])
  func notUTF8(bytes: [UInt8]) {
    #expect(throws: JSONError(code: .notUTF8)) { try parser.parse(bytes) }
  }

  @Test("depth and size are bounded")
  func bounds() throws {
    func nested(_ depth: Int) -> String {
      String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }
    #expect(try parse(nested(1_000)).kind == .array)
    #expect(throws: JSONError(code: .tooDeep)) { try parse(nested(2_000)) }
    let small = JSONParser(capacity: 100)
    let fits = Array(("\"" + String(repeating: "a", count: 98) + "\"").utf8)
    #expect(try small.parse(fits).string?.count == 98)
    #expect(throws: JSONError(code: .tooLarge)) { try small.parse(fits + [0x20]) }
  }

  @Test("a parser goes on after a refusal and grows with its input")
  func reuse() throws {
    for round in 0..<50 {
      let text = String(repeating: "é", count: round * 997)
      #expect(try parse("{\"k\":\"\(text)\"}")["k"]?.string == text)
      #expect(throws: JSONError.self) { try parse("{\"k\":") }
      #expect(try parse("[\(round)]").elements.first?.int == Int64(round))
    }
  }

  @Test("errors never quote the document")
  func safeErrors() {
    do {
      _ = try parse(#"{"secret": hunter2}"#)
      Issue.record("parsed")
    } catch {
      #expect(!"\(error)".contains("hunter2"))
    }
  }
}
