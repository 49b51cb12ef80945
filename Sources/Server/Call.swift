import AuditLog
import Catalog
import Foundation
import History
import KeyVault
import Hummingbird
import Model
import Postgres
import Search
import Sodium

/// One authorised request on its way through a handler.
struct Call: Sendable {
  let request: Request
  let parameters: Parameters
  let principal: Principal
  let services: APIServices
  /// Names the request in log, problem documents and audit entries.
  let id: String
  /// Told what is being made, as soon as it is in the books: a repetition of the request finds it then.
  var begun: @Sendable (String) async throws -> Void = { _ in }

  /// Largest body of anything but events, in bytes.
  static let bodyBytesMax = 1 << 20

  /// The tenant of the token, read anew each time: what another process changed or erased is not served from memory.
  func directory() async throws -> Directory {
    let name = try tenantName()
    let found = try await services.database.read { tx in try Tenants.find(name, in: tx) }
    guard let found else { throw CatalogError(.unknownTenant, "") }
    return Directory(tenant: found, database: services.database, vault: services.vault)
  }

  /// Who only reads messages, and where: names may be as old as the vault takes keys for alive.
  struct Reading: Sendable {
    let directory: Directory
    let reader: Reader
    /// Of a member's windows.
    let version: ReaderWindows.Read?
  }

  /// As ``directory()`` and ``reader(_:)``, in one look.
  func reading() async throws -> Reading {
    let name = try tenantName()
    if principal.roles.contains(.compliance) {
      guard let directory = try await services.shelf.directory(ofTenant: name) else {
        throw CatalogError(.unknownTenant, "")
      }
      return Reading(directory: directory, reader: .compliance, version: nil)
    }
    guard let member = try await services.shelf.member(principal.subject, ofTenant: name) else {
      throw CatalogError(.unknownTenant, "")
    }
    return Reading(
      directory: member.directory, reader: .member(member.subject ?? .nobody),
      version: ReaderWindows.Read(member.version, of: member.directory.tenant))
  }

  private func tenantName() throws -> String {
    guard let name = principal.tenant else {
      throw Problem(403, "no_tenant", "this needs an access token that names a tenant")
    }
    return name
  }

  /// On whose behalf messages are read. Somebody unknown reads as a member of nothing.
  func reader(_ directory: Directory) async throws -> Reader {
    if principal.roles.contains(.compliance) { return .compliance }
    return .member(try await directory.subject(principal.subject) ?? .nobody)
  }

  func parameter(_ name: String) throws -> String {
    guard let text = parameters.get(name)?.removingPercentEncoding, (1...1_024).contains(text.utf8.count)
    else {
      throw Problem.notFound
    }
    return text
  }

  /// A number out of a handle such as `hold-0123456789abcdef`.
  func handle(_ word: String) throws -> Int64 {
    guard let number = Handle.number(word, try parameter("id")) else {
      throw Problem(404, "unknown_\(word)", "there is no \(word) of that id")
    }
    return number
  }

  /// Values of a query parameter, in order.
  func values(_ name: String) -> [String] {
    (request.uri.query ?? "").split(separator: "&").compactMap { pair in
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.first.map(String.init) == name else { return nil }
      let text = parts.count == 2 ? String(parts[1]) : ""
      return text.replacing("+", with: " ").removingPercentEncoding
    }
  }

  func value(_ name: String) -> String? { values(name).first { !$0.isEmpty } }

  func number(_ name: String, in range: ClosedRange<Int>, default fallback: Int) throws -> Int {
    guard let text = value(name) else { return fallback }
    guard let number = Int(text), range.contains(number) else {
      throw Problem.badRequest("\(name) takes a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  /// Where the last page of a list ended, and how much to give.
  struct Page: Sendable {
    let after: Int64
    let limit: Int
  }

  private static let pageMax = 1_000

  /// Of a list whose items are named by handles of that word, and whose cursor is the last one's.
  func page(of word: String) throws -> Page {
    let limit = try number("limit", in: 1...Self.pageMax, default: Self.pageMax)
    guard let cursor = value("cursor") else { return Page(after: .min, limit: limit) }
    guard let after = Handle.number(word, cursor) else {
      throw Problem.badRequest("cursor is not one of ours")
    }
    return Page(after: after, limit: limit)
  }

  func time(_ text: String?, _ name: String) throws -> Timestamp? {
    guard let text else { return nil }
    guard let time = Timestamp(rfc3339: text) else {
      throw Problem.badRequest("\(name) takes an RFC 3339 time")
    }
    return time
  }

  func body() async throws -> [UInt8] {
    var bytes: [UInt8] = []
    for try await buffer in request.body {
      guard bytes.count + buffer.readableBytes <= Self.bodyBytesMax else {
        throw Problem.tooLarge(Self.bodyBytesMax)
      }
      bytes.append(contentsOf: buffer.readableBytesView)
    }
    return bytes
  }

  func decoded<Body: Decodable>(_ type: Body.Type, from bytes: [UInt8]) throws -> Body {
    try JSONDecoder().decode(type, from: Data(bytes))
  }

  /// Writes down that somebody looked. Called before the reply leaves: a look that cannot be written down is not given.
  func look(
    _ directory: Directory, _ action: String, object: String, details: [String: String] = [:],
    personal: [String: String] = [:], mentions: [AuditEntry.Mention] = []
  ) async throws {
    let entry = AuditEntry(
      tenant: directory.tenant.id, actor: principal.subject, action: action, object: object,
      details: details.merging(["request": id]) { first, _ in first }, personal: personal, mentions: mentions)
    try await services.looks.append(entry, at: services.now())
  }
}

extension Directory {
  /// That an audit entry is about the person of that id; `part` is the readable part that names them, if one does.
  func mention(_ subject: String, part: String? = nil) -> AuditEntry.Mention {
    AuditEntry.Mention(hasher.hash("subject", subject), part: part)
  }
}
