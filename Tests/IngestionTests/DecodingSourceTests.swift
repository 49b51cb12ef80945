import Foundation
import Glibc
@testable import Ingestion
import Testing
import Zstd

/// A folder of its own for one test, removed at its end.
final class ScratchFolder {
  let path: String

  init() throws {
    path =
      FileManager.default.temporaryDirectory.path + "/muniment-source-\(UInt64.random(in: 0...UInt64.max))"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  @discardableResult
  func write(_ name: String, _ bytes: [UInt8]) throws -> String {
    let file = path + "/" + name
    let folder = file.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(
      separator: "/")
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try Data(bytes).write(to: URL(fileURLWithPath: file))
    return file
  }
}

/// A gzip member that stores its content as it is (RFC 1951 §3.2.4), at most 65 535 bytes.
func gzipMember(_ content: [UInt8]) -> [UInt8] {
  var crc: UInt32 = .max
  for byte in content {
    crc ^= UInt32(byte)
    for _ in 0..<8 { crc = crc & 1 == 1 ? (crc >> 1) ^ 0xEDB8_8320 : crc >> 1 }
  }
  func little(_ number: UInt32, _ bytes: Int) -> [UInt8] {
    (0..<bytes).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
  }
  let length = UInt32(content.count)
  return [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255, 1] + little(length, 2) + little(~length & 0xFFFF, 2) + content
    + little(~crc, 4) + little(length, 4)
}

@Suite("Source reader")
struct DecodingSourceTests {
  /// Lines as `number:text`, `number:!` for one too long, and `error CODE line N`.
  static func read(_ sources: [String], lineLimit: Int = 20) throws -> [String] {
    var reader = try SourceReader(sources, lineLimit: lineLimit)
    var seen: [String] = []
    while true {
      do throws(SourceError) {
        guard let line = try reader.next() else { return seen }
        seen.append("\(line.number):" + (line.bytes.map { String(decoding: $0, as: UTF8.self) } ?? "!"))
      } catch {
        seen.append("error \(error.code.rawValue) line \(error.line)")
      }
    }
  }

  @Test(
    "lines are cut, numbered and bounded",
    arguments: [
      ("", []), ("a", ["1:a"]), ("a\n", ["1:a"]), ("a\nb", ["1:a", "2:b"]), ("a\r\nb\r\n", ["1:a", "2:b"]),
      ("\n\na\n\n \t\nb\n\n", ["3:a", "6:b"]), ("\u{feff}a\nb", ["1:a", "2:b"]), ("\u{feff}", []),
      ("\u{feff}\r\nb", ["2:b"]),
      ("a\rb\n", ["1:a\rb"]), ("\n", []), ("\r\n", []), ("\r", []),
      (String(repeating: "x", count: 20), ["1:" + String(repeating: "x", count: 20)]),
      (String(repeating: "x", count: 20) + "\r\n", ["1:" + String(repeating: "x", count: 20)]),
      ("\u{feff}" + String(repeating: "x", count: 20) + "\r\n", ["1:" + String(repeating: "x", count: 20)]),
      ("a\n" + String(repeating: "x", count: 21) + "\nb", ["1:a", "2:!", "3:b"]),
      (String(repeating: "x", count: 21), ["1:!"]),
      (
        String(repeating: "x", count: 500_000) + "\n\nb\n" + String(repeating: "y", count: 600_000),
        ["1:!", "3:b", "4:!"]
      ),
    ])
  func lines(content: String, expected: [String]) throws {
    let folder = try ScratchFolder()
    let plain = try folder.write("plain", content.bytes)
    #expect(try Self.read([plain]) == expected)
    let zstd = try folder.write("zstd", ZstdFrame.compress(content.bytes))
    #expect(try Self.read([zstd]) == expected)
    if content.utf8.count < 60_000 {
      let gzip = try folder.write("gzip", gzipMember(content.bytes))
      #expect(try Self.read([gzip]) == expected)
    }
  }

  @Test("the splitter gives the same lines however its input is cut")
  func anyCut() {
    let text =
      "\u{feff}one\r\n\ntwo" + String(repeating: "x", count: 30) + "\nthree\r\n"
      + String(repeating: "y", count: 10) + "\nend"
    func split(_ size: Int) -> [String] {
      var splitter = LineSplitter(limit: 10)
      var seen: [String] = []
      func note(_ line: LineSplitter.Line) {
        seen.append("\(line.number):" + (line.bytes.map { String(decoding: $0, as: UTF8.self) } ?? "!"))
      }
      for start in stride(from: 0, to: text.utf8.count, by: size) {
        splitter.append(Array(text.bytes[start..<min(start + size, text.utf8.count)]))
        while let line = splitter.next() { note(line) }
      }
      if let line = splitter.last() { note(line) }
      return seen
    }
    for size in 1...text.utf8.count {
      #expect(split(size) == ["1:one", "3:!", "4:three", "5:yyyyyyyyyy", "6:end"])
    }
  }

  @Test("a directory gives all its files in the order of their paths")
  func directories() throws {
    let folder = try ScratchFolder()
    try folder.write("b.ndjson", "b\n".bytes)
    try folder.write("a/2.ndjson.gz", gzipMember("a2\n".bytes))
    try folder.write("a/10.ndjson.zst", ZstdFrame.compress("a10\n".bytes))
    try folder.write(".hidden", "no\n".bytes)
    try folder.write("c/.git/x", "no\n".bytes)
    symlink(folder.path, folder.path + "/a/loop")
    symlink(folder.path + "/b.ndjson", folder.path + "/z")
    symlink(folder.path + "/nowhere", folder.path + "/y")
    #expect(try Self.read([folder.path]) == ["1:a10", "1:a2", "1:b", "1:b"])
    #expect(try Self.read([folder.path + "/"]) == ["1:a10", "1:a2", "1:b", "1:b"])
  }

  @Test("frames and members one after another are one file")
  func concatenated() throws {
    let folder = try ScratchFolder()
    let frames = ZstdFrame.compress("a\nb".bytes) + ZstdFrame.compress("c\nd\n".bytes)
    let members = gzipMember("a\nb".bytes) + gzipMember("c\nd\n".bytes)
    let skippable: [UInt8] = [0x5A, 0x2A, 0x4D, 0x18, 2, 0, 0, 0, 9, 9]
    let expected = ["1:a", "2:bc", "3:d"]
    #expect(try Self.read([folder.write("f", frames)]) == expected)
    #expect(try Self.read([folder.write("m", members)]) == expected)
    #expect(try Self.read([folder.write("s", skippable + frames)]) == expected)
  }

  @Test("a cut compressed file keeps its lines, is named, and the next file is read")
  func truncated() throws {
    let folder = try ScratchFolder()
    var random = SeededRandom(seed: 1)
    let text = (0..<40_000).map { _ in "\(UInt64.random(in: 0...UInt64.max, using: &random))\n" }.joined()
    let whole = ZstdFrame.compress(text.bytes)
    let zstd = try folder.write("cut.zst", Array(whole.prefix(whole.count / 2)))
    let gzip = try folder.write("cut.gz", Array(gzipMember("a\nb\nc".bytes).dropLast(9)))
    let good = try folder.write("good", "z".bytes)
    let seen = try Self.read([zstd, good])
    #expect(seen.count > 1_000)
    #expect(seen.suffix(2) == ["error source_truncated line \(seen.count - 1)", "1:z"])
    #expect(seen.first == "1:" + text.prefix { $0 != "\n" })
    #expect(try Self.read([gzip, good]) == ["1:a", "2:b", "error source_truncated line 3", "1:z"])
  }

  @Test("a damaged compressed file is named")
  func damaged() throws {
    let folder = try ScratchFolder()
    var frame = ZstdFrame.compress(Array(repeating: 0x61, count: 100_000))
    frame[4] ^= 0xFF
    frame.append(contentsOf: Array(repeating: 0, count: 9))
    #expect(try Self.read([folder.write("z", frame)]).last?.hasPrefix("error source_damaged") == true)
    var member = gzipMember("a\nb\n".bytes)
    member[member.count - 6] ^= 1
    #expect(try Self.read([folder.write("g", member)]).last?.hasPrefix("error source_damaged") == true)
  }

  @Test("what is not there is an error at once")
  func missing() {
    do throws(SourceError) {
      _ = try SourceReader("/no/such/file")
      Issue.record("opened")
    } catch {
      #expect(error.code == .notFound)
      #expect(error.source == "/no/such/file")
    }
  }

  @Test("a pipe that trickles is read like a file")
  func pipe() throws {
    let payload = ZstdFrame.compress("a\nb\nc".bytes)
    var ends: [CInt] = [0, 0]
    try #require(Glibc.pipe(&ends) == 0)
    let writeEnd = ends[1]
    let writer = Thread {
      for byte in payload { _ = [byte].withUnsafeBytes { Glibc.write(writeEnd, $0.baseAddress, 1) } }
      close(writeEnd)
    }
    writer.start()
    var reader = try SourceReader("/dev/fd/\(ends[0])")
    #expect(reader.bytesTotal == nil)
    var seen: [Int64] = []
    while let line = try reader.next() { seen.append(line.number) }
    #expect(seen == [1, 2, 3])
    #expect(reader.bytesRead == Int64(payload.count))
    close(ends[0])
  }

  @Test("progress counts the files' own bytes")
  func progress() throws {
    let folder = try ScratchFolder()
    let packed = ZstdFrame.compress(Array(repeating: 0x0A, count: 1_000_000))
    try folder.write("a", packed)
    try folder.write("b", "x\ny\n".bytes)
    var reader = try SourceReader(folder.path)
    let total = Int64(packed.count + 4)
    #expect(reader.bytesTotal == total)
    #expect(reader.bytesRead == 0)
    while try reader.next() != nil {}
    #expect(reader.bytesRead == total)
  }
}
