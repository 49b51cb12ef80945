/// A segment, or a part of one, is not what it should be. `description` is safe to show.
package struct SegmentError: Error, Hashable, CustomStringConvertible {
  package enum Code: String, Sendable {
    case notASegment = "not_a_segment"
    case unsupportedVersion = "unsupported_version"
    case truncated
    case damaged
    case keyDestroyed = "key_destroyed"
    case dictionaryMissing = "dictionary_missing"
    case overLimit = "over_limit"
  }
  package let code: Code
  package let what: String

  package init(_ code: Code, _ what: String) {
    self.code = code
    self.what = what
  }

  package var isRetryable: Bool { false }

  package var description: String {
    switch code {
    case .notASegment: "\(what) is not a segment"
    case .unsupportedVersion: "\(what) has a version this program does not know"
    case .truncated: "\(what) is cut short"
    case .damaged: "\(what) is damaged"
    case .keyDestroyed: "the key of \(what) is destroyed"
    case .dictionaryMissing: "the dictionary of \(what) is not in the catalogue"
    case .overLimit: "\(what) is over the format's limit"
    }
  }
}
