import QATCore
import QATIR
import QATRewrite

/// Decides which nodes of a QDQ graph compute on integers, and says why the others do not.
///
///     %2 = Conv(%dx, %dw, %db)          // between DequantizeLinear and QuantizeLinear
///     ->
///     %2 = Conv(%dx, %dw, %db) note("qat.region" = "integer: QLinearConv")
///
/// The decision is made here alone (`IntegerRegions`); `lower-to-integer` asks the same function.
public struct FormIntegerRegions: Pass {
  public static let name: PassName = "form-integer-regions"
  public static let summary = "decide which nodes compute on integers"
  public static let effect: Effect = .exact
  public static let entersBodies = true

  public init() {}

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    let regions = IntegerRegions(of: graph)
    for id in graph.nodes {
      switch regions[id] {
      case .integer(let form):
        graph.setMetadata("qat.region", of: id, to: "integer: \(form.op.name)")
      case .codes: graph.setMetadata("qat.region", of: id, to: "integer: codes pass through")
      case .island(let reason):
        graph.setMetadata("qat.region", of: id, to: "float: \(reason)")
        context.remark(node: graph[id].name, "\(graph[id].op.name) stays in float: \(reason)")
      case nil: graph.setMetadata("qat.region", of: id, to: nil)
      }
    }
  }
}

/// What every node of a QDQ graph computes on.
struct IntegerRegions: Sendable {
  enum Decision: Sendable {
    /// The node and the quantizer behind it are one integer op.
    case integer(IntegerForm)
    /// The node moves codes from its dequantizer to the quantizer behind it.
    case codes
    case island(String)
  }

  private var decisions: [NodeID: Decision] = [:]

  /// `nil` for what is no computation on quantized values: quantizers, dequantizers, shape arithmetic.
  subscript(node: NodeID) -> Decision? { decisions[node] }

  init(of graph: Graph) {
    for id in graph.nodes { decisions[id] = Self.decision(on: id, in: graph) }
  }

  /// The decision on one node. It does not change when nodes in front are lowered.
  static func decision(on id: NodeID, in graph: Graph) -> Decision? {
    let node = graph[id]
    if node.op is DequantizeLinear || node.op is QuantizeLinear { return nil }
    guard let first = node.results.first, let result = first,
      graph[result].type.element.isFloatingPoint, !graph.isParameter(result)
    else { return nil }
    let quantizers = graph.floatResults(of: id).map { graph.quantizer(behind: $0) }
    guard case .some(.some(let quantizer)) = quantizers.first else {
      return .island("no quantizer behind it")
    }
    let operands = node.operands.map { $0.flatMap { graph.dequantized($0) } }
    if graph.passesCodes(id), let x = operands.first ?? nil,
      quantizers.allSatisfy({ $0.map { graph.sameParameters(x, $0) } ?? false }),
      !(node.op is Relu), !(node.op is Clip)
    {
      return .codes
    }
    guard let op = node.op as? any HasIntegerForm else { return .island("it has no integer rule") }
    do throws(Island) {
      return .integer(
        try op.integerForm(operands, raw: node.operands, result: quantizer, in: graph))
    } catch { return .island(error.reason) }
  }
}

extension Graph {
  /// The results of a node that are floats: those that may be quantized.
  func floatResults(of node: NodeID) -> [ValueID] {
    self[node].results.compactMap { $0 }.filter { self[$0].type.element.isFloatingPoint }
  }

  /// The codes that a value is dequantized from.
  func dequantized(_ value: ValueID) -> QuantizedValue? {
    guard let (node, op) = operation(DequantizeLinear.self, of: value), op.blockSize == 0 else {
      return nil
    }
    return quantized(codes: self[node].operands[0], self[node].operands)
  }

  /// The parameters of the one quantizer that reads a value.
  func quantizer(behind value: ValueID) -> QuantizedValue? {
    guard isUsedOnce(value), let user = users(of: value).first, self[user].op is QuantizeLinear,
      self[user].operands[0] == value
    else { return nil }
    return quantized(codes: self[user].result, self[user].operands)
  }

  private func quantized(codes: ValueID?, _ operands: [ValueID?]) -> QuantizedValue? {
    guard operands.count == 3, let codes, let scale = operands[1], let zero = operands[2] else {
      return nil
    }
    let perChannel = self[scale].type.shape?.elementCount.size != 1
    return QuantizedValue(
      codes: codes, scale: scale, zeroPoint: zero, type: self[codes].type, isPerChannel: perChannel)
  }

  /// Whether two quantized values are on the same scale and zero point.
  func sameParameters(_ a: QuantizedValue, _ b: QuantizedValue) -> Bool {
    func same(_ x: ValueID, _ y: ValueID) -> Bool {
      x == y || (self[x].constant != nil && self[x].constant == self[y].constant)
    }
    return a.element == b.element && same(a.scale, b.scale) && same(a.zeroPoint, b.zeroPoint)
  }
}
