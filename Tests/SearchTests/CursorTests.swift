import Model
import Search
import Testing

@Suite("Cursors")
struct CursorTests {
  private static func cursor(_ time: Int64, _ sequence: Int64, group: Int = 1) -> String {
    Cursor(
      position: MessagePosition(createdAt: Timestamp(microseconds: time), sequence: sequence), group: group
    ).text
  }

  @Test(
    "What no page gives is refused, and ends nothing",
    arguments: [
      cursor(0, .max), cursor(0, .min), cursor(0, -1), cursor(0, 1 << 31), cursor(.max, 1), cursor(.min, 1),
      cursor(0, 1, group: 64), cursor(0, 1) + "AA", "", "AQ", "!",
    ])
  func forged(text: String) {
    #expect { try Cursor(text: text) } throws: { ($0 as? SearchError)?.code == .badCursor }
  }

  @Test("The first and the last of positions go there and back")
  func bounds() throws {
    for time in [Timestamp.earliest, .latest] {
      for sequence in [0, 1, Int64(Int32.max)] {
        let cursor = Cursor(
          position: MessagePosition(createdAt: time, sequence: sequence), group: 63, ascending: true,
          rank: Cursor.Rank(score: 12, until: time, frequencies: [1, 2]))
        #expect(try Cursor(text: cursor.text) == cursor)
      }
    }
  }
}
