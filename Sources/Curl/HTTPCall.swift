/// One HTTP request (RFC 9110).
package struct HTTPCall: Sendable {
  package enum Body: Sendable {
    case none
    case bytes([UInt8])
    /// A whole file, streamed; `size` is what the request says it has.
    case file(path: String, size: Int)
  }

  package var method: String
  /// With its path and query percent-encoded already: it is sent as it is.
  package var url: String
  package var headers: [(name: String, value: String)]
  package var body: Body
  /// More of a response is refused with `.tooLarge`.
  package var responseBytesMax: Int

  package init(
    method: String, url: String, headers: [(name: String, value: String)] = [], body: Body = .none,
    responseBytesMax: Int = 1 << 20
  ) {
    self.method = method
    self.url = url
    self.headers = headers
    self.body = body
    self.responseBytesMax = responseBytesMax
  }
}

package struct HTTPAnswer: Sendable {
  package let status: Int
  /// By name in lower case; of a repeated one the last.
  package let headers: [String: String]
  package let body: [UInt8]
}

/// Limits of time for every transfer.
package struct HTTPTimeouts: Sendable {
  package var connectMilliseconds = 10_000
  /// A transfer that stays below ``bytesPerSecondMin`` for so long has failed.
  package var stallSeconds = 30
  package var bytesPerSecondMin = 1_024

  package init() {}
}

/// No response came. `description` names neither host nor path.
package struct HTTPError: Error, Hashable, CustomStringConvertible {
  package enum Code: String, Sendable {
    /// No connection: the request was not sent.
    case unreachable
    /// Refused by TLS: the peer is not who it should be.
    case untrusted
    case timeout
    /// The connection broke; whether the request took effect is unknown.
    case broken
    case tooLarge = "too_large"
    /// A file to send could not be read.
    case unreadable
  }
  package let code: Code
  /// libcurl's number (libcurl-errors(3)).
  package let number: Int

  package var isRetryable: Bool { code == .unreachable || code == .timeout || code == .broken }

  package var description: String {
    switch code {
    case .unreachable: "no connection could be made (curl \(number))"
    case .untrusted: "the server's certificate is not to be trusted (curl \(number))"
    case .timeout: "the server took too long to answer (curl \(number))"
    case .broken: "the connection broke (curl \(number))"
    case .tooLarge: "the response is larger than what was asked for"
    case .unreadable: "the file to send could not be read"
    }
  }
}
