/// A dictionary that drops half of its entries when it is full: no order is kept, as every entry can be had again.
struct BoundedCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
  let limit: Int
  private var entries: [Key: Value] = [:]

  init(limit: Int) {
    precondition(limit > 1)
    self.limit = limit
  }

  var count: Int { entries.count }

  subscript(key: Key) -> Value? {
    get { entries[key] }
    set {
      guard let newValue else {
        entries.removeValue(forKey: key)
        return
      }
      if entries.count >= limit, entries[key] == nil {
        entries = Dictionary(uniqueKeysWithValues: entries.dropFirst(limit / 2).map { ($0.key, $0.value) })
      }
      entries[key] = newValue
    }
  }

  mutating func removeAll(where matches: (Key) -> Bool) {
    entries = entries.filter { !matches($0.key) }
  }
}
