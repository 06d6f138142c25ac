/// An operation that computes each element of its result from the elements in the same place of some
/// operands, and from other operands that serve all elements alike.
///
/// So it takes any layout of them, its result may be written over one of them, and what is a function of
/// single codes stays one.
public protocol WorksOnElements: KeepsSamplesApart {
  /// The operands whose elements have places; where they broadcast, the shapes differ.
  static var elementOperands: [Int] { get }
}

extension Clip: WorksOnElements { public static var elementOperands: [Int] { [0] } }
extension CodeTable: WorksOnElements { public static var elementOperands: [Int] { [0] } }
extension Identity: WorksOnElements { public static var elementOperands: [Int] { [0] } }
extension StopGradient: WorksOnElements { public static var elementOperands: [Int] { [0] } }
extension PRelu: WorksOnElements { public static var elementOperands: [Int] { [0, 1] } }
extension Pow: WorksOnElements { public static var elementOperands: [Int] { [0, 1] } }
extension ReluGradient: WorksOnElements { public static var elementOperands: [Int] { [0, 1] } }
