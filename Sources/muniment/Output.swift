import Foundation
import Synchronization

/// Prints results: JSON for scripts, text for people.
struct Output: Sendable {
  let json: Bool
  let quiet: Bool

  /// A value that is JSON in one mode and text in the other.
  func value(_ value: some Encodable, text: @autoclosure () -> String) throws {
    if json {
      print(try Self.encoded(value))
    } else if !quiet {
      let text = text()
      if !text.isEmpty { print(text) }
    }
  }

  /// Text for people only.
  func note(_ text: String) {
    if !json, !quiet { print(text) }
  }

  /// What people have to see whatever they do with the results.
  func warn(_ text: String) { FileHandle.standardError.write(Data("muniment: \(text)\n".utf8)) }

  static func encoded(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }
}

/// A line on stderr that rewrites itself: count, rate, share done, time left.
final class ProgressMeter: Sendable {
  private let isOn: Bool
  private let state: Mutex<State>

  private struct State {
    var started = Date()
    var shown = Date.distantPast
    var wrote = false
  }

  init(isOn: Bool) {
    self.isOn = isOn
    state = Mutex(State())
  }

  /// `share` is the part done, 0 to 1, where it is known.
  func update(_ what: String, count: Int, share: Double? = nil) {
    guard isOn else { return }
    state.withLock { state in
      let now = Date()
      guard now.timeIntervalSince(state.shown) > 0.2 else { return }
      state.shown = now
      state.wrote = true
      let elapsed = max(now.timeIntervalSince(state.started), 0.001)
      var line = "\(what): \(count) (\(Int(Double(count) / elapsed))/s)"
      if let share, share > 0 {
        line += " \(Int(share * 100))%, \(Int(elapsed / share - elapsed)) s left"
      }
      FileHandle.standardError.write(Data(("\r" + line + "\u{1B}[K").utf8))
    }
  }

  func finish() {
    state.withLock { state in
      if state.wrote { FileHandle.standardError.write(Data("\r\u{1B}[K".utf8)) }
      state.wrote = false
    }
  }
}

/// Seconds since a point, for summaries.
struct Stopwatch {
  private let start = ContinuousClock.now

  var seconds: Double {
    let elapsed = ContinuousClock.now - start
    return Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18
  }

  /// Rounded to milliseconds.
  var rounded: Double { (seconds * 1_000).rounded() / 1_000 }
}

/// The last of numbers that are reported from elsewhere.
final class LatestCount: Sendable {
  private let count = Mutex(0)
  func set(_ value: Int) { count.withLock { $0 = max($0, value) } }
  var value: Int { count.withLock { $0 } }
}
