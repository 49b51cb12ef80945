import Foundation
import Glibc
import Sodium

/// The id of a home, in a file of it: it goes wherever the home is mounted, while machines' names come and go.
enum HomeMark {
  static let fileName = "home-id"
  private static let digits = 32

  /// `nil` for a home that has none yet. Blocks a little.
  static func read(_ home: String) -> String? {
    guard let bytes = try? Paths.read(home + "/" + fileName, limit: digits + 1) else { return nil }
    let text = String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .newlines)
    return text.utf8.count == digits ? text : nil
  }

  /// Gives the home an id if it has none. Whoever comes second takes the first one's.
  static func ensure(_ home: String) throws -> String {
    if let known = read(home) { return known }
    let (id, path) = (Randomness.bytes(digits / 2).hex, home + "/" + fileName)
    let draft = path + "." + Randomness.bytes(6).hex
    try Paths.makeDirectory(home)
    try Paths.replace(draft, with: Array("\(id)\n".utf8))
    defer { unlink(draft) }
    // A link takes no name that is taken; some file systems have none, there the rename has to do.
    if link(draft, path) != 0, errno != EEXIST, rename(draft, path) != 0 {
      throw ExportError.system("name", path)
    }
    try Paths.syncDirectory(home)
    guard let kept = read(home) else { throw ExportError(.destination, "\(path) is no id of a home") }
    return kept
  }
}

extension Exporter {
  /// The home's id; `nil` where there is no home, or it never had a package.
  var homeID: String? { home.flatMap(HomeMark.read) }

  /// Whether this process can say what there is at a path of an export: below the home, if it is the home the export
  /// was made in, wherever that is mounted now; elsewhere, if this is the machine. Blocks a little.
  func reaches(_ path: String, of account: ExportAccount) -> Bool {
    guard isInsideHome(path) else { return account.host == ExportAccount.thisHost }
    if isOwn(account) { return true }
    // Of a row from before homes had ids, or of a home that lost its own: what is there says whose it is.
    return Paths.exists(path) || Paths.exists(path + PackageParts.suffix)
  }

  /// Whether the export was made in this home.
  func isOwn(_ account: ExportAccount) -> Bool {
    account.home.map { $0 == homeID } ?? (account.host == ExportAccount.thisHost)
  }
}
