import ArgumentParser
import Blocking
import Foundation
import Runtime
import Search
import Xapian

/// Reading the feed, opening the messages and applying them, against the bare database fed the same documents.
struct IndexBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "index", abstract: "Index the feed, beside Xapian fed the same documents.")
  @OptionGroup var options: BenchOptions

  func run() async throws {
    try await options.run { home in
      try await home.ingest()
      ResidentMemory.resetPeak()
      let watch = Stopwatch()
      let applied = try await home.application.indexer.catchUp()
      let seconds = watch.seconds
      let peak = ResidentMemory.peakBytes
      let shards = try IndexShard.all(home)
      let scratch = home.path + "/bench-index"
      let peer = try await runBlocking { try BareIndex(scratch: scratch).run(shards) }
      guard peer.documents == applied else {
        throw BenchError("the index holds \(peer.documents) documents of \(applied)")
      }
      let bytes = shards.reduce(0) { $0 + $1.bytes }
      return BenchReport(
        benchmark: "index", corpus: home.corpus.name, messages: home.corpus.messages, unit: "documents",
        rate: Double(applied) / seconds, peer: "Xapian alone, the same documents and commits",
        peerRate: Double(peer.documents) / peer.seconds, peakResidentBytes: peak,
        details: [
          BenchMeasure("seconds", seconds), BenchMeasure("terms_per_document", peer.termsMean),
          BenchMeasure("index_bytes_per_document", Double(bytes) / Double(max(applied, 1))),
        ])
    }
  }
}

/// Where one group's documents lie.
struct IndexShard: Sendable {
  let directory: String

  /// The shards in use, by group.
  static func all(_ home: BenchHome) throws -> [IndexShard] {
    let index = home.path + "/index"
    let files = FileManager.default
    return try files.contentsOfDirectory(atPath: index).filter { $0.hasPrefix("group-") }.sorted().compactMap
    { group in
      guard let name = try? String(contentsOfFile: "\(index)/\(group)/CURRENT", encoding: .utf8) else {
        return nil
      }
      return IndexShard(directory: "\(index)/\(group)/\(name.split(separator: "\n")[0])")
    }
  }

  var bytes: Int {
    let files = FileManager.default
    let names = (try? files.contentsOfDirectory(atPath: directory)) ?? []
    return names.reduce(0) { sum, name in
      let size = try? files.attributesOfItem(atPath: directory + "/" + name)[.size] as? Int
      return sum + (size ?? 0)
    }
  }

  /// Every document, the oldest first. Blocks.
  func documents() throws -> [BareDocument] {
    var documents: [BareDocument] = []
    try XapianReader(directory).dump { bytes in
      var cursor = DumpCursor(bytes)
      while !cursor.isAtEnd { documents.append(BareDocument(&cursor)) }
    }
    return documents.reversed()
  }
}

/// A document as Xapian has it.
struct BareDocument: Sendable {
  let sequence: Int64
  let conversation: Int64
  let sender: Int64
  let createdAt: Int64
  /// Without places in the text.
  let terms: [[UInt8]]
  let positioned: [[UInt8]]
  let distinctTerms: Int

  /// Reads the form `XapianReader.dump` writes.
  init(_ cursor: inout DumpCursor) {
    sequence = 0x8000_0000 - Int64(cursor.number(UInt32.self))
    conversation = cursor.number(Int64.self)
    sender = cursor.number(Int64.self)
    createdAt = cursor.number(Int64.self)
    var terms: [[UInt8]] = []
    var placed: [(place: UInt32, term: [UInt8])] = []
    distinctTerms = Int(cursor.number(UInt32.self))
    for _ in 0..<distinctTerms {
      let term = cursor.bytes(Int(cursor.number(UInt8.self)))
      let places = cursor.number(UInt32.self)
      if places == 0 { terms.append(term) }
      for _ in 0..<places { placed.append((cursor.number(UInt32.self), term)) }
    }
    self.terms = terms
    positioned = placed.sorted { $0.place < $1.place }.map(\.term)
  }
}

/// Reads little-endian numbers one after another; the bytes are our own, so running out is a bug.
struct DumpCursor {
  private let bytes: [UInt8]
  private var place = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var isAtEnd: Bool { place == bytes.count }

  mutating func number<N: FixedWidthInteger>(_ type: N.Type) -> N {
    var value: N = 0
    for shift in stride(from: 0, to: N.bitWidth, by: 8) {
      value |= N(truncatingIfNeeded: bytes[place]) << N(shift)
      place += 1
    }
    return value
  }

  mutating func bytes(_ count: Int) -> [UInt8] {
    defer { place += count }
    return Array(bytes[place..<place + count])
  }
}

/// The binding alone: a batch of documents, a commit, the next.
struct BareIndex {
  let scratch: String

  private static let documentsPerCommit = 5_000

  struct Outcome: Sendable {
    var documents = 0
    var terms = 0
    var seconds = 0.0
    var termsMean: Double { Double(terms) / Double(max(documents, 1)) }
  }

  /// Builds each shard anew. Only writing counts.
  func run(_ shards: [IndexShard]) throws -> Outcome {
    var outcome = Outcome()
    for (number, shard) in shards.enumerated() {
      let documents = try shard.documents()
      let path = "\(scratch)/\(number)"
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
      try XapianWriter.create(path, epoch: "bench")
      let writer = try XapianWriter(path)
      let watch = Stopwatch()
      for start in stride(from: 0, to: documents.count, by: Self.documentsPerCommit) {
        let part = documents[start..<min(start + Self.documentsPerCommit, documents.count)]
        var batch = XapianBatch()
        for document in part {
          try batch.put(
            sequence: document.sequence, conversation: document.conversation, sender: document.sender,
            createdAt: document.createdAt, terms: document.terms, positioned: document.positioned)
        }
        try writer.apply(batch, position: part.last?.sequence ?? 0)
      }
      outcome.seconds += watch.seconds
      outcome.documents += documents.count
      outcome.terms += documents.reduce(0) { $0 + $1.distinctTerms }
    }
    return outcome
  }
}
