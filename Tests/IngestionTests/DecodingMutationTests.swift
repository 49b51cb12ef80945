import FoundationEssentials
@testable import Ingestion
import Testing

/// Damages good lines at random. Whatever comes out, the decoders must answer, and never trap.
@Suite("Random damage")
struct DecodingMutationTests {
  static let rounds = 6_000

  @Test("decoders answer every damaged line")
  func mutations() throws {
    let seed =
      ProcessInfo.processInfo.environment["MUNIMENT_SEED"].flatMap(UInt64.init) ?? .random(in: 0...UInt64.max)
    print("DecodingMutationTests seed \(seed)")
    var random = SeededRandom(seed: seed)
    var seeds = try Schemas.names(in: "events/examples/valid", suffix: ".ndjson").flatMap {
      try Schemas.lines("events/examples/valid/" + $0)
    }
    seeds.append(DecodingFormatTests.corpusLine.bytes)
    let events = EventDecoder()
    let mapped = EventDecoder(mapping: try EventMapping(json: Schemas.bytes("mappings/snake-case.json")))
    let corpus = CorpusDecoder()
    var refused = 0
    for _ in 0..<Self.rounds {
      let line = damage(seeds.randomElement(using: &random)!, &random)
      do { _ = try events.decode(line) } catch {
        refused += 1
        #expect(!error.description.isEmpty)
      }
      _ = try? mapped.decode(line)
      _ = try? corpus.decode(line)
      _ = try? EventMapping(json: line)
    }
    #expect(refused > Self.rounds / 4)
  }

  private func damage(_ line: [UInt8], _ random: inout SeededRandom) -> [UInt8] {
    var line = line
    let tokens = [
      "{", "}", "[", "]", "\"", ":", ",", "null", "1e400", "-9223372036854775809", "\\u0000", "\\ud800",
      "\u{7f}", "\u{85}",
    ]
    for _ in 0..<Int.random(in: 1...4, using: &random) {
      let place = Int.random(in: 0..<max(line.count, 1), using: &random)
      guard place < line.count else { return line }
      switch Int.random(in: 0..<6, using: &random) {
      case 0: line[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      case 1: line.removeSubrange(place..<min(line.count, place + Int.random(in: 1...9, using: &random)))
      case 2: line.insert(contentsOf: tokens.randomElement(using: &random)!.utf8, at: place)
      case 3: line.removeSubrange(place...)
      case 4: line.insert(contentsOf: line[place..<min(line.count, place + 20)], at: place)
      default: line[place] = UInt8.random(in: 0...255, using: &random)
      }
    }
    return line
  }
}
