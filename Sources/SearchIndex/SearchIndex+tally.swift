import Blocking
package import Model
import Xapian

/// How often a term occurs in the whole index, within some conversations.
package struct TermTally: Sendable {
  /// Without the letter of its class (and, of a plain word, its tenant).
  package var value: [UInt8]
  package var documents: Int
  /// At least so many conversations: generations of one group may hold the same.
  package var conversations: Int
  /// By place in the list of conversations.
  package var watched: [(place: Int, documents: Int)]
  /// Of all documents, if these are few; else empty.
  package var places: [Place]

  package init(
    value: [UInt8], documents: Int, conversations: Int, watched: [(place: Int, documents: Int)] = [],
    places: [Place] = []
  ) {
    self.value = value
    self.documents = documents
    self.conversations = conversations
    self.watched = watched
    self.places = places
  }

  /// One document.
  package struct Place: Hashable, Sendable {
    package let group: Int
    package let sequence: Int64
  }
}

/// Which of a tenant's tokens are counted.
package enum TallyClass: Sendable, CaseIterable {
  case blindedWord, blindedBigram, blindedPrefix, plainWord
  /// One term a conversation.
  case conversation

  func prefix(_ tenant: TenantID) -> [UInt8] {
    switch self {
    case .blindedWord: IndexTerms.blinded(.word, [])
    case .blindedBigram: IndexTerms.blinded(.bigram, [])
    case .blindedPrefix: IndexTerms.blinded(.prefix, [])
    case .plainWord: IndexTerms.word([], tenant: tenant)
    case .conversation: [IndexTerms.conversation(ConversationID(rawValue: 0))[0]]
    }
  }
}

extension SearchIndex {
  /// Hands `body` every token of the class that occurs in the conversations, once, in ascending order. Reads all their
  /// postings, holds a few MiB for each generation, and takes no lock.
  ///
  /// - Parameters:
  ///   - conversations: in ascending order.
  ///   - watched: places in that list of those that are told apart.
  ///   - begin: called when it begins, and again if the index changed underneath and all is read anew.
  package func tally(
    _ kind: TallyClass, tenant: TenantID, conversations: [ConversationID], watched: Set<Int>,
    begin: @escaping @Sendable () -> Void, body: @escaping @Sendable (TermTally) -> Void
  ) async throws {
    let ids = conversations.map(\.rawValue)
    let flags = conversations.indices.map(watched.contains)
    let prefix = kind.prefix(tenant)
    let directories = directories
    try await runBlocking {
      try Self.steadily(directories, attempts: Self.tallyAttemptsMax) { lists in
        begin()
        let readers = try zip(directories, lists).flatMap(GroupReader.all)
        try TallyMerge(readers, prefix: prefix, conversations: ids, watched: flags).run(body)
      }
    }
  }

  /// The sequences of the documents of each blinded word in one conversation, in ascending order.
  package func places(ofBlindedWords words: [[UInt8]], in conversation: ConversationID, group: Int)
    async throws -> [[Int64]]
  {
    let directory = directories[group]
    return try await runBlocking {
      try Self.steadily([directory], attempts: Self.tallyAttemptsMax) { lists in
        let readers = try GroupReader.all(directory, lists[0])
        var found: [[Int64]] = []
        for word in words {
          var places: [Int64] = []
          for reader in readers {
            places += try reader.reader.places(
              of: IndexTerms.blinded(.word, word), conversation: conversation.rawValue)
          }
          found.append(places.sorted())
        }
        return found
      }
    }
  }

  /// Reading all postings takes long, and commits beside it take away what is read.
  private static let tallyAttemptsMax = 5
}

/// A generation with a handle of its own.
private struct GroupReader {
  let group: Int
  let reader: XapianReader

  static func all(_ directory: GroupDirectory, _ list: GenerationList?) throws -> [GroupReader] {
    guard let list else { return [] }
    let hot = try XapianReader(directory.path(of: list.hot))
    let position = try hot.state().position
    var all = [GroupReader(group: directory.group, reader: hot)]
    for name in list.older {
      let reader = try XapianReader(directory.path(of: name), isHot: false)
      try reader.refresh(hotPosition: position)
      all.append(GroupReader(group: directory.group, reader: reader))
    }
    return all
  }
}

/// Goes through the sorted terms of several generations together.
private struct TallyMerge {
  /// One generation's terms, a chunk at a time.
  private final class Source {
    private let source: GroupReader
    private let prefix: [UInt8]
    private let conversations: [Int64]
    private let watched: [Bool]
    private var chunk: [XapianReader.Tally] = []
    private var next = 0
    private var isLast = false

    init(_ source: GroupReader, _ prefix: [UInt8], _ conversations: [Int64], _ watched: [Bool]) {
      self.source = source
      self.prefix = prefix
      self.conversations = conversations
      self.watched = watched
    }

    var group: Int { source.group }
    private(set) var head: XapianReader.Tally?

    func advance() throws {
      if next == chunk.count {
        // What is asked for is behind the last term; a chunk is never empty unless nothing more is there.
        let last = chunk.last?.term ?? []
        (chunk, isLast) =
          isLast
          ? ([], true)
          : try source.reader.tallies(
            prefix: prefix, after: last, conversations: conversations, watched: watched)
        next = 0
      }
      head = next < chunk.count ? chunk[next] : nil
      next += 1
    }
  }

  private let sources: [Source]
  private let prefix: [UInt8]

  init(_ readers: [GroupReader], prefix: [UInt8], conversations: [Int64], watched: [Bool]) {
    sources = readers.map { Source($0, prefix, conversations, watched) }
    self.prefix = prefix
  }

  private static let placesMax = 8

  func run(_ body: (TermTally) -> Void) throws {
    for source in sources { try source.advance() }
    while let term = sources.compactMap(\.head?.term).min(by: { $0.lexicographicallyPrecedes($1) }) {
      var whole = TermTally(
        value: Array(term.dropFirst(prefix.count)), documents: 0, conversations: 0)
      var conversations: [Int: Int] = [:]
      for source in sources {
        guard let tally = source.head, tally.term == term else { continue }
        whole.documents += tally.documents
        whole.watched += tally.watched
        whole.places += tally.sequences.map { .init(group: source.group, sequence: $0) }
        // The generations of a group share its conversations; those of different groups share none.
        conversations[source.group] = max(conversations[source.group] ?? 0, tally.conversations)
        try source.advance()
      }
      whole.conversations = conversations.values.reduce(0, +)
      if whole.places.count != whole.documents || whole.documents > Self.placesMax { whole.places = [] }
      body(whole)
    }
  }
}
