/// Where segments lie. Objects are written once, never changed, read by range.
package protocol SegmentStore: Sendable {
  /// Puts a finished file into the store under a new name; refuses a name that is taken.
  func put(_ name: String, from path: String) async throws
  /// The whole object, or a range of its bytes; `.shortRead` if the object ends before the range does.
  func read(_ name: String, range: Range<Int>?) async throws -> [UInt8]
  func size(_ name: String) async throws -> Int64
  /// Names of all whole objects, sorted.
  func list() async throws -> [String]
  /// Deleting what is not there is no error.
  func delete(_ name: String) async throws
  /// Removes what interrupted puts left behind; returns how many that were.
  func sweep() async throws -> Int
  /// What interrupted puts left behind and ``sweep()`` would remove.
  func leftovers() async throws -> [SegmentLeftover]
  /// Size and age of an object; `nil` if it is not there.
  func leftover(_ name: String) async throws -> SegmentLeftover?
  /// What the store can do; asks it the first time.
  func report() async throws -> SegmentStoreReport
}

/// The names of objects: the segment's id in hexadecimal and a suffix.
package enum SegmentName {
  package static let suffix = ".mseg"

  package static func object(_ id: String) -> String { id + suffix }

  /// The id in an object's name, or `nil` for any other name.
  package static func id(_ object: String) -> String? {
    guard object.hasSuffix(suffix) else { return nil }
    let id = String(object.dropLast(suffix.count))
    guard id.utf8.count == 32,
      id.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
    else {
      return nil
    }
    return id
  }
}

/// The store failed. `description` names the object, never its content.
package struct SegmentStoreError: Error, CustomStringConvertible {
  package enum Code: String, Sendable {
    case badName = "bad_name"
    case exists
    case missing
    case shortRead = "short_read"
    case tooLarge = "too_large"
    case io
    /// Nobody may delete or change it yet.
    case locked
    /// In a storage class that has to be asked to bring it back first.
    case offline
    /// The store does not let us: credentials, permissions, a bucket that is not there.
    case refused
    /// The store cannot do it.
    case unsupported
  }
  package let code: Code
  package let description: String
  package var isRetryable: Bool { code == .io }
  /// Whether the object is not there as it was written. Otherwise the store did not answer, or not us: what is in it
  /// is as good as it was.
  package var isDamage: Bool {
    switch code {
    case .missing, .shortRead, .tooLarge, .badName: true
    case .exists, .io, .locked, .offline, .refused, .unsupported: false
    }
  }

  package init(_ code: Code, _ description: String) {
    self.code = code
    self.description = description
  }

  static let badName = SegmentStoreError(
    .badName, "a segment object's name is 32 hexadecimal digits and \(SegmentName.suffix)")
}
