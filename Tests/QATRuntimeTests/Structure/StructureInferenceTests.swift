import QATCore
import QATIR
import Testing

@Suite("Shapes of convolutions, products, poolings and movements are inferred with symbols")
struct StructureInferenceTests {
  private func type(_ dimensions: Dimension...) -> TensorType {
    TensorType(.f32, Shape(dimensions))
  }
  private let n = Dimension(symbol: "N"), s = Dimension(symbol: "S")

  /// The shapes of the results for operands of these types or contents.
  private func shapes(
    _ op: any Operation, _ operands: Any?..., results: Int = 1
  ) throws -> [String] {
    var graph = Graph(name: "shapes")
    let ids = operands.enumerated().map { index, operand -> ValueID? in
      if let type = operand as? TensorType { return graph.addInput("x\(index)", type) }
      if let tensor = operand as? AnyTensor { return graph.addConstant("c\(index)", tensor) }
      return nil
    }
    return try graph.inferredTypes(of: op, ids, resultCount: results).prefix(results).map {
      $0.shape?.description ?? "*"
    }
  }

  private func expectMistake(
    _ code: Diagnostic.Code, _ hint: String? = nil, _ body: () throws -> Void,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    do {
      try body()
      Issue.record("no mistake was found", sourceLocation: sourceLocation)
    } catch let error as Diagnostic {
      #expect(error.code == code, sourceLocation: sourceLocation)
      if let hint { #expect(error.hint == hint, sourceLocation: sourceLocation) }
    } catch {
      Issue.record(error, sourceLocation: sourceLocation)
    }
  }

  @Test("a convolution keeps a symbol where its padding keeps the size")
  func symbolicSpatialSizes() throws {
    let x = type(n, 3, s, 8)
    let w = type(16, 3, 3, 3)
    let same = WindowAttributes(pads: [1, 1, 1, 1])
    #expect(try shapes(Conv(same), x, w) == ["[N,16,S,8]"])
    #expect(try shapes(Conv(WindowAttributes(autoPad: .sameUpper)), x, w) == ["[N,16,S,8]"])
    #expect(try shapes(Conv(), x, w) == ["[N,16,?,6]"])
    let halves = WindowAttributes(pads: [1, 1, 1, 1], strides: [2, 2])
    #expect(try shapes(Conv(halves), x, w) == ["[N,16,?,4]"])
    #expect(try shapes(Conv(halves), type(n, 3, 2 * s, 8), w) == ["[N,16,S,4]"])
    let pool = WindowAttributes(kernelShape: [2, 2], strides: [2, 2])
    #expect(try shapes(MaxPool(pool), type(n, 3, 4 * s, 7), results: 2)[0] == "[N,3,2*S,3]")
    #expect(try shapes(MaxPool(pool, ceilMode: true), type(n, 3, 4 * s, 7)) == ["[N,3,2*S,4]"])
    let twice = ConvTranspose(WindowAttributes(strides: [2, 2]))
    #expect(try shapes(twice, x, type(3, 5, 2, 2)) == ["[N,5,2*S,16]"])
    #expect(try shapes(twice, x, type(3, 5, 3, 3)) == ["[N,5,?,17]"])
    #expect(try shapes(GlobalAveragePool(), x) == ["[N,3,1,1]"])
  }

  @Test("a convolution that does not fit says so, with a remedy")
  func convolutionMistakes() throws {
    let x = type(n, 4, 5, 5)
    expectMistake(.shapeMismatch, "group = 2 would fit") {
      _ = try shapes(Conv(), x, type(6, 2, 3, 3))
    }
    expectMistake(.shapeMismatch, "set `group` to a divisor of 4") {
      _ = try shapes(Conv(WindowAttributes(), group: 3), x, type(6, 2, 3, 3))
    }
    expectMistake(.shapeMismatch) { _ = try shapes(Conv(), x, type(6, 4, 7, 3)) }
    expectMistake(.shapeMismatch) { _ = try shapes(Conv(), x, type(6, 4, 3)) }
    expectMistake(.shapeMismatch) { _ = try shapes(Conv(), x, type(6, 4, 3, 3), type(5)) }
    let short = WindowAttributes(pads: [1, 1])
    let zero = WindowAttributes(strides: [0, 1])
    expectMistake(.invalidAttribute) { _ = try shapes(Conv(short), x, type(6, 4, 3, 3)) }
    expectMistake(.invalidAttribute) { _ = try shapes(Conv(zero), x, type(6, 4, 3, 3)) }
    let huge = WindowAttributes(dilations: [.max, 1])
    expectMistake(.invalidAttribute) { _ = try shapes(Conv(huge), x, type(6, 4, 3, 3)) }
    expectMistake(.shapeMismatch) {
      _ = try shapes(Conv(WindowAttributes(kernelShape: [5, 5])), x, type(6, 4, 3, 3))
    }
    expectMistake(.shapeMismatch) { _ = try shapes(MaxPool(), x) }
    expectMistake(.shapeMismatch) { _ = try shapes(ConvTranspose(), x, type(3, 4, 3, 3)) }
  }

  @Test("products of symbols survive Flatten and Reshape")
  func reshaping() throws {
    let x = type(n, 4, 7)
    #expect(try shapes(Flatten(), x) == ["[N,28]"])
    #expect(try shapes(Flatten(axis: 2), x) == ["[4*N,7]"])
    #expect(try shapes(Flatten(axis: 0), x) == ["[1,28*N]"])
    #expect(try shapes(Reshape(), x, integers(-1, 7)) == ["[4*N,7]"])
    #expect(try shapes(Reshape(), x, integers(0, -1)) == ["[N,28]"])
    #expect(try shapes(Reshape(), type(.unknown, 4, 7), integers(0, -1)) == ["[?,28]"])
    #expect(try shapes(Reshape(), x, TensorType(.i64, [3])) == ["[?,?,?]"])
    #expect(try shapes(Reshape(), x, TensorType(.i64, [n])) == ["*"])
    #expect(try shapes(Reshape(allowZero: true), type(0, 4), integers(2, 0)) == ["[2,0]"])
    expectMistake(.shapeMismatch) { _ = try shapes(Reshape(), type(4, 7), integers(3, -1)) }
    expectMistake(.shapeMismatch) { _ = try shapes(Reshape(), type(4, 7), integers(-1, -1)) }
    expectMistake(.shapeMismatch) { _ = try shapes(Reshape(), type(4), integers(4, 0)) }
    expectMistake(.shapeMismatch) { _ = try shapes(Squeeze(), x, integers(1)) }
    expectMistake(.invalidOperand) { _ = try shapes(Unsqueeze(), x, integers(0, 0)) }
    expectMistake(.invalidAttribute) { _ = try shapes(Flatten(axis: 4), x) }
  }

  @Test("shapes as data are followed back to the dimensions they are made of")
  func shapeArithmetic() throws {
    // The head split of a transformer: [N, S, 64] to [N, S, 4, 16].
    var builder = GraphBuilder(Graph(name: "heads"))
    let x = builder.graph.addInput("x", type(n, s, 64))
    let shape = builder.emit(ShapeOp(), [x])
    let zero = builder.constant(AnyTensor(Int64(0)))
    let one = builder.integers([1])
    let batch = builder.emit(Gather(), [shape, zero])
    let rows = builder.emit(Unsqueeze(), [batch, builder.integers([0])])
    let length = builder.emit(Slice(), [shape, one, builder.integers([2])])
    let target = builder.emit(Concat(axis: 0), [rows, length, builder.integers([4, -1])])
    let heads = builder.emit(Reshape(), [x, target])
    let turned = builder.emit(Transpose(perm: [0, 2, 1, 3]), [heads])
    let filled = builder.emit(ConstantOfShape(), [shape])
    #expect(builder.failure == nil)
    #expect(builder.type(of: heads).description == "f32[N,S,4,16]")
    #expect(builder.type(of: turned).description == "f32[N,4,S,16]")
    #expect(builder.type(of: filled).description == "f32[N,S,64]")
    let size = builder.emit(Size(), [x])
    #expect(builder.graph.dimensions(of: size) == [64 * n * s])
    // What is known of the first part says nothing of the second.
    let parts = builder.emit(Split(axis: 0), [shape, builder.integers([1, 2])], results: 2)
    #expect(builder.graph.dimensions(of: parts[0]) == [n])
    #expect(builder.graph.dimensions(of: parts[1]) == nil)
  }

  @Test func matrixProducts() throws {
    #expect(try shapes(Gemm(), type(n, 3), type(3, 4), type(4)) == ["[N,4]"])
    #expect(try shapes(MatMul(), type(n, 1, s, 3), type(5, 3, 4)) == ["[N,5,S,4]"])
    #expect(try shapes(MatMul(), type(3), type(n, 3, 4)) == ["[N,4]"])
    expectMistake(.shapeMismatch, "transB = 1 would fit") {
      _ = try shapes(Gemm(), type(n, 3), type(4, 3))
    }
    expectMistake(.shapeMismatch, "insert a Transpose of b") {
      _ = try shapes(MatMul(), type(n, 3), type(4, 3))
    }
    expectMistake(.shapeMismatch) { _ = try shapes(Gemm(), type(n, 3), type(3, 4), type(5)) }
    expectMistake(.shapeMismatch) { _ = try shapes(Gemm(), type(1, 3), type(3, 4), type(2, 4)) }
    expectMistake(.shapeMismatch) { _ = try shapes(MatMul(), type(), type(3)) }
  }

  @Test func movements() throws {
    let x = type(n, 6, s)
    #expect(try shapes(Concat(axis: 1), x, type(n, 2, s)) == ["[N,8,S]"])
    #expect(try shapes(Concat(axis: 2), x, x) == ["[N,6,2*S]"])
    #expect(try shapes(Split(axis: 1), x, nil, results: 2) == ["[N,3,S]", "[N,3,S]"])
    #expect(try shapes(Split(axis: 2), type(n, 2 * s, 4), nil, results: 4)[3] == "[N,2*S,1]")
    #expect(try shapes(Slice(), x, integers(0), integers(.max), integers(2)) == ["[N,6,S]"])
    #expect(try shapes(Slice(), x, integers(1), integers(4), integers(1)) == ["[N,3,S]"])
    #expect(try shapes(Slice(), x, integers(1), integers(4), integers(2)) == ["[N,6,?]"])
    #expect(try shapes(Slice(), x, TensorType(.i64, [1]), integers(4), integers(1)) == ["[N,?,S]"])
    #expect(try shapes(Gather(axis: 1), x, TensorType(.i64, [s, 2])) == ["[N,S,2,S]"])
    #expect(try shapes(Pad(), x, integers(0, 1, 0, 0, 1, 0)) == ["[N,8,S]"])
    #expect(try shapes(Pad(), x, TensorType(.i64, [6])) == ["[?,?,?]"])
    expectMistake(.shapeMismatch) {
      _ = try shapes(Concat(axis: 1), x, type(n, 2, 3), type(n, 2, 4))
    }
    expectMistake(.invalidAttribute) { _ = try shapes(Concat(axis: 3), x) }
    expectMistake(.shapeMismatch) { _ = try shapes(Split(axis: 1), x, nil, results: 4) }
    expectMistake(.shapeMismatch) { _ = try shapes(Split(axis: 1), x, integers(2, 3), results: 2) }
    expectMistake(.invalidOperand) {
      _ = try shapes(Slice(), x, integers(0), integers(1), integers(0), integers(0))
    }
    expectMistake(.invalidOperand) { _ = try shapes(Gather(axis: 1), x, integers(6)) }
    expectMistake(.invalidAttribute) { _ = try shapes(Transpose(perm: [0, 1, 1]), x) }
    expectMistake(.shapeMismatch) { _ = try shapes(Pad(), x, integers(1, 1)) }
    expectMistake(.invalidAttribute) { _ = try shapes(Constant()) }
    expectMistake(.invalidAttribute) {
      _ = try Concat(attributes: []).resultTypes(
        Operands([Operands.Operand(x)]))
    }
  }

  @Test func indices() throws {
    let x = type(n, 6, s), tuples = TensorType(.i64, [s, 2])
    #expect(try shapes(GatherElements(axis: 1), x, TensorType(.i64, [n, 9, s])) == ["[N,9,S]"])
    #expect(try shapes(GatherND(), x, tuples) == ["[S,S]"])
    #expect(
      try shapes(GatherND(batchDimensions: 1), x, TensorType(.i64, [n, 4, 1])) == ["[N,4,S]"])
    #expect(try shapes(ScatterND(), x, tuples, type(s, s)) == ["[N,6,S]"])
    expectMistake(.shapeMismatch) {
      _ = try shapes(GatherElements(axis: 2), x, TensorType(.i64, [n, 9, s]))
    }
    expectMistake(.shapeMismatch) { _ = try shapes(GatherElements(), x, TensorType(.i64, [n, 6])) }
    expectMistake(.invalidAttribute) { _ = try shapes(GatherND(batchDimensions: 3), x, tuples) }
    expectMistake(.shapeMismatch) { _ = try shapes(GatherND(), x, TensorType(.i64, [s, 4])) }
    expectMistake(.shapeMismatch) { _ = try shapes(GatherND(), x, TensorType(.i64, [s, 0])) }
    expectMistake(.shapeMismatch) { _ = try shapes(ScatterND(), x, tuples, type(s, 3, 5)) }
    expectMistake(.typeMismatch) {
      let flags = TensorType(.bool, [3]), places = TensorType(.i64, [2])
      _ = try shapes(
        ScatterElements(axis: 0, reduction: .add), flags, places, TensorType(.bool, [2]))
    }
    for index in [Int64(3), -4] {
      expectMistake(.invalidData) {
        let outside = AnyTensor(shape: [1, 1], [index])
        _ = try evaluate(GatherND(), counting([3, 2]), outside)
      }
    }
  }

  @Test func repetitionsAndBlocks() throws {
    let x = type(n, 8, s, 4)
    #expect(try shapes(Tile(), x, integers(1, 2, 3, 1)) == ["[N,16,3*S,4]"])
    #expect(try shapes(DepthToSpace(blockSize: 2), x) == ["[N,2,2*S,8]"])
    #expect(try shapes(SpaceToDepth(blockSize: 2), type(n, 3, 2 * s, 4)) == ["[N,12,S,2]"])
    #expect(try shapes(EyeLike(), type(n, 3)) == ["[N,3]"])
    let zero = AnyTensor(Int64(0)), one = AnyTensor(Int64(1))
    #expect(try shapes(RangeOp(), zero, AnyTensor(Int64(7)), AnyTensor(Int64(2))) == ["[4]"])
    expectMistake(.shapeMismatch) { _ = try shapes(Tile(), x, integers(1, 2)) }
    expectMistake(.invalidOperand) { _ = try shapes(Tile(), x, integers(1, -2, 1, 1)) }
    expectMistake(.shapeMismatch) {
      _ = try shapes(Tile(), type(2, 3), integers(1 << 40, 1 << 40))
    }
    expectMistake(.shapeMismatch) {
      _ = try shapes(Expand(), type(1), integers(1 << 40, 1 << 40, 0))
    }
    expectMistake(.shapeMismatch) { _ = try shapes(DepthToSpace(blockSize: 3), x) }
    expectMistake(.invalidAttribute) { _ = try shapes(DepthToSpace(), x) }
    expectMistake(.invalidAttribute) { _ = try shapes(SpaceToDepth(blockSize: 0), x) }
    expectMistake(.shapeMismatch) { _ = try shapes(Trilu(), type(n)) }
    expectMistake(.invalidOperand) { _ = try shapes(RangeOp(), zero, one, zero) }
    expectMistake(.invalidOperand) {
      _ = try shapes(RangeOp(), AnyTensor(Int64.min), AnyTensor(Int64.max), one)
    }
    expectMistake(.invalidOperand) {
      _ = try shapes(RangeOp(), AnyTensor(Float(0)), AnyTensor(Float.infinity), AnyTensor(Float(1)))
    }
  }

  @Test func resizedSizes() throws {
    let x = type(n, 3, s, 8), doubled = AnyTensor(shape: [4], [Float(1), 1, 2, 2])
    #expect(try shapes(Resize(), x, nil, doubled) == ["[N,3,2*S,16]"])
    #expect(try shapes(Resize(), x, nil, nil, TensorType(.i64, [4])) == ["[?,?,?,?]"])
    var named = Resize(.linear)
    named.axes = [-1]
    #expect(try shapes(named, x, nil, AnyTensor(shape: [1], [Float(0.5)])) == ["[N,3,S,?]"])
    #expect(try shapes(named, type(2, 8), nil, nil, integers(5)) == ["[2,5]"])
    named.axes = [1, 2]
    named.policy = .notLarger
    #expect(try shapes(named, type(2, 8, 6), nil, nil, integers(4, 9)) == ["[2,4,3]"])
    expectMistake(.invalidOperand) { _ = try shapes(Resize(), x) }
    expectMistake(.invalidOperand) {
      _ = try shapes(Resize(), x, nil, doubled, integers(1, 1, 1, 1))
    }
    expectMistake(.shapeMismatch) { _ = try shapes(Resize(), x, nil, nil, integers(1, 1)) }
    expectMistake(.invalidOperand) {
      _ = try shapes(Resize(), type(2, 3), nil, AnyTensor(shape: [2], [Float(1), -.infinity]))
    }
    expectMistake(.shapeMismatch) { _ = try shapes(Resize(), type(2, 0), nil, nil, integers(2, 3)) }
    named.axes = [1, -2]
    expectMistake(.invalidAttribute) {
      _ = try shapes(named, type(2, 8, 6), nil, nil, integers(4, 9))
    }
  }

  @Test func equations() throws {
    let a = type(n, s, 3), b = type(n, 3, 4)
    #expect(try shapes(Einsum("bij,bjk->bik"), a, b) == ["[N,S,4]"])
    #expect(try shapes(Einsum("...ij, ...jk"), a, b) == ["[N,S,4]"])
    #expect(try shapes(Einsum("bij,bjk"), a, b) == ["[S,4]"])
    #expect(try shapes(Einsum("ZaA"), type(1, 2, 3)) == ["[3,1,2]"])
    for wrong in ["bij,bjk->bil", "bij,bjk->bb", "bij,bjk->b->i", "b?j,bjk", "bij,b...."] {
      expectMistake(.invalidAttribute) { _ = try shapes(Einsum(wrong), a, b) }
    }
    for wrong in ["bij", "bij,bjk,i"] {
      expectMistake(.invalidOperand) { _ = try shapes(Einsum(wrong), a, b) }
    }
    expectMistake(.shapeMismatch) { _ = try shapes(Einsum("bij,bkj->bik"), a, type(n, 4, 5)) }
    expectMistake(.shapeMismatch) { _ = try shapes(Einsum("bi,bjk"), a, b) }
    expectMistake(.shapeMismatch) { _ = try shapes(Einsum("...,...i"), a, b) }
  }
}
