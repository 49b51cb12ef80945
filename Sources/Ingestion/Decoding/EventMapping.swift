internal import SimdJSON

/// How the messages of one chat back-end are written, so that they can be read as events of the contract: a
/// JSON file that says, for each key of the contract, where its value lies and how to convert it. The format
/// is in `Schemas/mappings/README.md`.
package struct EventMapping: Sendable {
  /// Where one key of the contract comes from.
  struct Rule: Sendable {
    /// Names of members, outermost first. Empty: nowhere.
    var path: [String] = []
    /// What stands in when the source has no value.
    var fallback: String?
    /// Replaces words of the source by the contract's; others stay.
    var words: [String: String] = [:]
    var unit = TimeUnit.milliseconds
  }

  package let name: String
  let rules: [String: Rule]
  /// Whether the body's text or ciphertext has a place of its own.
  let splitsBody: Bool

  func value(_ key: String, in object: JSONValue) -> JSONValue? {
    guard let rule = rules[key], !rule.path.isEmpty else { return nil }
    var value = object
    for step in rule.path {
      guard let next = value[step] else { return nil }
      value = next
    }
    return value.isNull ? nil : value
  }

  /// A text, constant, replaced word, or number that serves as id; `nil` when the source has nothing or
  /// something else there.
  func text(_ key: String, in object: JSONValue) -> String? {
    guard let rule = rules[key] else { return nil }
    guard let value = value(key, in: object) else { return rule.fallback }
    guard let text = value.string ?? value.int.map({ String($0) }) else { return nil }
    return rule.words[text] ?? text
  }

  func unit(of key: String) -> TimeUnit { rules[key]?.unit ?? .milliseconds }
}

/// A mapping file that cannot be used, and why. Mappings are an operator's own text, so keys are named.
package struct InvalidMapping: Error, Hashable, Sendable, CustomStringConvertible {
  package let reason: String
  package var isRetryable: Bool { false }
  package var description: String { "mapping: " + reason }
}

extension EventMapping {
  private static let bodyKeys = ["body.plain", "body.sealed", "body.key_id"]

  package init(json: [UInt8]) throws(InvalidMapping) {
    let file: JSONValue
    do { file = try JSONParser().parse(json) } catch { throw InvalidMapping(reason: error.description) }
    guard let name = file["name"]?.string, !name.isEmpty, let keys = file["keys"], keys.kind == .object else {
      throw InvalidMapping(reason: "needs a name and an object of keys")
    }
    let known = Set(EventType.allCases.flatMap { $0.requiredKeys + $0.optionalKeys } + EventType.commonKeys)
    var rules: [String: Rule] = [:]
    for (key, value) in keys.members {
      guard known.contains(key) || Self.bodyKeys.contains(key) else {
        throw InvalidMapping(reason: "\(key) is no key of the contract")
      }
      rules[key] = try Rule(value, for: key)
    }
    self.name = name
    self.rules = rules
    splitsBody = Self.bodyKeys.contains { rules[$0] != nil }
    try checkComplete()
  }

  /// A mapping to one type must feed all keys that type requires.
  private func checkComplete() throws(InvalidMapping) {
    guard let rule = rules["type"] else { throw InvalidMapping(reason: "type has no rule") }
    guard rule.path.isEmpty else { return }
    guard let type = rule.fallback.flatMap(EventType.init(rawValue:)) else {
      throw InvalidMapping(reason: "type is no event type")
    }
    for key in type.requiredKeys where rules[key] == nil && !(key == "body" && splitsBody) {
      throw InvalidMapping(reason: "\(key) has no rule, and \(type.rawValue) requires it")
    }
  }
}

extension EventMapping.Rule {
  private static let members: Set<String> = ["from", "constant", "default", "values", "unit"]

  /// `"name"` for short, or `{"from", "default", "values", "unit"}`, or `{"constant"}`.
  init(_ value: JSONValue, for key: String) throws(InvalidMapping) {
    if let from = value.string {
      path = try Self.path(from, for: key)
      return
    }
    for (name, _) in value.members where !Self.members.contains(name) {
      throw InvalidMapping(reason: "\(key): \(name) is not known")
    }
    if let constant = value["constant"]?.string {
      guard value.members.count == 1 else { throw InvalidMapping(reason: "\(key): a constant stands alone") }
      fallback = constant
      return
    }
    guard let from = value["from"]?.string else {
      throw InvalidMapping(reason: "\(key) needs from or constant")
    }
    path = try Self.path(from, for: key)
    fallback = value["default"]?.string
    for (word, meaning) in value["values"]?.members ?? [] {
      guard let meaning = meaning.string else {
        throw InvalidMapping(reason: "\(key): values must be strings")
      }
      words[word] = meaning
    }
    if let named = value["unit"] {
      guard let unit = named.string.flatMap(TimeUnit.init(rawValue:)) else {
        throw InvalidMapping(reason: "\(key): unit must be seconds, milliseconds or microseconds")
      }
      self.unit = unit
    }
  }

  private static func path(_ text: String, for key: String) throws(InvalidMapping) -> [String] {
    let steps = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard !steps.contains("") else { throw InvalidMapping(reason: "\(key): from is not a dotted path") }
    return steps
  }
}
