import Governance
import Testing

@Suite("Retention lengths")
struct RetentionLengthTests {
  @Test(
    "written and read",
    arguments: [
      ("365d", 31_536_000, "1y"), ("10y", 315_360_000, "10y"), ("12h", 43_200, "12h"),
      ("90min", 5_400, "90min"),
      ("2w", 1_209_600, "14d"), ("45s", 45, "45s"), ("0d", 0, "0s"), ("1000y", 31_536_000_000, "1000y"),
    ] as [(String, Int64, String)])
  func valid(text: String, seconds: Int64, canonical: String) {
    let length = RetentionLength(text)
    #expect(length?.seconds == seconds)
    #expect(length?.description == canonical)
    #expect(RetentionLength(canonical) == length)
  }

  @Test(
    "refused",
    arguments: [
      "", "d", "10", "10m", "-1d", "+1d", "1.5d", "1 d", " 1d", "1D", "1001y", "99999999999999999999d",
      "9223372036854775807y", "١d", "1dd",
    ])
  func invalid(text: String) {
    #expect(RetentionLength(text) == nil)
  }
}
