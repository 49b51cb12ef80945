import Foundation
import KeyVault
import Runtime
import Server
import Sodium
import Testing

@Suite("Who may call what")
struct AuthorizationTests {
  private static let guarded = APIServer.routes.filter { $0.roles != nil }

  private func path(_ route: RouteSummary) -> String {
    route.path.split(separator: "/", omittingEmptySubsequences: false)
      .map { $0.hasPrefix("{") ? "hold-0123456789abcdef" : String($0) }.joined(separator: "/")
  }

  @Test("Without a token every route but health, metrics and console answers 401", arguments: guarded)
  func noToken(_ route: RouteSummary) async throws {
    let answer = try await ServedHouse.shared.ask(route.method, path(route))
    #expect(answer.status == 401)
    #expect(answer.code == "unauthorized")
    #expect(answer.json["title"] as? String == "Unauthorized")
    #expect(answer.header("Content-Type") == "application/problem+json")
    #expect(answer.header("WWW-Authenticate")?.hasPrefix("Bearer") == true)
  }

  @Test("With all roles but the right ones every route answers 403", arguments: guarded)
  func wrongRole(_ route: RouteSummary) async throws {
    let house = try await ServedHouse.shared
    let others = Set(Role.allCases).subtracting(route.roles ?? [])
    let answer = try await house.ask(route.method, path(route), token: try house.token(others))
    #expect(answer.status == 403)
    #expect(answer.code == "forbidden")
  }

  @Test("A tenant that does not exist gets no data", arguments: guarded)
  func unknownTenant(_ route: RouteSummary) async throws {
    guard let roles = route.roles, !roles.contains(.operator_), !route.path.contains("audit/checkpoint")
    else { return }
    let house = try await ServedHouse.shared
    let answer = try await house.ask(
      route.method, path(route), token: try house.token(roles, tenant: "nobody"),
      body: route.method == "GET" ? nil : Array("{}".utf8))
    #expect((400...499).contains(answer.status))
  }

  @Test("Open routes answer without a token", arguments: ["/healthz", "/readyz", "/metrics", "/"])
  func open(_ path: String) async throws {
    #expect(try await ServedHouse.shared.ask("GET", path).status == 200)
  }

  @Test("An unknown path is a problem document")
  func unknownPath() async throws {
    let answer = try await ServedHouse.shared.ask("GET", "/v1/nothing")
    #expect(answer.status == 404)
    #expect(answer.code == "not_found")
    #expect(answer.json["title"] as? String == "Not Found")
  }

  private static func part(_ json: String) -> String { Array(json.utf8).base64(.urlSafe) }

  private static func hs256(_ header: String, _ claims: String, key: String = ServedHouse.sharedSecret)
    -> String
  {
    let signed = "\(part(header)).\(part(claims))"
    let mac = HMACSHA256.authenticate(Array(signed.utf8), key: SecretBytes(Array(key.utf8)))
    return "\(signed).\(mac.base64(.urlSafe))"
  }

  private static let claims = #"{"sub":"o","tenant":"acme","roles":["operator"],"exp":99999999999}"#

  @Test("A token of the shared secret is taken")
  func sharedSecret() async throws {
    let token = Self.hs256(#"{"alg":"HS256","typ":"JWT"}"#, Self.claims)
    #expect(try await ServedHouse.shared.ask("GET", "/v1/jobs", token: token).status == 200)
  }

  static let refused: [(String, String)] = [
    ("no algorithm", "\(part(#"{"alg":"none"}"#)).\(part(claims))."),
    ("no algorithm, with a signature", hs256(#"{"alg":"none"}"#, claims)),
    ("another algorithm's name", hs256(#"{"alg":"HS512"}"#, claims)),
    ("lower case", hs256(#"{"alg":"hs256"}"#, claims)),
    ("EdDSA over an HMAC", hs256(#"{"alg":"EdDSA"}"#, claims)),
    ("another secret", hs256(#"{"alg":"HS256"}"#, claims, key: "another secret that is longer than 32")),
    ("a critical extension", hs256(#"{"alg":"HS256","crit":["exp"]}"#, claims)),
    ("expired", hs256(#"{"alg":"HS256"}"#, #"{"sub":"o","tenant":"acme","roles":["operator"],"exp":1000}"#)),
    ("no expiry", hs256(#"{"alg":"HS256"}"#, #"{"sub":"o","tenant":"acme","roles":["operator"]}"#)),
    (
      "not yet valid",
      hs256(
        #"{"alg":"HS256"}"#,
        #"{"sub":"o","tenant":"acme","roles":["operator"],"exp":99999999999,"nbf":99999999998}"#)
    ),
    (
      "an unknown role",
      hs256(
        #"{"alg":"HS256"}"#, #"{"sub":"o","tenant":"acme","roles":["operator","root"],"exp":99999999999}"#)
    ),
    ("two parts", "a.b"), ("nothing", ""), ("not base64", "!.!.!"),
  ]

  @Test("A token is refused with", arguments: refused)
  func refusedToken(_ what: String, _ token: String) async throws {
    let answer = try await ServedHouse.shared.ask("GET", "/v1/jobs", token: token)
    #expect(answer.status == 401, "\(what)")
  }

  @Test("The server's public key is no shared secret")
  func algorithmConfusion() async throws {
    let house = try await ServedHouse.shared
    let key = house.application.vault.signingKey("access-token").publicKey
    for secret in [key.hex, key.base64()] {
      let token = Self.hs256(#"{"alg":"HS256"}"#, Self.claims, key: secret)
      #expect(try await house.ask("GET", "/v1/jobs", token: token).status == 401)
    }
  }
}
