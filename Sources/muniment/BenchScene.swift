import Catalog
import Foundation
import History
import Ingestion
import KeyVault
import Model
import Runtime
import Search
import SearchTokens
import Server

/// Members of the bench's own in what was ingested, and what they ask.
struct ServiceScene: Sendable {
  let documents: BenchDocuments
  let mix: BenchMix
  /// True times, by ordinal less one; several messages may share one.
  let times: [Int64]
  /// For peers that answer with their documents' times.
  let calendar: BenchCalendar
  /// Access tokens by reader.
  let tokens: [String]
  private let search: MessageSearch
  private let subjects: [SubjectID]
  private let numbers: [String: Int64]

  private static let tokenSeconds: Int64 = 86_400

  init(_ bench: SearchBench, _ home: BenchHome, _ directory: Directory) async throws {
    var reader = BenchCorpusReader()
    try reader.read(home.corpus.path)
    documents = BenchDocuments(reader, name: home.corpus.name)
    times = reader.times
    let messages = reader.messages
    numbers = Dictionary(
      reader.order.enumerated().map { (messages[$1], Int64($0 + 1)) }
    ) { first, _ in first }
    var census = BenchCensus(words: documents.vocabulary.words.count, seed: bench.options.seed)
    var calendar = BenchCalendar()
    var stream = documents.stream()
    while let document = stream.next() {
      census.add(document)
      calendar.add(document)
    }
    self.calendar = calendar
    mix = try census.mix(
      each: bench.queries, conversations: documents.conversations, blinded: false,
      vocabulary: documents.vocabulary)
    try await Self.join(mix.readers, reader.conversations, home)
    search = home.application.search(directory)
    var subjects: [SubjectID] = []
    for reader in mix.readers {
      guard let subject = try await directory.subject(Self.name(reader.number)) else {
        throw BenchError("a reader of the benchmark's own is not known")
      }
      subjects.append(subject)
    }
    self.subjects = subjects
    let signer = AccessTokens(
      signer: home.application.vault.signingKey("access-token"), sharedSecret: nil)
    tokens = try mix.readers.map { reader in
      try signer.make(
        Principal(subject: Self.name(reader.number), tenant: home.tenant.name, roles: [.member]),
        ttlSeconds: Self.tokenSeconds, at: Application.clock()
      ).token
    }
  }

  private static func name(_ reader: Int) -> String { "bench-reader-\(reader)" }

  private struct Joined: Encodable {
    let type = "member.joined"
    let conversation_id: String
    let subject_id: String
    let at: String
    let sees_history_from: String
  }

  /// The readers' memberships, as a platform would deliver them.
  private static func join(_ readers: [BenchReader], _ conversations: [String], _ home: BenchHome)
    async throws
  {
    let path = home.path + "/joined.ndjson"
    let lines = try readers.flatMap { reader in
      try reader.windows.map { window in
        let from = max(window.from, Timestamp(civil: 1970, 1, 2).microseconds)
        return try Output.encoded(
          Joined(
            conversation_id: conversations[Int(window.conversation) - 1], subject_id: name(reader.number),
            at: Timestamp(microseconds: from).rfc3339,
            sees_history_from: Timestamp(microseconds: from).rfc3339))
      }
    }
    try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: URL(fileURLWithPath: path))
    let decoder = BatchDecoder(
      format: .events, client: CorpusClient(tokens: .plain, tenant: home.tenant.name),
      tenant: .init(name: home.tenant.name, revealsOrder: home.tenant.revealsOrder))
    let directory = home.application.directory(home.tenant)
    let result = try await IngestRun(ingestor: home.application.ingestor(directory), decoder: decoder).ingest(
      path)
    guard result.setAsideCount == 0 else { throw BenchError("memberships of the readers were set aside") }
  }

  private func node(_ query: BenchQuery) -> QueryNode {
    let words = query.words.map { documents.vocabulary.words[Int($0)] }
    switch query.kind {
    case .common, .medium, .rare: return .term(words[0])
    case .twoWords: return .all(words.map { .term($0) })
    case .phrase: return .phrase(words)
    case .prefix: return .prefix(query.prefix)
    }
  }

  /// The ids of the messages found.
  func call(_ query: BenchQuery) async throws -> [String] {
    var request = SearchRequest(query: .plain(node(query)))
    request.limit = BenchQuery.limit
    return try await search.search(request, reader: .member(subjects[query.reader])).hits.map(\.messageID)
  }

  private struct Body: Encodable {
    let query: QueryNode
    let limit: Int
  }

  /// The requests' bodies, by case.
  func bodies() throws -> [[[UInt8]]] {
    try mix.queries.map {
      try $0.map { query in
        Array(try Output.encoded(Body(query: node(query), limit: BenchQuery.limit)).utf8)
      }
    }
  }

  func ordinals(_ ids: [String]) throws -> [Int64] {
    try ids.map { id in
      guard let number = numbers[id] else { throw BenchError("an answer names a message never put in") }
      return number
    }
  }

  private struct Reply: Decodable {
    struct Hit: Decodable { let message_id: String }
    let hits: [Hit]
  }

  func ordinals(inReply bytes: [UInt8]) throws -> [Int64] {
    try ordinals(JSONDecoder().decode(Reply.self, from: Data(bytes)).hits.map(\.message_id))
  }
}
