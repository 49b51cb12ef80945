import CSimdJSON

/// Parses one JSON document after another into the same memory (simdjson's DOM). One per thread.
///
/// The values of a document die with the next ``parse(_:)``; using one after that is a bug and traps.
@safe
package final class JSONParser {
  private let handle: OpaquePointer
  /// Counts the documents parsed, so that a value of an older one is told apart.
  /// Read with every look-up, hence not checked for overlapping access: it changes only in ``parse(_:)``,
  /// which calls out to nothing that could read it.
  @exclusivity(unchecked) private(set) var generation: UInt64 = 0

  /// A parser of documents of up to `capacity` bytes.
  package init(capacity: Int = 4 << 20) {
    guard let handle = unsafe csj_parser_new(capacity) else { preconditionFailure("out of memory") }
    unsafe self.handle = handle
  }

  deinit { unsafe csj_parser_free(handle) }

  /// The outermost value of `document`. UTF-8 is validated; of members named alike, the first counts.
  package func parse(_ document: [UInt8]) throws(JSONError) -> JSONValue {
    unsafe generation += 1
    var root = 0
    let status = unsafe csj_parse(handle, document, document.count, &root)
    guard status == 0 else { throw JSONError(status: status) }
    return unsafe JSONValue(parser: self, generation: generation, place: root)
  }

  func kind(_ place: Int) -> UInt8 { unsafe csj_kind_at(handle, place) }
  func bool(_ place: Int) -> Bool { unsafe csj_bool_at(handle, place) }
  func integer(_ place: Int) -> Int64 { unsafe csj_integer_at(handle, place) }
  func double(_ place: Int) -> Double { unsafe csj_double_at(handle, place) }
  func first(_ place: Int) -> Int { unsafe csj_first(handle, place) }
  func end(_ place: Int) -> Int { unsafe csj_end(handle, place) }
  func after(_ place: Int) -> Int { unsafe csj_after(handle, place) }

  /// Lends a string's UTF-8 where it lies; `nil` for what is no string. The buffer belongs to the parser and
  /// does not leave `body`.
  func withUTF8<R>(_ place: Int, _ body: (UnsafeBufferPointer<UInt8>) -> R) -> R? {
    var count = 0
    guard let start = unsafe csj_string_at(handle, place, &count) else { return nil }
    return unsafe body(UnsafeBufferPointer(start: start, count: count))
  }

  /// The place of a member's value; `nil` if there is none, or no object.
  func find(_ object: Int, _ key: String) -> Int? {
    var key = key
    let place = key.withUTF8 { (name: UnsafeBufferPointer<UInt8>) in
      unsafe csj_find(handle, object, name.baseAddress, name.count)
    }
    return place == 0 ? nil : place
  }
}
