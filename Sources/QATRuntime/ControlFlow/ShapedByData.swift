import QATIR

/// An operation whose results have shapes that only its evaluation can tell, such as `NonZero`.
///
/// The types of such an evaluation's call may have unknown dimensions; a plan ends behind it, and the
/// rest of the graph is compiled for the shapes that came out.
public protocol ShapedByData: Evaluable {}
