import QATCore
import QATIR

/// Which elements along one axis make each element of a resized tensor, and how much of each.
struct ResizeTaps {
  /// One neighbour and its share.
  struct Tap: Equatable {
    var position: Int
    var weight: Float
  }

  /// For each position of the result; no position stands twice.
  private(set) var taps: [[Tap]] = []
  /// Positions of the result that lie outside of the tensor, where that matters.
  private(set) var outside: [Bool] = []

  private let input: Int

  /// - Parameter region: where along the axis the result lies, of `tf_crop_and_resize`.
  init(_ op: Resize, _ axis: ResizedAxis, region: ClosedRange<Float>) {
    input = axis.input
    for index in 0..<axis.output {
      let x = Self.coordinate(of: index, op.coordinates, axis, region)
      let isInside = x >= 0 && x <= Float(axis.input - 1)
      outside.append(op.coordinates == .cropAndResize && !isInside)
      taps.append(Self.taps(at: x, op, axis))
    }
  }

  /// Whether the axis stays as it is.
  var isIdentity: Bool {
    taps.count == input && !outside.contains(true)
      && taps.enumerated().allSatisfy { $1 == [Tap(position: $0, weight: 1)] }
  }

  /// Where an element of the result lies in the original axis.
  private static func coordinate(
    of index: Int, _ mode: ResizeCoordinates, _ axis: ResizedAxis, _ region: ClosedRange<Float>
  ) -> Float {
    let x = Float(index), last = Float(axis.input - 1), scale = axis.scale
    let lastResized = Float(axis.output - 1)
    switch mode {
    case .halfPixel: return (x + 0.5) / scale - 0.5
    case .halfPixelSymmetric:
      let rounded = Float(axis.output) / (scale * Float(axis.input))
      return Float(axis.input) / 2 * (1 - rounded) + (x + 0.5) / scale - 0.5
    case .pytorchHalfPixel: return axis.output > 1 ? (x + 0.5) / scale - 0.5 : 0
    case .alignCorners: return axis.output > 1 ? x * last / lastResized : 0
    case .asymmetric: return x / scale
    case .cropAndResize:
      let start = region.lowerBound, end = region.upperBound
      return axis.output > 1
        ? start * last + x * (end - start) * last / lastResized : 0.5 * (start + end) * last
    }
  }

  private static func taps(at x: Float, _ op: Resize, _ axis: ResizedAxis) -> [Tap] {
    // An infinite or huge coordinate, of a tiny scale, is beyond the border like any other.
    let x = max(-2, min(Float(axis.input) + 1, x)), last = axis.input - 1
    if op.mode == .nearest {
      let position =
        switch op.rounding {
        case .preferFloor: (x - 0.5).rounded(.up)
        case .preferCeil: (x + 0.5).rounded(.down)
        case .floor: x.rounded(.down)
        case .ceil: x.rounded(.up)
        }
      return [Tap(position: max(0, min(last, Int(position))), weight: 1)]
    }
    // Neighbours nearer than the filter is wide, which antialiasing stretches.
    let stretch = op.antialias ? min(axis.scale, 1) : 1
    let reach = (op.mode == .linear ? 1 : 2) / stretch
    var taps: [Tap] = [], total: Float = 0
    for neighbour in Int((x - reach).rounded(.up))...Int((x + reach).rounded(.down)) {
      let distance = abs(Float(neighbour) - x) * stretch
      let weight = op.mode == .linear ? 1 - distance : cubic(distance, a: op.cubicCoefficient)
      let position = max(0, min(last, neighbour))
      if weight == 0 || op.excludeOutside && position != neighbour { continue }
      total += weight
      if taps.last?.position == position {
        taps[taps.count - 1].weight += weight
      } else {
        taps.append(Tap(position: position, weight: weight))
      }
    }
    guard op.antialias || op.excludeOutside, total != 0 else { return taps }
    return taps.map { Tap(position: $0.position, weight: $0.weight / total) }
  }

  /// Keys' cubic at a distance of at most 2.
  private static func cubic(_ distance: Float, a: Float) -> Float {
    let d = distance
    return d <= 1
      ? ((a + 2) * d - (a + 3)) * d * d + 1 : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
  }
}

extension Resize {
  /// The taps of all axes.
  /// - Parameters: what the operands hold; empty ones are absent.
  func taps(
    input: [Int], roi: [Double]?, scales: [Float]?, sizes: [Int]?
  ) throws(Diagnostic) -> [ResizeTaps] {
    let isSized = sizes?.isEmpty == false
    let axes = try resolved(
      input: input, scales: isSized ? nil : scales, sizes: isSized ? sizes : nil)
    var regions = input.map { _ in Float(0)...1 }
    if coordinates == .cropAndResize {
      let named = try resizedAxes(rank: input.count), roi = roi?.map { Float($0) } ?? []
      guard roi.count == 2 * named.count else {
        throw Diagnostic(
          .shapeMismatch, "roi has \(roi.count) entries, expected \(2 * named.count)",
          hint: "the starts along all axes, then the ends")
      }
      for (entry, axis) in named.enumerated() {
        let start = roi[entry], end = roi[named.count + entry]
        guard start.isFinite, end.isFinite, start <= end else {
          throw Diagnostic(.invalidOperand, "roi goes from \(start) to \(end)")
        }
        regions[axis] = start...end
      }
    }
    return zip(axes, regions).map { ResizeTaps(self, $0, region: $1) }
  }
}
