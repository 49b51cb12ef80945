import Curl
import TestSupport
import Testing

@Suite("Private addresses")
struct PrivateAddressTests {
  @Test(
    "addresses that lead nowhere public are known, in their IPv6 forms as well",
    arguments: [
      [10, 0, 0, 1], [127, 0, 0, 1], [169, 254, 169, 254], [172, 31, 0, 1], [192, 168, 1, 1],
      [100, 64, 0, 1],
      [0, 0, 0, 0], [224, 0, 0, 1], [255, 255, 255, 255], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
      [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 127, 0, 0, 1],
      [0xFC, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
      [0xFE, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
      [0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 1],
      [0x20, 0x02, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], [1, 2, 3],
    ] as [[UInt8]])
  func refused(bytes: [UInt8]) { #expect(PrivateAddress.contains(bytes)) }

  @Test(
    "public addresses are called",
    arguments: [
      [8, 8, 8, 8], [172, 32, 0, 1], [100, 128, 0, 1],
      [0x26, 0x06, 0x47, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x11, 0x11],
      [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 8, 8, 8, 8],
    ] as [[UInt8]])
  func allowed(bytes: [UInt8]) { #expect(!PrivateAddress.contains(bytes)) }

  @Test(
    "a guarded client makes no connection to the loopback, by number or by name",
    arguments: ["127.0.0.1", "localhost"])
  func guarded(host: String) throws {
    let server = try FaultyServer(target: 0, [.answers(status: 200)])
    let call = HTTPCall(method: "GET", url: "http://\(host):\(server.port)/")
    #expect(try HTTPClient().perform(call).status == 200)
    let seen = server.connections
    #expect(throws: HTTPError.self) { try HTTPClient(refusesPrivateAddresses: true).perform(call) }
    #expect(server.connections == seen)
  }
}
