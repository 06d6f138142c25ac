import QATCore
import QATIR
import QATRewrite

extension Graph {
  /// Gives quantizers with fewer bits than these as many: a stage of a training that narrows its grids
  /// step by step. Quantizers whose scale is fixed keep their grid.
  ///
  /// - Parameters:
  ///   - weights: bits of parameters; 0 leaves them.
  ///   - activations: bits of everything else; 0 leaves them.
  public mutating func widenGrids(weights: Int, activations: Int) throws(Diagnostic) {
    for id in nodes {
      guard var quantizer = self[id].op as? FakeQuantize, let x = self[id].operands[0],
        let scale = self[id].operands[1], let source = producer(of: scale)
      else { continue }
      let bits = isParameter(x) ? weights : activations, old = quantizer.grid
      guard bits > old.bits else { continue }
      let grid = try IntegerGrid(bits: bits, signed: old.isSigned, narrow: old.isNarrow)
      switch self[source].op {
      case var op as ScaleFromRange:
        op.grid = grid
        setOperation(of: source, to: op)
        if let range = self[source].operands[0].flatMap({ producer(of: $0) }),
          var observe = self[range].op as? Observe, observe.kind.usesHistogram
        {
          observe.grid = grid
          setOperation(of: range, to: observe)
        }
      case var op as ScaleFromLearned:
        op.grid = grid
        setOperation(of: source, to: op)
        if let parameter = self[source].operands[0], let range = producer(of: parameter),
          var learn = self[range].op as? LearnRange
        {
          learn.grid = grid
          setOperation(of: range, to: learn)
        }
      default: continue
      }
      quantizer.grid = grid
      setOperation(of: id, to: quantizer)
    }
  }

  /// The grids of the learned quantizers, by the names of the variables that count their batches.
  public var learnedGrids: [String: IntegerGrid] {
    var result: [String: IntegerGrid] = [:]
    for id in nodes {
      guard let op = self[id].op as? LearnRange, let count = self[id].operands[4] else { continue }
      result[self[count].name] = op.grid
    }
    return result
  }
}
