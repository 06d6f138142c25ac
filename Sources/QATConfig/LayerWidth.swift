import QATCore

/// A width that a layer may have: the bits of its weights, and where they change too, those of its
/// activations.
public struct LayerWidth: Sendable, Hashable, CustomStringConvertible {
  /// 2…8 or 16.
  public var weights: Int
  /// `nil` leaves the activations as they are configured.
  public var activations: Int?

  public init(weights: Int, activations: Int? = nil) {
    self.weights = weights
    self.activations = activations
  }

  /// Reads `4` (weights alone) or `w4a8`.
  ///
  /// - Throws: `invalid-option` for another text, or a number of bits that is no grid.
  public init(_ text: String) throws(Diagnostic) {
    let invalid = Diagnostic(
      .invalidOption, "'\(text)' is no width of a layer",
      hint: "write the bits of the weights, 2 to 8 or 16, or both as in w4a8")
    var numbers = [Substring(text)]
    if text.lowercased().hasPrefix("w") {
      numbers = text.lowercased().dropFirst().split(
        separator: "a", maxSplits: 1, omittingEmptySubsequences: false)
    }
    var bits: [Int] = []
    for number in numbers {
      guard let value = Int(number), (2...8).contains(value) || value == 16 else { throw invalid }
      bits.append(value)
    }
    self.init(weights: bits[0], activations: bits.count > 1 ? bits[1] : nil)
  }

  /// Reads several: `8,4,2`, or with `+` between them.
  ///
  /// - Throws: `invalid-option` for an empty list, a width that is none, or one that stands twice.
  public static func list(_ text: String) throws(Diagnostic) -> [LayerWidth] {
    var widths: [LayerWidth] = []
    for part in text.split(omittingEmptySubsequences: false, whereSeparator: { ",+".contains($0) })
    {
      let width = try LayerWidth(String(part.drop { $0 == " " }))
      if widths.contains(width) {
        throw Diagnostic(
          .invalidOption, "the width \(width) stands twice", hint: "name each width once")
      }
      widths.append(width)
    }
    return widths
  }

  /// `4` or `w4a8`.
  public var description: String { activations.map { "w\(weights)a\($0)" } ?? "\(weights)" }
}
