import Foundation
import Hummingbird

/// One route: where, who, what.
struct Route: Sendable {
  let method: HTTPRequest.Method
  /// With `:name` for parameters and `**` for the rest.
  let path: String
  /// Any of them is enough; `nil`: open to everybody.
  let roles: Set<Role>?
  let handle: @Sendable (Call) async throws -> Response

  init(
    _ method: HTTPRequest.Method, _ path: String, _ roles: Set<Role>?,
    _ handle: @escaping @Sendable (Call) async throws -> Response
  ) {
    self.method = method
    self.path = path
    self.roles = roles
    self.handle = handle
  }

  static func get(
    _ path: String, _ roles: Set<Role>, _ handle: @escaping @Sendable (Call) async throws -> Response
  ) -> Route { Route(.get, path, roles, handle) }

  static func post(
    _ path: String, _ roles: Set<Role>, _ handle: @escaping @Sendable (Call) async throws -> Response
  ) -> Route { Route(.post, path, roles, handle) }

  /// Makes a thing and shows it. With `Idempotency-Key`, makes it once and shows it as often as asked.
  /// - Parameter isMade: whether the thing that is shown counts as made for a request of that body; if not, the answer
  ///   is 202.
  static func create<View: Encodable & SendableMetatype>(
    _ path: String, _ roles: Set<Role>, make: @escaping @Sendable (Call, [UInt8]) async throws -> String,
    show: @escaping @Sendable (Call, String) async throws -> View,
    isMade: @escaping @Sendable (View, [UInt8]) -> Bool = { _, _ in true }
  ) -> Route {
    Route(.post, path, roles) { call in
      let body = try await call.body()
      let id = try await IdempotentCreation(call: call, path: path).run(body, make)
      let view = try await show(call, id)
      var response = Reply.json(view, status: isMade(view, body) ? .created : .accepted)
      response.headers[.location] = "\(path)/\(id)"
      return response
    }
  }
}

/// A route as documentation and tests see it.
package struct RouteSummary: Sendable, Hashable {
  package let method: String
  /// With `{name}` for parameters.
  package let path: String
  /// `nil`: open to everybody.
  package let roles: Set<Role>?

  init(_ route: Route) {
    method = route.method.rawValue
    path = route.path.split(separator: "/", omittingEmptySubsequences: false).map { part in
      part.hasPrefix(":") ? "{\(part.dropFirst())}" : part == "**" ? "{path}" : String(part)
    }.joined(separator: "/")
    roles = route.roles
  }
}
