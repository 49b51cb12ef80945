import FoundationEssentials
@testable import Ingestion
import SimdJSON
import Testing

@Suite("Event examples and schemas")
struct DecodingExampleTests {
  @Test(
    "every valid example is taken",
    arguments: try Schemas.names(in: "events/examples/valid", suffix: ".ndjson"))
  func valid(file: String) throws {
    let decoder = EventDecoder()
    let lines = try Schemas.lines("events/examples/valid/" + file)
    #expect(!lines.isEmpty)
    for (number, line) in lines.enumerated() {
      #expect(throws: Never.self, "\(file):\(number + 1)") { try decoder.decode(line) }
    }
  }

  @Test(
    "every invalid example is refused with its code and key",
    arguments: try Schemas.names(in: "events/examples/invalid", suffix: ".ndjson"))
  func invalid(file: String) throws {
    let decoder = EventDecoder()
    for (number, line) in try Schemas.lines("events/examples/invalid/" + file).enumerated() {
      let (event, code, key) = try expectation(line)
      do {
        _ = try decoder.decode(event)
        Issue.record("\(file):\(number + 1) was taken")
      } catch {
        #expect(error.code.rawValue == code, "\(file):\(number + 1)")
        #expect(error.key == key, "\(file):\(number + 1)")
      }
    }
  }

  /// An invalid example is `{"code", "key", "event"}`; the event's own bytes are cut out of the line.
  private func expectation(_ line: [UInt8]) throws -> (event: [UInt8], code: String, key: String) {
    let parsed = try JSONParser().parse(line)
    let marker = "\"event\": ".bytes
    let start = try #require(line.indices.first { line[$0...].starts(with: marker) }) + marker.count
    return (
      Array(line[start..<(line.count - 1)]), try #require(parsed["code"]?.string),
      try #require(parsed["key"]?.string)
    )
  }

  @Test("schemas, examples and decoder know the same types and keys")
  func agreement() throws {
    let types = EventType.allCases.map(\.rawValue).sorted()
    #expect(
      try Schemas.names(in: "events", suffix: ".schema.json")
        == (types + ["common"]).sorted().map { $0 + ".schema.json" })
    #expect(try Schemas.names(in: "events/examples/valid", suffix: ".ndjson") == types.map { $0 + ".ndjson" })
    for type in EventType.allCases {
      let parser = JSONParser()
      let schema = try parser.parse(Schemas.bytes("events/\(type.rawValue).schema.json"))
      let required = schema["required"]?.elements.compactMap(\.string)
      #expect(required == ["type"] + type.requiredKeys)
      let properties = Set(schema["properties"]?.members.map(\.0) ?? [])
      #expect(properties == Set(["type"] + type.requiredKeys + type.optionalKeys), "\(type.rawValue)")
    }
  }
}
