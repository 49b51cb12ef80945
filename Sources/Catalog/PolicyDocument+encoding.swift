import FoundationEssentials
package import Governance
import Model

extension PolicyDocument {
  /// As ``init(json:)`` reads it, keys in order, every policy with all that applies to it.
  package var json: String {
    get throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      let document = EncodedDocument(policies: policies.map(EncodedPolicy.init))
      return String(decoding: try encoder.encode(document), as: UTF8.self)
    }
  }
}

private struct EncodedDocument: Encodable {
  let policies: [EncodedPolicy]
}

private struct EncodedPolicy: Encodable {
  let name: String
  let scope: [String: EncodedScope]
  let retain: String?
  let delete_after: String?
  let clock: String
  /// Left out for every other clock.
  let event: String?
  let locked: Bool
  /// Left out where nobody is asked.
  let review: Bool?

  init(_ entry: PolicyDocument.Entry) {
    name = entry.name
    scope = entry.scope.encoded
    retain = entry.retain?.description
    delete_after = entry.deleteAfter?.description
    clock = entry.clock.name
    if case .event(let name) = entry.clock { event = name } else { event = nil }
    locked = entry.locked
    review = entry.review ? true : nil
  }
}

private enum EncodedScope: Encodable {
  case whole
  case text(String)

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .whole: try container.encode(true)
    case .text(let text): try container.encode(text)
    }
  }
}

extension PolicyDocument.Scope {
  fileprivate var encoded: [String: EncodedScope] {
    switch self {
    case .tenant: ["tenant": .whole]
    case .conversationKind(let kind): ["conversation_kind": .text(kind.rawValue)]
    case .conversation(let id): ["conversation": .text(id)]
    case .subject(let id): ["subject": .text(id)]
    case .label(let name): ["label": .text(name)]
    }
  }
}

extension Policy.Clock {
  /// As documents have it; the event's own name stands beside it.
  package var name: String {
    switch self {
    case .created: "created"
    case .lastEdited: "last_edited"
    case .conversationClosed: "conversation_closed"
    case .event: "event"
    }
  }
}
