import Catalog
import History
import KeyVault
import Model
import Postgres

/// What somebody asks to be erased, by the platform's ids.
package enum ErasureTarget: Sendable, Hashable {
  case subject(String)
  case subjectIn(subject: String, conversation: String)
  case conversation(String)
  case message(String)

  /// - Throws: ``ErasureError`` `.badTarget` unless the ids go together.
  package init(subject: String?, conversation: String?, message: String?) throws(ErasureError) {
    switch (subject, conversation, message) {
    case (let subject?, nil, nil): self = .subject(subject)
    case (let subject?, let conversation?, nil):
      self = .subjectIn(subject: subject, conversation: conversation)
    case (nil, let conversation?, nil): self = .conversation(conversation)
    case (nil, nil, let message?): self = .message(message)
    default:
      throw ErasureError(
        .badTarget, "name a subject, a conversation, both of them, or a message, and nothing else")
    }
  }

  /// The id that the request's sealed part keeps.
  var id: String {
    switch self {
    case .subject(let id), .subjectIn(let id, _), .conversation(let id), .message(let id): id
    }
  }
}

extension ErasureService {
  /// Finds what the target is in the house. A person may be unknown, as they may be yet to come; anything else may
  /// not.
  func resolve(_ target: ErasureTarget) async throws -> (
    scope: ErasureScope, subject: SubjectID?, hash: [UInt8]
  ) {
    switch target {
    case .subject(let id):
      return (.subject, try await directory.subject(id), directory.hasher.hash("subject", id))
    case .subjectIn(let id, let conversation):
      guard let subject = try await directory.subject(id) else { throw Self.unknownTarget }
      let card = try await card(conversation)
      return (
        .subjectIn(card.route, card.conversation), subject, directory.hasher.hash("subject", id)
      )
    case .conversation(let id):
      let card = try await card(id)
      return (
        .conversation(card.route, card.conversation), nil, directory.hasher.hash("conversation", id)
      )
    case .message(let id):
      let key = directory.hasher.messageKey(id)
      let tenant = tenant
      let locator = try await database.transaction { tx in try Locators.find(key, in: tx) }
      guard let locator, locator.tenant == tenant, locator.state != .erased else {
        throw Self.unknownTarget
      }
      return (.message(key), locator.sender, directory.hasher.hash("message", id))
    }
  }

  private func card(_ id: String) async throws -> ConversationCard {
    guard let card = try await directory.conversation(id) else { throw Self.unknownTarget }
    return card
  }

  private static let unknownTarget = ErasureError(
    .unknownTarget, "no such person, conversation or message is known in this tenant")
}
