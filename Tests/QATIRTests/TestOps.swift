import QATCore

@testable import QATIR

/// Takes every kind of attribute and passes its operand on.
struct EveryAttribute: Operation {
  static let name: OpName = "test.EveryAttribute"
  static let operands: [OperandSpec] = [.any("x"), .any("y", .optional), .any("z", .optional)]
  static let attributes: [Attribute<Self>] = [
    .init("int", \.int), .init("float", \.float), .init("string", \.string), .init("flag", \.flag),
    .init("ints", \.ints), .init("floats", \.floats), .init("strings", \.strings),
    .init("tensor", \.tensor), .init("grid", \.grid), .init("maybe", \.maybe),
  ]
  var int = 0
  var float: Float = 0
  var string = ""
  var flag = false
  var ints: [Int] = [0]
  var floats: [Float] = [0]
  var strings: [String] = ["default"]
  var tensor: AnyTensor? = nil
  var grid = IntegerGrid.int8
  var maybe: [Int]? = nil

  func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] { [operands[0]] }
}

/// Two results of the operand's type.
struct Fork: Operation {
  static let name: OpName = "test.Fork"
  static let operands: [OperandSpec] = [.any("x")]
  static let results: [ResultSpec] = ["a", "b"]
  func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    [operands[0], operands[0]]
  }
}

/// Stands for the assignment of a variable.
struct TestAssign: Operation {
  static let name: OpName = "qat.Assign"
  static let operands: [OperandSpec] = [.any("variable"), .any("value")]
  static let results: [ResultSpec] = []
  func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] { [] }
}

extension OpRegistry {
  static let testing: OpRegistry = {
    var registry = OpRegistry([Add.self, Identity.self, FakeQuantize.self])
    registry.register(EveryAttribute.self)
    registry.register(Fork.self)
    registry.register(TestAssign.self)
    return registry
  }()
}

extension Graph {
  /// Adds a node with one result, and returns that.
  mutating func emit(
    _ op: any Operation, _ operands: [ValueID?], name: String, result: String
  ) throws(Diagnostic) -> ValueID {
    let node = try addNode(op, operands, name: name, results: [result])
    return self[node].result
  }
}

/// SplitMix64 (Steele et al., 2014): the same numbers everywhere.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}
