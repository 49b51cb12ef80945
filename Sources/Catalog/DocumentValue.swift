import FoundationEssentials

/// Any JSON value, so that what is wrong with a document can be said in the document's own words.
enum DocumentValue: Decodable, Hashable {
  case null
  case bool(Bool)
  case number(Double)
  case text(String)
  case list([DocumentValue])
  case object([String: DocumentValue])

  private struct Key: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init?(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { return nil }
  }

  init(from decoder: any Decoder) throws {
    if let object = try? decoder.container(keyedBy: Key.self) {
      self = .object(
        try Dictionary(
          uniqueKeysWithValues: object.allKeys.map {
            ($0.stringValue, try object.decode(DocumentValue.self, forKey: $0))
          }))
      return
    }
    if var list = try? decoder.unkeyedContainer() {
      var values: [DocumentValue] = []
      while !list.isAtEnd { values.append(try list.decode(DocumentValue.self)) }
      self = .list(values)
      return
    }
    let value = try decoder.singleValueContainer()
    if value.decodeNil() {
      self = .null
    } else if let bool = try? value.decode(Bool.self) {
      self = .bool(bool)
    } else if let number = try? value.decode(Double.self) {
      self = .number(number)
    } else {
      self = .text(try value.decode(String.self))
    }
  }

  /// At most ``bytesMax`` bytes of JSON.
  init(json: String) throws(RetentionError) {
    guard json.utf8.count <= Self.bytesMax else {
      throw RetentionError(.invalidDocument, "the policy document is over \(Self.bytesMax) bytes")
    }
    do {
      self = try JSONDecoder().decode(DocumentValue.self, from: Data(json.utf8))
    } catch {
      throw RetentionError(.invalidDocument, "the policy document is not JSON")
    }
  }

  static let bytesMax = 1 << 20
}
