import Governance
import Model

extension PolicyDocument {
  /// Reads JSON strictly: unknown keys, wrong types and doubtful lengths are errors that name policy and key.
  package init(json: String) throws(RetentionError) {
    guard case .object(let document) = try DocumentValue(json: json) else {
      throw Self.error("the document must be an object with the key \"policies\"")
    }
    if let unknown = document.keys.filter({ $0 != "policies" }).min() {
      throw Self.error("unknown key \"\(unknown)\"")
    }
    guard case .list(let list) = document["policies"] else { throw Self.error("policies: must be a list") }
    guard list.count <= Self.policiesMax else {
      throw Self.error("policies: more than \(Self.policiesMax)")
    }
    self.init()
    var names: Set<String> = []
    for (index, value) in list.enumerated() {
      let entry = try PolicyFields(value, index: index).entry
      guard names.insert(entry.name).inserted else {
        throw Self.error("policies[\(index)]: name \"\(entry.name)\" is used twice")
      }
      policies.append(entry)
    }
  }

  fileprivate static func error(_ text: String) -> RetentionError { RetentionError(.invalidDocument, text) }

  package static let nameRule = "1 to 64 letters, digits, spaces and . _ - (ASCII)"

  /// Whether policies, labels and events may be called so. Such names are kept in the clear, and name no person.
  package static func isName(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    return (1...64).contains(bytes.count) && bytes.first != 0x20 && bytes.last != 0x20
      && bytes.allSatisfy {
        (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
          || [0x20, 0x2D, 0x2E, 0x5F].contains($0)
      }
  }
}

/// One policy on its way in: its keys, and what to call it in errors.
private struct PolicyFields {
  private static let keys: Set = [
    "name", "scope", "retain", "delete_after", "clock", "event", "locked", "review",
  ]
  private let fields: [String: DocumentValue]
  private let label: String

  init(_ value: DocumentValue, index: Int) throws(RetentionError) {
    guard case .object(let fields) = value else {
      throw PolicyDocument.error("policies[\(index)]: must be an object")
    }
    guard case .text(let name) = fields["name"] else {
      throw PolicyDocument.error("policies[\(index)]: name: required, a text")
    }
    self.fields = fields
    self.label = "policy \(index + 1)"
    guard PolicyDocument.isName(name) else {
      throw error("name", PolicyDocument.nameRule)
    }
  }

  private var name: String { if case .text(let name) = fields["name"] { name } else { "" } }

  var entry: PolicyDocument.Entry {
    get throws(RetentionError) {
      if let unknown = fields.keys.filter({ !Self.keys.contains($0) }).min() {
        throw error(unknown, "unknown key; allowed are \(Self.keys.sorted().joined(separator: ", "))")
      }
      let entry = PolicyDocument.Entry(
        name: name, scope: try scope(), retain: try length("retain"), deleteAfter: try length("delete_after"),
        clock: try clock(), locked: try flag("locked") ?? false, review: try flag("review") ?? false)
      guard entry.retain != nil || entry.deleteAfter != nil else {
        throw error("retain", "give retain, delete_after or both")
      }
      guard !entry.review || entry.deleteAfter != nil else {
        throw error("review", "goes with delete_after: there is nothing to review otherwise")
      }
      return entry
    }
  }

  private func scope() throws(RetentionError) -> PolicyDocument.Scope {
    guard case .object(let scope) = fields["scope"], scope.count == 1, let (key, value) = scope.first else {
      throw error(
        "scope", "required, an object with one of tenant, conversation_kind, conversation, subject, label")
    }
    switch (key, value) {
    case ("tenant", .bool(true)): return .tenant
    case ("tenant", _): throw error("scope.tenant", "must be true")
    case ("conversation_kind", .text(let text)):
      guard let kind = ConversationUpsert.Kind(rawValue: text) else {
        throw error("scope.conversation_kind", "must be direct, group or channel")
      }
      return .conversationKind(kind)
    case ("conversation", .text(let id)) where Self.isID(id): return .conversation(id)
    case ("subject", .text(let id)) where Self.isID(id): return .subject(id)
    case ("label", .text(let name)) where PolicyDocument.isName(name): return .label(name)
    case ("label", _): throw error("scope.label", PolicyDocument.nameRule)
    case ("conversation", _), ("subject", _):
      throw error("scope.\(key)", "must be an id: a text of 1 to 128 bytes without control characters")
    case ("conversation_kind", _): throw error("scope.\(key)", "must be a text")
    default: throw error("scope.\(key)", "unknown key")
    }
  }

  private func length(_ key: String) throws(RetentionError) -> RetentionLength? {
    guard let value = fields[key], value != .null else { return nil }
    guard case .text(let text) = value, let length = RetentionLength(text), length.seconds > 0 else {
      throw error(key, "must be a length such as \"365d\": a whole number above 0 and s, min, h, d, w or y")
    }
    return length
  }

  private func clock() throws(RetentionError) -> Policy.Clock {
    let clock = fields["clock"] ?? .text(Policy.Clock.created.name)
    if clock == .text("event") { return .event(try event()) }
    guard fields["event"] == nil else { throw error("event", "goes with clock: event") }
    let plain = [Policy.Clock.created, .lastEdited, .conversationClosed]
    guard let found = plain.first(where: { clock == .text($0.name) }) else {
      throw error("clock", "must be \(plain.map(\.name).joined(separator: ", ")) or event")
    }
    return found
  }

  private func event() throws(RetentionError) -> String {
    guard case .text(let name) = fields["event"], PolicyDocument.isName(name) else {
      throw error("event", "required with clock: event; \(PolicyDocument.nameRule)")
    }
    return name
  }

  private func flag(_ key: String) throws(RetentionError) -> Bool? {
    guard let value = fields[key] else { return nil }
    guard case .bool(let flag) = value else { throw error(key, "must be true or false") }
    return flag
  }

  private func error(_ key: String, _ text: String) -> RetentionError {
    PolicyDocument.error("\(label)\(PolicyDocument.isName(name) ? " (\(name))" : ""): \(key): \(text)")
  }

  static func isID(_ text: String) -> Bool {
    (1...128).contains(text.utf8.count)
      && text.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
  }
}
