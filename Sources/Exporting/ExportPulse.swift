import Catalog
import Model
import Postgres
import Synchronization

/// Says once a second that a run is alive, whatever it is busy with, and hears whether somebody stopped it.
final class ExportPulse: Sendable {
  private struct State {
    var messages: Int64 = 0
    var isStopped = false
  }
  private let state = Mutex(State())

  /// How many messages are written.
  func wrote(_ messages: Int64) { state.withLock { $0.messages = messages } }

  var messages: Int64 { state.withLock { $0.messages } }
  var isStopped: Bool { state.withLock { $0.isStopped } }

  fileprivate func stop() { state.withLock { $0.isStopped = true } }

  /// For what takes long between two pages of messages; the run itself says who stopped it.
  func check() throws {
    if isStopped { throw Exporter.withdrawn }
  }
}

extension Exporter {
  private static let beatInterval = Duration.seconds(1)

  /// Carries a body out with a heart that beats.
  func beating<R: Sendable>(_ export: Int64, _ pulse: ExportPulse, _ body: () async throws -> R) async throws
    -> R
  {
    let heart = Task { await beat(export, pulse) }
    let result: Result<R, any Error>
    do { result = .success(try await body()) } catch { result = .failure(error) }
    heart.cancel()
    await heart.value
    return try result.get()
  }

  private func beat(_ export: Int64, _ pulse: ExportPulse) async {
    while (try? await Task.sleep(for: Self.beatInterval)) != nil {
      let (messages, now) = (pulse.messages, now())
      do {
        let isRunning = try await database.transaction { tx in
          try Exports.beat(export, messages: messages, at: now, in: tx)
        }
        guard isRunning else { return pulse.stop() }
      } catch {
        // What is wrong with the database the run finds out itself; a beat that is missed is made up for.
        continue
      }
    }
  }
}
