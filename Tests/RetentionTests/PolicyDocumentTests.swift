import Catalog
import FoundationEssentials
import Governance
import Model
import Retention
import Testing

@Suite struct PolicyDocumentTests {
  @Test func theExampleOfTheSchemaIsRead() throws {
    let document = try PolicyDocument(json: try Self.file("Schemas/retention/examples/policy-set.json"))
    #expect(document.policies.count == 7)
    #expect(document.policies[0] == .init(name: "default", deleteAfter: RetentionLength("730d")))
    #expect(
      document.policies[1]
        == .init(
          name: "direct messages", scope: .conversationKind(.direct), deleteAfter: RetentionLength("90d"),
          clock: .lastEdited))
    #expect(
      document.policies[2]
        == .init(
          name: "trading desk", scope: .conversation("C-trading"), retain: RetentionLength("5y"),
          deleteAfter: RetentionLength("7y"), locked: true))
    #expect(document.policies[4].scope == .subject("U-1042"))
    #expect(
      document.policies[5]
        == .init(
          name: "contracts", scope: .label("contract"), retain: RetentionLength("10y"),
          deleteAfter: RetentionLength("11y"), clock: .event("contract_ended")))
    #expect(document.policies[6].scope == .label("no value"))
    #expect(document.conversations == ["C-trading"])
    #expect(document.subjects == ["U-1042"])
  }

  @Test func whatIsWrittenIsReadBack() throws {
    let document = try PolicyDocument(json: try Self.file("Schemas/retention/examples/policy-set.json"))
    #expect(try PolicyDocument(json: try document.json) == document)
    let odd = PolicyDocument(policies: [
      .init(name: "a", scope: .conversation("quote \" slash / 雪"), retain: RetentionLength("36h"))
    ])
    #expect(try PolicyDocument(json: try odd.json) == odd)
  }

  @Test func noPoliciesAreASet() throws {
    #expect(try PolicyDocument(json: #"{"policies":[]}"#).policies.isEmpty)
  }

  /// A document, and what the error must name.
  static let refused: [(json: String, names: [String])] = [
    ("", ["not JSON"]), ("[]", ["object"]), (#"{"policies":[}"#, ["not JSON"]),
    (#"{"policies":{}}"#, ["policies"]), (#"{"rules":[],"policies":[]}"#, ["rules"]),
    (#"{"policies":[7]}"#, ["policies[0]"]),
    (policy(#""scope":{"tenant":true},"retain":"1d""#), ["policies[0]", "name"]),
    (policy(#""name":"","scope":{"tenant":true},"retain":"1d""#), ["policy 1", "name"]),
    (policy(#""name":" x","scope":{"tenant":true},"retain":"1d""#), ["policy 1", "name"]),
    (policy(#""name":"Zoë","scope":{"tenant":true},"retain":"1d""#), ["policy 1", "name"]),
    (policy(#""name":"p","retain":"1d""#), ["policy 1 (p)", "scope"]),
    (policy(#""name":"p","scope":{},"retain":"1d""#), ["(p)", "scope"]),
    (policy(#""name":"p","scope":"tenant","retain":"1d""#), ["(p)", "scope"]),
    (policy(#""name":"p","scope":{"tenant":false},"retain":"1d""#), ["(p)", "scope.tenant"]),
    (policy(#""name":"p","scope":{"tenant":true,"subject":"u"},"retain":"1d""#), ["(p)", "scope"]),
    (policy(#""name":"p","scope":{"team":"x"},"retain":"1d""#), ["(p)", "scope.team", "unknown"]),
    (
      policy(#""name":"p","scope":{"conversation_kind":"dm"},"retain":"1d""#),
      ["(p)", "scope.conversation_kind"]
    ),
    (policy(#""name":"p","scope":{"conversation":7},"retain":"1d""#), ["(p)", "scope.conversation"]),
    (policy(#""name":"p","scope":{"subject":""},"retain":"1d""#), ["(p)", "scope.subject"]),
    (policy(#""name":"p","scope":{"subject":"a\u0007"},"retain":"1d""#), ["(p)", "scope.subject"]),
    (policy(#""name":"p","scope":{"tenant":true}"#), ["(p)", "retain", "delete_after"]),
    (policy(#""name":"p","scope":{"tenant":true},"retain":365"#), ["(p)", "retain"]),
    (policy(#""name":"p","scope":{"tenant":true},"retain":"0d""#), ["(p)", "retain"]),
    (policy(#""name":"p","scope":{"tenant":true},"delete_after":"6m""#), ["(p)", "delete_after"]),
    (policy(#""name":"p","scope":{"tenant":true},"delete_after":"-1d""#), ["(p)", "delete_after"]),
    (policy(#""name":"p","scope":{"tenant":true},"delete_after":"9999999999y""#), ["(p)", "delete_after"]),
    (policy(#""name":"p","scope":{"tenant":true},"retain":"1d","clock":"sent""#), ["(p)", "clock"]),
    (policy(#""name":"p","scope":{"tenant":true},"retain":"1d","clock":"event""#), ["(p)", "event"]),
    (policy(#""name":"p","scope":{"tenant":true},"retain":"1d","clock":null"#), ["(p)", "clock"]),
    (
      policy(#""name":"p","scope":{"tenant":true},"retain":"1d","clock":"event","event":"Zoë""#),
      ["(p)", "event"]
    ),
    (policy(#""name":"p","scope":{"tenant":true},"retain":"1d","event":"left""#), ["(p)", "event"]),
    (policy(#""name":"p","scope":{"label":" x"},"retain":"1d""#), ["(p)", "scope.label"]),
    (policy(#""name":"p","scope":{"label":true},"retain":"1d""#), ["(p)", "scope.label"]),
    (policy(#""name":"p","scope":{"tenant":true},"retain":"1d","locked":"yes""#), ["(p)", "locked"]),
    (
      policy(#""name":"p","scope":{"tenant":true},"retain":"1d","deleteAfter":"1d""#), ["(p)", "deleteAfter"]
    ),
    (
      #"{"policies":[{"name":"p","scope":{"tenant":true},"retain":"1d"},"#
        + #"{"name":"p","scope":{"tenant":true},"retain":"2d"}]}"#, ["policies[1]", "\"p\"", "twice"]
    ),
  ]

  @Test(arguments: refused.indices) func aDocumentThatIsWrongIsRefusedByName(index: Int) {
    let (json, names) = Self.refused[index]
    let error = #expect(throws: RetentionError.self) { try PolicyDocument(json: json) }
    #expect(error?.code == .invalidDocument)
    for name in names { #expect(error?.description.contains(name) == true, "\(error?.description ?? "")") }
  }

  @Test func thereMayBeAThousandPoliciesAndNotOneMore() throws {
    func document(_ count: Int) -> String {
      let list = (0..<count).map { #"{"name":"p\#($0)","scope":{"tenant":true},"retain":"1d"}"# }
      return #"{"policies":[\#(list.joined(separator: ","))]}"#
    }
    #expect(try PolicyDocument(json: document(1_000)).policies.count == 1_000)
    #expect(throws: RetentionError.self) { try PolicyDocument(json: document(1_001)) }
  }

  private static func policy(_ body: String) -> String { #"{"policies":[{\#(body)}]}"# }

  private static func file(_ name: String) throws -> String {
    let root = #filePath.split(separator: "/").dropLast(3).map { "/\($0)" }.joined()
    return try String(contentsOfFile: "\(root)/\(name)", encoding: .utf8)
  }
}
