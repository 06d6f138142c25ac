import QATCore

/// The axes in another order: axis `i` of the result is axis `perm[i]` of `data`.
///
/// - Operand: `data` of any type.
/// - Attribute: `perm`, a permutation; absent: the axes reversed.
public struct Transpose: Operation {
  public static let name: OpName = "Transpose"
  public static let operands: [OperandSpec] = [.any("data")]
  public static let attributes: [Attribute<Self>] = [.init("perm", \.perm)]

  /// The axis of the operand that each axis of the result is; reversed where absent.
  public var perm: [Int]? = nil

  public init() {}
  public init(perm: [Int]?) { self.perm = perm }

  /// Swaps the last two axes.
  public static func ofMatrices(rank: Int) -> Transpose {
    Transpose(perm: Array(0..<rank - 2) + [rank - 1, rank - 2])
  }

  /// The permutation for a tensor of that rank.
  public func permutation(rank: Int) -> [Int] { perm ?? (0..<rank).reversed() }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let x = operands[0].knownShape
    let perm = permutation(rank: x.rank)
    guard perm.sorted() == Array(0..<x.rank) else {
      throw Diagnostic(
        .invalidAttribute, "perm \(perm) is no permutation of the axes of data \(x)",
        hint: "name each axis from 0 to \(x.rank - 1) once")
    }
    return [TensorType(operands[0].element, Shape(perm.map { x[$0] }))]
  }
}

extension Transpose: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let inverse = perm.map { perm in perm.indices.sorted { perm[$0] < perm[$1] } }
    return [builder.emit(Transpose(perm: inverse), [call.seed])]
  }
}
