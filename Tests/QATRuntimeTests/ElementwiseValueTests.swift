import QATCore
import QATIR
import QATRuntime
import Testing

private func evaluate(
  _ op: any Operation, _ operands: [AnyTensor?], results: Int = 1
) throws -> [AnyTensor] {
  try ReferenceEvaluator.evaluate(op, operands, resultCount: results)
}

/// Within 2e-6, relative to numbers of at least 1: ONNX Runtime approximates some functions.
private func expectClose(
  _ found: AnyTensor, _ expected: [Double], sourceLocation: SourceLocation = #_sourceLocation
) {
  let values = found.doubles ?? []
  #expect(values.count == expected.count, sourceLocation: sourceLocation)
  for (a, b) in zip(values, expected) {
    #expect(abs(a - b) <= 2e-6 * max(1, abs(b)), sourceLocation: sourceLocation)
  }
}

@Suite("Values, against numbers that ONNX Runtime 1.31 gave")
struct ElementwiseValueTests {
  @Test("of activations")
  func activations() throws {
    let x = AnyTensor(shape: [7], [Float(-3.5), -1, -0.25, 0, 0.5, 2, 4])
    let expected: [(any Operation, [Double])] = [
      (Sigmoid(), [0.029312193, 0.26894143, 0.4378235, 0.5, 0.62245929, 0.88079709, 0.98201376]),
      (HardSwish(), [0, -0.33333331, -0.11458334, 0, 0.29166666, 1.6666667, 4]),
      (HardSigmoid(), [0, 0.3, 0.45, 0.5, 0.6, 0.9, 1]),
      (Gelu(), [-0.00081422925, -0.15865526, -0.10032342, 0, 0.34573123, 1.9544997, 3.9998732]),
      (
        Gelu(approximate: "tanh"),
        [-0.00061614811, -0.15880796, -0.10032465, 0, 0.345714, 1.9545977, 3.9999299]
      ),
      (Erf(), [-0.99999928, -0.84270078, -0.27632639, 0, 0.52049989, 0.99532229, 1]),
      (LeakyRelu(), [-0.035, -0.01, -0.0025, 0, 0.5, 2, 4]),
      (Elu(), [-0.96980262, -0.63212055, -0.22119921, 0, 0.5, 2, 4]),
      (Selu(), [-1.7050093, -1.1113307, -0.38889018, 0, 0.52535051, 2.101402, 4.2028041]),
      (Celu(), [-0.96980262, -0.63212055, -0.22119921, 0, 0.5, 2, 4]),
      (
        Softplus(),
        [0.029750422, 0.31326169, 0.57593948, 0.69314718, 0.97407699, 2.1269281, 4.0181499]
      ),
      (Softsign(), [-0.77777779, -0.5, -0.2, 0, 0.33333334, 0.66666669, 0.80000001]),
      (Mish(), [-0.10409575, -0.30340144, -0.12992696, 0, 0.37524524, 1.943959, 3.9974127]),
      (ThresholdedRelu(), [0, 0, 0, 0, 0, 2, 4]),
      (Round(), [-4, -1, -0, 0, 0, 2, 4]),
      (Sin(), [0.35078323, -0.84147096, -0.24740396, 0, 0.47942555, 0.90929741, -0.7568025]),
      (Asinh(), [-1.9657205, -0.88137358, -0.24746647, 0, 0.48121184, 1.4436355, 2.0947125]),
    ]
    for (op, values) in expected { expectClose(try evaluate(op, [x])[0], values) }
  }

  @Test("of softmax and its logarithm")
  func softmax() throws {
    let x = AnyTensor(shape: [2, 3], [Float(1), 2, 3, 0, -1, 0.5])
    expectClose(
      try evaluate(Softmax(), [x])[0],
      [0.090030573, 0.24472848, 0.66524094, 0.33149895, 0.12195165, 0.54654938])
    expectClose(
      try evaluate(LogSoftmax(axis: 0), [x])[0],
      [-0.31326166, -0.04858733, -0.07888975, -1.31326163, -3.04858732, -2.57888985])
  }

  @Test("of batch normalization in both modes")
  func batchNormalization() throws {
    let operands = [
      AnyTensor(shape: [2, 2, 2], [Float(1), 2, 3, 5, 0, -1, 4, 4]),
      AnyTensor(shape: [2], [Float(1), 2]), AnyTensor(shape: [2], [Float(0), 0.5]),
      AnyTensor(shape: [2], [Float(1), 0]), AnyTensor(shape: [2], [Float(2), 1]),
    ]
    expectClose(
      try evaluate(BatchNormalization(), operands)[0],
      [0, 0.70710498, 6.49996996, 10.49995041, -0.70710498, -1.41420996, 8.49995995, 8.49995995])
    let training = BatchNormalization(epsilon: 1e-5, momentum: 0.75, trainingMode: true)
    let results = try evaluate(training, operands, results: 3)
    expectClose(
      results[0],
      [0.4472118, 1.34163547, -2.3283987, 3.3283987, -0.4472118, -1.34163547, 0.5, 0.5])
    expectClose(results[1], [0.875, 1])
    expectClose(results[2], [1.8125, 0.875])
  }

  @Test("of layer normalization and its statistics")
  func layerNormalization() throws {
    let results = try evaluate(
      LayerNormalization(),
      [
        AnyTensor(shape: [2, 3], [Float(1), 2, 3, 0, -1, 0.5]),
        AnyTensor(shape: [3], [Float(1), 2, 3]), AnyTensor(shape: [3], [Float(0), 1, 0]),
      ], results: 3)
    expectClose(
      results[0], [-1.22473562, 1, 3.67420673, 0.26725778, -1.6725781, 3.20709324])
    expectClose(results[1], [2, -0.16666666])
    expectClose(results[2], [1.22473562, 1.60354686])
    #expect(results[1].shape == [2, 1])
  }
}

@Suite("Values, by the rules of ONNX")
struct ElementwiseRuleTests {
  @Test("integer arithmetic wraps, truncates and refuses a division by 0")
  func integers() throws {
    let a = AnyTensor(shape: [3], [Int8(100), -128, -7])
    let b = AnyTensor(shape: [3], [Int8(100), -1, 2])
    #expect(try evaluate(Add(), [a, b])[0] == AnyTensor(shape: [3], [Int8(-56), 127, -5]))
    #expect(try evaluate(Div(), [a, b])[0] == AnyTensor(shape: [3], [Int8(1), -128, -3]))
    #expect(throws: Diagnostic.self) { try evaluate(Div(), [a, AnyTensor(Int8(0))]) }
    #expect(
      try evaluate(Pow(), [AnyTensor(Int32(-3)), AnyTensor(Float(3))])[0] == AnyTensor(Int32(-27)))
  }

  @Test("reductions of no axes keep x, of integers truncate, of bool are any and all")
  func reductions() throws {
    let x = AnyTensor(shape: [2, 2], [Int32(-3), 2, -2, 4])
    let axes = AnyTensor(shape: [1], [Int64(1)]), none = AnyTensor(shape: [0], [Int64]())
    let sums = try evaluate(ReduceSum(keepDimensions: false), [x, axes])[0]
    #expect(sums == AnyTensor(shape: [2], [Int32(-1), 2]))
    #expect(try evaluate(ReduceMean(), [x])[0] == AnyTensor(shape: [1, 1], [Int32(0)]))
    let noop = ReduceSum(keepDimensions: true, noopWithEmptyAxes: true)
    #expect(try evaluate(noop, [x, none])[0] == x)
    #expect(try evaluate(ReduceMax(), [x, none])[0] == AnyTensor(shape: [1, 1], [Int32(4)]))
    let truths = AnyTensor(shape: [2], [true, false])
    #expect(try evaluate(ReduceMin(), [truths])[0] == AnyTensor(shape: [1], [false]))
  }

  @Test("reductions of nothing give what changes nothing")
  func empty() throws {
    let floats = AnyTensor(shape: [0, 2], [Float]()), codes = AnyTensor(shape: [0], [Int8]())
    let expected: [(any Operation, Float, Int8)] = [
      (ReduceSum(), 0, 0), (ReduceL1(), 0, 0), (ReduceL2(), 0, 0), (ReduceSumSquare(), 0, 0),
      (ReduceProd(), 1, 1), (ReduceMax(), -.infinity, -128), (ReduceMin(), .infinity, 127),
      (ReduceLogSum(), -.infinity, -128), (ReduceLogSumExp(), -.infinity, -128),
    ]
    for (op, float, code) in expected {
      #expect(try evaluate(op, [floats])[0] == AnyTensor(shape: [1, 1], [float]))
      #expect(try evaluate(op, [codes])[0] == AnyTensor(shape: [1], [code]))
    }
    #expect(throws: Diagnostic.self) { try evaluate(ReduceMean(), [codes]) }
  }

  @Test("logarithms of sums of powers do not overflow")
  func largePowers() throws {
    let x = AnyTensor(shape: [2], [Float(1000), 1000])
    expectClose(try evaluate(ReduceLogSumExp(), [x])[0], [1000.693147])
    let integers = AnyTensor(shape: [2], [Int32(1000), 1000])
    #expect(try evaluate(ReduceLogSumExp(), [integers])[0].integers == [1000])
  }

  @Test("casts saturate floats, keep the low bits of integers, and round to half floats once")
  func casts() throws {
    let x = AnyTensor(shape: [5], [Float(-1.9), 300, .nan, -.infinity, 0.5])
    #expect(
      try evaluate(Cast(to: .i8), [x])[0] == AnyTensor(shape: [5], [Int8(-1), 127, 0, -128, 0]))
    #expect(
      try evaluate(Cast(to: .bool), [x])[0]
        == AnyTensor(shape: [5], [true, true, true, true, true]))
    #expect(try evaluate(Cast(to: .i8), [AnyTensor(Int16(200))])[0] == AnyTensor(Int8(-56)))
    #expect(try evaluate(Cast(to: .i64), [AnyTensor(Float(1e30))])[0] == AnyTensor(Int64.max))
    #expect(try evaluate(Cast(to: .f32), [AnyTensor(true)])[0] == AnyTensor(Float(1)))
    // Bits from NumPy's float16.
    let reals = [
      1 + 0x1p-11, 1 + 0x3p-11, 65519.99, 65520, 0x1p-25, 0x1p-25 * 1.0001, 0x3p-25,
      0x1p-14 - 0x1p-26, 0.1, -1e-9, 3.14159265,
    ]
    let bits: [UInt16] = [
      0x3c00, 0x3c02, 0x7bff, 0x7c00, 0, 1, 2, 0x400, 0x2e66, 0x8000, 0x4248,
    ]
    #expect(reals.map { Half($0).bits } == bits)
    for pattern in UInt16.min...UInt16.max {
      let half = Half(bits: pattern), brain = BrainFloat(bits: pattern)
      if !half.float.isNaN { #expect(Half(half.float) == half) }
      if !brain.float.isNaN { #expect(BrainFloat(brain.float) == brain) }
    }
  }

  @Test("a choice moves elements of any width, and NaN survives a ReLU")
  func moving() throws {
    let condition = AnyTensor(shape: [2, 1], [true, false])
    let halves = AnyTensor(shape: [2], [Half(1.0), Half(2.0)])
    let chosen = try evaluate(Where(), [condition, halves, AnyTensor(Half(5.0))])[0]
    #expect(
      chosen == AnyTensor(shape: [2, 2], [Half(1.0), Half(2.0), Half(5.0), Half(5.0)]))
    #expect(try evaluate(Relu(), [AnyTensor(Float.nan)])[0].doubles?[0].isNaN == true)
    #expect(try evaluate(Relu(), [AnyTensor(Int8(-3))])[0] == AnyTensor(Int8(0)))
  }

  @Test("dropout is the identity but in training, and the same seed drops the same elements")
  func dropout() throws {
    let x = AnyTensor(shape: [1000], Array(repeating: Float(1), count: 1000))
    #expect(try evaluate(Dropout(), [x, AnyTensor(Float(0.5))])[0] == x)
    let operands = [x, AnyTensor(Float(0.25)), AnyTensor(true)]
    let first = try evaluate(Dropout(seed: 7), operands, results: 2)
    #expect(try evaluate(Dropout(seed: 7), operands, results: 2) == first)
    #expect(try evaluate(Dropout(seed: 8), operands, results: 2) != first)
    let kept = first[1].elements(as: Bool.self)!.filter { $0 }.count
    // 750 expected, standard deviation 14.
    #expect((700...800).contains(kept))
  }

  @Test("a label outside the classes is an error")
  func labels() {
    #expect(throws: Diagnostic.self) {
      try evaluate(
        SoftmaxCrossEntropy(),
        [AnyTensor(shape: [1, 2], [Float(0), 1]), AnyTensor(shape: [1], [Int64(2)])])
    }
  }
}
