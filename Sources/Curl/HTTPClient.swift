import CCurl
import Synchronization

/// Makes HTTP requests, each of which blocks its thread until the response is there. Connections are kept and used
/// again; any number of threads may call at once.
@safe
package final class HTTPClient: Sendable {
  private let idle = Mutex<[Handle]>([])
  private let timeouts: HTTPTimeouts
  /// A file of certificates to trust in the place of the system's.
  private let certificates: String?
  private let userAgent: String
  /// For URLs that others gave: no proxy is asked, as it would look names up itself.
  private let refusesPrivateAddresses: Bool

  private static let idleMax = 16

  package init(
    timeouts: HTTPTimeouts = HTTPTimeouts(), certificates: String? = nil, userAgent: String = "muniment",
    refusesPrivateAddresses: Bool = false
  ) {
    _ = Self.library
    self.timeouts = timeouts
    self.certificates = certificates
    self.userAgent = userAgent
    self.refusesPrivateAddresses = refusesPrivateAddresses
  }

  /// - Throws: ``HTTPError`` if no whole response came. A status of 400 or more is a response like any other.
  package func perform(_ call: HTTPCall) throws(HTTPError) -> HTTPAnswer {
    let kept = idle.withLock { $0.popLast() }
    let handle = if let kept { kept } else { try Handle() }
    defer { idle.withLock { if $0.count < Self.idleMax { $0.append(handle) } } }
    return try handle.perform(
      call, timeouts, certificates: certificates, userAgent: userAgent, guarded: refusesPrivateAddresses)
  }

  /// curl_global_init(3) is not safe beside other threads, so it runs once and before any of them.
  private static let library: Bool = {
    let status = curl_global_init(Int(CURL_GLOBAL_DEFAULT))
    precondition(status == CURLE_OK, "libcurl could not be initialised")
    return true
  }()
}

/// An easy handle with the connections it keeps.
@safe
private final class Handle: @unchecked Sendable {
  // @unchecked: whoever took it out of the client's list is its only user.
  private let curl: UnsafeMutableRawPointer

  init() throws(HTTPError) {
    guard let curl = unsafe curl_easy_init() else {
      throw HTTPError(code: .unreachable, number: Int(CURLE_OUT_OF_MEMORY.rawValue))
    }
    unsafe self.curl = curl
  }

  deinit { unsafe curl_easy_cleanup(curl) }

  func perform(
    _ call: HTTPCall, _ timeouts: HTTPTimeouts, certificates: String?, userAgent: String,
    guarded: Bool
  ) throws(HTTPError) -> HTTPAnswer {
    // Keeps connections, forgets everything about the request before.
    unsafe curl_easy_reset(curl)
    let exchange = try Exchange(call)
    set(CURLOPT_NOSIGNAL, 1)
    set(CURLOPT_CONNECTTIMEOUT_MS, timeouts.connectMilliseconds)
    set(CURLOPT_LOW_SPEED_LIMIT, timeouts.bytesPerSecondMin)
    set(CURLOPT_LOW_SPEED_TIME, timeouts.stallSeconds)
    set(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1)
    // The path is signed as it is, dots and double slashes included.
    set(CURLOPT_PATH_AS_IS, 1)
    set(CURLOPT_PROTOCOLS_STR, "http,https")
    set(CURLOPT_URL, call.url)
    set(CURLOPT_USERAGENT, userAgent)
    set(CURLOPT_CUSTOMREQUEST, call.method)
    if let certificates { set(CURLOPT_CAINFO, certificates) }
    if guarded { refusePrivateAddresses() }
    send(call)
    let list = unsafe headers(call)
    defer { unsafe curl_slist_free_all(list) }
    unsafe ccurl_set_pointer(curl, CURLOPT_HTTPHEADER, list)
    let status = run(exchange)
    guard status == CURLE_OK else { throw HTTPError(status, exchange) }
    return HTTPAnswer(
      status: unsafe ccurl_response_code(curl), headers: exchange.headers, body: exchange.body)
  }

  private func refusePrivateAddresses() {
    set(CURLOPT_PROXY, "")
    unsafe ccurl_set_socket(curl) { _, _, address in
      guard let address = unsafe address else { return CURL_SOCKET_BAD }
      return unsafe PrivateAddress.openSocket(address)
    }
  }

  private func send(_ call: HTTPCall) {
    switch call.body {
    case .none:
      if call.method == "HEAD" { set(CURLOPT_NOBODY, 1) }
    case .bytes(let bytes):
      unsafe ccurl_set_offset(curl, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(bytes.count))
      // An empty array has no address, and without one libcurl would read the body from standard input.
      unsafe (bytes.isEmpty ? [0] : bytes).withUnsafeBytes { (bytes: UnsafeRawBufferPointer) in
        _ = unsafe ccurl_set_pointer(
          curl, CURLOPT_COPYPOSTFIELDS, UnsafeMutableRawPointer(mutating: bytes.baseAddress!))
      }
    case .file(_, let size):
      set(CURLOPT_UPLOAD, 1)
      unsafe ccurl_set_offset(curl, CURLOPT_INFILESIZE_LARGE, curl_off_t(size))
    }
  }

  private func headers(_ call: HTTPCall) -> UnsafeMutablePointer<curl_slist>? {
    var list: UnsafeMutablePointer<curl_slist>?
    for (name, value) in call.headers {
      unsafe list = curl_slist_append(list, value.isEmpty ? "\(name);" : "\(name): \(value)")
    }
    return unsafe list
  }

  private func run(_ exchange: Exchange) -> CURLcode {
    let context = unsafe Unmanaged.passUnretained(exchange).toOpaque()
    unsafe ccurl_set_pointer(curl, CURLOPT_WRITEDATA, context)
    unsafe ccurl_set_transfer(curl, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
      unsafe Exchange.from(context).receive(UnsafeRawBufferPointer(start: bytes, count: size * count))
    }
    unsafe ccurl_set_pointer(curl, CURLOPT_HEADERDATA, context)
    unsafe ccurl_set_transfer(curl, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
      unsafe Exchange.from(context).header(UnsafeRawBufferPointer(start: bytes, count: size * count))
    }
    unsafe ccurl_set_pointer(curl, CURLOPT_READDATA, context)
    unsafe ccurl_set_transfer(curl, CURLOPT_READFUNCTION) { bytes, size, count, context in
      unsafe Exchange.from(context).read(UnsafeMutableRawBufferPointer(start: bytes, count: size * count))
    }
    unsafe ccurl_set_pointer(curl, CURLOPT_SEEKDATA, context)
    unsafe ccurl_set_seek(curl) { context, offset, _ in unsafe Exchange.from(context).seek(Int(offset)) }
    // Lent for as long as the transfer runs; libcurl calls from this thread alone.
    return withExtendedLifetime(exchange) { unsafe curl_easy_perform(curl) }
  }

  private func set(_ option: CURLoption, _ value: Int) { _ = unsafe ccurl_set_number(curl, option, value) }

  private func set(_ option: CURLoption, _ value: String) {
    _ = unsafe value.withCString { unsafe ccurl_set_text(curl, option, $0) }
  }
}
