import Hummingbird
import Search
import SearchTokens

/// Search for people by name.
enum UserSearchRoutes {
  static let all = [Route.get("/v1/search/users", MessageRoutes.readers, get)]

  @Sendable private static func get(_ call: Call) async throws -> Response {
    var request = UserRequest(try query(call))
    request.limit = try call.number("limit", in: 1...UserRequest.limitMax, default: request.limit)
    request.cursor = call.value("cursor")
    let reading = try await call.reading()
    let (directory, reader) = (reading.directory, reading.reader)
    let reply = try await UserSearch(directory: directory, database: call.services.database)
      .search(request, reader: reader)
    if reader == .compliance {
      try await call.look(
        directory, "users.searched", object: "users", details: ["hits": String(reply.users.count)])
    }
    return Reply.json(reply)
  }

  private static func query(_ call: Call) throws -> UserRequest.Query {
    let (words, prefixes) = (try tokens("token", call), try tokens("prefix", call))
    guard let text = call.value("q") else {
      guard !words.isEmpty || !prefixes.isEmpty else {
        throw Problem(400, "bad_query", "q takes words of a name; or give token and prefix, blinded")
      }
      return .blinded(words: words, prefixes: prefixes)
    }
    guard words.isEmpty, prefixes.isEmpty else {
      throw Problem(400, "bad_query", "a search takes q, or token and prefix, not both")
    }
    return .plain(text)
  }

  private static func tokens(_ name: String, _ call: Call) throws -> [[UInt8]] {
    try call.values(name).map { text in
      guard let token = BlindToken(base64URL: text) else {
        throw Problem(400, "bad_query", "\(name) takes base64url, not padded, of 8 bytes")
      }
      return token.bytes
    }
  }
}
