import Catalog
import History
import Model

/// Puts numbers for ids into policy documents, and ids for numbers: the database keeps no id of a person.
struct PolicyNames: Sendable {
  /// Stands for the id of somebody who was erased since, or of a conversation that was.
  static let erased = "(erased)"

  let directory: Directory

  /// For storing. Subjects nobody has heard of yet get a number, so that their messages match when they come.
  /// - Parameter previous: the newest stored document. A policy that names ``erased`` keeps the number it has there,
  ///   so that a set with a locked policy of somebody who is gone can still be changed.
  func numbered(_ document: PolicyDocument, previous: PolicyDocument?, at now: Timestamp) async throws
    -> PolicyDocument
  {
    let (kept, document) = document.keepingErased(of: previous)
    let interned = try await directory.intern(
      subjects: Dictionary(uniqueKeysWithValues: document.subjects.map { ($0, SubjectProfile(id: $0)) }),
      conversations: [:], at: now)
    let conversations = try await numbers(ofConversations: document)
    return try document.mapScopes { entry throws(RetentionError) in
      if let scope = kept[entry.name] { return scope }
      switch entry.scope {
      case .conversation(let id): return .conversation(conversations[id] ?? "")
      case .subject(let id):
        guard let number = interned.subjects[id] else {
          throw RetentionError(.erasedSubject, "policy \(entry.name): scope.subject: the subject was erased")
        }
        return .subject(String(number.rawValue))
      default: return entry.scope
      }
    }
  }

  /// For trying out: nothing is stored, and a subject nobody has heard of matches no message.
  func numberedForPreview(_ document: PolicyDocument) async throws -> PolicyDocument {
    var subjects: [String: String] = [:]
    for id in document.subjects { subjects[id] = try await directory.subject(id).map { String($0.rawValue) } }
    let conversations = try await numbers(ofConversations: document)
    var known = document
    known.policies.removeAll { if case .subject(let id) = $0.scope { subjects[id] == nil } else { false } }
    return try known.mapScopes { entry throws(RetentionError) in
      switch entry.scope {
      case .conversation(let id): .conversation(conversations[id] ?? "")
      case .subject(let id): .subject(subjects[id] ?? "")
      default: entry.scope
      }
    }
  }

  /// For showing.
  func named(_ document: PolicyDocument) async throws -> PolicyDocument {
    let subjects = try await directory.profiles(
      Set(document.subjects.compactMap { Int64($0) }.map(SubjectID.init)))
    let cards = try await directory.cards(
      Set(document.conversations.compactMap { Int64($0) }.map(ConversationID.init)))
    return document.mapScopes { entry in
      switch entry.scope {
      case .conversation(let text):
        .conversation(
          Int64(text).flatMap { cards[ConversationID(rawValue: $0)]?.profile.id } ?? Self.erased)
      case .subject(let text):
        .subject(Int64(text).flatMap { subjects[SubjectID(rawValue: $0)]?.id } ?? Self.erased)
      default: entry.scope
      }
    }
  }

  private func numbers(ofConversations document: PolicyDocument) async throws -> [String: String] {
    var numbers: [String: String] = [:]
    for entry in document.policies {
      guard case .conversation(let id) = entry.scope, numbers[id] == nil else { continue }
      guard let card = try await directory.conversation(id) else {
        throw RetentionError(
          .unknownConversation, "policy \(entry.name): scope.conversation: no conversation \"\(id)\" is known"
        )
      }
      numbers[id] = String(card.conversation.rawValue)
    }
    return numbers
  }
}

extension PolicyDocument {
  /// The scopes to take over from the previous document, by policy; and this one without ids there.
  fileprivate func keepingErased(of previous: PolicyDocument?) -> (
    kept: [String: Scope], rest: PolicyDocument
  ) {
    let old = Dictionary((previous?.policies ?? []).map { ($0.name, $0.scope) }, uniquingKeysWith: { $1 })
    var kept: [String: Scope] = [:]
    var rest = self
    for (index, entry) in policies.enumerated() {
      switch (entry.scope, old[entry.name]) {
      case (.subject(PolicyNames.erased), .subject(let number)): kept[entry.name] = .subject(number)
      case (.conversation(PolicyNames.erased), .conversation(let number)):
        kept[entry.name] = .conversation(number)
      default: continue
      }
      rest.policies[index].scope = .tenant
    }
    return (kept, rest)
  }

  fileprivate func mapScopes<Failure: Error>(
    _ scope: (Entry) throws(Failure) -> Scope
  ) throws(Failure) -> PolicyDocument {
    var mapped = self
    for index in mapped.policies.indices { mapped.policies[index].scope = try scope(policies[index]) }
    return mapped
  }
}
