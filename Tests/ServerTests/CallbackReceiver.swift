import Foundation
import Glibc
import Synchronization

/// A controller's or platform's HTTP server on the loopback: keeps what it was sent, answers by script; the last entry
/// goes on for ever.
final class CallbackReceiver: Sendable {
  struct Received: Sendable {
    let path: String
    let headers: [String: String]
    let body: [UInt8]

    var json: [String: Any] {
      (try? JSONSerialization.jsonObject(with: Data(body))) as? [String: Any] ?? [:]
    }
    var lines: [[String: Any]] {
      String(decoding: body, as: UTF8.self).split(separator: "\n").compactMap {
        (try? JSONSerialization.jsonObject(with: Data($0.utf8))) as? [String: Any]
      }
    }
  }

  let port: UInt16
  private let listener: CInt
  private let state: Mutex<(received: [Received], script: [Int])>

  var received: [Received] { state.withLock { $0.received } }

  init(_ script: [Int] = [202]) throws {
    state = Mutex(([], script))
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, length) == 0 && listen(listener, 64) == 0
          && getsockname(listener, $0, &length) == 0
      }
    }
    guard isBound else { throw POSIXError(.EADDRINUSE) }
    (self.listener, port) = (listener, UInt16(bigEndian: address.sin_port))
    Thread.detachNewThread { [weak self, listener] in
      while true {
        let client = accept(listener, nil, nil)
        guard client >= 0, let self else { return }
        self.serve(client)
      }
    }
  }

  deinit {
    shutdown(listener, Int32(SHUT_RDWR))
    close(listener)
  }

  /// Once so many requests are there; the caller's test fails by its own time limit otherwise.
  func waits(for count: Int) async -> [Received] {
    while received.count < count, !Task.isCancelled { try? await Task.sleep(for: .milliseconds(20)) }
    return received
  }

  private func serve(_ client: CInt) {
    defer { close(client) }
    guard let request = read(client) else { return }
    let status = state.withLock { state in
      state.received.append(request)
      return state.script.count > 1 ? state.script.removeFirst() : state.script.first ?? 202
    }
    let reply = Array("HTTP/1.1 \(status) Scripted\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".utf8)
    _ = send(client, reply, reply.count, Int32(MSG_NOSIGNAL))
    shutdown(client, Int32(SHUT_WR))
    var rest = [UInt8](repeating: 0, count: 256)
    while recv(client, &rest, rest.count, 0) > 0 {}
  }

  private func read(_ client: CInt) -> Received? {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    let end = Array("\r\n\r\n".utf8)
    while true {
      if let head = bytes.firstRange(of: end) {
        let lines = String(decoding: bytes[..<head.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
          let parts = line.split(separator: ":", maxSplits: 1)
          if parts.count == 2 {
            headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
          }
        }
        let body = bytes[head.upperBound...]
        if body.count >= Int(headers["content-length"] ?? "0") ?? 0 {
          let path = lines[0].split(separator: " ").dropFirst().first.map(String.init) ?? ""
          return Received(path: path, headers: headers, body: Array(body))
        }
      }
      let count = recv(client, &chunk, chunk.count, 0)
      guard count > 0 else { return nil }
      bytes += chunk[..<count]
    }
  }
}
