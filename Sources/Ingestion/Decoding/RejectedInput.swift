/// Why a line of input was not taken. Goes into set-aside lists and replies, so it never quotes the line:
/// only keys of the contract and what was expected of them.
package struct RejectedInput: Error, Hashable, Sendable, CustomStringConvertible {
  package enum Code: String, Sendable, CaseIterable {
    /// Not a JSON object in UTF-8.
    case malformedJSON = "malformed_json"
    /// A key that the type requires is absent or null.
    case missingKey = "missing_key"
    /// A key is there, but not as the contract wants it.
    case badValue = "bad_value"
    /// An event type this version does not know.
    case unknownType = "unknown_type"
    /// A version of the event format (`v`) this version does not know.
    case unsupportedVersion = "unsupported_version"
    /// Longer than a line may be.
    case oversized
  }

  package let code: Code
  /// The key of the contract, `tokens.set` for a nested one.
  package let key: String?
  package let detail: String

  package init(_ code: Code, key: String? = nil, detail: String) {
    self.code = code
    self.key = key
    self.detail = detail
  }

  package static func oversized(limit: Int) -> RejectedInput {
    RejectedInput(.oversized, detail: "longer than \(limit) bytes")
  }

  package var description: String {
    [code.rawValue, key, detail].compactMap { $0 }.joined(separator: ": ")
  }
}
