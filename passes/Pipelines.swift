import QATRewrite

extension PassRegistry {
  /// The built-in passes and the named pipelines of the folder `pipelines`.
  public static let withPipelines: PassRegistry = {
    var registry = builtin
    for (name, text) in [
      ("ptq", PackageResources.ptq_pipeline),
      ("ptq-corrected", PackageResources.ptq_corrected_pipeline),
      ("lower-qdq", PackageResources.lower_qdq_pipeline),
      ("lower-qoperator", PackageResources.lower_qoperator_pipeline),
      ("ptq-qdq", PackageResources.ptq_qdq_pipeline),
      ("ptq-qoperator", PackageResources.ptq_qoperator_pipeline),
      ("qat-prepare", PackageResources.qat_prepare_pipeline),
      ("qat-finish", PackageResources.qat_finish_pipeline),
      ("to-dynamic", PackageResources.to_dynamic_pipeline),
      ("to-weight-only", PackageResources.to_weight_only_pipeline),
      ("to-matmulnbits", PackageResources.to_matmulnbits_pipeline),
      ("ptq-dynamic", PackageResources.ptq_dynamic_pipeline),
      ("ptq-weight-only", PackageResources.ptq_weight_only_pipeline),
      ("ptq-matmulnbits", PackageResources.ptq_matmulnbits_pipeline),
      ("session-integer", PackageResources.session_integer_pipeline),
      ("session-float", PackageResources.session_float_pipeline),
      ("session-training", PackageResources.session_training_pipeline),
    ] {
      registry.register(pipeline: name, String(decoding: text, as: UTF8.self))
    }
    return registry
  }()
}
