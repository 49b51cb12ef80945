/// What a look at the stores found, and where it looked: a certificate states no look that was not taken.
struct Residue: Sendable {
  /// What is still there, in words that name stores and counts only.
  var findings: [String] = []
  /// Stores that were looked through.
  private(set) var stores: [String] = []
  /// Why the files of the home were not; `nil`: they were.
  private var filesUnread: String? = Self.nothingKnown

  static let nothingKnown = "no text was known to look for"
  static let keptBytes = "what is kept may hold the same bytes"

  mutating func looked(into store: String, _ found: [String] = []) {
    stores.append(store)
    findings += found
  }

  /// Looks for markers in every file of the home; where there are none, it says so.
  mutating func scan(_ markers: Markers, home: String, whose: String) throws {
    guard !markers.bytes.isEmpty else { return }
    findings += try ByteScan(markers).files(in: home).map { "file \($0) holds \(whose) bytes" }
    filesUnread = nil
  }

  mutating func skipFiles(because reason: String) { filesUnread = reason }

  /// For the certificate.
  var verification: String {
    let all = stores + (filesUnread == nil ? ["every file of the home"] : [])
    let list =
      all.count < 2 ? all.joined() : all.dropLast().joined(separator: ", ") + " and " + (all.last ?? "")
    let rest = filesUnread.map { "; the files of the home were not: \($0)" } ?? ""
    return "\(list) \(all.count == 1 ? "was" : "were") looked through: no residue\(rest)"
  }

  /// - Throws: ``ErasureError`` `.residue` if anything was found.
  func check(_ next: String = "") throws {
    guard findings.isEmpty else {
      throw ErasureError(.residue, "not certified, residue found: " + findings.joined(separator: "; ") + next)
    }
  }
}
