internal import CQATKernels

/// The variants of the kernels of products that are in use, by the names that `QAT_CPU` takes.
public enum KernelNames {
  /// "amx", "avx512vnni", "avxvnni", "avx2", "i8mm", "dotprod" or "scalar".
  public static var integerProducts: String {
    // SAFETY: a row of a static table, whose names are static.
    unsafe qat_igemm_best().map { unsafe String(cString: qat_igemm_name($0)) } ?? ""
  }

  /// "avx512", "avx2" or "scalar".
  public static var floatProducts: String {
    // SAFETY: a static name.
    unsafe String(cString: qat_sgemm_name())
  }
}
