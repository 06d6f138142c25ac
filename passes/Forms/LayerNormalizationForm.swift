import QATCore
import QATIR
import QATRewrite

/// `LayerNormalization` in pieces, as PyTorch writes it below opset 17:
///
///     d = x - mean(x);  y = d / √(mean(d²) + epsilon)
///
/// with means over the last axes; the root in front of the product or below the line, the square as
/// product or power, `d` once or twice. A factor beside it becomes the scale where it has the shape of
/// the normalized axes; `affineForm` takes a scale and a bias that follow.
func layerNormalizationForm(_ node: Node, _: some Operation, _ graph: Graph) -> Replacement? {
  guard let found = graph.normalization(node.result), found.isCentered,
    let shape = graph.lastSizes(of: found.x, found.axes)
  else { return nil }
  let op = LayerNormalization(axis: -shape.count, epsilon: found.epsilon)
  guard let scale = graph.scale(of: found, shape) else { return nil }
  return graph.recognized(node, from: found.inputs, as: .op(op, [Term(found.x), scale]))
}

/// The form of `tf.nn.batch_normalization`, by which Keras writes its layer:
///
///     s = scale / √(mean(d²) + epsilon);  y = x · s + (bias - mean(x) · s)
func layerNormalizationForm(_ node: Node, _: Add, _ graph: Graph) -> Replacement? {
  guard let a = node.operands[0], let b = node.operands[1] else { return nil }
  for (scaled, rest) in [(a, b), (b, a)] {
    guard let (mul, _) = graph.operation(Mul.self, of: scaled),
      let (sub, _) = graph.operation(Sub.self, of: rest), let bias = graph[sub].operands[0],
      let (shift, _) = graph.operation(Mul.self, of: graph[sub].operands[1])
    else { continue }
    for index in [0, 1] {
      guard let x = graph[mul].operands[index], let factor = graph[mul].operands[1 - index],
        let mean = graph[shift].operands.compactMap({ $0 }).first(where: { $0 != factor }),
        graph[shift].operands.contains(factor), let (source, axes) = graph.mean(mean), source == x,
        let root = graph.rootQuotient(of: factor), root.values.count <= 1,
        let (variance, epsilon) = graph.meanSquare(root.radicand),
        graph.centered(variance.source).map({ $0.x == x && $0.axes == axes }) == true,
        variance.axes == axes, let shape = graph.lastSizes(of: x, axes),
        graph.isParameter(bias), graph[bias].type.shape?.sizes == shape
      else { continue }
      let found = Normalization(
        x: x, axes: axes, epsilon: epsilon, isCentered: true, factors: root.values)
      guard let scale = graph.scale(of: found, shape) else { continue }
      let op = LayerNormalization(axis: -shape.count, epsilon: epsilon)
      return graph.recognized(
        node, from: found.inputs + [bias], as: .op(op, [Term(x), scale, Term(bias)]))
    }
  }
  return nil
}

/// `(x - mean) / √(variance + epsilon)`, or without the mean, times factors.
struct Normalization {
  let x: ValueID
  /// The axes of the means, in order.
  let axes: [Int]
  let epsilon: Float
  let isCentered: Bool
  /// What multiplies it inside the same product.
  let factors: [ValueID]

  var inputs: [ValueID] { [x] + factors }
}

extension Graph {
  /// What a product or quotient normalizes.
  func normalization(_ value: ValueID) -> Normalization? {
    guard let root = rootQuotient(of: value), (1...2).contains(root.values.count),
      let (square, epsilon) = meanSquare(root.radicand)
    else { return nil }
    let centered = centered(square.source)
    for (index, part) in root.values.enumerated() {
      let factors = Array(root.values[..<index] + root.values[(index + 1)...])
      if let centered, let own = self.centered(part), own == centered, own.axes == square.axes {
        return Normalization(
          x: own.x, axes: own.axes, epsilon: epsilon, isCentered: true, factors: factors)
      }
      if centered == nil, part == square.source {
        return Normalization(
          x: part, axes: square.axes, epsilon: epsilon, isCentered: false, factors: factors)
      }
    }
    return nil
  }

  /// `values… / √radicand`.
  func rootQuotient(of value: ValueID) -> (values: [ValueID], radicand: ValueID)? {
    var product = factors(of: value)
    guard product.number == 1 else { return nil }
    if product.divisors.count == 1, let radicand = radicand(product.divisors[0], exponent: 0.5) {
      return (product.values, radicand)
    }
    guard product.divisors.isEmpty,
      let index = product.values.firstIndex(where: { radicand($0, exponent: -0.5) != nil }),
      let radicand = radicand(product.values.remove(at: index), exponent: -0.5)
    else { return nil }
    return (product.values, radicand)
  }

  private func radicand(_ value: ValueID, exponent: Double) -> ValueID? {
    if exponent == 0.5, let (root, _) = operation(Sqrt.self, of: value) {
      return self[root].operands[0]
    }
    guard let (power, _) = operation(Pow.self, of: value),
      number(self[power].operands[1]) == exponent
    else { return nil }
    return self[power].operands[0]
  }

  /// `mean(source²) + epsilon`.
  func meanSquare(
    _ radicand: ValueID
  ) -> (mean: (source: ValueID, axes: [Int]), epsilon: Float)? {
    let mean = variable(of: radicand)
    guard let line = polynomial(of: radicand, in: mean), line.count == 2, line[1] == 1,
      line[0] >= 0,
      let (square, axes) = self.mean(mean), let node = producer(of: square),
      self[node].op is Mul || self[node].op is Pow, let source = self[node].operands[0],
      polynomial(of: square, in: source) == [0, 0, 1]
    else { return nil }
    return ((source, axes), Float(line[0]))
  }

  /// The operand and axes of a mean that keeps its axes.
  func mean(_ value: ValueID) -> (source: ValueID, axes: [Int])? {
    guard let node = producer(of: value), let x = self[node].operands[0],
      let rank = self[x].type.shape?.rank
    else { return nil }
    if self[node].op is GlobalAveragePool { return (x, Array(2..<rank)) }
    guard let op = self[node].op as? ReduceMean, op.keepDimensions, self[node].operands.count > 1,
      let axes = self[node].operands[1].flatMap({ self[$0].constant?.integers }), !axes.isEmpty
    else { return nil }
    return (x, axes.map { $0 < 0 ? $0 + rank : $0 }.sorted())
  }

  /// `x - mean(x)`.
  func centered(_ value: ValueID) -> Centered? {
    guard let (sub, _) = operation(Sub.self, of: value), let x = self[sub].operands[0],
      let (source, axes) = self[sub].operands[1].flatMap({ mean($0) }), source == x
    else { return nil }
    return Centered(x: x, axes: axes)
  }

  struct Centered: Equatable {
    let x: ValueID
    let axes: [Int]
  }

  /// The sizes of those axes, where they are the last ones and known.
  func lastSizes(of x: ValueID, _ axes: [Int]) -> [Int]? {
    guard let shape = self[x].type.shape, let first = axes.first,
      axes == Array(first..<shape.rank)
    else { return nil }
    let sizes = shape.dimensions[first...].compactMap(\.size)
    return sizes.count == axes.count ? sizes : nil
  }

  /// The scale of a normalization: the one factor beside it, which has that shape, or ones.
  func scale(of found: Normalization, _ shape: [Int]) -> Term? {
    guard let factor = found.factors.first else { return ones(shape, like: found.x) }
    return isParameter(factor) && self[factor].type.shape?.sizes == shape ? Term(factor) : nil
  }

  /// A constant of ones (or of another number).
  func ones(_ shape: [Int], like x: ValueID, number: Double = 1, name: String = "scale") -> Term {
    let count = shape.reduce(1, *)
    return .constant(
      AnyTensor(
        self[x].type.element, shape: shape, rounding: Array(repeating: number, count: count)),
      name: name)
  }
}
