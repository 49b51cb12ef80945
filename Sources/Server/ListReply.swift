/// A page of a list under its name, and the cursor of the next page: `{"labels": […], "next_cursor": "…"}`.
struct ListReply<Item: Encodable & Identifiable>: Encodable where Item.ID == String {
  private let name: String
  private let items: [Item]
  /// The last item's id; `nil` on the last page.
  private let nextCursor: String?

  init(_ name: String, _ items: [Item], of page: Call.Page) {
    self.name = name
    self.items = items
    nextCursor = items.count == page.limit ? items.last?.id : nil
  }

  func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: Key.self)
    try values.encode(items, forKey: Key(stringValue: name))
    try values.encodeIfPresent(nextCursor, forKey: Key(stringValue: "next_cursor"))
  }

  private struct Key: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }
}
