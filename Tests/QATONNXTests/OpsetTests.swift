import QATCore
import QATIR
import QATONNX
import QATRuntime
import Testing

@Suite("A node of an older opset")
struct OpsetTests {
  /// Imports one node on `x`, runs it, and gives its first result.
  private func run(
    _ op: String, opset: Int, _ attributes: [(name: String, value: AttributeValue)],
    on x: AnyTensor,
    outputs: [String] = ["y"], constants: [(name: String, tensor: AnyTensor)] = []
  ) throws -> [AnyTensor] {
    var file = ModelFile()
    file.opsets = ["": opset]
    file.graph.name = "g"
    file.graph.inputs = [ValueFile("x", x.type)]
    file.graph.initializers = constants
    var node = NodeFile()
    node.opType = op
    node.inputs = ["x"] + constants.map(\.name)
    node.outputs = outputs
    node.attributes = attributes
    file.graph.nodes = [node]
    file.graph.outputs = outputs.map { ValueFile($0, nil) }
    let graph = try Importer.graph(of: file)
    // The newest form goes out and comes back.
    let again = try Importer.graph(of: Exporter.file(of: graph))
    #expect(again == graph)
    return try ReferenceEvaluator(graph).evaluate(["x": x]).outputs
  }

  private func numbers(_ shape: [Int], _ elements: [Float]) -> AnyTensor {
    AnyTensor(shape: shape, elements)
  }

  @Test("Clip: bounds were attributes before 11", arguments: [7, 10])
  func clip(_ opset: Int) throws {
    let x = numbers([3], [-3, 0.5, 3])
    let both = try run("Clip", opset: opset, [("min", .float(-1)), ("max", .float(2))], on: x)
    #expect(both[0].doubles == [-1, 0.5, 2])
    #expect(try run("Clip", opset: opset, [("max", .float(2))], on: x)[0].doubles == [-3, 0.5, 2])
    #expect(try run("Clip", opset: opset, [], on: x)[0] == x)
  }

  @Test("Squeeze and Unsqueeze: axes were an attribute before 13", arguments: [7, 11, 12])
  func squeeze(_ opset: Int) throws {
    let x = numbers([1, 2, 1], [1, 2])
    #expect(try run("Squeeze", opset: opset, [("axes", .ints([0]))], on: x)[0].shape == [2, 1])
    #expect(try run("Squeeze", opset: opset, [], on: x)[0].shape == [2])
    #expect(
      try run("Unsqueeze", opset: opset, [("axes", .ints([0, 4]))], on: x)[0].shape == [
        1, 1, 2, 1, 1,
      ])
  }

  @Test(
    "Softmax: all axes from `axis` on were one before 13", arguments: ["Softmax", "LogSoftmax"])
  func softmax(_ op: String) throws {
    let x = numbers([2, 2, 2], [0, 0, 0, 0, 1, 2, 3, 4])
    let old = try run(op, opset: 11, [], on: x)[0]
    let new = try run(op, opset: 13, [("axis", .int(-1))], on: x.reshaped([2, 4]))[0]
    #expect(old.shape == [2, 2, 2])
    #expect(old.reshaped([2, 4]) == new)
    let last = try run(op, opset: 11, [("axis", .int(2))], on: x)[0]
    #expect(try last == run(op, opset: 13, [], on: x)[0])
    let whole = try run(op, opset: 11, [("axis", .int(0))], on: x)[0]
    #expect(try whole.reshaped([1, 8]) == run(op, opset: 13, [], on: x.reshaped([1, 8]))[0])
  }

  @Test("Split: sizes were an attribute before 13, equal parts had no count before 18")
  func split() throws {
    let x = numbers([4], [1, 2, 3, 4])
    let parts = try run(
      "Split", opset: 11, [("split", .ints([1, 3]))], on: x, outputs: ["a", "b"])
    #expect(parts.map(\.doubles) == [[1], [2, 3, 4]])
    for opset in [7, 11, 13, 17] {
      let halves = try run("Split", opset: opset, [], on: x, outputs: ["a", "b"])
      #expect(halves.map(\.doubles) == [[1, 2], [3, 4]])
    }
  }

  @Test(
    "Dropout: the ratio was an attribute before 12; outside training it changes nothing",
    arguments: [7, 10, 12])
  func dropout(_ opset: Int) throws {
    let x = numbers([3], [1, 2, 3])
    let ratio: [(name: String, value: AttributeValue)] = opset < 12 ? [("ratio", .float(0.75))] : []
    #expect(try run("Dropout", opset: opset, ratio, on: x)[0] == x)
  }

  @Test("Slice: starts and ends were attributes before 10")
  func slice() throws {
    let x = numbers([2, 3], [1, 2, 3, 4, 5, 6])
    let attributes: [(name: String, value: AttributeValue)] = [
      ("starts", .ints([1])), ("ends", .ints([9])), ("axes", .ints([1])),
    ]
    #expect(try run("Slice", opset: 9, attributes, on: x)[0].doubles == [2, 3, 5, 6])
    #expect(try run("Slice", opset: 9, Array(attributes.prefix(2)), on: x)[0].doubles == [4, 5, 6])
  }

  @Test("Pad: pads and value were attributes before 11")
  func pad() throws {
    let x = numbers([2], [1, 2])
    let padded = try run("Pad", opset: 7, [("pads", .ints([1, 2])), ("value", .float(9))], on: x)
    #expect(padded[0].doubles == [9, 1, 2, 9, 9])
  }

  @Test("reductions: axes were an attribute before 13 or 18")
  func reductions() throws {
    let x = numbers([2, 2], [1, 2, 3, 4])
    for (op, opset, expected) in [
      ("ReduceSum", 11, [3.0, 7]), ("ReduceMean", 13, [1.5, 3.5]), ("ReduceMax", 17, [2, 4]),
    ] {
      let y = try run(op, opset: opset, [("axes", .ints([1])), ("keepdims", .int(0))], on: x)
      #expect(y[0].doubles == expected, "\(op)")
    }
  }

  @Test("BatchNormalization: `spatial` went with 9")
  func batchNormalization() throws {
    let one = numbers([1], [1]), zero = numbers([1], [0])
    let y = try run(
      "BatchNormalization", opset: 7, [("spatial", .int(1)), ("epsilon", .float(0))],
      on: numbers([1, 1, 2], [1, 2]),
      constants: [("scale", numbers([1], [2])), ("bias", one), ("mean", zero), ("var", one)])
    #expect(y[0].doubles == [3, 5])
  }

  @Test(
    "BatchNormalization: more than one result meant training before 14", arguments: [1, 6, 7, 9])
  func batchNormalization(_ opset: Int) throws {
    let x = numbers([2, 1], [1, 3])
    let parameters = ["s", "b", "m", "v"].map { name in
      (name: name, tensor: numbers([1], [name == "s" || name == "v" ? 1 : 0]))
    }
    let old: [(name: String, value: AttributeValue)] =
      (opset < 7 ? [("is_test", .int(1))] : []) + [("epsilon", .float(0))]
    let alone = try run("BatchNormalization", opset: opset, old, on: x, constants: parameters)
    #expect(alone[0].doubles == [1, 3])
    let training = try run(
      "BatchNormalization", opset: opset, [("epsilon", .float(0)), ("momentum", .float(0.5))],
      on: x,
      outputs: ["y", "m1", "v1"], constants: parameters)
    #expect(training.map(\.doubles) == [[-1, 1], [1], [1]])
  }

  @Test("Dropout: the mask had the type of the data before 10", arguments: [1, 7, 9])
  func dropoutMask(_ opset: Int) throws {
    let x = numbers([2], [1, 3])
    let results = try run(
      "Dropout", opset: opset, [("ratio", .float(0.4))], on: x, outputs: ["y", "mask"])
    #expect(results == [x, numbers([2], [1, 1])])
  }

  @Test("GroupNormalization: scale and bias were those of groups before 21")
  func groupNormalization() throws {
    let x = numbers([1, 4, 1], [-1, 1, 2, 4])
    let parameters = [
      (name: "s", tensor: numbers([2], [1, 10])), (name: "b", tensor: numbers([2], [0, 100])),
    ]
    let y = try run(
      "GroupNormalization", opset: 18, [("num_groups", .int(2)), ("epsilon", .float(0))], on: x,
      constants: parameters)
    #expect(y[0].doubles == [-1, 1, 90, 110])
  }
}
