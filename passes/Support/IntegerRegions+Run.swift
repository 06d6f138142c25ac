public import QATCore
public import QATIR
import QATRewrite

extension Graph {
  /// The graph with its integer regions as integer operations: how a QDQ graph is to be run, so that it
  /// gives the codes that runtimes give which fuse it. Names of outputs stay.
  public func formingIntegerRegions() throws(Diagnostic) -> Graph {
    guard nodes.contains(where: { self[$0].op is DequantizeLinear }) else { return self }
    var result = self
    var context = PassContext()
    try Pipeline([LowerToInteger()]).run(on: &result, &context)
    return result
  }
}
