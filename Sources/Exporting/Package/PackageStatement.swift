/// `conversations.jsonl`: of each conversation the selection names, how many messages of it were there when the export
/// began, and how many are inside.
enum PackageStatement {
  static let fileName = "conversations.jsonl"

  struct Line: Hashable {
    let there: Int
    let inside: Int
  }

  private static let start = Array(#"{"conversation_id":""#.utf8)

  /// By the conversation's id as it is spelt; `nil` for what this program does not write.
  static func parse(_ bytes: [UInt8]) -> [[UInt8]: Line]? {
    var lines: [[UInt8]: Line] = [:]
    for line in bytes.split(separator: 0x0A) {
      guard line.starts(with: start) else { return nil }
      let id = ConversationCounter.string(line.dropFirst(start.count))
      let rest = String(decoding: line.dropFirst(start.count + id.count), as: UTF8.self)
      let numbers = rest.split { !$0.isASCII || !$0.isNumber }.compactMap { Int($0) }
      guard numbers.count == 2, rest == #"","there":\#(numbers[0]),"inside":\#(numbers[1])}"#,
        lines.updateValue(Line(there: numbers[0], inside: numbers[1]), forKey: id) == nil
      else { return nil }
    }
    return lines
  }
}
