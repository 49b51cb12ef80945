import Catalog
import History
import Hummingbird
import Ingestion
import Model
import Zlib
import Zstd

/// `POST /v1/events`: NDJSON in, streamed; what is answered is durable.
enum EventRoutes {
  static let all = [Route.post("/v1/events", [.ingest], events)]

  private static let batchLinesMax = 2_000
  private static let batchBytesMax = 16 << 20

  private struct Outcome: Encodable {
    struct Line: Encodable {
      let line: Int64
      let code: String
      let detail: String
    }
    let accepted: Int
    let duplicates: Int
    let setAside: [Line]
    /// All of them; the list ends after the first thousand.
    let setAsideCount: Int

    init(_ result: IngestResult) {
      accepted = result.accepted
      duplicates = result.duplicates
      setAside = result.setAside.map { Line(line: $0.line, code: $0.code, detail: $0.detail) }
      setAsideCount = result.setAsideCount
    }

    enum CodingKeys: String, CodingKey {
      case accepted, duplicates
      case setAside = "set_aside"
      case setAsideCount = "set_aside_count"
    }
  }

  @Sendable private static func events(_ call: Call) async throws -> Response {
    let bytesMax = call.services.limits.bodyBytesMax
    if let stated = call.request.headers[.contentLength].flatMap({ Int($0) }), stated > bytesMax {
      throw Problem.tooLarge(bytesMax)
    }
    let body = try UnpackedBody(encoding: call.request.headers[.contentEncoding], bytesMax: bytesMax)
    let store = BatchStore(call: call, directory: try await call.directory())
    var result = IngestResult()
    for try await buffer in call.request.body {
      for step in stride(from: 0, to: buffer.readableBytes, by: body.stepBytes) {
        let length = min(body.stepBytes, buffer.readableBytes - step)
        try body.feed(buffer.getBytes(at: buffer.readerIndex + step, length: length) ?? [])
        while body.lines.lines.count >= batchLinesMax || body.lines.bytesHeld >= batchBytesMax {
          result += try await store.store(body.lines.take(batchLinesMax))
        }
      }
    }
    try body.finish()
    while !body.lines.lines.isEmpty { result += try await store.store(body.lines.take(batchLinesMax)) }
    return Reply.json(Outcome(result))
  }

  /// Decodes and stores stretches of lines, and counts them.
  private struct BatchStore {
    let call: Call
    let decoder: BatchDecoder
    let ingestor: Ingestor
    let source: String

    init(call: Call, directory: Directory) {
      self.call = call
      decoder = BatchDecoder(
        format: .events, client: nil,
        tenant: .init(name: directory.tenant.name, revealsOrder: directory.tenant.revealsOrder))
      ingestor = call.services.flows.ingestor(directory)
      source = "http:" + call.principal.subject
    }

    func store(_ lines: [LineSplitter.Line]) async throws -> IngestResult {
      var batch = LineBatch(source: source)
      for line in lines { batch.append(line.number, line.bytes) }
      let result = try await ingestor.store(await decoder.decode(batch))
      call.services.metrics.ingested(
        accepted: result.accepted, duplicates: result.duplicates, setAside: result.setAsideCount)
      return result
    }
  }
}

/// A body as it arrives, unpacked and cut into lines, within its limit.
private final class UnpackedBody {
  private let unpacking: (any Unpacking)?
  private let bytesMax: Int
  private var received = 0
  private var unpacked = 0
  var lines = BodyLines()

  init(encoding: String?, bytesMax: Int) throws(Problem) {
    switch encoding?.lowercased() {
    case nil, "identity": unpacking = nil
    case "gzip": unpacking = Gunzip()
    case "zstd": unpacking = Unzstd()
    default: throw Problem(415, "unsupported_encoding", "Content-Encoding takes gzip, zstd or identity")
    }
    self.bytesMax = bytesMax
  }

  /// Bytes to feed at once: few where they can unpack to many, as what is unpacked waits in memory.
  var stepBytes: Int { unpacking == nil ? 1 << 20 : 1 << 10 }

  func feed(_ bytes: [UInt8]) throws {
    received += bytes.count
    guard received <= bytesMax else { throw Problem.tooLarge(bytesMax) }
    guard let unpacking else { return lines.feed(bytes) }
    do {
      try unpacking.decode(bytes) { piece in
        unpacked += piece.count
        guard unpacked <= bytesMax else { throw Problem.tooLarge(bytesMax) }
        lines.feed(piece)
      }
    } catch let problem as Problem {
      throw problem
    } catch {
      throw Problem(400, "bad_encoding", "the body is not what its Content-Encoding says")
    }
  }

  func finish() throws(Problem) {
    do {
      if received > 0 { try unpacking?.finish() }
    } catch {
      throw Problem(400, "truncated_body", "the body ends in the middle of its Content-Encoding")
    }
    lines.finish()
  }
}

/// One way to unpack.
private protocol Unpacking: AnyObject {
  func decode(_ bytes: [UInt8], _ output: ([UInt8]) throws -> Void) throws
  func finish() throws
}

private final class Gunzip: Unpacking {
  private var decoder = GzipDecoder()
  func decode(_ bytes: [UInt8], _ output: ([UInt8]) throws -> Void) throws {
    try decoder.decode(bytes, output)
  }
  func finish() throws { try decoder.finish() }
}

private final class Unzstd: Unpacking {
  private var decoder = ZstdDecoder()
  func decode(_ bytes: [UInt8], _ output: ([UInt8]) throws -> Void) throws {
    try decoder.decode(bytes, output)
  }
  func finish() throws { try decoder.finish() }
}
