import Foundation
import QATCore
import QATIR
import QATRuntime
import Testing

@Suite("Learned quantizers")
struct LearnedQuantizerTests {
  /// What Tests/Python/learned_gradients.py wrote: PyTorch's automatic differentiation.
  struct Case: Decodable, Sendable, CustomStringConvertible {
    let grid: String, method: String
    let scale: Float, zero: Int
    let x: [Float], dy: [Float], dx: [Float], dscale: [Float], doffset: [Float]
    var description: String { "\(method) on \(grid), zero point \(zero)" }

    static let all: [Case] = {
      let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      let file = tests.appending(path: "Fixtures/learned-gradients.json")
      return (try? JSONDecoder().decode([Case].self, from: Data(contentsOf: file))) ?? []
    }()

    func op() throws -> LearnedQuantizeGradient {
      var op = LearnedQuantizeGradient()
      op.grid = try #require(IntegerGrid(grid))
      op.method = try #require(LearnedMethod(rawValue: method))
      return op
    }
  }

  /// The operation by its reference and by its kernel.
  private func results(_ op: any QATIR.Operation, _ operands: [AnyTensor], _ count: Int) throws
    -> [[AnyTensor]]
  {
    var graph = Graph(name: "g")
    let ids = operands.enumerated().map { graph.addInput("x\($0)", $1.type) }
    var builder = GraphBuilder(graph)
    let outputs = builder.emit(op, ids, results: count)
    if let failure = builder.failure { throw failure }
    graph = builder.graph
    graph.setOutputs(outputs)
    let inputs = Dictionary(
      uniqueKeysWithValues: operands.enumerated().map { ("x\($0)", $1) })
    return [
      try ReferenceEvaluator.evaluate(op, operands, resultCount: count),
      try Session(graph).run(inputs),
    ]
  }

  private func close(_ a: AnyTensor, _ b: [Float], _ tolerance: Float) -> Bool {
    let a: [Float] = a.elements() ?? []
    return a.count == b.count && zip(a, b).allSatisfy { abs($0 - $1) <= tolerance }
  }

  @Test("have the gradients of the papers, element by element, over the grid and its borders")
  func elements() throws {
    #expect(Case.all.count == 12)
    for test in Case.all {
      var op = try test.op()
      op.axis = 0
      let count = test.x.count
      let operands = [
        AnyTensor(shape: [count], test.dy), AnyTensor(shape: [count], test.x),
        AnyTensor(shape: [count], Array(repeating: test.scale, count: count)),
        AnyTensor(shape: [count], Array(repeating: Int32(test.zero), count: count)),
      ]
      // One element a channel: N is 1.
      let g = test.method == "pact" ? 1 : 1 / Float(op.grid.max).squareRoot()
      for result in try results(op, operands, 3) {
        #expect(result[0].elements() == test.dx, "\(test)")
        // PyTorch's sums of two terms of up to 30 have 24 bits.
        #expect(close(result[1], test.dscale.map { $0 * g }, 1e-5), "\(test)")
        #expect(close(result[2], test.doffset.map { $0 * g }, 1e-6), "\(test)")
      }
    }
  }

  @Test("sum over the elements of a scale, times 1 / √(N · Qp) for those of one sample")
  func sums() throws {
    for test in Case.all where test.x.count % 6 == 0 {
      let rows = test.x.count / 6
      for (batched, samples) in [(false, 1), (true, 6)] {
        var op = try test.op()
        op.batched = batched
        let operands = [
          AnyTensor(shape: [6, rows], test.dy), AnyTensor(shape: [6, rows], test.x),
          AnyTensor(test.scale), AnyTensor(Int32(test.zero)),
        ]
        let n = Double(test.x.count / samples)
        let g = test.method == "pact" ? 1 : 1 / (n * Double(op.grid.max)).squareRoot()
        let scale = Float(test.dscale.reduce(0.0) { $0 + Double($1) } * g)
        let offset = Float(test.doffset.reduce(0.0) { $0 + Double($1) } * g)
        for result in try results(op, operands, 3) {
          #expect(close(result[1], [scale], 1e-4) && close(result[2], [offset], 1e-4), "\(test)")
        }
      }
    }
  }

  @Test("compute the same in kernels as in the reference, on odd sizes and long runs")
  func kernels() throws {
    for (shape, axis) in [
      ([3, 5, 7], nil), ([3, 5, 7], 1), ([2, 4099], 0), ([9000], nil), ([40, 3], 1),
    ] as [([Int], Int?)] {
      for method in LearnedMethod.allCases {
        var op = LearnedQuantizeGradient()
        (op.grid, op.axis, op.method) = (try IntegerGrid(bits: 3, signed: true), axis, method)
        op.positive = shape.count == 2
        let count = shape.reduce(1, *), channels = axis.map { shape[$0] } ?? 1
        let x = (0..<count).map { Float(($0 * 7919) % 2003 - 1001) / 400 }
        let dy = (0..<count).map { Float(($0 * 104_729) % 997 - 498) / 300 }
        let parameters = axis == nil ? [] : [channels]
        let operands = [
          AnyTensor(shape: shape, dy), AnyTensor(shape: shape, x),
          AnyTensor(shape: parameters, (0..<channels).map { 0.3 + Float($0 % 5) / 10 }),
          AnyTensor(shape: parameters, (0..<channels).map { Int32($0 % 3 - 1) }),
        ]
        let both = try results(op, operands, 3)
        #expect(both[0][0] == both[1][0])
        // Sums of some thousand floats of about 2, in another order.
        #expect(close(both[0][1], both[1][1].elements() ?? [], 2e-4))
        #expect(close(both[0][2], both[1][2].elements() ?? [], 2e-4))
      }
    }
  }

  /// What elements contribute is off by up to half a part of 65024, which adds up as noise does.
  @Test("have the gradient of a scale through a product of codes that the product's gradient gives")
  func throughProduct() throws {
    let (m, k, n) = (7, 150, 33)
    let dy = (0..<m * n).map { Float(($0 * 104_729) % 997 - 498) / 300 }
    let codes = (0..<k * n).map { ($0 * 7919) % 255 - 127 }
    let x = (0..<m * k).map { Float(($0 * 6007) % 2003 - 1001) / 500 }
    for (grid, zero, scale) in [
      (IntegerGrid.uint8, 100, Float(0.03)), (.uint8, 128, 0.01), (.int8, 0, 0.02),
      (.int8, -20, 0.012), (try IntegerGrid(bits: 4, signed: true), 1, 0.3),
    ] {
      for (transB, channels) in [(false, 1), (false, n), (true, 1), (true, n)] {
        let scales = (0..<channels).map { 0.01 + Float($0 % 7) / 300 }
        let dx = (0..<m * k).map { index in
          (0..<n).reduce(0.0) { sum, column in
            let code = codes[transB ? column * k + index % k : index % k * n + column]
            return sum + Double(dy[index / k * n + column]) * Double(code)
              * Double(scales[channels == 1 ? 0 : column])
          }
        }
        var quantizer = LearnedQuantizeGradient()
        (quantizer.grid, quantizer.batched) = (grid, true)
        let tail = [
          AnyTensor(shape: [m, k], x), AnyTensor(scale), AnyTensor(Int32(zero)),
        ]
        let expected = try ReferenceEvaluator.evaluate(
          quantizer, [AnyTensor(shape: [m, k], dx.map { Float($0) })] + tail, resultCount: 2)[1]
        let g = Float(quantizer.gradientScale(elements: m * k, samples: m))
        let bound = 2 / 65024 * g * Float(dx.reduce(0) { $0 + $1 * $1 }).squareRoot()
        let operands =
          [
            AnyTensor(shape: [m, n], dy),
            AnyTensor(.i8, shape: transB ? [n, k] : [k, n], integers: codes),
            AnyTensor(shape: channels == 1 ? [] : [n], scales),
          ] + tail
        for result in try results(
          GemmScaleGradient(of: quantizer, transB: transB), operands, 1)
        {
          #expect(close(result[0], expected.elements() ?? [], bound), "\(grid), \(zero)")
        }
      }
    }
  }

  @Test("treat a group as a tensor of its own")
  func groups() throws {
    let x = (0..<30).map { Float(($0 * 7919) % 201 - 100) / 40 }, dy = x.map { 1 - $0 * $0 }
    var op = LearnedQuantizeGradient()
    (op.grid, op.method) = (try IntegerGrid(bits: 3, signed: true), .lsqPlus)
    var blocked = op
    (blocked.axis, blocked.blockSize) = (1, 2)
    var range = LearnRange()
    range.grid = op.grid
    var blockedRange = range
    (blockedRange.axis, blockedRange.blockSize) = (1, 2)
    // [3,5,2] in blocks of two along the middle: [3,3,2] scales, the last for one element.
    let scales = (0..<18).map { 0.2 + Float($0) / 50 }
    let parameters = AnyTensor(shape: [3, 3, 2], scales)
    let all = try results(
      blocked,
      [
        AnyTensor(shape: [3, 5, 2], dy), AnyTensor(shape: [3, 5, 2], x), parameters,
        AnyTensor(shape: [3, 3, 2], (0..<18).map { Int32($0 % 3 - 1) }),
      ], 3)
    let first = try results(
      blockedRange,
      [
        AnyTensor(shape: [3, 5, 2], x), parameters, parameters, parameters, AnyTensor(Int64(0)),
      ], 4)
    for (o, b, i) in [(0, 0, 0), (1, 1, 1), (2, 2, 0)] {
      let indices = (2 * b..<min(2 * b + 2, 5)).map { (o * 5 + $0) * 2 + i }
      let p = (o * 3 + b) * 2 + i
      let group = try ReferenceEvaluator.evaluate(
        op,
        [
          AnyTensor(shape: [indices.count], indices.map { dy[$0] }),
          AnyTensor(shape: [indices.count], indices.map { x[$0] }), AnyTensor(scales[p]),
          AnyTensor(Int32(p % 3 - 1)),
        ], resultCount: 3)
      let one = AnyTensor(Float(1))
      let start = try ReferenceEvaluator.evaluate(
        range,
        [
          AnyTensor(shape: [indices.count], indices.map { x[$0] }), one, one, one,
          AnyTensor(Int64(0)),
        ], resultCount: 4)
      for (result, state) in zip(all, first) {
        for index in [1, 2] {
          #expect(result[index].elements(as: Float.self)?[p] == group[index].elements()?[0])
        }
        #expect(state[0].elements(as: Float.self)?[p] == start[0].elements()?[0])
      }
    }
  }

  private func followed(
    _ op: LearnRange, _ batches: [[Float]], shape: [Int]
  ) throws -> [[[Float]]] {
    var state = [
      AnyTensor(Float(1)), AnyTensor(Float(0)), AnyTensor(Float(1)), AnyTensor(Int64(0)),
    ]
    if let axis = op.axis {
      let one = AnyTensor(shape: [shape[axis]], Array(repeating: Float(1), count: shape[axis]))
      state = [one, one, one, AnyTensor(Int64(0))]
    }
    return try batches.map { batch in
      let both = try results(op, [AnyTensor(shape: shape, batch)] + state, 4)
      for (a, b) in zip(both[0], both[1]) {
        #expect(close(a, b.elements() ?? a.elements() ?? [], 1e-6) || a == b)
      }
      state = both[0]
      return state.map { $0.elements() ?? [Float($0.integers?.first ?? -1)] }
    }
  }

  @Test("begin with 2 · mean|x| / √Qp: of the first batch, then of their mean, then no more")
  func initialSteps() throws {
    var op = LearnRange()
    (op.grid, op.limit) = (try IntegerGrid(bits: 3, signed: true), 2)
    let states = try followed(op, [[1, -2, 3], [0, 0, 6], [9, 9, 9]], shape: [3])
    let root = Float(3).squareRoot()
    #expect(states.map { $0[0][0] } == [4 / root, 4 / root, 4 / root])
    #expect(states.map { $0[3][0] } == [1, 2, 3])
    op.axis = 0
    // The second channel is all 0: it takes the mean of the tensor.
    let channels = try followed(op, [[1, -3, 0, 0]], shape: [2, 2])
    #expect(channels[0][0] == [4 / root, 2 / root] && channels[0][2] == channels[0][0])
  }

  @Test("begin with a range: PACT's width, LSQ+'s scale and offset of the least error")
  func initialRanges() throws {
    var op = LearnRange()
    op.grid = try IntegerGrid(bits: 2, signed: false)
    (op.method, op.scheme) = (.pact, .asymmetric)
    #expect(try followed(op, [[0, 1.5, 6]], shape: [3])[0].map { $0[0] } == [6, 0, 6, 1])
    op.method = .lsqPlus
    // On the grid -1, 0, 1, 2 there is no error.
    let exact = try followed(op, [[-1, 0, 1, 2]], shape: [4])[0].map { $0[0] }
    #expect(exact == [1, -1, 1, 1])
    // One far value is worth clipping for the many that it would coarsen.
    let many = (0..<600).map { Float($0 % 7) / 2 } + [10]
    let clipped = try followed(op, [many], shape: [601])[0].map { $0[0] }
    #expect(clipped[0] < 2 && clipped[1] == 0)
  }

  @Test("have the zero points that simulation and deployment share")
  func parameters() throws {
    let grid = try IntegerGrid(bits: 4, signed: false)
    let plus = LearnedQuantizer(.lsqPlus, grid: grid, scheme: .asymmetric)
    #expect(plus.parameters(0.5, shift: -1.3).zeroPoint == 3)
    #expect(plus.parameters(0.5, shift: -1.25).zeroPoint == 2)  // 2.5 rounds to even
    #expect(plus.parameters(0.5, shift: 4).zeroPoint == 0)
    #expect(plus.parameters(0.5, shift: -40).zeroPoint == 15)
    let pact = LearnedQuantizer(.pact, grid: grid, scheme: .asymmetric)
    #expect(pact.parameters(6, shift: 2).scale == Float(6) / 15)
    #expect(pact.parameters(6, shift: 2).zeroPoint == 2)
    let lsq = LearnedQuantizer(.lsq, grid: grid, scheme: .symmetric)
    #expect(lsq.parameters(0.1, shift: 7) == .init(scale: 0.1, zeroPoint: 0, grid: grid))
  }

  @Test("are put back where an update took them too far, which is counted")
  func projections() throws {
    var op = ProjectLearned()
    (op.grid, op.method) = (try IntegerGrid(bits: 2, signed: false), .lsqPlus)
    op.limit = 3
    func run(_ parameter: [Float], _ shift: [Float], count: Int64) throws -> [AnyTensor] {
      let n = [parameter.count]
      let ones = AnyTensor(shape: n, parameter.map { _ in Float(1) })
      return try ReferenceEvaluator.evaluate(
        op,
        [
          AnyTensor(shape: n, parameter), AnyTensor(shape: n, shift), ones, ones, ones,
          AnyTensor(count), AnyTensor(Int64(5)),
        ], resultCount: 3)
    }
    let floor = Float(sign: .plus, exponent: -20, significand: 1)
    let learned = try run([0.5, -2, 1, 1], [-1, 0, 0.25, -9], count: 3)
    #expect(learned[0].elements() == [0.5, floor, 1, 1])
    #expect(learned[1].elements() == [-1, 0, 0, -3] as [Float])
    #expect(learned[2].integers == [8])
    let following = try run([0.5], [-1], count: 2)
    #expect(following[0].elements() == [1] as [Float] && following[2].integers == [5])
    #expect(try run([.nan], [.nan], count: 9)[0].elements(as: Float.self)?[0].isNaN == true)
  }

  @Test("refuse batches that are not finite, while they follow them")
  func notFinite() throws {
    let op = LearnRange(), one = AnyTensor(Float(1))
    func run(_ count: Int64) throws -> [AnyTensor] {
      try ReferenceEvaluator.evaluate(
        op, [AnyTensor(shape: [2], [1, Float.infinity]), one, one, one, AnyTensor(count)],
        resultCount: 4)
    }
    #expect(throws: Diagnostic.self) { try run(0) }
    #expect(try run(1)[0] == one)
  }
}
