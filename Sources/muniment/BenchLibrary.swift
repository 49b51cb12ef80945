import Blocking
import Foundation
import Model
import Search
import SearchIndex

/// Documents by index group, with dense sequences in each, in batches of one commit.
struct BenchFeed {
  private var stream: BenchDocumentStream
  private let tokens: BenchTokens
  private let vocabulary: BenchVocabulary
  private var pending: [[IndexDocument]]
  private(set) var sequences: [Int64]
  /// Added to every time.
  private let shift: Int64

  static let documentsPerCommit = IndexingLimits().steps
  private static let documentsPerChunk = 200_000

  init(_ documents: BenchDocuments, _ tokens: BenchTokens, groups: Int) {
    self.init(documents, tokens, after: Array(repeating: 0, count: groups), shift: 0)
  }

  /// Goes on behind the sequences of documents that are there.
  init(_ documents: BenchDocuments, _ tokens: BenchTokens, after sequences: [Int64], shift: Int64) {
    stream = documents.stream()
    self.tokens = tokens
    vocabulary = documents.vocabulary
    pending = Array(repeating: [], count: sequences.count)
    self.sequences = sequences
    self.shift = shift
  }

  /// By group, batches of ``documentsPerCommit`` and at the end what is left; `nil` when there is nothing more.
  mutating func next() -> [[[IndexDocument]]]? {
    let documents = stream.next(Self.documentsPerChunk)
    let isLast = documents.count < Self.documentsPerChunk
    for var document in documents {
      document.createdAt += shift
      let group = Int(document.conversation % Int64(pending.count))
      sequences[group] += 1
      pending[group].append(tokens.indexed(document, sequence: sequences[group], vocabulary))
    }
    let size = Self.documentsPerCommit
    let chunk = pending.indices.map { group in
      let full = isLast ? pending[group].count : pending[group].count / size * size
      defer { pending[group].removeFirst(full) }
      return stride(from: 0, to: full, by: size).map { Array(pending[group][$0..<min($0 + size, full)]) }
    }
    return chunk.allSatisfy(\.isEmpty) ? nil : chunk
  }
}

/// The product's index by itself, fed directly: what `Search` calls, without catalogue and messages.
struct BenchLibrary: Sendable {
  let index: SearchIndex
  let directory: String
  let tokens: BenchTokens
  let vocabulary: BenchVocabulary

  private static let deadlineMilliseconds = 60_000

  init(_ directory: String, groups: Int, _ tokens: BenchTokens, _ vocabulary: BenchVocabulary) throws {
    index = try SearchIndex(directory: directory, groups: groups)
    self.directory = directory
    self.tokens = tokens
    self.vocabulary = vocabulary
  }

  struct Built: Sendable {
    /// Without making the documents.
    var feeding = 0.0
    var sealing = 0.0
    var fedBytes: [String: Int] = [:]
    var bytes: [String: Int] = [:]
    /// The last sequence of each group.
    var sequences: [Int64] = []
  }

  /// Feeds everything, then brings it into its smallest form.
  func build(_ documents: BenchDocuments, groups: Int) async throws -> Built {
    var feed = BenchFeed(documents, tokens, groups: groups)
    var built = Built()
    while let chunk = feed.next() {
      let watch = Stopwatch()
      try await apply(chunk)
      built.feeding += watch.seconds
    }
    built.sequences = feed.sequences
    built.fedBytes = Self.bytes(in: directory)
    let sealing = Stopwatch()
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      for group in 0..<groups { tasks.addTask { try await index.compact(group: group) } }
      try await tasks.waitForAll()
    }
    built.sealing = sealing.seconds
    built.bytes = Self.bytes(in: directory)
    return built
  }

  /// Every group on its own, as many side by side as where the product follows its feed.
  func apply(_ chunk: [[[IndexDocument]]]) async throws {
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      for (group, batches) in chunk.enumerated() {
        if group >= Indexer.groupsAtOnce { try await tasks.next() }
        tasks.addTask {
          for batch in batches {
            try await index.apply(
              batch.map { .put($0) }, group: group, upTo: batch[batch.count - 1].sequence)
          }
        }
      }
      try await tasks.waitForAll()
    }
  }

  /// Queries ready to be run, by case: a blinded one may take several requests, as a client would send.
  func compiled(_ mix: BenchMix) -> [[[IndexQuery]]] {
    let scopes = mix.readers.map { reader in
      ReadScope.windows(
        Dictionary(
          uniqueKeysWithValues: reader.windows.map {
            (
              ConversationID(rawValue: BenchTokens.identifier($0.conversation)),
              [ReadWindow(from: Timestamp(microseconds: $0.from), until: .latest)]
            )
          }))
    }
    return mix.queries.map { queries in
      queries.map { compiled($0, mix.readers[$0.reader], scopes[$0.reader]) }
    }
  }

  private func compiled(_ query: BenchQuery, _ reader: BenchReader, _ scope: ReadScope) -> [IndexQuery] {
    let slices: [[IndexClause]]
    if tokens.isBlinded {
      let clauses = reader.windows.map { window in
        IndexClause(
          conversation: ConversationID(rawValue: BenchTokens.identifier(window.conversation)),
          group: Int(window.conversation % Int64(index.groups)),
          tree: tree(query, window.conversation))
      }
      slices = stride(from: 0, to: clauses.count, by: IndexQuery.clausesMax).map {
        Array(clauses[$0..<min($0 + IndexQuery.clausesMax, clauses.count)])
      }
    } else {
      slices = [[IndexClause(tree: tree(query, 0))]]
    }
    return slices.map { clauses in
      var asked = IndexQuery(clauses: clauses, scope: scope, limit: BenchQuery.limit)
      asked.countMax = 0
      asked.deadlineMilliseconds = Self.deadlineMilliseconds
      return asked
    }
  }

  private func tree(_ query: BenchQuery, _ conversation: Int64) -> TermTree {
    let terms = query.words.map { tokens.term($0, conversation, vocabulary) }
    switch query.kind {
    case .common, .medium, .rare: return .term(terms[0])
    case .twoWords: return .all(terms.map { .term($0) })
    case .phrase: return .phrase(terms)
    case .prefix: return .prefix(IndexTerms.word(Array(query.prefix.utf8), tenant: BenchTokens.tenant))
    }
  }

  /// The newest fifty by their times.
  func answer(_ requests: [IndexQuery]) async throws -> [Int64] {
    if requests.count == 1 {
      return try await index.search(requests[0]).hits.map(\.position.createdAt.microseconds)
    }
    var times: [Int64] = []
    for request in requests {
      times += try await index.search(request).hits.map(\.position.createdAt.microseconds)
    }
    return Array(times.sorted(by: >).prefix(BenchQuery.limit))
  }

  /// What lies in the directory, by kind of file.
  static func bytes(in directory: String) -> [String: Int] {
    var bytes: [String: Int] = [:]
    guard let files = FileManager.default.enumerator(atPath: directory) else { return bytes }
    for case let path as String in files {
      guard let facts = try? FileManager.default.attributesOfItem(atPath: directory + "/" + path),
        facts[.type] as? FileAttributeType == .typeRegular, let size = facts[.size] as? Int
      else { continue }
      let name = path.split(separator: "/").last.map(String.init) ?? path
      let kind = name.hasSuffix(".glass") ? String(name.dropLast(6)) : name
      bytes[["postlist", "termlist", "position", "sidecar"].contains(kind) ? kind : "other", default: 0] +=
        size
    }
    return bytes.filter { $0.value > 0 }
  }
}
