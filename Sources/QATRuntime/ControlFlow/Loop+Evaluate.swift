import QATCore
import QATIR

extension Loop: RunsBodies {
  public func evaluate(
    _ operands: [AnyTensor?], _ bodies: [any RunnableBody]
  ) throws(Diagnostic) -> [AnyTensor] {
    // Operands at the end that are left out are absent.
    let operands = operands + Array(repeating: nil, count: max(0, 2 - operands.count))
    let limit = try limit(operands[0])
    var holds = true
    if let first = operands[1] { holds = try condition(first) }
    let captured = captured(operands)
    var carried = operands[2..<operands.count - captured.count].compactMap { $0 }
    let scanned = body.outputs.dropFirst(1 + carried.count)
    var slices = scanned.map { _ in [AnyTensor]() }
    let ranks = body.inputs.prefix(2).map { body[$0].type.shape?.rank ?? 0 }
    var step = 0
    while step < limit, holds {
      let number = AnyTensor(shape: Array(repeating: 1, count: ranks[0]), [Int64(step)])
      let flag = AnyTensor(shape: Array(repeating: 1, count: ranks[1]), [true])
      let outputs = try bodies[0].run([number, flag] + carried + captured)
      holds = try condition(outputs[0])
      carried = Array(outputs[1..<1 + carried.count])
      for (index, slice) in outputs.dropFirst(1 + carried.count).enumerated() {
        slices[index].append(slice)
      }
      step += 1
    }
    var results = carried
    for (parts, output) in zip(slices, scanned) {
      results.append(try stack(parts, along: 0, like: body[output].type))
    }
    return results
  }

  private func limit(_ count: AnyTensor?) throws(Diagnostic) -> Int {
    guard let count else { return .max }
    guard let numbers = count.integers, numbers.count == 1 else {
      throw Diagnostic(.shapeMismatch, "the count of a Loop has one element")
    }
    return numbers[0]
  }

  private func condition(_ tensor: AnyTensor) throws(Diagnostic) -> Bool {
    guard let elements = tensor.elements(as: Bool.self), elements.count == 1 else {
      throw Diagnostic(.shapeMismatch, "the condition of a Loop has one element")
    }
    return elements[0]
  }
}
