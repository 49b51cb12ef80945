/// Where the files of a package lie.
package struct PackageFiles: Sendable {
  /// One after the other they are the package. None: it is not there.
  package let whole: [String]
  /// The signed list of parts of one that was cut.
  package let list: String?

  /// Blocks.
  /// - Parameter isSplit: whether it was made in parts.
  package init(at path: String, isSplit: Bool) {
    let files = PackageParts.files(at: path, isSplit: isSplit)
    list = files.first { $0 != path && $0.hasSuffix(PackageParts.suffix) }
    whole = files.filter { $0 == path || !$0.hasSuffix(PackageParts.suffix) }
  }
}

extension Exporter {
  /// Smaller parts help nobody.
  package static let partBytesMin: Int64 = 65_536

  static func check(_ partBytes: Int64?, _ packaging: ExportPackaging) throws {
    guard let partBytes else { return }
    guard packaging.isFile, partBytes >= partBytesMin else {
      throw ExportError(
        .badSelection, "only packages of one file are cut into parts, of \(partBytesMin) bytes or more")
    }
  }

  /// The size of parts, as people put it.
  /// - Parameter text: `700M`, `4G`, or bytes.
  /// - Throws: ``ExportError`` `.badSelection`.
  package static func partBytes(_ text: String) throws -> Int64 {
    let units: [Character: Int64] = ["K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40]
    let unit = text.last.flatMap { units[Character($0.uppercased())] }
    guard let number = Int64(unit == nil ? text : String(text.dropLast())), number > 0, number < 1 << 40
    else {
      throw ExportError(.badSelection, "a size is a number, with K, M, G or T if you like")
    }
    let (bytes, overflow) = number.multipliedReportingOverflow(by: unit ?? 1)
    guard !overflow, bytes >= partBytesMin else {
      throw ExportError(.badSelection, "parts have \(partBytesMin) bytes or more")
    }
    return bytes
  }
}
