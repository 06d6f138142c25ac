import QATCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// How the learning rate changes from step to step.
///
/// With peak rate `r`, warm-up of `w` steps and `n` steps in all, the rate of step `i` (from 0) is
/// `r · (i + 1) / w` while `i < w`, and then, for `t = i - w` and `T = n - w`, `r` times
///
///     constant       1
///     cosine         (1 + cos(π t / T)) / 2
///     step           factor ^ floor(t / (every · stepsPerEpoch))
///     one-cycle      from 1/25 to 1 over the first `peak · T` steps, then down to 1/250000, both
///                    along half a cosine
///
/// Computed in double precision and rounded once; steps behind the last one have its rate.
/// Sources: cosine: Loshchilov, Hutter, arXiv:1608.03983, eq. 5 without restarts; one-cycle: Smith,
/// Topin, arXiv:1708.07120.
public struct LearningRateSchedule: Sendable, Equatable {
  /// The form of the curve behind the warm-up.
  public enum Kind: Sendable, Equatable {
    /// The same rate in every step.
    case constant
    /// Half a cosine down to 0.
    case cosine
    /// Multiplies the rate by `factor` every `every` epochs.
    case step(every: Int, factor: Float)
    /// Up and down again; `peak` is the share of the steps behind which the rate is highest, 0…1.
    case oneCycle(peak: Float)
  }

  /// How the rate goes.
  public var kind: Kind
  /// The highest rate.
  public var peak: Float
  /// Steps in all, warm-up included.
  public var steps: Int
  /// Steps that an epoch has; 1 lets `step` count steps.
  public var stepsPerEpoch: Int
  /// Steps in which the rate rises linearly to the peak.
  public var warmup: Int

  /// A schedule for a training of so many steps.
  public init(
    _ kind: Kind = .constant, peak: Float, steps: Int, stepsPerEpoch: Int = 1, warmup: Int = 0
  ) {
    self.kind = kind
    self.peak = peak
    self.steps = steps
    self.stepsPerEpoch = stepsPerEpoch
    self.warmup = warmup
  }

  /// The rate of a step, counted from 0.
  public func rate(at step: Int) -> Float {
    if step < warmup { return Float(Double(peak) * Double(step + 1) / Double(warmup)) }
    let length = Double(max(steps - warmup, 1))
    let time = min(Double(step - warmup), length - 1)
    return Float(Double(peak) * factor(time, of: length))
  }

  private func factor(_ time: Double, of length: Double) -> Double {
    switch kind {
    case .constant: return 1
    case .cosine: return (1 + cos(.pi * time / length)) / 2
    case .step(let every, let factor):
      return pow(Double(factor), (time / Double(max(every * stepsPerEpoch, 1))).rounded(.down))
    case .oneCycle(let peak):
      let top = Double(peak) * length
      if time < top { return halfCosine(from: 1 / 25, to: 1, time / top) }
      return halfCosine(from: 1, to: 1 / 250_000, (time - top) / (length - top))
    }
  }

  private func halfCosine(from start: Double, to end: Double, _ share: Double) -> Double {
    end + (start - end) * (1 + cos(.pi * share)) / 2
  }
}

extension LearningRateSchedule.Kind: CustomStringConvertible {
  /// Reads `constant`, `cosine`, `step:EVERY,FACTOR` (epochs; 30 and 0.1 where left out) or
  /// `one-cycle:PEAK` (0.3 where left out).
  ///
  /// - Throws: `unknown-name` for another name; `invalid-option` for numbers that do not fit.
  public init(_ text: String) throws(Diagnostic) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let name = parts.first.map(String.init) ?? ""
    let numbers =
      parts.count < 2
      ? [] : parts[1].split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    let invalid = Diagnostic(
      .invalidOption, "'\(text)' is no schedule",
      hint: "write constant, cosine, step:30,0.1 or one-cycle:0.3")
    switch name {
    case "constant", "cosine":
      guard parts.count == 1 else { throw invalid }
      self = name == "cosine" ? .cosine : .constant
    case "step":
      guard numbers.isEmpty || numbers.count == 2 else { throw invalid }
      guard let every = Int(numbers.first ?? "30"), every > 0,
        let factor = Float(numbers.last ?? "0.1"), factor > 0, factor.isFinite
      else { throw invalid }
      self = .step(every: every, factor: factor)
    case "one-cycle":
      guard numbers.count < 2, let peak = Float(numbers.first ?? "0.3"), peak >= 0, peak < 1 else {
        throw invalid
      }
      self = .oneCycle(peak: peak)
    default:
      throw Diagnostic(
        .unknownName, "there is no schedule '\(name)'",
        hint: nameHint(name, among: ["constant", "cosine", "step", "one-cycle"]))
    }
  }

  /// The text that `init(_:)` reads.
  public var description: String {
    switch self {
    case .constant: "constant"
    case .cosine: "cosine"
    case .step(let every, let factor): "step:\(every),\(factor)"
    case .oneCycle(let peak): "one-cycle:\(peak)"
    }
  }
}
