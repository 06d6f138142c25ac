import QATCore
import QATIR
import QATRewrite

/// The scale of a normalization that has none: `normalization(x, 1, 0) · scale`.
func affineForm(_ node: Node, _: Mul, _ graph: Graph) -> Replacement? {
  graph.affine(node) { inner, scale in
    guard graph.isConstant(inner.operands[1], 1), graph.isPlain(inner.operands, 2) else {
      return nil
    }
    return [inner.operands[0].map { Term($0) }, scale]
      + inner.operands.dropFirst(2).map { $0.map { Term($0) } }
  }
}

/// The bias of a normalization that has none: `normalization(x, scale, 0) + bias`.
func affineForm(_ node: Node, _: Add, _ graph: Graph) -> Replacement? {
  graph.affine(node) { inner, bias in
    guard !(inner.op is RMSNormalization), graph.isPlain(inner.operands, 2) else { return nil }
    return inner.operands.prefix(2).map { $0.map { Term($0) } } + [bias]
  }
}

extension Graph {
  /// Whether a constant is that number everywhere.
  func isConstant(_ value: ValueID?, _ number: Double) -> Bool {
    guard let numbers = value.flatMap({ self[$0].constant?.doubles }) else { return false }
    return numbers.allSatisfy { $0 == number }
  }

  /// Whether a bias is absent or 0.
  fileprivate func isPlain(_ operands: [ValueID?], _ index: Int) -> Bool {
    index >= operands.count || operands[index] == nil || isConstant(operands[index], 0)
  }

  /// A normalization with other operands in place of a sum or product of its result and a parameter
  /// that is shaped like its scale.
  fileprivate func affine(
    _ node: Node, _ operands: (Node, Term) -> [Term?]?
  ) -> Replacement? {
    for (index, other) in [(0, 1), (1, 0)] {
      guard let value = node.operands[index], let parameter = node.operands[other],
        let producer = producer(of: value), self[producer].op.isNormalization,
        self[producer].results.count == 1, isParameter(parameter),
        let shaped = shaped(parameter, like: self[producer]),
        let operands = operands(self[producer], shaped)
      else { continue }
      return recognized(
        node, from: self[producer].operands.compactMap { $0 } + [parameter],
        as: .op(self[producer].op, operands))
    }
    return nil
  }

  /// A parameter in the shape of a normalization's scale, which it has but for axes of size 1: of the
  /// last axes of `x`, or of its channels.
  private func shaped(_ parameter: ValueID, like normalization: Node) -> Term? {
    guard let x = normalization.operands[0].flatMap({ self[$0].type.shape }),
      let scale = normalization.operands[1].flatMap({ self[$0].type.shape?.sizes }),
      let sizes = self[parameter].type.shape?.sizes, sizes.count <= x.rank
    else { return nil }
    let all = Array(repeating: 1, count: x.rank - sizes.count) + sizes
    if !(normalization.op is any GroupNormalizing) {
      return sizes == scale ? Term(parameter) : nil
    }
    guard scale.count == 1, all[1] == scale[0], all.reduce(1, *) == scale[0] else { return nil }
    return .op(
      Reshape(), [Term(parameter), .constant(AnyTensor(shape: [1], [Int64(-1)]), name: "shape")])
  }
}

extension Operation {
  fileprivate var isNormalization: Bool {
    self is LayerNormalization || self is RMSNormalization || self is any GroupNormalizing
  }
}
