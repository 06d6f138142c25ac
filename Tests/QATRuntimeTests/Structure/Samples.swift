import QATCore
import QATIR

@testable import QATRuntime

/// Small whole numbers in a fixed order, of mixed signs, as the expected values were computed from:
/// element i is (7 * i) mod 11 - 5.
func sample<Scalar: TensorScalar & BinaryFloatingPoint>(
  _ shape: [Int], as: Scalar.Type = Float.self
) -> AnyTensor {
  AnyTensor(shape: shape, (0..<shape.reduce(1, *)).map { Scalar($0 * 7 % 11 - 5) })
}

/// 0, 1, 2, ...
func counting(_ shape: [Int]) -> AnyTensor {
  AnyTensor(shape: shape, (0..<shape.reduce(1, *)).map { Float($0) })
}

func integers(_ numbers: Int...) -> AnyTensor {
  AnyTensor(shape: [numbers.count], numbers.map(Int64.init))
}

/// Distinct numbers between -1 and 1, at least 1/64 apart where there are at most 100, so that a
/// small step does not change which is the largest.
func distinct(_ shape: [Int], seed: Int = 0) -> AnyTensor {
  AnyTensor(
    shape: shape, (0..<shape.reduce(1, *)).map { Double(($0 * 37 + seed * 11) % 101 - 50) / 50 })
}

func evaluate(
  _ op: any Operation, _ operands: AnyTensor?..., results: Int = 1
) throws(Diagnostic) -> [AnyTensor] {
  try ReferenceEvaluator.evaluate(op, operands, resultCount: results)
}

func floats(_ tensor: AnyTensor) -> [Float] { tensor.elements(as: Float.self) ?? [] }
