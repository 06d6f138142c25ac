import QATCore

/// Positions among the quantizable layers: `1..<n`, `0...3`, `2..<n-1`.
public struct LayerRange: Sendable, Hashable, CustomStringConvertible {
  /// A position counted from the front (`3`), or back from their number (`n`, `n-1`).
  public enum Bound: Sendable, Hashable {
    /// That many layers from the front, from 0.
    case position(Int)
    /// That many layers before the end: `n - 1` is the last.
    case fromEnd(Int)
  }

  /// The first layer.
  public var lower: Bound
  /// The last layer, or the one behind it.
  public var upper: Bound
  /// `...` rather than `..<`.
  public var includesUpper: Bool

  /// The layers from one bound to another, which belongs to them or not.
  public init(_ lower: Bound, _ upper: Bound, includesUpper: Bool = false) {
    self.lower = lower
    self.upper = upper
    self.includesUpper = includesUpper
  }

  /// Reads the text form; `nil` for a text that is no range at all.
  ///
  /// - Throws: `syntax` for a range whose bounds are none.
  init?(parsing text: String) throws(Diagnostic) {
    for (symbol, includesUpper) in [("..<", false), ("...", true)] {
      guard let found = text.firstRange(of: symbol) else { continue }
      let lower = Bound(text[..<found.lowerBound]), upper = Bound(text[found.upperBound...])
      // Names may hold dots: only a digit or an n before them makes a range.
      guard let lower, let upper else {
        if lower == nil, upper == nil { return nil }
        throw Diagnostic(
          .syntax, "'\(text)' is no range of layers", hint: "as in 1..<n, 0...3 or 2..<n-1")
      }
      self.init(lower, upper, includesUpper: includesUpper)
      return
    }
    return nil
  }

  public var description: String { "\(lower)\(includesUpper ? "..." : "..<")\(upper)" }

  /// The positions below `count`.
  func indices(of count: Int) -> Range<Int> {
    let start = min(max(lower.position(of: count), 0), count)
    let last = min(upper.position(of: count), count)
    let end = min(includesUpper ? last + 1 : last, count)
    return start..<max(start, end)
  }
}

extension LayerRange.Bound: CustomStringConvertible {
  fileprivate init?(_ text: Substring) {
    let text = text.filter { $0 != " " }
    if let position = Int(text), position >= 0 {
      self = .position(position)
    } else if text == "n" {
      self = .fromEnd(0)
    } else if text.hasPrefix("n-"), let back = Int(text.dropFirst(2)), back >= 0 {
      self = .fromEnd(back)
    } else {
      return nil
    }
  }

  public var description: String {
    switch self {
    case .position(let position): "\(position)"
    case .fromEnd(0): "n"
    case .fromEnd(let back): "n-\(back)"
    }
  }

  fileprivate func position(of count: Int) -> Int {
    switch self {
    case .position(let position): position
    case .fromEnd(let back): count - back
    }
  }
}
