/// Counts how often the codes of a weight flip back and forth from step to step.
///
/// The code of a weight oscillates in a step when it changes, and in the other direction than when it
/// changed last. How often it does is followed by `f ← m · o + (1 - m) · f`, o = 1 in such a step.
/// Source: Nagel et al., arXiv:2203.11086, section 4.1.
public struct Oscillations: Sendable, Equatable {
  /// m.
  public static let momentum: Float = 0.01
  /// A weight with a larger f flips back often.
  public static let threshold: Float = 0.005

  /// How many codes have flipped back in all.
  public private(set) var count = 0
  private var codes: [Int32] = []
  /// The sign of each code's last change; 0 before the first.
  private var directions: [Int8] = []
  private var frequencies: [Float] = []

  public init() {}

  /// The share of weights that flip back often, 0…1.
  public var share: Double {
    if frequencies.isEmpty { return 0 }
    return Double(frequencies.count { $0 > Self.threshold }) / Double(frequencies.count)
  }

  /// Takes the codes of one more step. - Precondition: as many as before.
  public mutating func add(_ new: [Int32]) {
    if codes.isEmpty {
      directions = Array(repeating: 0, count: new.count)
      frequencies = Array(repeating: 0, count: new.count)
    } else {
      precondition(new.count == codes.count, "another number of codes")
      for index in new.indices { step(index, from: codes[index], to: new[index]) }
    }
    codes = new
  }

  private mutating func step(_ index: Int, from old: Int32, to new: Int32) {
    var oscillates: Float = 0
    if new != old {
      let direction: Int8 = new > old ? 1 : -1
      if directions[index] == -direction {
        oscillates = 1
        count += 1
      }
      directions[index] = direction
    }
    frequencies[index] =
      Self.momentum * oscillates + (1 - Self.momentum) * frequencies[index]
  }
}
