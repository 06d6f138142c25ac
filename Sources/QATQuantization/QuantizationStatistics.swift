import QATCore
import QATIR
import QATPasses
import QATRewrite

/// The quantizers of a graph: which values are on which grids.
public struct QuantizationStatistics: Sendable, Equatable {
  /// One quantizer or dequantizer with its parameters.
  public struct Quantizer: Sendable, Equatable {
    /// What the value is to the layer that reads it.
    public enum Kind: String, Sendable { case weights, activations, bias }

    /// The value that lies on the grid.
    public var value: String
    /// The operation: `qat.FakeQuantize`, `QuantizeLinear`, …
    public var operation: String
    /// What the value is to the layer that reads it.
    public var kind: Kind
    /// The layer that asked for it; `nil` where nobody noted it.
    public var layer: String?
    /// `nil` for codes whose grid is that of their element type.
    public var grid: IntegerGrid?
    /// In units of the value a code; one, or one a channel.
    public var scales: [Float]
    /// As many as scales.
    public var zeroPoints: [Int]
  }

  /// In the order of the graph.
  public var quantizers: [Quantizer] = []
  /// Bytes of the constants and variables, as they are stored now.
  public var parameterBytes = 0

  /// Reads a graph with fake-quantizers (prepared, trained or frozen) or one in QDQ form. A bias that is
  /// folded onto its grid already has no quantizer any more.
  ///
  /// - Throws: what evaluating the parameters of quantizers throws.
  public init(of graph: Graph) throws(Diagnostic) {
    parameterBytes = (graph.constants + graph.variables).reduce(0) {
      $0 + (graph[$1].parameter?.storage.byteCount ?? 0)
    }
    let reader = try ParameterReader(graph)
    for id in graph.nodes {
      if let quantizer = Self.quantizer(id, in: graph, reader) { quantizers.append(quantizer) }
    }
  }

  /// How many quantizers of a kind there are.
  public func count(_ kind: Quantizer.Kind) -> Int { quantizers.count { $0.kind == kind } }

  private static func quantizer(
    _ id: NodeID, in graph: Graph, _ reader: ParameterReader
  ) -> Quantizer? {
    let node = graph[id]
    guard let x = node.operands.first ?? nil else { return nil }
    let isParameter = graph.isParameter(x)
    var grid: IntegerGrid?, kind = isParameter ? Quantizer.Kind.weights : .activations
    switch node.op {
    case let op as FakeQuantize: grid = op.grid
    case is FakeQuantizeBias: kind = .bias
    case is DequantizeLinear where isParameter:
      if graph[x].type.element == .i32 { kind = .bias }
    case is QuantizeLinear: break
    default: return nil
    }
    func tensor(_ index: Int) -> AnyTensor? {
      index < node.operands.count ? node.operands[index].flatMap { reader.contents(of: $0) } : nil
    }
    var scales = tensor(1)?.elements(as: Float.self) ?? []
    var zeroPoints = tensor(2)?.integers ?? []
    if node.op is FakeQuantizeBias {
      // s_x · s_w, and no zero point.
      scales = (tensor(2)?.elements(as: Float.self) ?? []).map { (scales.first ?? 0) * $0 }
      zeroPoints = [0]
    }
    return Quantizer(
      value: graph[node.result].name, operation: node.op.name.description, kind: kind,
      layer: node.metadata["qat.decided-by"], grid: grid, scales: scales, zeroPoints: zeroPoints)
  }
}

/// The scales and zero points of a graph, also where they are computed from ranges that are variables.
private struct ParameterReader {
  private let graph: Graph
  private let frozen: Graph
  /// Where the scale or zero point of a fake-quantizer stands in the frozen graph.
  private var places: [ValueID: ValueID] = [:]

  init(_ graph: Graph) throws(Diagnostic) {
    self.graph = graph
    var frozen = graph, context = PassContext()
    if !graph.variables.isEmpty {
      try Pipeline([Freeze(), Canonicalize(), FoldConstants()]).run(on: &frozen, &context)
    }
    for id in graph.nodes where graph[id].op is FakeQuantize {
      guard let value = frozen.value(named: graph[graph[id].result].name),
        let twin = frozen.operation(FakeQuantize.self, of: value)?.node
      else { continue }
      for index in [1, 2] {
        guard let operand = graph[id].operands[index] else { continue }
        places[operand] = frozen[twin].operands[index]
      }
    }
    self.frozen = frozen
  }

  func contents(of value: ValueID) -> AnyTensor? {
    graph[value].constant ?? places[value].flatMap { frozen[$0].constant }
  }
}

extension QuantizationStatistics: CustomStringConvertible {
  /// The counts, and a line a quantizer.
  public var description: String {
    let counts = [Quantizer.Kind.weights, .activations, .bias].map { "\(count($0)) \($0.rawValue)" }
    return "quantized: \(counts.joined(separator: ", ")); \(parameterBytes) bytes of parameters"
      + (quantizers.isEmpty ? "" : "\n" + table)
  }

  /// A line a quantizer: value, scale, zero point, operation.
  public var table: String {
    var rows = [["quantized value", "scale", "zero point", "grid", "operation"]]
    for quantizer in quantizers {
      rows.append([
        quantizer.value, Self.range(quantizer.scales.map { "\($0)" }),
        Self.range(quantizer.zeroPoints.map(String.init)), quantizer.grid?.description ?? "-",
        quantizer.operation,
      ])
    }
    return QATCore.table(rows)
  }

  private static func range(_ texts: [String]) -> String {
    let isMixed = texts.count > 1 && Set(texts).count > 1
    return isMixed ? "\(texts[0]) … (\(texts.count))" : texts.first ?? "-"
  }
}
