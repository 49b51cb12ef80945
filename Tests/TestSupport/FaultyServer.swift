import Foundation
import Glibc
import Synchronization

/// Stands between a client and a server and does to each connection what its script says next; the last entry goes on
/// for ever.
package final class FaultyServer: Sendable {
  package enum Fault: Sendable {
    case none
    /// Accepts and closes at once.
    case closes
    /// Takes everything and never answers.
    case hangs
    /// Passes on so many bytes of the request and closes.
    case cutsRequest(after: Int)
    /// The request takes effect; of the answer come so many bytes.
    case cutsReply(after: Int)
    /// Answers by itself, without asking the server behind.
    case answers(status: Int, body: String = "")
    /// Hands on both ways so many bytes at a time, with so long between them.
    case slow(bytes: Int, milliseconds: UInt32)
  }

  package let port: UInt16
  private let listener: CInt
  private let target: UInt16
  private let script: Mutex<[Fault]>
  private let seen = Mutex(0)

  /// Connections so far.
  package var connections: Int { seen.withLock { $0 } }

  /// - Parameter target: the port on loopback behind this.
  package init(target: UInt16, _ script: [Fault]) throws {
    self.target = target
    self.script = Mutex(script)
    (listener, port) = try Self.listen()
    Thread.detachNewThread { [weak self, listener] in
      while true {
        let client = accept(listener, nil, nil)
        guard client >= 0, let self else { return }
        let fault = self.next()
        Thread.detachNewThread { self.serve(client, fault) }
      }
    }
  }

  package static func listen() throws -> (CInt, UInt16) {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = loopback(0)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, length) == 0 && Glibc.listen(listener, 64) == 0
          && getsockname(listener, $0, &length) == 0
      }
    }
    guard isBound else { throw POSIXError(.EADDRINUSE) }
    return (listener, UInt16(bigEndian: address.sin_port))
  }

  deinit {
    shutdown(listener, Int32(SHUT_RDWR))
    close(listener)
  }

  private func next() -> Fault {
    seen.withLock { $0 += 1 }
    return script.withLock { $0.count > 1 ? $0.removeFirst() : $0.first ?? .none }
  }

  private func serve(_ client: CInt, _ fault: Fault) {
    defer { close(client) }
    switch fault {
    case .closes: return
    case .hangs: while receive(client) != nil {}
    case .answers(let status, let body):
      _ = receive(client)
      send(
        client,
        Array(
          "HTTP/1.1 \(status) Fault\r\nContent-Length: \(body.utf8.count)\r\nConnection: close\r\n\r\n\(body)"
            .utf8))
      // Read on until the client is done: closing with unread bytes would reset the connection.
      while receive(client) != nil {}
    case .none: relay(client, requestMax: .max, replyMax: .max)
    case .slow(let bytes, let milliseconds):
      relay(client, requestMax: .max, replyMax: .max, piece: bytes, pause: milliseconds)
    case .cutsRequest(let count): relay(client, requestMax: count, replyMax: 0)
    case .cutsReply(let count): relay(client, requestMax: .max, replyMax: count)
    }
  }

  private func relay(
    _ client: CInt, requestMax: Int, replyMax: Int, piece: Int = 1 << 16, pause: UInt32 = 0
  ) {
    let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(server) }
    var address = Self.loopback(target)
    let connected = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(server, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard connected == 0 else { return }
    let upward = DispatchGroup()
    upward.enter()
    Thread.detachNewThread {
      self.pump(client, server, requestMax, piece, pause)
      shutdown(server, requestMax == .max ? Int32(SHUT_WR) : Int32(SHUT_RDWR))
      if requestMax != .max { shutdown(client, Int32(SHUT_RDWR)) }
      upward.leave()
    }
    pump(server, client, replyMax, piece, pause)
    shutdown(client, Int32(SHUT_RDWR))
    upward.wait()
  }

  /// Passes on up to `limit` bytes; what comes after is read and dropped.
  private func pump(_ from: CInt, _ to: CInt, _ limit: Int, _ piece: Int, _ pause: UInt32) {
    var rest = limit
    while let bytes = receive(from, piece) {
      // The slowness is the fault: nothing can be waited on instead.
      if pause > 0 { usleep(pause * 1_000) }
      send(to, Array(bytes.prefix(rest)))
      rest -= min(rest, bytes.count)
      if rest == 0 { return }
    }
  }

  private func receive(_ socket: CInt, _ bytesMax: Int = 1 << 16) -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: bytesMax)
    let count = recv(socket, &buffer, buffer.count, 0)
    return count > 0 ? Array(buffer.prefix(count)) : nil
  }

  private func send(_ socket: CInt, _ bytes: [UInt8]) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      guard count > 0 else { return }
      rest = rest.dropFirst(count)
    }
  }

  private static func loopback(_ port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    return address
  }
}
