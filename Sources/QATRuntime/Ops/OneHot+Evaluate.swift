import QATCore
import QATIR

extension OneHot: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    guard let indices = call[0].doubles else { throw call.unsupportedElement(call[0].element) }
    let shape = call.shape(), lines = AxisLines(shape, axis: axis)
    // Which of the two values each element is.
    var choice = Array(repeating: 0, count: shape.reduce(1, *))
    for (line, number) in indices.enumerated() {
      let index = number.rounded(.towardZero), length = Double(lines.length)
      guard index >= -length, index < length else { continue }
      let place = Int(index < 0 ? index + length : index)
      choice[lines.start(of: line) + place * lines.stride] = 1
    }
    return [call[2].taking(choice, shape: shape)]
  }
}
