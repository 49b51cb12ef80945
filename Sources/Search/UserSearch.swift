import Catalog
package import History
import KeyVault
import Model
package import Postgres
import SearchTokens
import Sodium

/// Who is looked for, in the directory of people.
package struct UserRequest: Sendable {
  package enum Query: Sendable {
    /// Words of a name, each whole or its beginning.
    case plain(String)
    /// Tokens that a client blinded under the directory's key: words in whole, and beginnings.
    case blinded(words: [[UInt8]], prefixes: [[UInt8]])
  }

  package var query: Query
  package var limit = 20
  /// Where an earlier page ended.
  package var cursor: String?

  package static let limitMax = 100
  package static let wordsMax = 8
  package static let bytesMax = 1_024

  package init(_ query: Query) { self.query = query }
}

/// Finds people by their names, as one reader may see them: members those they share a conversation with, or everybody
/// where the tenant has an open directory; compliance everybody.
package struct UserSearch: Sendable {
  private let directory: Directory
  private let database: PostgresPool

  package init(directory: Directory, database: PostgresPool) {
    self.directory = directory
    self.database = database
  }

  package func search(_ request: UserRequest, reader: Reader) async throws -> UserReply {
    let wanted = try wanted(request.query)
    let after = try request.cursor.map(Self.place)
    let limit = min(max(request.limit, 1), UserRequest.limitMax)
    let (tenant, reach) = (directory.tenant.id, reach(reader))
    let found = try await database.transaction { tx in
      try SubjectTokens.find(
        wanted.tokens, askedModes: wanted.modes, reach, after: after, limit: limit + 1, tenant: tenant, in: tx
      )
    }
    let hits = found.hits
    let page = hits.prefix(limit)
    let profiles = try await directory.profiles(Set(page.map(\.subject)))
    let words = wanted.tokens.wholes.count
    let users = page.compactMap { hit in
      // Whose key is gone is being erased.
      profiles[hit.subject].map { UserView($0, hit, words: words, forCompliance: reader == .compliance) }
    }
    return UserReply(
      users: users, nextCursor: hits.count > limit ? page.last.map(Self.cursor) : nil,
      coverage: UserReply.Coverage(
        hasNone: found.hasNone, hasOther: found.hasOther, isBlinded: wanted.modes == 2))
  }

  private func reach(_ reader: Reader) -> SubjectTokens.Reach {
    switch reader {
    case .compliance: .tenant(withDeactivated: true)
    case .member where directory.tenant.openDirectory: .tenant(withDeactivated: false)
    case .member(let subject): .sharing(with: subject)
    }
  }

  /// The tokens to look for, and the mode they are of.
  private func wanted(_ query: UserRequest.Query) throws -> (tokens: SubjectTokens.Wanted, modes: Int16) {
    let hasher = NameHasher(directory.hasher)
    switch query {
    case .plain(let text):
      guard text.utf8.count <= UserRequest.bytesMax else {
        throw SearchError(.badQuery, "q has at most \(UserRequest.bytesMax) bytes")
      }
      let words = Set(Tokenizer().tokens(in: text).words)
      try check(words.count)
      let tokens = words.map { word in
        word.unicodeScalars.count > NameHasher.prefixScalarsMax ? hasher.word(word) : hasher.prefix(word)
      }
      return (SubjectTokens.Wanted(tokens: tokens, wholes: words.map(hasher.word)), 1)
    case .blinded(let words, let prefixes):
      try check(words.count + prefixes.count)
      let wholes = words.map(hasher.blindedWord)
      return (
        SubjectTokens.Wanted(tokens: wholes + prefixes.map(hasher.blindedPrefix), wholes: wholes), 2
      )
    }
  }

  private func check(_ count: Int) throws {
    guard (1...UserRequest.wordsMax).contains(count) else {
      throw SearchError(
        .badQuery, "a search for people takes 1 to \(UserRequest.wordsMax) words; this one has \(count)")
    }
  }

  private static func cursor(_ hit: SubjectTokens.Hit) -> String {
    var writer = ByteWriter()
    writer.byte(1)
    writer.fixed(hit.wholes)
    writer.fixed(hit.subject.rawValue)
    return writer.bytes.base64(.urlSafe)
  }

  /// Whatever a forged cursor says: what comes after it is authorised as any other page.
  private static func place(_ cursor: String) throws -> SubjectTokens.Hit {
    do {
      var reader = ByteReader([UInt8](base64: cursor, .urlSafe) ?? [])
      guard try reader.byte() == 1 else { throw MalformedBytes("version") }
      let wholes: Int64 = try reader.fixed()
      let hit = SubjectTokens.Hit(subject: SubjectID(rawValue: try reader.fixed()), wholes: wholes)
      guard reader.atEnd else { throw MalformedBytes("length") }
      return hit
    } catch {
      throw SearchError(.badCursor, "the cursor is not one that an earlier page gave")
    }
  }
}
