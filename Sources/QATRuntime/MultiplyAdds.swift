import QATCore
import QATIR

/// An operation whose cost is multiplications: products and convolutions.
///
/// A profile divides them by the time. Operations that do not conform move memory more than they
/// compute.
public protocol CountsMultiplyAdds: Operation {
  /// Multiply-add pairs of one run, for concrete types.
  func multiplyAdds(_ request: KernelRequest) -> Int
}

extension Conv: CountsMultiplyAdds {
  public func multiplyAdds(_ request: KernelRequest) -> Int {
    perOutput(weight: request.shape(1), output: request.resultShape())
  }
}

extension FusedConv: CountsMultiplyAdds {
  public func multiplyAdds(_ request: KernelRequest) -> Int {
    convolution.multiplyAdds(request)
  }
}

extension ConvInteger: CountsMultiplyAdds {
  public func multiplyAdds(_ request: KernelRequest) -> Int {
    perOutput(weight: request.shape(1), output: request.resultShape())
  }
}

extension ConvIntegerToFloat: CountsMultiplyAdds {
  public func multiplyAdds(_ request: KernelRequest) -> Int {
    perOutput(weight: request.shape(3), output: request.resultShape())
  }
}

extension GemmIntegerToFloat: CountsMultiplyAdds {
  public func multiplyAdds(_ request: KernelRequest) -> Int {
    request.resultShape().reduce(1, *) * request.shape(0)[1]
  }
}

extension GemmScaleGradient: CountsMultiplyAdds {
  public func multiplyAdds(_ request: KernelRequest) -> Int {
    request.shape(3).reduce(1, *) * request.shape(0)[1]
  }
}

extension QLinearConv: CountsMultiplyAdds {
  public func multiplyAdds(_ request: KernelRequest) -> Int {
    perOutput(weight: request.shape(3), output: request.resultShape())
  }
}

extension QLinearConvAdd: CountsMultiplyAdds {
  public func multiplyAdds(_ request: KernelRequest) -> Int {
    perOutput(weight: request.shape(3), output: request.resultShape())
  }
}

extension ConvInputGradient: CountsMultiplyAdds {
  public func multiplyAdds(_ request: KernelRequest) -> Int {
    perOutput(weight: request.shape(1), output: request.shape(0))
  }
}

extension ConvWeightGradient: CountsMultiplyAdds {
  public func multiplyAdds(_ request: KernelRequest) -> Int {
    perOutput(weight: request.resultShape(), output: request.shape(0))
  }
}

extension ConvTranspose: CountsMultiplyAdds {
  public func multiplyAdds(_ request: KernelRequest) -> Int {
    perOutput(weight: request.shape(1), output: request.shape(0))
  }
}

extension Gemm: CountsMultiplyAdds {
  public func multiplyAdds(_ request: KernelRequest) -> Int {
    request.resultShape().reduce(1, *) * (request.shape(0).dropFirst(transA ? 0 : 1).first ?? 1)
  }
}

extension QGemm: CountsMultiplyAdds {
  public func multiplyAdds(_ request: KernelRequest) -> Int {
    request.resultShape().reduce(1, *) * (request.shape(0).dropFirst(transA ? 0 : 1).first ?? 1)
  }
}

extension MatMul: CountsMultiplyAdds {
  public func multiplyAdds(_ request: KernelRequest) -> Int { perInner(request) }
}

extension MatMulInteger: CountsMultiplyAdds {
  public func multiplyAdds(_ request: KernelRequest) -> Int { perInner(request) }
}

extension QLinearMatMul: CountsMultiplyAdds {
  public func multiplyAdds(_ request: KernelRequest) -> Int { perInner(request) }
}

extension Attention: CountsMultiplyAdds {
  public func multiplyAdds(_ request: KernelRequest) -> Int {
    // Every query meets every key and every value.
    let heads = HeadPlaces(request.shape(0), heads: queryHeadCount)
    let keys = HeadPlaces(request.shape(1), heads: keyHeadCount)
    let past = request.isPresent(4) ? request.shape(4)[2] : 0
    let pairs = heads.batch * heads.count * heads.length * (keys.length + past)
    let values = HeadPlaces(request.shape(2), heads: keyHeadCount)
    return pairs * (heads.size + values.size)
  }
}

extension LSTM: CountsMultiplyAdds {
  public func multiplyAdds(_ request: KernelRequest) -> Int { perStep(request) }
}

extension GRU: CountsMultiplyAdds {
  public func multiplyAdds(_ request: KernelRequest) -> Int { perStep(request) }
}

extension RNN: CountsMultiplyAdds {
  public func multiplyAdds(_ request: KernelRequest) -> Int { perStep(request) }
}

/// Of a recurrent layer: every step of every entry meets all weights.
private func perStep(_ request: KernelRequest) -> Int {
  let weights = request.shape(1).reduce(1, *) + request.shape(2).reduce(1, *)
  return request.shape(0).prefix(2).reduce(1, *) * weights
}

/// Of a convolution with weights [M, C / group, ...]: each element of the output sums so many.
private func perOutput(weight: [Int], output: [Int]) -> Int {
  output.reduce(1, *) * weight.dropFirst().reduce(1, *)
}

private func perInner(_ request: KernelRequest) -> Int {
  request.resultShape().reduce(1, *) * (request.shape(0).last ?? 1)
}
