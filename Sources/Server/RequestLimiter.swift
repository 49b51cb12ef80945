import Synchronization

/// A token bucket for each caller: so many requests a second, and as many at once.
final class RequestLimiter: Sendable {
  /// Callers remembered; beyond that, those with full buckets are forgotten first.
  static let callersMax = 100_000

  struct Caller: Hashable, Sendable {
    let tenant: String?
    let subject: String
  }

  private struct Bucket {
    var left: Double
    var at: ContinuousClock.Instant
  }

  private let rate: Double
  private let buckets = Mutex<[Caller: Bucket]>([:])

  init(requestsPerSecond: Int) { rate = Double(requestsPerSecond) }

  /// `nil`: go ahead; else the seconds to wait.
  func take(_ caller: Caller, at now: ContinuousClock.Instant = .now) -> Int? {
    buckets.withLock { buckets in
      if buckets.count >= Self.callersMax, buckets[caller] == nil { forgetIdle(&buckets, now) }
      var bucket = buckets[caller] ?? Bucket(left: rate, at: now)
      bucket.left = min(rate, bucket.left + rate * (now - bucket.at).seconds)
      bucket.at = now
      defer { buckets[caller] = bucket }
      guard bucket.left >= 1 else { return max(1, Int(((1 - bucket.left) / rate).rounded(.up))) }
      bucket.left -= 1
      return nil
    }
  }

  private func forgetIdle(_ buckets: inout [Caller: Bucket], _ now: ContinuousClock.Instant) {
    buckets = buckets.filter { $0.value.left + rate * (now - $0.value.at).seconds < rate }
    if buckets.count >= Self.callersMax { buckets = [:] }
  }
}

extension Duration {
  var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
