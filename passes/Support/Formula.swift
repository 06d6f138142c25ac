import QATCore
import QATIR
import QATRewrite

// Arithmetic with numbers as formulas, whatever the order a file writes it in: how decomposed forms of
// operations (`passes/Forms`) are found.

/// A product taken apart: `number · values… / divisors…`.
struct Factors {
  var number = 1.0
  var values: [ValueID] = []
  var divisors: [ValueID] = []
}

extension Graph {
  /// The only element of a constant of floats; `nil` for anything else.
  func number(_ value: ValueID?) -> Double? {
    guard let value, let tensor = self[value].constant, tensor.elementCount == 1,
      tensor.element.isFloatingPoint
    else { return nil }
    return tensor.doubles?.first
  }

  /// What a value is the product of: through Mul, Div, Reciprocal and Neg whose results nothing else
  /// reads, at most 8 deep.
  func factors(of product: ValueID) -> Factors {
    var result = Factors()
    collect(product, inverted: false, depth: 8, isRoot: true, into: &result)
    return result
  }

  private func collect(
    _ value: ValueID, inverted: Bool, depth: Int, isRoot: Bool = false, into result: inout Factors
  ) {
    if let number = number(value) {
      result.number *= inverted ? 1 / number : number
      return
    }
    guard depth > 0, isRoot || isUsedOnce(value), let producer = producer(of: value) else {
      return inverted ? result.divisors.append(value) : result.values.append(value)
    }
    let flips: [Bool]
    switch self[producer].op {
    case is Mul: flips = [false, false]
    case is Div: flips = [false, true]
    case is Reciprocal: flips = [true]
    case is Neg:
      flips = [false]
      result.number = -result.number
    default: return inverted ? result.divisors.append(value) : result.values.append(value)
    }
    for (operand, flips) in zip(self[producer].operands, flips) {
      guard let operand else { continue }
      collect(operand, inverted: inverted != flips, depth: depth - 1, into: &result)
    }
  }

  /// The coefficients of a value that is a polynomial in `x`, of degree 3 at most, constant term first;
  /// `nil` where it is none.
  func polynomial(of value: ValueID, in x: ValueID, depth: Int = 6) -> [Double]? {
    if value == x { return [0, 1] }
    if let number = number(value) { return [number] }
    guard depth > 0, let producer = producer(of: value) else { return nil }
    let node = self[producer]
    func part(_ index: Int) -> [Double]? {
      node.operands[index].flatMap { polynomial(of: $0, in: x, depth: depth - 1) }
    }
    guard
      node.op is Add || node.op is Sub || node.op is Mul || node.op is Div || node.op is Neg
        || node.op is Pow, let a = part(0)
    else { return nil }
    if node.op is Neg { return a.map { -$0 } }
    guard let b = part(1) else { return nil }
    switch node.op {
    case is Add: return a.added(b)
    case is Sub: return a.added(b.map { -$0 })
    case is Mul: return a.multiplied(b)
    case is Div: return b.count == 1 ? a.map { $0 / b[0] } : nil
    default:
      guard b == [2] || b == [3] else { return nil }
      return (1..<Int(b[0])).reduce(a as [Double]?) { power, _ in power?.multiplied(a) }
    }
  }

  /// What a value is linear in: the first value behind Add, Sub, Mul, Div and Neg with numbers.
  func variable(of value: ValueID) -> ValueID {
    var value = value
    while let producer = producer(of: value) {
      let node = self[producer]
      guard
        node.op is Add || node.op is Sub || node.op is Mul || node.op is Div || node.op is Neg
      else { break }
      let others = node.operands.compactMap { $0 }.filter { number($0) == nil }
      guard others.count == 1 else { break }
      value = others[0]
    }
    return value
  }

  /// The operand of a unary operation, where a value is linear in its result: `a · op(operand) + b`.
  func linear<Op: Operation>(
    in _: Op.Type, _ value: ValueID
  ) -> (op: Op, operand: ValueID, coefficients: [Double])? {
    let variable = variable(of: value)
    guard let (node, op) = operation(Op.self, of: variable), let operand = self[node].operands[0],
      let coefficients = polynomial(of: value, in: variable)
    else { return nil }
    return (op, operand, coefficients)
  }

  /// Whether numbers are what a formula says, as exactly as their element type could write them.
  func agree(_ numbers: [Double], _ wanted: [Double], for value: ValueID) -> Bool {
    let element = self[value].type.element
    let tolerance = element == .f16 || element == .bf16 ? 4e-3 : 1e-6
    return numbers.count == wanted.count
      && zip(numbers, wanted).allSatisfy { abs($0 - $1) <= tolerance * abs($1) }
  }

  /// The replacement of a node by a term over some values, where it computes nothing else: the types
  /// are those of the first value, and nobody else reads what lies between.
  func recognized(_ node: Node, from inputs: [ValueID], as term: Term) -> Replacement? {
    guard let x = inputs.first, hasSameType(x, node.result),
      isSelfContained(node.result, from: inputs)
    else { return nil }
    return .term(term)
  }

  /// Whether two values have one element type and one known shape.
  func hasSameType(_ a: ValueID, _ b: ValueID) -> Bool {
    guard self[a].type.element == self[b].type.element, let x = self[a].type.shape,
      let y = self[b].type.shape
    else { return false }
    return x.rank == y.rank && zip(x.dimensions, y.dimensions).allSatisfy { $0.isSame(as: $1) }
  }

  /// Whether a value is all that is read of the nodes (at most 32) between some values and itself.
  func isSelfContained(_ root: ValueID, from inputs: [ValueID]) -> Bool {
    let ends = Set(inputs)
    var inside: Set<NodeID> = [], open = [root]
    while let value = open.popLast() {
      guard !ends.contains(value), let node = producer(of: value),
        value == root || !isParameter(value), inside.insert(node).inserted
      else { continue }
      if inside.count > 32 { return false }
      open += self[node].operands.compactMap { $0 }
    }
    return inside.allSatisfy { node in
      self[node].results.compactMap { $0 }.allSatisfy { result in
        result == root || (!isOutput(result) && users(of: result).allSatisfy(inside.contains))
      }
    }
  }
}

extension [Double] {
  fileprivate func added(_ other: [Double]) -> [Double] {
    (0..<Swift.max(count, other.count)).map {
      ($0 < count ? self[$0] : 0) + ($0 < other.count ? other[$0] : 0)
    }
  }

  /// `nil` where the degree passes 3.
  fileprivate func multiplied(_ other: [Double]) -> [Double]? {
    guard count + other.count <= 5 else { return nil }
    var result = [Double](repeating: 0, count: count + other.count - 1)
    for (i, a) in enumerated() { for (j, b) in other.enumerated() { result[i + j] += a * b } }
    return result
  }
}
