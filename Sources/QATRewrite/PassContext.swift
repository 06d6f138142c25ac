import QATCore
import QATIR

/// What a pass can use beside the graph, and where it leaves what the user should know.
public struct PassContext: Sendable {
  /// The operations that have a definition.
  public var registry: OpRegistry
  /// Threads that passes run models on; 0 for one on each core that the process may use.
  public var threads = 0
  /// What passes said so far, in order.
  public private(set) var remarks: [Remark] = []
  /// The pass that is running; set by the pipeline.
  public internal(set) var currentPass: PassName = ""

  private var resources: [ObjectIdentifier: any Sendable] = [:]

  public init(registry: OpRegistry = .builtin) { self.registry = registry }

  /// What the caller put there for passes, by its type: a configuration, calibration data, a target.
  public subscript<Resource: Sendable>(_ type: Resource.Type) -> Resource? {
    get { resources[ObjectIdentifier(type)] as? Resource }
    set { resources[ObjectIdentifier(type)] = newValue }
  }

  /// Tells the user something about a node (or, without one, about the graph).
  public mutating func remark(
    _ severity: Remark.Severity = .note, node: String? = nil, _ message: String
  ) {
    remarks.append(Remark(severity: severity, pass: currentPass, node: node, message: message))
  }
}

/// Something that a pass decided and the user should be able to read.
public struct Remark: Sendable, Equatable, CustomStringConvertible {
  /// Whether it is only said, or something to look at.
  public enum Severity: String, Sendable { case note, warning }
  /// Whether it is only said, or something to look at.
  public let severity: Severity
  /// Who says it.
  public let pass: PassName
  /// About which node; `nil` for the graph.
  public let node: String?
  /// What is said.
  public let message: String

  public var description: String {
    "\(severity.rawValue): \(pass): \(node.map { "\($0): " } ?? "")\(message)"
  }
}
