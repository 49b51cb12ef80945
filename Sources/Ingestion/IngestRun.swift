import Blocking
import Model

/// Takes whole sources in: reads, decodes and stores in batches, decoding the next batch while one is stored.
package struct IngestRun: Sendable {
  private let ingestor: Ingestor
  private let decoder: BatchDecoder

  /// Lines and bytes a batch holds at most: ten thousand rows is where COPY stops gaining much.
  package static let batchLinesMax = 8_000
  package static let batchBytesMax = 16 << 20

  package init(ingestor: Ingestor, decoder: BatchDecoder) {
    self.ingestor = ingestor
    self.decoder = decoder
  }

  package struct Progress: Sendable {
    package var lines: Int
    package var bytesRead: Int64
    package var bytesTotal: Int64?
  }

  /// Ingests one source (a path, or `-`), returning what became of its lines, and which files failed.
  package func ingest(_ source: String, progress: @escaping @Sendable (Progress) -> Void = { _ in })
    async throws
    -> IngestResult
  {
    var result = IngestResult()
    let feeder: LineFeeder
    do {
      feeder = try LineFeeder(source)
    } catch {
      result.failures = [error]
      return result
    }
    var lines = 0
    var decoded = try await next(feeder)
    while true {
      result.failures += decoded.failures
      guard let batch = decoded.batch else { return result }
      async let upcoming = next(feeder)
      result += try await ingestor.store(batch)
      lines += batch.items.count + batch.rejected.count
      let position = await feeder.position
      progress(Progress(lines: lines, bytesRead: position.read, bytesTotal: position.total))
      decoded = try await upcoming
    }
  }

  /// The next batch, `nil` at the end, and the files that failed on the way to it.
  private func next(_ feeder: LineFeeder) async throws -> (batch: IngestBatch?, failures: [SourceError]) {
    var failures: [SourceError] = []
    while true {
      do {
        guard let lines = try await feeder.next() else { return (nil, failures) }
        return (await decoder.decode(lines), failures)
      } catch let error as SourceError {
        failures.append(error)
      }
    }
  }
}

/// Reads batches of lines on a thread of its own.
actor LineFeeder {
  private let executor = ThreadExecutor(name: "ingest-reader")
  private let source: String
  private var reader: SourceReader
  private var carried: SourceLine?
  /// A failure met behind lines that were read already: these go first.
  private var failure: SourceError?

  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  init(_ source: String) throws(SourceError) {
    self.source = source
    reader = try SourceReader(source)
  }

  deinit { executor.stop() }

  var position: (read: Int64, total: Int64?) { (reader.bytesRead, reader.bytesTotal) }

  /// Up to a batch of lines of one file; `nil` at the end of the source.
  func next() throws -> LineBatch? {
    if let failure {
      self.failure = nil
      throw failure
    }
    var batch: LineBatch?
    var bytes = 0
    while let line = try nextLine(behind: batch) {
      carried = nil
      if let open = batch,
        open.source != line.source || open.lines.count >= IngestRun.batchLinesMax
          || bytes >= IngestRun.batchBytesMax
      {
        carried = line
        break
      }
      var open = batch ?? LineBatch(source: line.source)
      batch = nil
      open.append(line.number, line.bytes)
      bytes += line.bytes?.count ?? 0
      batch = open
    }
    return batch
  }

  private func nextLine(behind batch: LineBatch?) throws -> SourceLine? {
    if let carried { return carried }
    do {
      return try reader.next()
    } catch {
      guard batch != nil else { throw error }
      failure = error
      return nil
    }
  }
}
