import QATCore

@testable import QATIR

/// Graphs made at random, odd names and odd bits included.
struct RandomGraph {
  private var random: SeededGenerator
  private var graph = Graph(name: "")
  private var values: [ValueID] = []

  static func make(seed: UInt64) throws(Diagnostic) -> Graph {
    var maker = RandomGraph(random: SeededGenerator(seed: seed))
    return try maker.make()
  }

  private mutating func make() throws(Diagnostic) -> Graph {
    graph.name = name()
    for _ in 0..<below(3) { graph.metadata[name()] = name() }
    for _ in 0...below(3) { values.append(graph.addInput(name(), type())) }
    for _ in 0..<below(12) {
      let tensor = tensor()
      values.append(
        flip() ? graph.addConstant(name(), tensor) : graph.addVariable(name(), tensor))
    }
    for _ in 0..<below(30) { try addNode() }
    graph.setOutputs((0..<below(3)).map { _ in pick(values) })
    return graph
  }

  private mutating func addNode() throws(Diagnostic) {
    let operand = pick(values)
    let origins = flip() ? [] : [name(), name()]
    let metadata = flip() ? [:] : [name(): name()]
    let node: NodeID
    switch below(4) {
    case 0:
      node = try graph.addNode(
        Fork(), [operand], name: flip() ? "" : name(), results: [flip() ? nil : name(), name()],
        origins: origins, metadata: metadata)
    case 1:
      var op = EveryAttribute()
      for attribute in EveryAttribute.attributes where flip() {
        _ = attribute.set(&op, value())
      }
      node = try graph.addNode(
        op, flip() ? [operand] : [operand, nil, operand], name: name(), origins: origins,
        metadata: metadata)
    case 2:
      let attributes = Set((0..<below(4)).map { _ in name() })
        .sorted().map { (name: $0, value: value()) }
      let op = Opaque(OpName(domain: name(), type: name()), attributes)
      let results = (0..<below(3)).map { _ in flip() ? nil : name() }
      node = graph.insertNode(
        op, [operand, nil, pick(values)], name: name(), results: results,
        types: results.map { _ in type() }, origins: origins, metadata: metadata)
    default:
      node = try graph.addNode(
        Identity(), [operand], name: "", results: [name()], origins: origins, metadata: metadata)
    }
    values += graph[node].results.compactMap { $0 }
  }

  private mutating func below(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &random) }
  private mutating func flip() -> Bool { Bool.random(using: &random) }
  private mutating func pick<T>(_ list: [T]) -> T { list[below(list.count)] }

  private mutating func name() -> String {
    pick([
      "x", "conv1.weight", "/conv1/Conv_output_0", "input:0", "a:", ":b", "-c", "a//b", "//", "_",
      "",
      "0", "17", "1e5", "größe", "名前", "👩‍👩‍👧", "a b", "\"quoted\"", "back\\slash", "line\nbreak",
      "tab\t", "\u{0}", "\u{1b}[0m", "constant", "variable", "metadata", "name", "graph", "nan",
      "inf",
      "dense", "ints", "e\u{301}", "\r\n", "%", "}", "a,b", "a(b)", "Conv.1",
    ])
  }

  private mutating func type() -> TensorType {
    let element = pick(ElementType.allCases)
    if below(8) == 0 { return TensorType(element, nil) }
    return TensorType(element, Shape((0..<below(4)).map { _ in dimension() }))
  }

  private mutating func dimension() -> Dimension {
    switch below(4) {
    case 0: .unknown
    case 1: Dimension(symbol: name()) * Dimension(below(5))
    case 2: Dimension(symbol: name()) * Dimension(symbol: name())
    default: Dimension(below(5))
    }
  }

  private mutating func tensor() -> AnyTensor {
    let element = pick(ElementType.allCases)
    let shape = (0..<below(3)).map { _ in below(6) }
    let count = element.byteCount(shape.reduce(1, *))
    let bytes = (0..<count).map { _ in flip() ? UInt8(below(256)) : pick([0, 1, 0x7f, 0x80, 0xff]) }
    return AnyTensor(element, shape: shape, storage: TensorStorage(bytes: bytes))
  }

  private mutating func value() -> AttributeValue {
    switch below(8) {
    case 0: .int(pick([0, 1, -1, .max, .min, below(1000)]))
    case 1: .float(float())
    case 2: .string(name())
    case 3: .ints((0..<below(4)).map { _ in below(9) - 4 })
    case 4: .floats((0..<below(4)).map { _ in float() })
    case 5: .strings((0..<below(4)).map { _ in name() })
    case 6: .tensor(tensor())
    default: .raw((0..<below(5)).map { _ in UInt8(below(256)) })
    }
  }

  private mutating func float() -> Float {
    flip()
      ? Float(bitPattern: UInt32(truncatingIfNeeded: random.next()))
      : pick([
        0, -0.0, 1, -1, 0.1, .leastNonzeroMagnitude, .infinity, -.infinity, .nan,
        .greatestFiniteMagnitude,
      ])
  }

  private init(random: SeededGenerator) { self.random = random }
}
