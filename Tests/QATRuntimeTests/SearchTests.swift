import QATCore
import QATIR
import QATRuntime
import Testing

private func evaluate(
  _ op: any Operation, _ operands: [AnyTensor?], results: Int = 1
) throws -> [AnyTensor] {
  try ReferenceEvaluator.evaluate(op, operands, resultCount: results)
}

private func floats(_ shape: [Int], _ elements: [Float]) -> AnyTensor {
  AnyTensor(shape: shape, elements)
}

private func integers(_ elements: Int64...) -> AnyTensor {
  AnyTensor(shape: [elements.count], elements)
}

private func expectMistake(
  _ code: Diagnostic.Code, _ op: any Operation, _ operands: [AnyTensor?],
  sourceLocation: SourceLocation = #_sourceLocation
) {
  let error = #expect(throws: Diagnostic.self, sourceLocation: sourceLocation) {
    _ = try evaluate(op, operands)
  }
  #expect(error?.code == code, sourceLocation: sourceLocation)
}

@Suite("Searches, sums along an axis and rests, by the rules of ONNX")
struct SearchTests {
  @Test("of elements that tie, the first or the last is found, and NaN is the extremum")
  func extrema() throws {
    let x = floats([2, 4], [3, 1, 3, 1, 2, .nan, 5, .nan])
    func indices(_ op: any Operation) throws -> [Int]? { try evaluate(op, [x])[0].integers }
    #expect(try indices(ArgMax(axis: 1)) == [0, 1])
    #expect(try indices(ArgMax(axis: -1, selectLastIndex: true)) == [2, 3])
    #expect(try indices(ArgMin(axis: 1)) == [1, 1])
    #expect(try indices(ArgMin(axis: 1, selectLastIndex: true)) == [3, 3])
    #expect(try indices(ArgMax(axis: 0)) == [0, 1, 1, 1])
    #expect(try evaluate(ArgMax(axis: 0, keepDimensions: false), [x])[0].shape == [4])
    #expect(try evaluate(ArgMax(axis: 0), [x])[0].shape == [1, 4])
    expectMistake(.invalidAttribute, ArgMax(axis: 2), [x])
    expectMistake(.invalidData, ArgMax(axis: 0), [floats([0, 2], [])])
    #expect(try evaluate(ArgMax(axis: 1), [floats([0, 2], [])])[0].shape == [0, 1])
  }

  @Test("the best come first, and of elements that tie the one with the lower index")
  func best() throws {
    let x = floats([2, 4], [3, 1, 3, 2, 0, .nan, 5, -.infinity])
    let top = try evaluate(TopK(axis: 1), [x, integers(3)], results: 2)
    #expect(top[0].doubles?.prefix(3) == [3, 3, 2] && top[0].doubles?.suffix(2) == [5, 0])
    #expect(top[1].integers == [0, 2, 3, 1, 2, 0])
    let low = try evaluate(TopK(axis: 0, largest: false), [x, integers(1)], results: 2)
    #expect(low[1].integers == [1, 0, 0, 1])
    let codes = AnyTensor(shape: [3], [UInt64.max, 1, UInt64.max - 1])
    #expect(try evaluate(TopK(), [codes, integers(2)], results: 2)[1].integers == [0, 2])
    expectMistake(.invalidData, TopK(axis: 1), [x, integers(5)])
    expectMistake(.invalidData, TopK(axis: 1), [x, integers(-1)])
    expectMistake(.shapeMismatch, TopK(axis: 1), [x, integers(1, 2)])
  }

  @Test("sums leave their own element out, and start at the end, where asked")
  func cumulative() throws {
    let x = AnyTensor(shape: [2, 3], [1, 2, 3, 4, 5, 6] as [Int32]), axis = AnyTensor(Int64(1))
    func sums(_ op: CumSum, _ axis: AnyTensor) throws -> [Int]? {
      try evaluate(op, [x, axis])[0].integers
    }
    #expect(try sums(CumSum(), axis) == [1, 3, 6, 4, 9, 15])
    #expect(try sums(CumSum(exclusive: true, reverse: false), axis) == [0, 1, 3, 0, 4, 9])
    #expect(try sums(CumSum(exclusive: false, reverse: true), axis) == [6, 5, 3, 15, 11, 6])
    #expect(try sums(CumSum(exclusive: true, reverse: true), axis) == [5, 3, 0, 11, 6, 0])
    #expect(try sums(CumSum(), AnyTensor(Int32(-2))) == [1, 2, 3, 5, 7, 9])
    expectMistake(.invalidAttribute, CumSum(), [x, AnyTensor(Int64(2))])
    expectMistake(.shapeMismatch, CumSum(), [x, integers(0, 1)])
  }

  @Test("elements that are not 0 are listed by their indices, of a scalar none")
  func nonZero() throws {
    let x = floats([2, 3], [0, 1, -0.0, .nan, 0, 2])
    let places = try evaluate(NonZero(), [x])[0]
    #expect(places.shape == [2, 3] && places.integers == [0, 1, 1, 1, 0, 2])
    #expect(try evaluate(NonZero(), [AnyTensor(true)])[0].shape == [0, 1])
    #expect(try evaluate(NonZero(), [AnyTensor(false)])[0].shape == [0, 0])
  }

  @Test("indices count from both ends, and those beyond point nowhere")
  func oneHot() throws {
    let indices = integers(0, -1, 3, -4), depth = AnyTensor(Int64(3))
    let values = AnyTensor(shape: [2], [Int8(7), 9])
    let rows = try evaluate(OneHot(), [indices, depth, values])[0]
    #expect(rows.shape == [4, 3] && rows.element == .i8)
    #expect(rows.integers == [9, 7, 7, 7, 7, 9, 7, 7, 7, 7, 7, 7])
    #expect(try evaluate(OneHot(axis: 0), [indices, depth, values])[0].shape == [3, 4])
    // The type of the indices may be that of the values, and no integer.
    let same = try evaluate(OneHot(), [indices, AnyTensor(Float(3)), integers(0, 1)])[0]
    #expect(same.integers?.prefix(6) == [1, 0, 0, 0, 0, 1])
    expectMistake(.invalidData, OneHot(), [indices, AnyTensor(Int64(0)), values])
    expectMistake(.shapeMismatch, OneHot(), [indices, depth, integers(1)])
    expectMistake(.invalidAttribute, OneHot(axis: 2), [indices, depth, values])
    expectMistake(.shapeMismatch, OneHot(), [indices, AnyTensor(Int64.max / 2), values])
  }

  @Test("a rest has the sign of the divisor, or with `fmod` that of the dividend")
  func rests() throws {
    let a = AnyTensor(shape: [6], [-4, 7, 5, 4, -128, 3] as [Int8])
    let b = AnyTensor(shape: [6], [2, -3, 8, -2, -1, 0] as [Int8])
    #expect(try evaluate(Mod(), [a, b])[0].integers == [0, -2, 5, 0, 0, 0])
    #expect(try evaluate(Mod(truncates: true), [a, b])[0].integers == [0, 1, 5, 0, 0, 0])
    let x = floats([5], [-4.3, 7.2, 5, -3, 3]),
      y = floats([5], [2.1, -3.4, .infinity, .infinity, 0])
    let floored = try evaluate(Mod(), [x, y])[0].elements(as: Float.self)!
    #expect(abs(floored[0] - 2) < 1e-6 && abs(floored[1] + 3) < 1e-6)
    #expect(floored[2] == 5 && floored[3] == .infinity && floored[4].isNaN)
    let truncated = try evaluate(Mod(truncates: true), [x, y])[0].elements(as: Float.self)!
    #expect(abs(truncated[0] + 0.1) < 1e-6 && truncated[2] == 5 && truncated[3] == -3)
  }

  @Test("bits that are shifted out are lost, and a sign stays")
  func bits() throws {
    func shifted(_ direction: String, _ a: [Int8], _ b: [Int8]) throws -> [Int]? {
      let operands = [AnyTensor(shape: [a.count], a), AnyTensor(shape: [b.count], b)]
      return try evaluate(BitShift(direction: direction), operands)[0].integers
    }
    #expect(try shifted("LEFT", [1, 64, -1, 5, 5], [3, 1, 7, 8, -1]) == [8, -128, -128, 0, 0])
    #expect(try shifted("RIGHT", [8, -128, -1, 5, -5], [3, 1, 7, 8, -1]) == [1, -64, -1, 0, -1])
    let a = AnyTensor(UInt16(0b1100)), b = AnyTensor(UInt16(0b1010))
    #expect(try evaluate(BitwiseAnd(), [a, b])[0] == AnyTensor(UInt16(0b1000)))
    #expect(try evaluate(BitwiseOr(), [a, b])[0] == AnyTensor(UInt16(0b1110)))
    #expect(try evaluate(BitwiseXor(), [a, b])[0] == AnyTensor(UInt16(0b0110)))
    #expect(try evaluate(BitwiseNot(), [a])[0] == AnyTensor(~UInt16(0b1100)))
    expectMistake(.invalidAttribute, BitShift(direction: "UP"), [a, b])
    expectMistake(.invalidAttribute, BitShift(), [a, b])
  }

  @Test("what is no number or infinite is told, of 8-bit floats as well")
  func predicates() throws {
    let x = floats([4], [.nan, .infinity, -.infinity, 1])
    func truths(_ op: any Operation, _ x: AnyTensor) throws -> [Int]? {
      try evaluate(op, [x])[0].integers
    }
    #expect(try truths(IsNaN(), x) == [1, 0, 0, 0])
    #expect(try truths(IsInf(), x) == [0, 1, 1, 0])
    var positive = IsInf()
    positive.detectNegative = false
    #expect(try truths(positive, x) == [0, 1, 0, 0])
    let bytes = AnyTensor(shape: [3], [0x7C, 0xFC, 0x7E] as [UInt8])
    let codes = AnyTensor(.f8e5m2, shape: [3], storage: bytes.storage)
    #expect(try truths(IsInf(), codes) == [1, 1, 0])
    #expect(try truths(IsNaN(), codes) == [0, 0, 1])
  }

  @Test("floats of 16 bits are widened, and results rounded once")
  func halves() throws {
    let x = AnyTensor(shape: [3], [Half(2048.0), Half(1.0), Half(1.0)])
    // Rounding after each step would stay at 2048.
    #expect(try evaluate(ReduceSum(), [x])[0] == AnyTensor(shape: [1], [Half(2050.0)]))
    let large = AnyTensor(shape: [2], [BrainFloat(3e38), BrainFloat(-1.0)])
    #expect(
      try evaluate(Add(), [large, large])[0]
        == AnyTensor(shape: [2], [BrainFloat(.infinity), BrainFloat(-2.0)]))
    #expect(try evaluate(ArgMax(), [x])[0].integers == [0])
  }

  @Test("a slope must broadcast to x")
  func slopes() throws {
    let x = floats([2, 3], [-1, -2, -3, 1, 2, 3])
    let y = try evaluate(PRelu(), [x, floats([3], [1, 10, 100])])[0]
    #expect(y.doubles == [-1, -20, -300, 1, 2, 3])
    expectMistake(.shapeMismatch, PRelu(), [x, floats([2], [1, 2])])
    expectMistake(.shapeMismatch, PRelu(), [x, floats([1, 2, 3], [1, 2, 3, 4, 5, 6])])
  }
}
