import Model
import Testing

@Suite struct HandleTests {
  @Test(
    arguments: [
      (0, "hold-0000000000000000"), (1, "hold-0000000000000001"), (Int64.max, "hold-7fffffffffffffff"),
      (-1, "hold-ffffffffffffffff"), (Int64.min, "hold-8000000000000000"),
    ] as [(Int64, String)])
  func aNumberIsShownAndReadBack(number: Int64, text: String) {
    #expect(Handle.text("hold", number) == text)
    #expect(Handle.number("hold", text) == number)
  }

  @Test func capitalsAreAccepted() { #expect(Handle.number("hold", "hold-00000000000000FF") == 255) }

  @Test(arguments: [
    "", "hold", "hold-", "hold-1", "hold-00000000000000011", "hold-000000000000000g",
    "export-0000000000000001",
    "hold 0000000000000001", "hold-+000000000000001", "Hold-0000000000000001", "hold-000000000000000１",
  ])
  func anythingElseIsRefused(text: String) { #expect(Handle.number("hold", text) == nil) }
}
