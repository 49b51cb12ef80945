import CSimdJSON

/// A value of a parsed document: a place on its parser's tape, so copying and looking up cost next to
/// nothing. Good until the parser's next document.
package struct JSONValue {
  package enum Kind: UInt8, Sendable {
    case object, array, string
    /// A whole number written without fraction or exponent, within 64 bits signed.
    case int
    /// Any other number.
    case double
    case bool, null
  }

  private let parser: JSONParser
  private let generation: UInt64
  private let place: Int

  init(parser: JSONParser, generation: UInt64, place: Int) {
    self.parser = parser
    self.generation = generation
    self.place = place
  }

  /// The parser, if it still holds this value's document.
  private var tape: JSONParser {
    precondition(
      unsafe parser.generation == generation, "a JSON value was used after its parser's next document")
    return parser
  }

  package var kind: Kind { Kind(rawValue: tape.kind(place)) ?? .null }

  package var isNull: Bool { kind == .null }

  package var string: String? {
    unsafe tape.withUTF8(place) { (text: UnsafeBufferPointer<UInt8>) in
      unsafe String(decoding: text, as: UTF8.self)
    }
  }

  /// The UTF-8 of a string, without making a `String` of it.
  package var utf8: [UInt8]? {
    unsafe tape.withUTF8(place) { (text: UnsafeBufferPointer<UInt8>) in unsafe [UInt8](text) }
  }

  package var int: Int64? { kind == .int ? parser.integer(place) : nil }

  /// Any number, whole ones rounded to the nearest double.
  package var double: Double? {
    let kind = kind
    return kind == .int || kind == .double ? parser.double(place) : nil
  }

  package var bool: Bool? { kind == .bool ? parser.bool(place) : nil }

  /// A member of an object; `nil` if there is none, or this is no object. A member that is `null` is found.
  package subscript(key: String) -> JSONValue? {
    tape.find(place, key).map(at)
  }

  /// Hands on the elements of an array without making a list of them; nothing for anything else.
  package func forEachElement<Failure: Error>(_ body: (JSONValue) throws(Failure) -> Void) throws(Failure) {
    guard kind == .array else { return }
    let end = parser.end(place)
    var next = parser.first(place)
    while next < end {
      try body(at(next))
      next = parser.after(next)
    }
  }

  /// The elements of an array; empty for anything else.
  package var elements: [JSONValue] {
    guard kind == .array else { return [] }
    return places(step: 0).map(at)
  }

  /// The members of an object in the order they were written; empty for anything else.
  package var members: [(String, JSONValue)] {
    guard kind == .object else { return [] }
    return places(step: 1).map { key in (at(key).string ?? "", at(key + 1)) }
  }

  /// `step` is 1 where a key stands before each value.
  private func places(step: Int) -> [Int] {
    var places: [Int] = []
    let end = parser.end(place)
    var next = parser.first(place)
    while next < end {
      places.append(next)
      next = parser.after(next + step)
    }
    return places
  }

  private func at(_ place: Int) -> JSONValue {
    JSONValue(parser: parser, generation: generation, place: place)
  }
}
