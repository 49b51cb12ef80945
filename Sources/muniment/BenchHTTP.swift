import Blocking
import Foundation
import Glibc

/// One kept connection to an HTTP/1.1 server on this machine, on a thread of its own: enough to time replies with a
/// length, and nothing else.
actor BenchHTTP {
  private let executor = ThreadExecutor(name: "bench-http")
  private let socket: Int32
  private let head: String
  private var buffer = [UInt8](repeating: 0, count: 1 << 18)

  private static let replyBytesMax = 64 << 20

  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  init(port: Int, token: String) throws {
    socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var on: Int32 = 1
    setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    let descriptor = socket
    let status = withUnsafeBytes(of: &address) { (bytes: UnsafeRawBufferPointer) in
      bytes.withMemoryRebound(to: sockaddr.self) { (pointer: UnsafeBufferPointer<sockaddr>) in
        connect(descriptor, pointer.baseAddress, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    head = "Host: 127.0.0.1\r\nAuthorization: Bearer \(token)\r\nContent-Type: application/json\r\n"
    guard socket >= 0, status == 0 else { throw BenchError("the server's port cannot be reached") }
  }

  deinit { Glibc.close(socket) }

  /// The body of the reply. Blocks its thread.
  func post(_ path: String, _ body: [UInt8]) throws -> [UInt8] {
    var request = Array("POST \(path) HTTP/1.1\r\n\(head)Content-Length: \(body.count)\r\n\r\n".utf8)
    request += body
    var sent = 0
    while sent < request.count {
      let count = request.withUnsafeBytes { (bytes: UnsafeRawBufferPointer) in
        send(socket, bytes.baseAddress?.advanced(by: sent), bytes.count - sent, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { throw BenchError("the server closed the connection") }
      sent += count
    }
    return try reply()
  }

  private func reply() throws -> [UInt8] {
    var bytes: [UInt8] = []
    var end: Int?
    var length = 0
    while true {
      let count = recv(socket, &buffer, buffer.count, 0)
      guard count > 0 else { throw BenchError("the server closed the connection") }
      bytes += buffer[0..<count]
      if end == nil, let found = Self.end(of: bytes) {
        end = found
        length = try Self.length(String(decoding: bytes[0..<found], as: UTF8.self))
      }
      guard bytes.count <= Self.replyBytesMax else { throw BenchError("a reply is too long") }
      if let end, bytes.count >= end + length { return Array(bytes[end..<end + length]) }
    }
  }

  /// Behind the empty line.
  private static func end(of bytes: [UInt8]) -> Int? {
    guard bytes.count >= 4 else { return nil }
    return (4...bytes.count).first { Array(bytes[$0 - 4..<$0]) == [13, 10, 13, 10] }
  }

  private static func length(_ head: String) throws -> Int {
    let lines = head.split(separator: "\r\n")
    guard let status = lines.first, status.contains(" 200 ") else {
      throw BenchError("the server refused a search: \(lines.first ?? "")")
    }
    for line in lines where line.lowercased().hasPrefix("content-length:") {
      if let length = Int(line.dropFirst("content-length:".count).trimmingCharacters(in: .whitespaces)) {
        return length
      }
    }
    throw BenchError("a reply has no length")
  }
}
