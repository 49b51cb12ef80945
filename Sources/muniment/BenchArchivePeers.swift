import Foundation

/// What people would archive a chat with in the product's place, over the same lines.
struct ArchivePeers: Sendable {
  let script: PeerScript
  /// Where each gets a directory of its own for a while.
  let directory: String
  let corpus: BenchCorpus
  /// Whether contents are base64 of what a client sealed.
  let isSealed: Bool

  static let names = ["tar_zstd_age", "borg", "restic", "duckdb", "pyarrow"]

  private struct Answer: Decodable {
    let name: String
    let skipped: String?
    let note: String?
    let bytes: Int?
    let write_seconds: Double?
    let read_seconds: Double?
    let erase_seconds: Double?
  }

  /// Runs one to its end. Blocks.
  func run(_ name: String) throws -> ArchivePeer {
    let place = directory + "/peer-\(name)"
    try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: place) }
    switch try script.run([place, corpus.path, isSealed ? "sealed" : "plain", name]) {
    case .skipped(let why): return ArchivePeer(name: name, skipped: why)
    case .answer(let bytes):
      let answer = try JSONDecoder().decode(Answer.self, from: bytes)
      let count = Double(corpus.messages)
      return ArchivePeer(
        name: answer.name, skipped: answer.skipped, note: answer.note,
        bytesPerMessage: answer.bytes.map { Double($0) / count },
        writtenPerSecond: answer.write_seconds.map { count / $0 },
        readPerSecond: answer.read_seconds.map { count / $0 }, eraseSeconds: answer.erase_seconds)
    }
  }
}

/// What one of them took.
struct ArchivePeer: Encodable, Sendable {
  let name: String
  /// Why it was left out; everything else is empty then.
  var skipped: String?
  /// What its figures are of.
  var note: String?
  var bytesPerMessage: Double?
  /// Messages.
  var writtenPerSecond: Double?
  var readPerSecond: Double?
  /// Until the author who wrote most is in it no more.
  var eraseSeconds: Double?

  enum CodingKeys: String, CodingKey {
    case name, skipped, note
    case bytesPerMessage = "bytes_per_message"
    case writtenPerSecond = "written_messages_per_second"
    case readPerSecond = "read_messages_per_second"
    case eraseSeconds = "erase_seconds"
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(name, forKey: .name)
    try container.encodeIfPresent(skipped, forKey: .skipped)
    try container.encodeIfPresent(note, forKey: .note)
    for (key, value) in [
      (CodingKeys.bytesPerMessage, bytesPerMessage), (.writtenPerSecond, writtenPerSecond),
      (.readPerSecond, readPerSecond), (.eraseSeconds, eraseSeconds),
    ] { try container.encodeIfPresent(value.map(BenchMeasure.rounded), forKey: key) }
  }

  var text: String {
    if let skipped { return "  \(name)  skipped: \(skipped)" }
    let figures = [
      bytesPerMessage.map { "\(BenchMeasure.rounded($0)) bytes/message" },
      writtenPerSecond.map { "\(Int($0)) messages/s written" }, readPerSecond.map { "\(Int($0)) read" },
      eraseSeconds.map { "an author erased in \(BenchMeasure.rounded($0)) s" }, note.map { "(\($0))" },
    ]
    return "  \(name)  " + figures.compactMap { $0 }.joined(separator: ", ")
  }
}
