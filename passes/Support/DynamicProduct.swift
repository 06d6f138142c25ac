import QATCore
import QATIR
import QATRewrite

/// A product whose activations are quantized when it runs.
struct DynamicProduct: Sendable {
  private let weight: ConstantWeight
  private let op: any Operation
  private let codes: ValueID, scale: ValueID, zero: ValueID
  private let rank: Int

  /// - Throws: why it has no such form.
  init(_ id: NodeID, _ weight: ConstantWeight, in graph: Graph) throws(Island) {
    guard [.i8, .u8].contains(weight.codes.element) else {
      throw Island("integer kernels take weights of 8 bits, not \(weight.codes.element.name)")
    }
    guard weight.op.blockSize == 0 else { throw Island("the weight has a scale per group") }
    guard graph[weight.input].type.element == .f32 else { throw Island("it is not in float32") }
    rank = weight.codes.shape.count
    let channel: Int?
    switch graph[id].op {
    case is Conv: channel = 0
    case is MatMul: channel = rank == 2 ? 1 : nil
    case let gemm as Gemm: channel = gemm.transB ? 0 : 1
    default: throw Island("\(graph[id].op.name) has no integer form of its own")
    }
    guard weight.axis == nil || weight.axis == channel else {
      throw Island("the scales of its weight lie along axis \(weight.op.axis)")
    }
    let operands = graph[weight.node].operands
    guard let codes = operands[0], let scale = operands[1], let zero = operands[2] else {
      throw Island("the weight has no zero point")
    }
    let zeros = weight.zeros.integers ?? []
    if graph[id].op is Conv, Set(zeros).count > 1 {
      throw Island("ConvInteger takes one zero point, and the channels have several")
    }
    (self.weight, op, self.codes, self.scale, self.zero) = (
      weight, graph[id].op, codes, scale, zero
    )
  }

  var term: Term {
    let product = self
    return Term { builder in product.emit(in: &builder) }
  }

  private func emit(in builder: inout GraphBuilder) -> ValueID {
    var x = weight.input
    if let gemm = op as? Gemm, gemm.transA { x = builder.emit(Transpose(perm: [1, 0]), [x]) }
    let dynamic = builder.emit(
      DynamicQuantizeLinear(), [x], results: 3, name: builder.graph[x].name + ".dynamic")
    let sums = builder.emit(
      integerOp, [dynamic[0], matrix(&builder), dynamic[2], zeroPoint(&builder)])
    var scale = builder.emit(Mul(), [dynamic[1], alongChannels(scale, &builder)])
    if let gemm = op as? Gemm, gemm.alpha != 1 {
      scale = builder.emit(Mul(), [scale, builder.scalar(Double(gemm.alpha), like: scale)])
    }
    let y = builder.emit(Mul(), [builder.emit(Cast(to: .f32), [sums]), scale])
    guard var bias = weight.bias else { return y }
    if let gemm = op as? Gemm, gemm.beta != 1 {
      bias = builder.emit(Mul(), [bias, builder.scalar(Double(gemm.beta), like: bias)])
    }
    return builder.emit(Add(), [y, op is Conv ? alongChannels(bias, &builder) : bias])
  }

  private var integerOp: any Operation {
    if let conv = op as? Conv { return ConvInteger(conv.window, group: conv.group) }
    return MatMulInteger()
  }

  /// The codes as the integer operation takes them: a Gemm's transposed matrix is turned.
  private func matrix(_ builder: inout GraphBuilder) -> ValueID {
    guard let gemm = op as? Gemm, gemm.transB else { return codes }
    return builder.emit(Transpose(perm: [1, 0]), [codes])
  }

  /// ONNX Runtime takes one zero point of a convolution, or one a column of a matrix.
  private func zeroPoint(_ builder: inout GraphBuilder) -> ValueID {
    guard op is Conv, !weight.zeros.shape.isEmpty, let element = weight.zeros.integers?.first else {
      return zero
    }
    return builder.constant(
      AnyTensor(weight.zeros.element, shape: [], integers: [element]), name: "zero_point")
  }

  /// [M] as [M, 1, 1] for a convolution over two axes.
  private func alongChannels(_ value: ValueID, _ builder: inout GraphBuilder) -> ValueID {
    guard op is Conv, builder.type(of: value).shape?.rank == 1 else { return value }
    let shape = builder.integers([-1] + Array(repeating: 1, count: rank - 2))
    return builder.emit(Reshape(), [value, shape])
  }
}
