import Catalog
import History
import Model
import Postgres

/// When a run last wrote down how far it is.
final class ExportRunPace {
  var began = ContinuousClock.now
  var checkpoint = ContinuousClock.now
  var checkpointMessages = 0
  /// Messages that were written when the run began.
  var startMessages = 0
}

extension Exporter {
  /// The run is in the books from here on.
  func start(_ writing: ExportWriting, isFresh: Bool) async throws {
    let pace = writing.pace
    (pace.startMessages, pace.checkpointMessages) = (writing.counts.messages, writing.counts.messages)
    let (export, now, progress) = (writing.export, now(), writing.progress)
    let isRunning = try await database.transaction { tx in
      try Exports.start(
        export, expected: Int64(progress.expected), messages: Int64(progress.messages), at: now, in: tx)
    }
    guard isRunning else { throw try await stopped(export) }
    writing.report(progress)
    // A first one at once: from now on there is something to go on with.
    if isFresh { try await checkpoint(writing, in: nil) }
  }

  /// After a page of messages: looks whether it was stopped, waits where it may not be that quick, and writes down how
  /// far it is when enough was written since.
  func passed(_ writing: ExportWriting, in source: MessageSource) async throws {
    writing.report(writing.progress)
    try await look(writing)
    try await rest(writing)
    if isDue(writing) { try await checkpoint(writing, in: source) }
  }

  /// After a conversation.
  func end(_ conversation: ConversationID, _ writing: ExportWriting) async throws {
    writing.done = conversation
    writing.current = 0
    writing.progress.conversations += 1
    writing.report(writing.progress)
    try await look(writing)
    if isDue(writing) { try await checkpoint(writing, in: nil) }
  }

  private func isDue(_ writing: ExportWriting) -> Bool {
    let pace = writing.pace
    return writing.counts.messages - pace.checkpointMessages >= settings.checkpointMessages
      || ContinuousClock.now - pace.checkpoint >= settings.checkpointInterval
  }

  private func checkpoint(_ writing: ExportWriting, in source: MessageSource?) async throws {
    guard let checkpoint = try writing.checkpoint(in: source) else { return }
    try await writing.draft.checkpoint(checkpoint)
    writing.pace.checkpoint = .now
    writing.pace.checkpointMessages = writing.counts.messages
    try checkSpace(writing)
  }

  func look(_ writing: ExportWriting) async throws {
    writing.draft.pulse.wrote(Int64(writing.progress.messages))
    if writing.draft.pulse.isStopped { throw try await stopped(writing.export) }
  }

  private func rest(_ writing: ExportWriting) async throws {
    guard let rate = settings.messagesPerSecond else { return }
    let pace = writing.pace
    let written = writing.counts.messages - pace.startMessages
    let due = pace.began + .seconds(Double(written) / Double(rate))
    if due > .now { try await Task.sleep(until: due, clock: .continuous) }
  }

  /// Why a run may not go on.
  func stopped(_ export: Int64) async throws -> ExportError {
    let state = try await database.transaction { tx in try Exports.find(export, in: tx)?.state }
    return state == .cancelled
      ? ExportError(.cancelled, "the export was cancelled; nothing of it is left") : Self.withdrawn
  }
}
