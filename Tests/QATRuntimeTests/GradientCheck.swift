import QATCore
import QATIR
import QATRuntime
import Testing

/// Compares the gradients of one operation with central differences, in double precision.
///
/// The loss is a fixed weighted sum of the results. Steps of 1e-5 leave an error of about 1e-10
/// from the third derivative and 1e-11 from rounding, relative to values around 1.
func checkGradients(
  of op: any Operation, _ operands: [AnyTensor?], results: Int = 1, seeded: Int = 1,
  checking indices: [Int]? = nil, tolerance: Double = 1e-6,
  sourceLocation: SourceLocation = #_sourceLocation
) throws {
  var graph = Graph(name: "check")
  var inputs: [String: AnyTensor] = [:]
  let ids = operands.enumerated().map { index, operand -> ValueID? in
    guard let operand else { return nil }
    if operand.element == .i64 { return graph.addConstant("c\(index)", operand) }
    inputs["x\(index)"] = operand
    // The first dimension is a symbol where it can be: gradients must not depend on its size.
    var shape = Shape(operand.shape)
    if index == 0, shape.rank > 1 { shape[0] = Dimension(symbol: "N") }
    return graph.addInput("x\(index)", TensorType(operand.element, shape))
  }
  let node = try graph.addNode(op, ids, name: "op", results: Array(repeating: "", count: results))
  let outputs = graph[node].results.compactMap { $0 }
  let forward = try ReferenceEvaluator(graph).evaluate(inputs)
  let seeds = outputs.prefix(seeded).map { forward.values[graph[$0].name]! }.map { y in
    AnyTensor(shape: y.shape, (0..<y.elementCount).map { 0.3 + Double($0 * 7 % 11) / 9 })
  }

  let checked = indices ?? ids.indices.filter { operands[$0]?.element == .f64 }
  let needs = ids.indices.map { checked.contains($0) }
  var builder = GraphBuilder(graph)
  let seedIDs = seeds.map { builder.constant($0, name: "seed") }
  let differentiable = try #require(op as? any Differentiable)
  let call = GradientCall(
    operands: ids, results: outputs,
    seeds: seedIDs + Array(repeating: nil, count: results - seeded), needs: needs)
  let gradients = try differentiable.gradients(of: call, in: &builder)
  #expect(builder.failure == nil, sourceLocation: sourceLocation)
  let backward = try ReferenceEvaluator(builder.graph).evaluate(inputs)

  func loss(_ inputs: [String: AnyTensor]) throws -> Double {
    let values = try ReferenceEvaluator(graph).evaluate(inputs).values
    return zip(outputs, seeds).reduce(0) { sum, next in
      let y = values[graph[next.0].name]!.doubles!, w = next.1.doubles!
      return sum + zip(y, w).reduce(0) { $0 + $1.0 * $1.1 }
    }
  }
  let step = 1e-5
  for index in checked {
    let name = "x\(index)", x = try #require(operands[index]), values = x.doubles!
    let gradient = try #require(gradients[index], sourceLocation: sourceLocation)
    let analytic = backward.values[builder.graph[gradient].name]!
    #expect(analytic.shape == x.shape, sourceLocation: sourceLocation)
    for element in values.indices {
      var shifted = inputs, sides: [Double] = []
      for offset in [step, -step] {
        var moved = values
        moved[element] += offset
        shifted[name] = AnyTensor(shape: x.shape, moved)
        sides.append(try loss(shifted))
      }
      let numeric = (sides[0] - sides[1]) / (2 * step), found = analytic.doubles![element]
      let scale = max(1, abs(numeric))
      #expect(
        abs(found - numeric) <= tolerance * scale, "operand \(index), element \(element) of \(op)",
        sourceLocation: sourceLocation)
    }
  }
}

/// Numbers between -2 and 2, spread evenly, none of which ties with another or is near a kink.
func numbers(_ shape: [Int], _ seed: Int = 1, scale: Double = 1, offset: Double = 0) -> AnyTensor {
  let count = shape.reduce(1, *)
  return AnyTensor(
    shape: shape,
    (0..<count).map { index in
      let fraction = (Double(index + seed * 17) * 0.6180339887498949).truncatingRemainder(
        dividingBy: 1)
      return (fraction * 4 - 2) * scale + offset
    })
}

/// The same, all positive.
func positives(_ shape: [Int], _ seed: Int = 1) -> AnyTensor {
  numbers(shape, seed, scale: 0.4, offset: 1.2)
}
