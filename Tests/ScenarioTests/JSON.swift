import Foundation

/// A JSON value that can be compared and printed.
struct JSON: Hashable, CustomStringConvertible {
  /// With sorted keys.
  let description: String

  init(parsing text: String) throws {
    guard let value = try? JSONSerialization.jsonObject(with: Data(text.utf8), options: [.fragmentsAllowed])
    else {
      throw ScenarioError("not JSON: \(text.prefix(300))")
    }
    self.init(value)
  }

  private init(_ value: Any) {
    let data = try? JSONSerialization.data(
      withJSONObject: value, options: [.sortedKeys, .fragmentsAllowed, .withoutEscapingSlashes])
    description = data.map { String(decoding: $0, as: UTF8.self) } ?? "null"
  }

  private var value: Any? {
    try? JSONSerialization.jsonObject(with: Data(description.utf8), options: [.fragmentsAllowed])
  }

  subscript(key: String) -> JSON? {
    guard let member = (value as? [String: Any])?[key], !(member is NSNull) else { return nil }
    return JSON(member)
  }

  var text: String? { value as? String }
  var number: Int? { value as? Int }
  var real: Double? { value as? Double ?? number.map { Double($0) } }
  var isTrue: Bool { value as? Bool ?? false }
  var elements: [JSON] { (value as? [Any] ?? []).map { JSON($0) } }

  func without(_ key: String) -> JSON {
    guard var members = value as? [String: Any] else { return self }
    members[key] = nil
    return JSON(members)
  }
}
