import CCurl
import Glibc

/// What goes out and comes in while a transfer runs.
@safe
final class Exchange {
  private(set) var headers: [String: String] = [:]
  private(set) var body: [UInt8] = []
  private(set) var isTooLarge = false
  private(set) var failedToRead = false
  private let responseBytesMax: Int
  /// The file to send; -1: none.
  private let file: CInt
  private var offset = 0

  init(_ call: HTTPCall) throws(HTTPError) {
    responseBytesMax = call.responseBytesMax
    if case .file(let path, _) = call.body {
      file = unsafe open(path, O_RDONLY | O_CLOEXEC)
      guard file >= 0 else { throw HTTPError(code: .unreadable, number: Int(errno)) }
    } else {
      file = -1
    }
  }

  deinit { if file >= 0 { close(file) } }

  /// The transfer's own exchange, which its caller keeps alive.
  static func from(_ context: UnsafeMutableRawPointer?) -> Exchange {
    unsafe Unmanaged<Exchange>.fromOpaque(context!).takeUnretainedValue()
  }

  /// Fewer than all ends the transfer (CURLOPT_WRITEFUNCTION(3)).
  func receive(_ bytes: UnsafeRawBufferPointer) -> Int {
    guard body.count + bytes.count <= responseBytesMax else {
      isTooLarge = true
      return 0
    }
    unsafe body.append(contentsOf: bytes)
    return bytes.count
  }

  func header(_ bytes: UnsafeRawBufferPointer) -> Int {
    let line = unsafe String(decoding: bytes, as: UTF8.self)
    if line.hasPrefix("HTTP/") {
      // An interim response came before the final one; what it said is not the answer.
      headers = [:]
    } else if let colon = line.firstIndex(of: ":") {
      headers[line[..<colon].lowercased()] = Self.trimmed(line[line.index(after: colon)...])
    }
    return bytes.count
  }

  private static func trimmed(_ value: Substring) -> String {
    let isSpace = { (character: Character) in character == " " || character == "\t" || character.isNewline }
    return String(value.drop(while: isSpace).reversed().drop(while: isSpace).reversed())
  }

  func read(_ buffer: UnsafeMutableRawBufferPointer) -> Int {
    guard file >= 0 else { return 0 }
    while true {
      let count = unsafe pread(file, buffer.baseAddress, buffer.count, off_t(offset))
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else {
        failedToRead = true
        return Int(CURL_READFUNC_ABORT)
      }
      offset += count
      return count
    }
  }

  /// Asked for when a kept connection turns out to be gone and the body is sent again.
  func seek(_ offset: Int) -> CInt {
    self.offset = offset
    return CURL_SEEKFUNC_OK
  }
}

extension HTTPError {
  init(_ status: CURLcode, _ exchange: Exchange) {
    let code: Code =
      switch status {
      case _ where exchange.isTooLarge: .tooLarge
      case _ where exchange.failedToRead: .unreadable
      case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_CONNECT,
        CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL:
        .unreachable
      case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE: .untrusted
      case CURLE_OPERATION_TIMEDOUT: .timeout
      default: .broken
      }
    self.init(code: code, number: Int(status.rawValue))
  }
}
