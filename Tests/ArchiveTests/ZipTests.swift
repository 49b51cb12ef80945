import Foundation
import Testing

@testable import Archive

@Suite final class ZipTests {
  private let directory = "/tmp/muniment-zip-\(UUID().uuidString)"

  init() throws {
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
  }
  deinit { try? FileManager.default.removeItem(atPath: directory) }

  private func store(_ bytes: [UInt8], _ name: String) throws -> String {
    try Data(bytes).write(to: URL(filePath: directory + "/" + name))
    return directory + "/" + name
  }

  private func read(_ paths: [String]) throws -> [String: [UInt8]] {
    let reader = try ZipReader(paths)
    var files: [String: [UInt8]] = [:]
    while let entry = try reader.next() {
      #expect(entry.isFile)
      var content: [UInt8] = []
      while case let piece = try reader.read(upTo: 1_000), !piece.isEmpty { content += piece }
      files[entry.name] = content
    }
    return files
  }

  private static let files: [(name: String, bytes: [UInt8])] = [
    ("empty", []), ("a/b/c.txt", Array("text".utf8)), ("日本/ملف.txt", [0, 255]),
    ("big", (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 7) }),
  ]

  @Test func whatIsWrittenIsReadBack() throws {
    let path = try store(try ZipWriter.archive(Self.files, modified: 1_780_000_000), "a.zip")
    let found = try read([path])
    #expect(found == Dictionary(uniqueKeysWithValues: Self.files.map { ($0.name, $0.bytes) }))
  }

  @Test func filesOfUnknownLengthAndPartsOfOneFileAreReadBack() throws {
    let writer = try ZipWriter(stored: true)
    var bytes: [UInt8] = []
    for file in Self.files {
      try writer.begin(file.name, modified: 0)
      for start in stride(from: 0, to: file.bytes.count, by: 7_777) {
        try writer.write(Array(file.bytes[start..<min(start + 7_777, file.bytes.count)]))
        bytes += writer.take()
      }
    }
    try writer.finish()
    bytes += writer.take()
    let parts = try stride(from: 0, to: bytes.count, by: 50_000).map {
      try store(Array(bytes[$0..<min($0 + 50_000, bytes.count)]), "part-\($0)")
    }
    #expect(parts.count > 3)
    #expect(try read(parts) == Dictionary(uniqueKeysWithValues: Self.files.map { ($0.name, $0.bytes) }))
  }

  @Test func theSameFilesGiveTheSameBytes() throws {
    #expect(try ZipWriter.archive(Self.files, modified: 5) == ZipWriter.archive(Self.files, modified: 5))
  }

  @Test func damageIsFound() throws {
    var bytes = try ZipWriter.archive(Self.files, modified: 0)
    bytes[bytes.count / 2] ^= 1
    let path = try store(bytes, "damaged.zip")
    #expect(throws: ArchiveError.self) { try read([path]) }
    let cut = try store(Array(bytes.prefix(bytes.count / 2)), "cut.zip")
    #expect(throws: ArchiveError.self) { try read([cut]) }
    #expect(throws: ArchiveError.self) { try read([directory + "/none"]) }
  }
}
