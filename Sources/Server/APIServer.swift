import Foundation
import Hummingbird
package import Logging
import Model
import NIOCore
package import ServiceLifecycle
import Sodium

/// The HTTP API as a service: runs until it is told to stop, then finishes what it has begun.
package struct APIServer: Sendable {
  private let services: APIServices
  private let logger: Logger
  private let limiter: RequestLimiter

  /// An idle connection is closed after this long.
  private static let idleSeconds: Int64 = 75

  package init(services: APIServices, logger: Logger) {
    self.services = services
    self.logger = logger
    self.limiter = RequestLimiter(requestsPerSecond: services.limits.requestsPerSecond)
  }

  private static let all: [Route] =
    EventRoutes.all + MessageRoutes.all + SearchRoutes.all + UserSearchRoutes.all + SavedSearchRoutes.all
    + RetentionRoutes.all + ReviewRoutes.all + StatementRoutes.all
    + HoldRoutes.all
    + ExportRoutes.all + ExportContentRoutes.all + ExportLinkRoutes.all
    + ErasureRoutes.all + OpenDSRRoutes.all + DeletionRoutes.all + AuditRoutes.all + JobRoutes.all
    + OperationsRoutes.all + ReportRoutes.all

  /// Every route there is.
  package static var routes: [RouteSummary] { all.map(RouteSummary.init) }

  /// - Parameter onRunning: called with the port once the server takes requests.
  package func service(
    host: String, port: Int, onRunning: @escaping @Sendable (Int) async -> Void = { _ in }
  ) -> any Service {
    let router = Router(context: APIContext.self)
    router.add(middleware: Edge(metrics: services.metrics, logger: logger))
    for route in Self.all {
      router.on(RouterPath(route.path), method: route.method) { request, context in
        await answer(route, request, context)
      }
    }
    return Application(
      router: router,
      server: .http1(configuration: .init(idleTimeout: .seconds(Self.idleSeconds))),
      configuration: .init(address: .hostname(host, port: port)),
      onServerRunning: { channel in await onRunning(channel.localAddress?.port ?? port) },
      logger: Logger(label: "muniment.http") { _ in SwiftLogNoOpLogHandler() })
  }

  private func answer(_ route: Route, _ request: Request, _ context: APIContext) async -> Response {
    let id = context.requestID
    var principal: Principal?
    do {
      let caller = try authorize(route, request)
      principal = caller
      return try await route.handle(
        Call(request: request, parameters: context.parameters, principal: caller, services: services, id: id))
    } catch {
      let problem = Problem(error, for: principal)
      if problem.status >= 500 { log(error, problem, id) }
      return problem.response(instance: "urn:muniment:request:\(id)")
    }
  }

  /// Who asks, if they may: token → role → rate.
  private func authorize(_ route: Route, _ request: Request) throws -> Principal {
    guard let roles = route.roles else { return Principal(subject: "", tenant: nil, roles: []) }
    guard let header = request.headers[.authorization] else {
      throw Problem.unauthorized("this needs an access token: Authorization: Bearer …")
    }
    guard header.lowercased().hasPrefix("bearer ") else {
      throw Problem.unauthorized("only Bearer tokens are taken")
    }
    let principal: Principal
    do throws(TokenRefusal) {
      principal = try services.tokens.verify(String(header.dropFirst(7)), at: services.now())
    } catch {
      throw Problem.unauthorized(error.description)
    }
    guard !principal.roles.isDisjoint(with: roles) else {
      throw Problem(
        403, "forbidden",
        "this needs one of the roles \(roles.map(\.rawValue).sorted().joined(separator: ", "))")
    }
    if let wait = limiter.take(.init(tenant: principal.tenant, subject: principal.subject)) {
      var problem = Problem(
        429, "too_many_requests", "more than \(services.limits.requestsPerSecond) requests a second")
      problem.retryAfterSeconds = wait
      throw problem
    }
    return principal
  }

  /// Kind of failure only: an unexpected error's text could hold anything.
  private func log(_ error: any Error, _ problem: Problem, _ id: String) {
    logger.error(
      "request failed",
      metadata: [
        "request": "\(id)", "code": "\(problem.code)", "error": "\(String(describing: type(of: error)))",
      ])
  }
}

/// What Hummingbird hands from step to step, and the name of the request.
private struct APIContext: RequestContext {
  var coreContext: CoreRequestContextStorage
  let requestID: String

  init(source: ApplicationRequestContextSource) {
    coreContext = .init(source: source)
    requestID = Randomness.bytes(8).hex
  }
}

/// Around every request: counts, times, logs, and gives unmatched paths their problem document.
private struct Edge: RouterMiddleware {
  typealias Context = APIContext
  let metrics: Metrics
  let logger: Logger

  // Hummingbird is built without NonisolatedNonsendingByDefault: its closures run on the shared pool.
  @concurrent
  func handle(
    _ request: Request, context: APIContext,
    next: @concurrent (Request, APIContext) async throws -> Response
  ) async throws -> Response {
    let start = ContinuousClock.now
    let id = context.requestID
    var response: Response
    do {
      response = try await next(request, context)
    } catch {
      response = Problem(error, for: nil).response(instance: "urn:muniment:request:\(id)")
    }
    let seconds = (ContinuousClock.now - start).seconds
    let route = context.endpointPath ?? "unmatched"
    metrics.request(
      method: request.method.rawValue, route: route, status: response.status.code, seconds: seconds)
    if route.hasPrefix("/v1") || response.status.code >= 400 {
      logger.info(
        "request",
        metadata: [
          "request": "\(id)", "method": "\(request.method.rawValue)", "route": "\(route)",
          "status": "\(response.status.code)", "milliseconds": "\(Int((seconds * 1_000).rounded()))",
        ])
    }
    return response
  }
}
