import Foundation
import Hummingbird
import Model
import Search
import SearchTokens

/// Search as the reader may see it; the same reply as the command line's.
enum SearchRoutes {
  static let all = [
    Route.post("/v1/search", MessageRoutes.readers, post),
    Route.get("/v1/search/messages", MessageRoutes.readers, get),
  ]

  private struct Body: Decodable {
    /// Text of the query language, a tree over plain tokens, or sets of trees over blinded ones.
    enum Query: Decodable {
      case text(String)
      case tree(QueryNode)
      case sets([Set])

      struct Set: Decodable {
        let conversation_id: String
        let generation: UInt32
        let query: QueryNode
      }
      private struct Sets: Decodable { let sets: [Set] }
      private enum Key: CodingKey { case sets }

      init(from decoder: any Decoder) throws {
        if let text = try? decoder.singleValueContainer().decode(String.self) {
          self = .text(text)
        } else if try decoder.container(keyedBy: Key.self).contains(.sets) {
          self = .sets(try Sets(from: decoder).sets)
        } else {
          self = .tree(try QueryNode(from: decoder))
        }
      }
    }

    let query: Query?
    let conversation_ids: [String]?
    let from: [String]?
    let before: String?
    let after: String?
    let has: [String]?
    let thread_id: String?
    let sort: String?
    let count: String?
    let limit: Int?
    let cursor: String?
    let include_bodies: Bool?
    let facets: [String]?
  }

  /// Ids a filter may name, and conversations a blinded query may have sets for.
  private static let idsMax = 2_000

  @Sendable private static func post(_ call: Call) async throws -> Response {
    let (request, parsed) = try request(of: try await call.body())
    return try await search(request, parsed, call)
  }

  /// What the body of a search asks, sent now or kept before.
  static func request(of bytes: [UInt8]) throws -> (request: SearchRequest, parsed: ParsedQuery) {
    let body: Body
    do {
      body = try JSONDecoder().decode(Body.self, from: Data(bytes))
    } catch let error as DecodingError {
      throw unreadable(error)
    }
    var parsed = ParsedQuery()
    var sets: [SearchRequest.BlindedSet]?
    switch body.query {
    case nil: break
    case .text(let text): parsed = try ParsedQuery(text)
    case .tree(let node): parsed.text = node
    case .sets(let given):
      guard given.count <= idsMax else { throw Problem(400, "bad_query", "at most \(idsMax) sets") }
      sets = given.map {
        SearchRequest.BlindedSet(
          conversationID: $0.conversation_id, generation: $0.generation, tree: $0.query)
      }
    }
    parsed.in += body.conversation_ids ?? []
    parsed.from += body.from ?? []
    parsed.before = try time(body.before, "before") ?? parsed.before
    parsed.after = try time(body.after, "after") ?? parsed.after
    parsed.has += try (body.has ?? []).compactMap { try choice($0, "has") }
    var request = try SearchRequest(parsed, blinded: sets)
    request.includeBodies = body.include_bodies ?? true
    request.threadID = try thread(body.thread_id)
    request.count = try choice(body.count, "count") ?? .bounded
    request.sort = try choice(body.sort, "sort") ?? .newest
    request.facets = Set(try (body.facets ?? []).compactMap { try choice($0, "facets") })
    request.limit = body.limit ?? request.limit
    request.cursor = try body.cursor.map { try Cursor(text: $0) }
    return (request, parsed)
  }

  @Sendable private static func get(_ call: Call) async throws -> Response {
    var parsed = try ParsedQuery(call.value("q") ?? "")
    parsed.in += call.values("conversation_id")
    parsed.from += call.values("from")
    parsed.before = try time(call.value("before"), "before") ?? parsed.before
    parsed.after = try time(call.value("after"), "after") ?? parsed.after
    var request = try SearchRequest(parsed)
    request.threadID = try thread(call.value("thread_id"))
    request.count = try choice(call.value("count"), "count") ?? .bounded
    request.sort = try choice(call.value("sort"), "sort") ?? .newest
    request.facets = Set(try call.values("facets").compactMap { try choice($0, "facets") })
    request.limit = try call.number("limit", in: 1...SearchRequest.limitMax, default: request.limit)
    request.cursor = try call.value("cursor").map { try Cursor(text: $0) }
    return try await search(request, parsed, call)
  }

  private static func unreadable(_ error: DecodingError) -> Problem {
    let (path, detail) = QueryNode.fault(of: error)
    var problem = Problem(
      400, "bad_query",
      path.isEmpty ? "the body is not a search as this server reads it" : "\(path): \(detail)")
    problem.path = path.isEmpty ? nil : path
    return problem
  }

  private static func choice<Choice: RawRepresentable & CaseIterable>(_ name: String?, _ key: String) throws
    -> Choice? where Choice.RawValue == String
  {
    guard let name else { return nil }
    guard let choice = Choice(rawValue: name) else {
      let known = Choice.allCases.map(\.rawValue).joined(separator: ", ")
      throw Problem(400, "bad_query", "\(key) takes \(known)")
    }
    return choice
  }

  private static func thread(_ id: String?) throws -> String? {
    guard id.map({ (1...128).contains($0.utf8.count) }) ?? true else {
      throw Problem(400, "bad_query", "thread_id is an id of 1 to 128 bytes")
    }
    return id
  }

  private static func time(_ text: String?, _ name: String) throws -> QueryTime? {
    guard let text else { return nil }
    guard let time = QueryTime(text) else {
      throw Problem(400, "bad_query", "\(name) takes an RFC 3339 time or a date")
    }
    return time
  }

  static func search(_ request: SearchRequest, _ parsed: ParsedQuery, _ call: Call) async throws
    -> Response
  {
    guard (1...SearchRequest.limitMax).contains(request.limit), parsed.in.count + parsed.from.count <= idsMax
    else {
      throw Problem(
        400, "bad_query", "limit takes 1 to \(SearchRequest.limitMax), and a filter at most \(idsMax) ids")
    }
    let reading = try await call.reading()
    let directory = reading.directory
    let reply = try await call.services.flows.search(directory)
      .search(request, reader: reading.reader, version: reading.version)
    if reading.reader == .compliance {
      try await call.look(
        directory, "search.performed", object: "search", details: ["hits": String(reply.hits.count)],
        mentions: parsed.from.map { directory.mention($0) })
    }
    return Reply.json(reply)
  }
}
