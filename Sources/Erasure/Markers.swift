import Postgres
import Catalog
import Foundation
import History
import KeyVault
import Model
import SearchIndex

/// Bytes by which the subject would be recognised in our files: external id and pieces of what they wrote.
/// In memory only, and only while an erasure runs.
struct Markers: Sendable {
  private(set) var bytes: [[UInt8]] = []

  /// Shorter or one-word texts occur by chance, or as other people's search tokens.
  private static let textBytesMin = 20
  private static let idBytesMin = 8
  private static let textsMax = 2_000

  static func gather(_ service: ErasureService, _ row: ErasureRow, _ subject: SubjectID?) async throws
    -> Markers
  {
    var markers = Markers()
    let request = KeyOwner.request(row.tenant, row.id)
    if let sealed = row.sealed, let key = try await service.vault.keys([request], creating: false)[request] {
      markers.add(id: try RequestSeal.open(sealed, erasure: row.id, key: key).subject)
    }
    guard let subject else { return markers }
    var cursor: MessageKey?
    while markers.bytes.count < textsMax {
      let after = cursor
      let locators = try await service.database.transaction { tx in
        try Locators.bySender(subject, states: [.live, .restricted], after: after, limit: 500, in: tx)
      }
      guard let last = locators.last else { break }
      cursor = last.key
      for message in try await service.history.messages(locators.map(\.place), states: [.live, .restricted]) {
        markers.add(message)
      }
    }
    return markers
  }

  private mutating func add(id: String) {
    if id.utf8.count >= Self.idBytesMin { bytes.append(Array(id.utf8)) }
  }

  var isFull: Bool { bytes.count >= Self.textsMax }

  mutating func add(_ message: HistoricMessage) {
    guard bytes.count < Self.textsMax else { return }
    if case .plain(let text) = message.payload.body, text.utf8.count >= Self.textBytesMin, text.contains(" ")
    {
      bytes.append(Array(text.utf8.prefix(64)))
    }
    if message.payload.messageID.utf8.count >= Self.textBytesMin {
      bytes.append(Array(message.payload.messageID.utf8))
    }
  }
}

/// Looks for markers in files, byte by byte.
struct ByteScan {
  /// By the first eight bytes, so that a position is looked up once whatever the number of markers.
  private var starts: [UInt64: [[UInt8]]] = [:]
  /// Whether a marker begins with these two bytes: nearly every position is passed by without a further look.
  private var begins = [Bool](repeating: false, count: 65_536)
  private let longest: Int

  init(_ markers: Markers) {
    for marker in markers.bytes where marker.count >= 8 {
      let word = Self.word(marker, 0)
      starts[word, default: []].append(marker)
      begins[Int(word & 0xFFFF)] = true
    }
    longest = markers.bytes.map(\.count).max() ?? 0
  }

  private static func word(_ bytes: [UInt8], _ offset: Int) -> UInt64 {
    (0..<8).reduce(UInt64(0)) { $0 | UInt64(bytes[offset + $1]) << UInt64($1 * 8) }
  }

  /// Paths, relative to `directory`, of files that hold a marker.
  func files(in directory: String) throws -> [String] {
    guard !starts.isEmpty else { return [] }
    var found: [String] = []
    guard let walk = FileManager.default.enumerator(atPath: directory) else { return [] }
    for case let path as String in walk {
      // A file may go while we look (a finished log, a dropped segment); what is gone holds nothing.
      guard let file = FileHandle(forReadingAtPath: directory + "/" + path) else { continue }
      defer { try? file.close() }
      if (try? holdsMarker(file)) == true { found.append(path) }
    }
    return found.sorted()
  }

  private static let chunkBytes = 4 << 20

  private func holdsMarker(_ file: FileHandle) throws -> Bool {
    var carried: [UInt8] = []
    while let data = try file.read(upToCount: Self.chunkBytes), !data.isEmpty {
      let chunk = carried + [UInt8](data)
      if holdsMarker(chunk) { return true }
      carried = Array(chunk.suffix(longest))
    }
    return false
  }

  private func holdsMarker(_ chunk: [UInt8]) -> Bool {
    guard chunk.count >= 8 else { return false }
    for offset in 0...(chunk.count - 8) {
      guard begins[Int(chunk[offset]) | Int(chunk[offset + 1]) << 8],
        let markers = starts[Self.word(chunk, offset)]
      else { continue }
      if markers.contains(where: { chunk[offset...].starts(with: $0) }) { return true }
    }
    return false
  }
}
