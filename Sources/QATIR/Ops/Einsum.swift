import QATCore

/// Sums of products by an equation, in Einstein's notation.
///
///     y[output] = sum over all other letters of x0[term 0] * x1[term 1] * …
///
/// - Operands: any number of tensors of numbers, each with a term that names its axes.
/// - Result: of the axes that the output names.
/// - Attribute: `equation`, such as `bij,bjk->bik`. A letter that stands twice in a term walks a
///   diagonal; `...` are axes without names, as many in each term, which broadcast. Without `->`
///   the output has the letters that stand once in all, in ASCII's order, behind `...`.
public struct Einsum: Operation {
  public static let name: OpName = "Einsum"
  public static let operands = [OperandSpec("inputs", .numeric, as: "T", .variadic)]
  public static let attributes: [Attribute<Self>] = [.init("equation", \.equation)]

  /// The equation.
  public var equation = ""

  public init() {}
  /// The sums of an equation.
  public init(_ equation: String) { self.equation = equation }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    guard operands.count > 0, operands.all.allSatisfy({ $0 != nil }) else {
      throw Diagnostic(.invalidOperand, "Einsum needs at least one operand and none left out")
    }
    let shapes = (0..<operands.count).map { operands[$0].knownShape }
    let axes = try EinsumEquation(equation).axes(ranks: shapes.map(\.rank))
    var sizes: [EinsumEquation.Axis: Dimension] = [:]
    for (shape, names) in zip(shapes, axes.inputs) {
      for (size, name) in zip(shape.dimensions, names) {
        guard let known = sizes[name], known.size != 1 else {
          sizes[name] = size
          continue
        }
        if size.size == 1 || size == known { continue }
        if let a = known.size, let b = size.size {
          throw Diagnostic(
            .shapeMismatch, "axis '\(name)' of '\(equation)' has size \(a), and also \(b)")
        }
        sizes[name] = known.size == nil ? (size.size == nil ? .unknown : size) : known
      }
    }
    return [TensorType(operands[0].element, Shape(axes.output.map { sizes[$0] ?? .unknown }))]
  }
}

/// What the text of an equation says: the names of all operands' axes and of the result's.
public struct EinsumEquation: Sendable, Equatable {
  /// A letter, or `.` for all the axes that `...` stands for.
  public typealias Label = Character

  /// An axis: a letter, or one of those behind `...`.
  public struct Axis: Hashable, Sendable, CustomStringConvertible {
    let label: Label
    /// Which of the axes of `...`, 0 for letters.
    let index: Int
    public var description: String { label == "." ? "...[\(index)]" : String(label) }
  }

  /// One for each operand.
  public var inputs: [[Label]]
  /// Of the result, none of them twice.
  public var output: [Label]

  /// Made of terms.
  public init(inputs: [[Label]], output: [Label]) {
    self.inputs = inputs
    self.output = output
  }

  /// Reads an equation.
  /// - Throws: `invalid-attribute`.
  public init(_ text: String) throws(Diagnostic) {
    let sides = text.filter { $0 != " " }.split(separator: "->", omittingEmptySubsequences: false)
    guard sides.count <= 2 else { throw Self.wrong(text, "more than one '->'") }
    inputs = []
    for term in sides[0].split(separator: ",", omittingEmptySubsequences: false) {
      inputs.append(try Self.labels(term, in: text))
    }
    let all = inputs.flatMap { $0 }
    guard sides.count == 2 else {
      let once = Set(all).filter { label in label != "." && all.count { $0 == label } == 1 }
      output = (all.contains(".") ? ["."] : []) + once.sorted { $0.asciiValue! < $1.asciiValue! }
      return
    }
    output = try Self.labels(sides[1], in: text)
    if let label = output.first(where: { !all.contains($0) }) {
      throw Self.wrong(text, "no operand has '\(label)'")
    }
    guard Set(output).count == output.count else { throw Self.wrong(text, "an axis stands twice") }
  }

  private static func labels(
    _ term: Substring, in text: String
  ) throws(Diagnostic) -> [Label] {
    var labels: [Label] = []
    var rest = term
    while let first = rest.first {
      if rest.hasPrefix("..."), !labels.contains(".") {
        labels.append(".")
        rest = rest.dropFirst(3)
      } else if first.isASCII, first.isLetter {
        labels.append(first)
        rest = rest.dropFirst()
      } else {
        throw wrong(text, "'\(first)' can't stand there")
      }
    }
    return labels
  }

  private static func wrong(_ text: String, _ reason: String) -> Diagnostic {
    Diagnostic(
      .invalidAttribute, "equation '\(text)': \(reason)",
      hint: "letters, '...', ',' and one '->': bij,bjk->bik")
  }

  /// The axes of operands of these ranks and of the result.
  /// - Throws: `shape-mismatch` where a term has not as many axes as its operand.
  public func axes(ranks: [Int]) throws(Diagnostic) -> (inputs: [[Axis]], output: [Axis]) {
    guard ranks.count == inputs.count else {
      throw Diagnostic(
        .invalidOperand, "equation '\(self)' is for \(inputs.count) operands, not \(ranks.count)")
    }
    var unnamed: Int?
    for (term, rank) in zip(inputs, ranks) {
      let named = term.count { $0 != "." }
      guard term.contains(".") ? named <= rank : named == rank else {
        throw Diagnostic(
          .shapeMismatch, "an operand has \(rank) axes, its term '\(Self.text(term))' \(named)")
      }
      guard term.contains(".") else { continue }
      guard unnamed == nil || unnamed == rank - named else {
        throw Diagnostic(
          .shapeMismatch, "'...' stands for \(unnamed ?? 0) and for \(rank - named) axes")
      }
      unnamed = rank - named
    }
    func axes(_ term: [Label]) -> [Axis] {
      term.flatMap { label in
        (0..<(label == "." ? unnamed ?? 0 : 1)).map { Axis(label: label, index: $0) }
      }
    }
    return (inputs.map(axes), axes(output))
  }

  static func text(_ term: [Label]) -> String {
    term.map { $0 == "." ? "..." : String($0) }.joined()
  }
}

extension EinsumEquation: CustomStringConvertible {
  /// The equation with its output.
  public var description: String {
    inputs.map(Self.text).joined(separator: ",") + "->" + Self.text(output)
  }
}

extension Einsum: Differentiable {
  /// Each operand's gradient is the equation with the operand and the result in each other's place.
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let equation = try EinsumEquation(equation)
    var result: [ValueID?] = []
    for index in call.operands.indices {
      result.append(
        call.needs(index) ? try gradient(index, equation, of: call, in: &builder) : nil)
    }
    return result
  }

  private func gradient(
    _ index: Int, _ equation: EinsumEquation, of call: GradientCall,
    in builder: inout GraphBuilder
  ) throws(Diagnostic) -> ValueID {
    let x = call.operand(index)
    var term = equation.inputs[index]
    var terms = [equation.output], values = [call.seed]
    var spread = Set(equation.output)
    for other in equation.inputs.indices where other != index {
      terms.append(equation.inputs[other])
      values.append(call.operand(other))
      // One with an axis of size 1, which broadcasts, does not say how long the axis is.
      let shape = builder.type(of: call.operand(other)).shape
      if shape?.dimensions.allSatisfy({ $0.size != 1 }) ?? false {
        spread.formUnion(equation.inputs[other])
      }
    }
    // Where a letter stands twice, only the diagonal has a gradient: by a matrix of ones on it.
    var diagonals: [(EinsumEquation.Label, EinsumEquation.Label)] = []
    for place in term.indices where term[..<place].contains(term[place]) {
      let fresh = try freeLabel(equation.inputs.flatMap { $0 } + term)
      diagonals.append((term[place], fresh))
      term[place] = fresh
    }
    for (first, second) in diagonals {
      let square = EinsumEquation(inputs: [term], output: [first, second])
      let matrix = builder.emit(Einsum(square.description), [x])
      terms.append([first, second])
      spread.insert(second)
      values.append(builder.emit(EyeLike(), [matrix]))
    }
    // What the operand alone has was summed: it gets the same all along, by ones of its shape.
    if !spread.isSuperset(of: term) {
      terms.append(term)
      values.append(builder.emit(ExpandLike(), [builder.scalar(1, like: x), x]))
    }
    let swapped = EinsumEquation(inputs: terms, output: term)
    return builder.reduce(builder.emit(Einsum(swapped.description), values), like: x)
  }

  private func freeLabel(_ used: [EinsumEquation.Label]) throws(Diagnostic) -> EinsumEquation.Label
  {
    let letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    guard let free = letters.first(where: { !used.contains($0) }) else {
      throw Diagnostic(.unsupported, "equation '\(equation)' has no letter left for its gradient")
    }
    return free
  }
}
