import Blocking
import Foundation
import Model
import SearchIndex
import Xapian

/// Xapian by itself: documents in batches, each in one commit, and conversations as terms to be ORed, which is what
/// its users do for lack of anything better.
struct BareXapian: Sendable {
  let directory: String
  let groups: Int

  struct Built: Sendable {
    var documents = 0
    var seconds = 0.0
    var rate: Double { Double(documents) / max(seconds, 1e-9) }
  }

  /// Feeds every group's documents; only writing counts. Groups are shared out to `threads`, which never share one.
  func build(_ documents: BenchDocuments, _ tokens: BenchTokens, threads: Int, most: Int) async throws
    -> Built
  {
    var feed = BenchFeed(documents, tokens, groups: groups)
    try create()
    var built = Built()
    while built.documents < most, let chunk = feed.next() {
      let watch = Stopwatch()
      let groups = groups
      try await withThrowingTaskGroup(of: Void.self) { tasks in
        for thread in 0..<threads {
          tasks.addTask {
            try await runBlocking {
              for group in stride(from: thread, to: groups, by: threads) { try write(chunk[group], group) }
            }
          }
        }
        try await tasks.waitForAll()
      }
      built.seconds += watch.seconds
      built.documents += chunk.reduce(0) { $0 + $1.reduce(0) { $0 + $1.count } }
    }
    return built
  }

  func path(_ group: Int) -> String { "\(directory)/\(group)" }

  private func create() throws {
    for group in 0..<groups {
      try FileManager.default.createDirectory(atPath: path(group), withIntermediateDirectories: true)
      try XapianWriter.create(path(group), epoch: "bench")
    }
  }

  private func write(_ batches: [[IndexDocument]], _ group: Int) throws {
    guard !batches.isEmpty else { return }
    let writer = try XapianWriter(path(group))
    for documents in batches {
      var batch = XapianBatch()
      for document in documents {
        try batch.put(
          sequence: document.sequence, conversation: document.conversation.rawValue,
          sender: document.sender.rawValue, createdAt: document.createdAt.microseconds, terms: document.terms,
          positioned: document.positioned)
      }
      try writer.apply(batch, position: documents[documents.count - 1].sequence)
    }
  }
}

/// Searches in what ``BareXapian`` built. One thread's own.
struct BareXapianSearch {
  private let readers: [XapianReader]
  private let tokens: BenchTokens
  private let vocabulary: BenchVocabulary
  private let everything: XapianScope

  private static let deadlineMicroseconds: Int64 = 60_000_000

  init(_ bare: BareXapian, _ tokens: BenchTokens, _ vocabulary: BenchVocabulary) throws {
    readers = try (0..<bare.groups).map { try XapianReader(bare.path($0)) }
    everything = try XapianScope(windows: nil)
    self.tokens = tokens
    self.vocabulary = vocabulary
  }

  /// The newest fifty by their times. Windows are looked at afterwards, so more may have to be fetched than asked.
  func answer(_ query: BenchQuery, _ reader: BenchReader, since: [Int64: Int64]) throws -> [Int64] {
    let tree = tree(query, reader)
    var times: [Int64] = []
    for database in readers {
      try database.refresh()
      var limit = BenchQuery.limit * 2
      while true {
        var search = XapianSearch(
          tree: tree, scope: everything, limit: limit, deadline: XapianClock.now + Self.deadlineMicroseconds)
        search.countMax = 0
        let found = try database.search(search).hits
        let open = found.filter { $0.createdAt >= since[$0.conversation] ?? .max }
        if open.count >= BenchQuery.limit || found.count < limit {
          times += open.prefix(BenchQuery.limit).map(\.createdAt)
          break
        }
        limit *= 8
      }
    }
    return Array(times.sorted(by: >).prefix(BenchQuery.limit))
  }

  /// In the binding's form (CXapian.h).
  private func tree(_ query: BenchQuery, _ reader: BenchReader) -> [UInt8] {
    guard !tokens.isBlinded else {
      return Self.node(6, reader.windows.map { words(query, $0.conversation) })
    }
    let conversations = reader.windows.map {
      Self.leaf(IndexTerms.conversation(ConversationID(rawValue: BenchTokens.identifier($0.conversation))))
    }
    return Self.node(5, [words(query, 0), Self.node(6, conversations)])
  }

  private func words(_ query: BenchQuery, _ conversation: Int64) -> [UInt8] {
    let terms = query.words.map { tokens.term($0, conversation, vocabulary) }
    switch query.kind {
    case .common, .medium, .rare: return Self.leaf(terms[0])
    case .twoWords: return Self.node(5, terms.map(Self.leaf))
    case .phrase: return [2, UInt8(terms.count), 0] + terms.flatMap { [UInt8($0.count)] + $0 }
    case .prefix:
      let prefix = IndexTerms.word(Array(query.prefix.utf8), tenant: BenchTokens.tenant)
      return [4, UInt8(prefix.count)] + prefix
    }
  }

  private static func leaf(_ term: [UInt8]) -> [UInt8] { [1, UInt8(term.count)] + term }

  private static func node(_ tag: UInt8, _ parts: [[UInt8]]) -> [UInt8] {
    var bytes = [tag, UInt8(truncatingIfNeeded: parts.count), UInt8(truncatingIfNeeded: parts.count >> 8)]
    for part in parts { bytes += part }
    return bytes
  }
}
