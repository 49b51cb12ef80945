/// In what form a package is handed out.
package enum ExportPackaging: Sendable, Hashable {
  /// Files in a directory.
  case directory
  /// One ZIP file.
  case zip
  /// One ZIP file that only the recipients can open, with the `age` program.
  case encrypted([AgeRecipient])

  /// - Parameter path: ends in `.age` if there are recipients, in `.zip` for a ZIP file.
  /// - Throws: ``ExportError`` `.destination` if name and recipients contradict each other.
  package init(path: String, recipients: [AgeRecipient]) throws(ExportError) {
    guard path.hasSuffix(".age") != recipients.isEmpty else {
      throw ExportError(
        .destination,
        recipients.isEmpty
          ? "a package that is called .age needs a --recipient"
          : "a package for recipients is one file: let its name end in .zip.age")
    }
    self = !recipients.isEmpty ? .encrypted(recipients) : path.hasSuffix(".zip") ? .zip : .directory
  }

  var isFile: Bool { self != .directory }

  package var recipients: [AgeRecipient] { if case .encrypted(let all) = self { all } else { [] } }
}

extension ExportPackaging: Codable {
  private enum Key: CodingKey { case form, recipients }

  package init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: Key.self)
    switch try values.decode(String.self, forKey: .form) {
    case "zip": self = .zip
    case "age":
      self = .encrypted(try values.decode([String].self, forKey: .recipients).map(AgeRecipient.init))
    default: self = .directory
    }
  }

  package func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: Key.self)
    switch self {
    case .directory: try values.encode("directory", forKey: .form)
    case .zip: try values.encode("zip", forKey: .form)
    case .encrypted(let recipients):
      try values.encode("age", forKey: .form)
      try values.encode(recipients.map(\.text), forKey: .recipients)
    }
  }
}
