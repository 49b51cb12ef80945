import Blocking
import Foundation

/// A directory as a POSIX tar file (ustar, IEEE Std 1003.1-1988), streamed file by file.
struct TarArchive: Sendable {
  struct Part: Sendable {
    let path: String
    let name: String
    let size: Int
  }

  let parts: [Part]
  private static let block = 512
  private static let pieceBytes = 1 << 18
  /// Largest size the header's eleven octal digits hold.
  private static let fileBytesMax = 1 << 33 - 1
  static let end = [UInt8](repeating: 0, count: 2 * block)

  init(directory: String, named name: String) throws {
    var parts: [Part] = []
    let files = FileManager.default.enumerator(atPath: directory)
    while let relative = files?.nextObject() as? String {
      guard files?.fileAttributes?[.type] as? FileAttributeType == .typeRegular,
        let size = (files?.fileAttributes?[.size] as? NSNumber)?.intValue
      else { continue }
      let part = Part(path: directory + "/" + relative, name: name + "/" + relative, size: size)
      guard size <= Self.fileBytesMax, Self.split(part.name) != nil else {
        throw Problem(
          500, "package_not_streamable",
          "a file of the package does not fit the tar format; copy it from the server")
      }
      parts.append(part)
    }
    self.parts = parts.sorted { $0.name < $1.name }
  }

  var size: Int { parts.reduce(Self.end.count) { $0 + Self.block + Self.padded($1.size) } }

  /// The next bytes of a file; never none.
  static func piece(of part: Part, from offset: Int) async throws -> [UInt8] {
    let count = min(part.size - offset, pieceBytes)
    return try await runBlocking {
      let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: part.path))
      defer { try? file.close() }
      try file.seek(toOffset: UInt64(offset))
      let bytes = Array(try file.read(upToCount: count) ?? Data())
      guard !bytes.isEmpty else {
        throw Problem(500, "package_changed", "the package changed while it was read")
      }
      return bytes
    }
  }

  static func padding(_ part: Part) -> [UInt8] { [UInt8](repeating: 0, count: padded(part.size) - part.size) }

  private static func padded(_ size: Int) -> Int { (size + block - 1) / block * block }

  /// The name in the header's two fields: prefix of 155 bytes, name of 100.
  private static func split(_ name: String) -> (prefix: [UInt8], name: [UInt8])? {
    let bytes = Array(name.utf8)
    if bytes.count <= 100 { return ([], bytes) }
    for (index, byte) in bytes.enumerated() where byte == UInt8(ascii: "/") && index <= 155 {
      if bytes.count - index - 1 <= 100 { return (Array(bytes[..<index]), Array(bytes[(index + 1)...])) }
    }
    return nil
  }

  static func header(_ part: Part) -> [UInt8] {
    var header = [UInt8](repeating: 0, count: block)
    func put(_ bytes: some Sequence<UInt8>, at offset: Int) {
      for (index, byte) in bytes.enumerated() { header[offset + index] = byte }
    }
    func octal(_ number: Int, digits: Int) -> String {
      let text = String(number, radix: 8)
      return String(repeating: "0", count: digits - text.count) + text
    }
    let (prefix, name) = split(part.name) ?? ([], [])
    put(name, at: 0)
    put("0000600\u{0}0000000\u{0}0000000\u{0}".utf8, at: 100)
    put((octal(part.size, digits: 11) + "\u{0}00000000000\u{0}        0").utf8, at: 124)
    put("ustar\u{0}00".utf8, at: 257)
    put(prefix, at: 345)
    // The sum is taken with its own field as eight spaces.
    put((octal(header.reduce(0) { $0 + Int($1) }, digits: 6) + "\u{0} ").utf8, at: 148)
    return header
  }
}
