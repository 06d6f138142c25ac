import QATCore

/// A question asked of every element of a float tensor; the result is a tensor of bool.
public protocol FloatPredicate: KeepsSamplesApart {}

extension FloatPredicate {
  public static var operands: [OperandSpec] {
    [OperandSpec("x", .floats.union([.f8e4m3fn, .f8e4m3fnuz, .f8e5m2, .f8e5m2fnuz]))]
  }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    [TensorType(.bool, operands[0].shape)]
  }
  public func resultElements(_ operands: Operands) -> [ElementType] { [.bool] }
}
