import Foundation
import Glibc
import TestSupport

/// A server behind somebody who passes everything on, as a pooler or a tunnel does.
final class RelayedServer: Sendable {
  enum Family: CaseIterable { case unix, internet }

  /// To be put behind the server's own connection string: a later keyword wins.
  let conninfo: String
  private let listener: CInt

  init(_ server: String, _ family: Family) throws {
    let directory = server.split(separator: "'")[1]
    let target = "\(directory)/.s.PGSQL.5432"
    switch family {
    case .unix:
      let own = try TestDatabase.temporaryHome()
      listener = try Self.listening("\(own)/.s.PGSQL.5432")
      conninfo = "host=\(own)"
    case .internet:
      let (listener, port) = try FaultyServer.listen()
      self.listener = listener
      conninfo = "host=127.0.0.1 port=\(port)"
    }
    Thread.detachNewThread { [listener] in
      while case let client = accept(listener, nil, nil), client >= 0 {
        guard let server = try? Self.socket(target, connect) else { return }
        Thread.detachNewThread { Self.pass(from: client, to: server) }
        Thread.detachNewThread { Self.pass(from: server, to: client) }
      }
    }
  }

  deinit {
    shutdown(listener, CInt(SHUT_RDWR))
    close(listener)
  }

  private static func listening(_ path: String) throws -> CInt {
    let socket = try socket(path, bind)
    guard listen(socket, 8) == 0 else { throw POSIXError(.EADDRINUSE) }
    return socket
  }

  private static func socket(
    _ path: String, _ use: (CInt, UnsafePointer<sockaddr>, socklen_t) -> CInt
  ) throws -> CInt {
    let socket = Glibc.socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let failed = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        use(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard failed == 0 else { throw POSIXError(.ECONNREFUSED) }
    return socket
  }

  private static func pass(from source: CInt, to target: CInt) {
    var bytes = [UInt8](repeating: 0, count: 16_384)
    while case let count = recv(source, &bytes, bytes.count, 0), count > 0 {
      guard send(target, bytes, count, CInt(MSG_NOSIGNAL)) == count else { break }
    }
    // The other direction ends by it, and whoever ends last closes nothing twice: a test leaks two descriptors.
    shutdown(target, CInt(SHUT_RDWR))
  }
}
