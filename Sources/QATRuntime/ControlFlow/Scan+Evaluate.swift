import QATCore
import QATIR

extension Scan: RunsBodies {
  public func evaluate(
    _ operands: [AnyTensor?], _ bodies: [any RunnableBody]
  ) throws(Diagnostic) -> [AnyTensor] {
    let captured = captured(operands)
    let given = operands.dropLast(captured.count).compactMap { $0 }
    var states = Array(given.dropLast(inputCount))
    let inputs = Array(given.suffix(inputCount))
    let length = try length(of: inputs)
    let scanned = body.outputs.dropFirst(states.count)
    var slices = scanned.map { _ in [AnyTensor]() }
    for step in 0..<length {
      var arguments = states
      for (index, input) in inputs.enumerated() {
        let position = isInputReversed(index) ? length - 1 - step : step
        arguments += try ReferenceEvaluator.evaluate(
          Gather(axis: inputAxis(index)), [input, AnyTensor(Int64(position))])
      }
      let outputs = try bodies[0].run(arguments + captured)
      states = Array(outputs.prefix(states.count))
      for (index, slice) in outputs.dropFirst(states.count).enumerated() {
        slices[index].append(slice)
      }
    }
    var results = states
    for (index, output) in scanned.enumerated() {
      let parts = isOutputReversed(index) ? slices[index].reversed() : slices[index]
      results.append(try stack(parts, along: outputAxis(index), like: body[output].type))
    }
    return results
  }

  private func length(of inputs: [AnyTensor]) throws(Diagnostic) -> Int {
    var lengths: Set<Int> = []
    for (index, input) in inputs.enumerated() {
      guard let axis = Shape(input.shape).normalized(axis: inputAxis(index)) else {
        throw Diagnostic(
          .invalidAttribute,
          "axis \(inputAxis(index)) is outside a scan input of rank \(input.shape.count)")
      }
      lengths.insert(input.shape[axis])
    }
    guard lengths.count == 1, let length = lengths.first else {
      throw Diagnostic(.shapeMismatch, "the scan inputs have \(lengths.sorted()) slices")
    }
    return length
  }
}
