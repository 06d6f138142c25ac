import QATCore
import QATIR

extension OpsetHistory {
  /// Two operands were broadcast only where `broadcast` said so before 7, and the second one's axes
  /// lay from `axis` on.
  static let broadcasting = [
    "Add", "Sub", "Mul", "Div", "Pow", "And", "Or", "Xor", "Equal", "Greater", "Less",
  ].map { OpsetHistory($0, [.broadcastFromAxis]) }
}

extension OpsetHistory.Change {
  /// Puts axes of size 1 behind those of the second operand, so that NumPy's rule gives the same.
  static let broadcastFromAxis = Self(version: 7) { node throws(Diagnostic) in
    let isBroadcast = node.take("broadcast") == .int(1)
    guard case .int(var axis)? = node.take("axis"), isBroadcast, node.inputs.count == 2
    else { return }
    guard let a = node.types[0]?.shape?.rank, let b = node.types[1]?.shape?.rank else {
      throw Diagnostic(
        .unsupported,
        "the second operand lies from axis \(axis) on, and the rank of an operand is unknown",
        hint: "convert the model to opset 7 or later, or give the shapes of its inputs")
    }
    if axis < 0 { axis += a }
    guard axis >= 0, axis <= a - b else {
      throw Diagnostic(
        .shapeMismatch, "\(b) axes from \(axis) on do not lie inside an operand of rank \(a)")
    }
    if axis < a - b { node.unsqueezeInput(1, axes: Array(b..<a - axis)) }
  }
}
