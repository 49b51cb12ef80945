import Foundation

/// Peers that a Python script runs: they get documents and queries as files and answer in JSON.
struct BenchPeers: Sendable {
  let directory: String
  let script: String
  let python: String
  let tokens: BenchTokens
  let vocabulary: BenchVocabulary

  private struct Plan: Encodable {
    struct Reader: Encodable {
      let number: Int
      let windows: [[Int64]]
    }
    struct Query: Encodable {
      let kind: String
      let reader: Int
      let words: [String]
      let prefix: String
      /// Of blinded words: one of these, all of its words.
      let sets: [[String]]?

      enum CodingKeys: CodingKey { case kind, reader, words, prefix, sets }

      func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(kind, forKey: .kind)
        try container.encode(reader, forKey: .reader)
        try container.encode(words, forKey: .words)
        try container.encode(prefix, forKey: .prefix)
        try container.encode(sets, forKey: .sets)
      }
    }
    let blinded: Bool
    let seconds_a_case: Double
    let readers: [Reader]
    let cases: [[Query]]
  }

  struct Answer: Decodable {
    struct Case: Decodable {
      let times: [Double]
      let answers: [[Int64]]
    }
    let name: String
    let skipped: String?
    let note: String?
    let documents_per_second: Double?
    let bytes: [String: Int]?
    let cases: [Case]?
  }

  /// Writes the documents for the script.
  func write(_ documents: BenchDocuments) throws {
    let path = directory + "/documents.tsv"
    guard FileManager.default.createFile(atPath: path, contents: nil),
      let file = FileHandle(forWritingAtPath: path)
    else { throw CocoaError(.fileWriteUnknown) }
    defer { try? file.close() }
    var stream = documents.stream()
    while case let part = stream.next(20_000), !part.isEmpty {
      let lines = part.map { document in
        "\(document.conversation)\t\(document.sender)\t\(document.createdAt)\t\(tokens.text(document, vocabulary))\n"
      }
      try file.write(contentsOf: Data(lines.joined().utf8))
    }
  }

  func write(_ mix: BenchMix, secondsPerCase: Double) throws {
    let plan = Plan(
      blinded: tokens.isBlinded, seconds_a_case: secondsPerCase,
      readers: mix.readers.map {
        Plan.Reader(number: $0.number, windows: $0.windows.map { [$0.conversation, $0.from] })
      },
      cases: mix.queries.map { $0.map { planned($0, mix.readers[$0.reader]) } })
    try JSONEncoder().encode(plan).write(to: URL(fileURLWithPath: directory + "/queries.json"))
  }

  private func planned(_ query: BenchQuery, _ reader: BenchReader) -> Plan.Query {
    let sets = reader.windows.map { window in
      query.words.map { tokens.text($0, window.conversation, vocabulary) }
    }
    return Plan.Query(
      kind: query.kind.rawValue, reader: query.reader,
      words: tokens.isBlinded ? [] : query.words.map { vocabulary.words[Int($0)] }, prefix: query.prefix,
      sets: tokens.isBlinded ? sets : nil)
  }

  /// Runs one peer to its end. Blocks.
  func run(_ peer: String) throws -> Answer {
    switch try PeerScript(path: script, python: python).run([directory, peer]) {
    case .answer(let bytes): try JSONDecoder().decode(Answer.self, from: bytes)
    case .skipped(let why): Self.skipped(peer, why)
    }
  }

  private static func skipped(_ peer: String, _ why: String) -> Answer {
    Answer(name: peer, skipped: why, note: nil, documents_per_second: nil, bytes: nil, cases: nil)
  }
}

extension BenchContestant {
  init(_ answer: BenchPeers.Answer) {
    self.init(
      name: answer.name, skipped: answer.skipped, note: answer.note,
      documentsPerSecond: answer.documents_per_second, bytes: answer.bytes ?? [:],
      times: (answer.cases ?? []).map { LatencySample($0.times) })
  }
}
