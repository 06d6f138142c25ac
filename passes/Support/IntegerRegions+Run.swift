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

  /// The graph as a session runs it fast: integer regions as integer operations, functions of codes
  /// as tables, images with channels last. Values other than inputs and outputs may be gone.
  public func preparedToRun() throws(Diagnostic) -> Graph {
    var result = try formingIntegerRegions()
    var context = PassContext()
    try Pipeline([FuseTables(), AssignLayout(), FuseEpilogues()]).run(on: &result, &context)
    return result
  }
}
