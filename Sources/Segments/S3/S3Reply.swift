import Foundation
import FoundationXML

/// What the XML documents of S3 say, as far as it is asked for: the texts of leaves by name, and lists of them.
final class S3Reply: NSObject, XMLParserDelegate {
  /// The leaves of each element named so, in order.
  private(set) var items: [[String: String]] = []
  /// The leaves outside of items.
  private(set) var fields: [String: String] = [:]
  private let itemNames: Set<String>
  private var path: [String] = []
  private var item: [String: String]?
  private var text = ""
  private var root: String?
  private var isMalformed = false

  /// - Parameter root: the outermost element; `nil`: any.
  /// - Returns: `nil` if the bytes are not a whole, well-formed document of that element.
  init?(_ body: [UInt8], root wanted: String? = nil, items: Set<String> = []) {
    itemNames = items
    super.init()
    let parser = XMLParser(data: Data(body))
    parser.delegate = self
    parser.shouldResolveExternalEntities = false
    // The parser mends what it can, and says that all is well with half a document or none.
    guard parser.parse(), !isMalformed, path.isEmpty, let root, wanted.map({ $0 == root }) ?? true else {
      return nil
    }
  }

  func parser(_ parser: XMLParser, parseErrorOccurred error: any Error) { isMalformed = true }

  /// The `Code` of an error document.
  static func errorCode(_ body: [UInt8]) -> String? {
    guard body.starts(with: Array("<".utf8)), body.count <= errorBytesMax else { return nil }
    // Only names that are plain words reach a message.
    return S3Reply(body)?.fields["Code"].flatMap { $0.utf8.allSatisfy(isLetter) ? $0 : nil }
  }

  private static let errorBytesMax = 1 << 16

  private static func isLetter(_ byte: UInt8) -> Bool {
    (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
  }

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
    attributes: [String: String]
  ) {
    if root == nil { root = name }
    path.append(name)
    text = ""
    if itemNames.contains(name) { item = ["": name] }
  }

  func parser(_ parser: XMLParser, foundCharacters string: String) { text += string }

  func parser(
    _ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?
  ) {
    path.removeLast()
    if itemNames.contains(name), let ended = item {
      items.append(ended)
      item = nil
    } else if item != nil {
      item?[name] = text
    } else {
      fields[name] = text
    }
    text = ""
  }
}
