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
    let again = try Importer.graph(of: Exporter.file(of: graph, opset: 28))
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

  @Test("TopK: k was an attribute before 10")
  func topK() throws {
    let results = try run(
      "TopK", opset: 9, [("k", .int(2))], on: numbers([3], [1, 3, 2]), outputs: ["y", "indices"])
    #expect(results[0].doubles == [3, 2] && results[1].integers == [1, 2])
  }

  @Test("Selu: defaults had fewer digits before 6, and attributes named inputs to be overwritten")
  func selu() throws {
    let x = numbers([2], [1, 2])
    let old = try run("Selu", opset: 5, [("consumed_inputs", .ints([0]))], on: x)[0]
    #expect(old == numbers([2], [1.0507, 2 * 1.0507]))
    #expect(try run("Selu", opset: 6, [], on: x)[0] != old)
  }

  @Test("PRelu: before 7 a vector of slopes belonged to the channels")
  func prelu() throws {
    let x = numbers([1, 2, 2], [-1, -2, -3, -4]), slope = ("slope", numbers([2], [10, 100]))
    let old = try run("PRelu", opset: 6, [], on: x, constants: [slope])[0]
    #expect(old.doubles == [-10, -20, -300, -400])
    let new = try run("PRelu", opset: 7, [], on: x, constants: [slope])[0]
    #expect(new.doubles == [-10, -200, -30, -400])
  }

  @Test("arithmetic: before 7 an axis placed the second operand", arguments: [1, 6])
  func broadcast(_ opset: Int) throws {
    let x = numbers([2, 2, 1], [1, 2, 3, 4])
    func sums(_ b: AnyTensor, axis: Int? = nil) throws -> [Double]? {
      var attributes: [(name: String, value: AttributeValue)] = [("broadcast", .int(1))]
      if let axis { attributes.append(("axis", .int(axis))) }
      return try run("Add", opset: opset, attributes, on: x, constants: [("b", b)])[0].doubles
    }
    let b = numbers([2], [10, 20])
    #expect(try sums(b, axis: 0) == [11, 12, 23, 24])
    #expect(try sums(b, axis: 1) == [11, 22, 13, 24])
    #expect(try sums(b, axis: -2) == [11, 22, 13, 24])
    #expect(throws: Diagnostic.self) { try sums(b, axis: 3) }
    #expect(try sums(numbers([1], [5])) == [6, 7, 8, 9])
  }

  @Test("export asks for the opset that has an operation and its element types")
  func needed() throws {
    func opset(_ op: any Operation, _ elements: ElementType...) throws -> Int? {
      var graph = Graph(name: "g")
      let operands = elements.enumerated().map { index, element in
        graph.addInput("x\(index)", TensorType(element, [2]))
      }
      let node = try graph.addNode(op, operands, name: "n", results: ["y"])
      graph.setOutputs([graph[node].result])
      return try Exporter.file(of: graph, opset: 28).opsets[""]
    }
    #expect(try opset(Elu(), .f32) == 13)
    #expect(try opset(Elu(), .bf16) == 22)
    #expect(try opset(Mish(), .f32) == 18)
    #expect(try opset(Mish(), .bf16) == 22)
    #expect(try opset(Celu(), .f16) == 28)
    #expect(try opset(Swish(), .f32) == 24)
    #expect(try opset(Mod(), .i32, .i32) == 13)
    #expect(try opset(Mod(), .f32, .f32) == 28)
    #expect(try opset(Mod(truncates: true), .f32, .f32) == 13)
    #expect(try opset(BitShift(direction: "LEFT"), .i8, .i8) == 28)
    #expect(try opset(Add(), .i8, .i8) == 14)
    #expect(try opset(ReduceMax(), .bool) == 20)
    #expect(try opset(ReduceL2(keepDimensions: true, noopWithEmptyAxes: true), .f32) == 18)
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

  @Test("Upsample is a Resize to the element below; its scales were an attribute before 9")
  func upsample() throws {
    let x = numbers([1, 1, 1, 2], [1, 3]), scales: [Float] = [1, 1, 1, 2]
    for opset in [7, 8] {
      let y = try run("Upsample", opset: opset, [("scales", .floats(scales))], on: x)
      #expect(y[0].doubles == [1, 1, 3, 3])
    }
    for (op, opset) in [("Upsample", 9), ("Resize", 10)] {
      let y = try run(
        op, opset: opset, [("mode", .string("linear"))], on: x,
        constants: [("scales", numbers([4], scales))])
      #expect(y[0].doubles == [1, 2, 3, 3], "\(op)")
    }
  }

  @Test("Resize: tf_half_pixel_for_nn went with 13")
  func halfPixelForNearest() throws {
    let attributes: [(name: String, value: AttributeValue)] = [
      ("coordinate_transformation_mode", .string("tf_half_pixel_for_nn")),
      ("nearest_mode", .string("floor")),
    ]
    // floor((x + 0.5) * 5 / 3) of 0, 1, 2.
    func resized(_ attributes: [(name: String, value: AttributeValue)]) throws -> [Double]? {
      try run(
        "Resize", opset: 11, attributes, on: numbers([5], [0, 1, 2, 3, 4]),
        constants: [("roi", numbers([0], [])), ("scales", numbers([1], [0.6]))])[0].doubles
    }
    #expect(try resized(attributes) == [0, 2, 4])
    #expect(throws: Diagnostic.self) { try resized([attributes[0]]) }
  }

  @Test("Scatter was what ScatterElements was called before 11", arguments: [9, 10])
  func scatter(_ opset: Int) throws {
    let places = AnyTensor(shape: [2], [Int64(2), 0])
    let y = try run(
      "Scatter", opset: opset, [], on: numbers([3], [1, 2, 3]),
      constants: [("indices", places), ("updates", numbers([2], [8, 9]))])
    #expect(y[0].doubles == [9, 2, 8])
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
      return try Exporter.file(of: graph, opset: 28).opsets[""]
    }
    #expect(try opset(QuantizeLinear(), .f32, .f32) == 13)
    #expect(try opset(QuantizeLinear(), .f16, .f16) == 19)
    #expect(try opset(QuantizeLinear(output: .i16), .f32, .f32) == 21)
    #expect(try opset(QuantizeLinear(), .f32, .f16) == 23)
    #expect(try opset(QuantizeLinear(output: .i2), .f32, .f32) == 25)
  }
}
