import Blocking
import Foundation
import Hummingbird

/// Files that never change, one after the other as one, sent whole or from where a broken download stopped
/// (RFC 9110 §14).
struct FileDownload: Sendable {
  private static let pieceBytes = 256 << 10
  private struct Piece: Sendable {
    let path: String
    let size: Int
  }
  private let pieces: [Piece]
  let name: String
  let type: String
  /// Names the bytes: another file has another one.
  let tag: String
  let size: Int

  init(paths: [String], name: String, type: String, tag: String) throws {
    (self.name, self.type, self.tag) = (name, type, "\"\(tag)\"")
    pieces = try paths.map { path in
      let attributes = try FileManager.default.attributesOfItem(atPath: path)
      return Piece(path: path, size: (attributes[.size] as? NSNumber)?.intValue ?? 0)
    }
    size = pieces.reduce(0) { $0 + $1.size }
  }

  /// What a request asks of the file.
  enum Part: Equatable {
    case whole
    case bytes(Range<Int>)
    case none
  }

  /// - Parameters:
  ///   - range: the header `Range`; what is not understood, or asks for several, is answered with the whole file.
  ///   - condition: the header `If-Range`.
  func part(range: String?, condition: String?) -> Part {
    guard let range, condition == nil || condition == tag, range.hasPrefix("bytes=") else { return .whole }
    let ends = range.dropFirst(6).split(separator: "-", omittingEmptySubsequences: false)
    guard ends.count == 2, let (first, last) = Self.numbers(ends[0], ends[1]) else { return .whole }
    switch (first, last) {
    case (let first?, let last?) where last < first: return .whole
    case (let first?, let last?): return first < size ? .bytes(first..<min(last, size - 1) + 1) : .none
    case (let first?, nil): return first < size ? .bytes(first..<size) : .none
    case (nil, let count?): return count > 0 && size > 0 ? .bytes(max(0, size - count)..<size) : .none
    case (nil, nil): return .whole
    }
  }

  func part(of request: Request) -> Part {
    part(range: request.headers[.range], condition: request.headers[.ifRange])
  }

  /// What of the file is given out, for the record: in our words, not the request's.
  func words(for part: Part) -> String {
    switch part {
    case .whole: "all \(size)"
    case .bytes(let range): "\(range.lowerBound)-\(range.upperBound - 1) of \(size)"
    case .none: "none of \(size)"
    }
  }

  /// `nil` if one of them is neither empty nor a number.
  private static func numbers(_ first: Substring, _ last: Substring) -> (Int?, Int?)? {
    func isNumber(_ text: Substring) -> Bool {
      text.utf8.count <= 18 && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
    }
    guard isNumber(first), isNumber(last) else { return nil }
    return (Int(first), Int(last))
  }

  /// The bytes of a part.
  func range(of part: Part) -> Range<Int> {
    switch part {
    case .whole: 0..<size
    case .bytes(let range): range
    case .none: 0..<0
    }
  }

  /// - Parameter sent: told how many bytes went out, however it ended.
  func response(_ part: Part, sent: @escaping @Sendable (Int) async -> Void = { _ in }) -> Response {
    var headers: HTTPFields = [
      .contentType: type, .cacheControl: "no-store", .acceptRanges: "bytes", .eTag: tag,
      .contentDisposition: "attachment; filename=\"\(name)\"",
    ]
    switch part {
    case .none:
      headers[.contentRange] = "bytes */\(size)"
      return Response(status: .rangeNotSatisfiable, headers: headers)
    case .whole: return Response(status: .ok, headers: headers, body: body(0..<size, sent))
    case .bytes(let range):
      headers[.contentRange] = "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(size)"
      return Response(status: .partialContent, headers: headers, body: body(range, sent))
    }
  }

  private func body(_ range: Range<Int>, _ sent: @escaping @Sendable (Int) async -> Void) -> ResponseBody {
    let pieces = pieces
    return ResponseBody(contentLength: range.count) { writer in
      var offset = range.lowerBound
      do {
        while offset < range.upperBound {
          let (start, count) = (offset, min(Self.pieceBytes, range.upperBound - offset))
          let bytes = try await runBlocking { try Self.bytes(of: pieces, from: start, count) }
          try await writer.write(ByteBuffer(bytes: bytes))
          offset += bytes.count
        }
      } catch {
        await sent(offset - range.lowerBound)
        throw error
      }
      await sent(range.count)
      try await writer.finish(nil)
    }
  }

  /// The next bytes, of one file; never none.
  private static func bytes(of pieces: [Piece], from offset: Int, _ count: Int) throws -> [UInt8] {
    var offset = offset
    for piece in pieces {
      guard offset < piece.size else {
        offset -= piece.size
        continue
      }
      let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: piece.path))
      defer { try? file.close() }
      try file.seek(toOffset: UInt64(offset))
      let bytes = Array(try file.read(upToCount: min(count, piece.size - offset)) ?? Data())
      if !bytes.isEmpty { return bytes }
      break
    }
    throw Problem(500, "package_changed", "the package changed while it was read")
  }
}
