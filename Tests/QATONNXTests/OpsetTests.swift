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
    "arithmetic: the second operand lay from `axis` on before 7",
    arguments: ["Add", "Mul", "Pow"], [1, 6])
  func broadcast(_ op: String, _ opset: Int) throws {
    let x = numbers([2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8]), b = numbers([2], [2, 3])
    let old: [(name: String, value: AttributeValue)] = [("broadcast", .int(1)), ("axis", .int(1))]
    let y = try run(op, opset: opset, old, on: x, constants: [("b", b)])
    #expect(try y == run(op, opset: 7, [], on: x, constants: [("b", b.reshaped([2, 1]))]))
    let suffix = try run(op, opset: opset, [("broadcast", .int(1))], on: x, constants: [("b", b)])
    #expect(try suffix == run(op, opset: 7, [], on: x, constants: [("b", b)]))
    #expect(throws: Diagnostic.self) {
      _ = try run(
        op, opset: opset, [("broadcast", .int(1)), ("axis", .int(3))], on: x,
        constants: [("b", b)])
    }
  }

  @Test("arithmetic of unknown rank can't be upgraded, and that is said")
  func broadcastOfUnknownRank() throws {
    var file = ModelFile()
    file.opsets = ["": 6]
    file.graph.inputs = [
      ValueFile("x", TensorType(.f32, nil)), ValueFile("b", TensorType(.f32, [2])),
    ]
    var node = NodeFile()
    node.opType = "Add"
    (node.inputs, node.outputs) = (["x", "b"], ["y"])
    node.attributes = [("broadcast", .int(1)), ("axis", .int(0))]
    file.graph.nodes = [node]
    file.graph.outputs = [ValueFile("y", nil)]
    let error = #expect(throws: Diagnostic.self) { try Importer.graph(of: file) }
    #expect(error?.code == .unsupported)
    #expect(error?.message.contains("rank") == true)
  }

  @Test("Reshape: the shape was an attribute before 5")
  func reshape() throws {
    let x = numbers([2, 3], [1, 2, 3, 4, 5, 6])
    let y = try run(
      "Reshape", opset: 1, [("shape", .ints([3, -1])), ("consumed_inputs", .ints([0]))], on: x)
    #expect(y[0] == x.reshaped([3, 2]))
  }

  @Test("Cast: the type was a name before 6")
  func cast() throws {
    let x = numbers([2], [1.5, -2])
    #expect(try run("Cast", opset: 1, [("to", .string("INT32"))], on: x)[0].integers == [1, -2])
    #expect(throws: Diagnostic.self) {
      _ = try run("Cast", opset: 1, [("to", .string("INT33"))], on: x)
    }
  }

  @Test("Concat: the axis was 1 where none was given before 4")
  func concat() throws {
    let x = numbers([1, 2], [1, 2])
    let y = try run("Concat", opset: 1, [], on: x, constants: [("b", x)])
    #expect(y[0].shape == [1, 4])
  }

  @Test("Pad: pads were paddings before 2")
  func paddings() throws {
    let y = try run("Pad", opset: 1, [("paddings", .ints([1, 0]))], on: numbers([1], [5]))
    #expect(y[0].doubles == [0, 5])
  }

  @Test("Split: sizes were an operand of the type of the data before 2")
  func sizesAsData() throws {
    let parts = try run(
      "Split", opset: 1, [("axis", .int(0))], on: numbers([3], [1, 2, 3]), outputs: ["a", "b"],
      constants: [("sizes", numbers([2], [1, 2]))])
    #expect(parts.map(\.doubles) == [[1], [2, 3]])
  }

  @Test("what let an operation write over its operands is dropped", arguments: ["Relu", "Tanh"])
  func consumedInputs(_ op: String) throws {
    let x = numbers([2], [-1, 2])
    let y = try run(op, opset: 1, [("consumed_inputs", .ints([1]))], on: x)
    #expect(try y == run(op, opset: 13, [], on: x))
  }

  @Test("BatchNormalization: statistics of every activation are refused")
  func notSpatial() throws {
    let one = numbers([1], [1])
    #expect(throws: Diagnostic.self) {
      _ = try run(
        "BatchNormalization", opset: 7, [("spatial", .int(0))], on: numbers([1, 1, 2], [1, 2]),
        constants: [("scale", one), ("bias", one), ("mean", one), ("var", one)])
    }
  }

  @Test(
    "an element type asks for the opset that brought it",
    arguments: [
      (ElementType.f32, 13), (.f8e5m2, 19), (.i4, 21), (.f4e2m1, 23), (.f8e8m0, 24), (.u2, 25),
      (.f6e2m3, 28),
    ])
  func elementTypes(_ element: ElementType, _ opset: Int) throws {
    var graph = Graph(name: "g")
    let x = graph.addInput("x", TensorType(.f32, [2]))
    let node = try graph.addNode(Cast(to: element), [x], name: "", results: ["y"])
    graph.setOutputs([graph[node].result])
    #expect(try Exporter.file(of: graph).opsets[""] == opset)
  }

  @Test("quantizers: parameters and types ask for the opset that brought them")
  func quantizers() throws {
    func opset(_ op: QuantizeLinear, _ x: ElementType, _ scale: ElementType) throws -> Int? {
      var graph = Graph(name: "g")
      let operands = [
        graph.addInput("x", TensorType(x, [2])), graph.addInput("s", TensorType(scale, [])),
      ]
      let node = try graph.addNode(op, operands, name: "", results: ["y"])
      graph.setOutputs([graph[node].result])
      return try Exporter.file(of: graph).opsets[""]
    }
    #expect(try opset(QuantizeLinear(), .f32, .f32) == 13)
    #expect(try opset(QuantizeLinear(), .f16, .f16) == 19)
    #expect(try opset(QuantizeLinear(output: .i16), .f32, .f32) == 21)
    #expect(try opset(QuantizeLinear(), .f32, .f16) == 23)
    #expect(try opset(QuantizeLinear(output: .i2), .f32, .f32) == 25)
  }
}
