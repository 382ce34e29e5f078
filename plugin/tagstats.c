#include "tagstats.h"

GstStructure *
tag_stats_describe (const ClipmoeStatistics *self, const TagStatsWords *words, const TagStatsEngine *engine) {
  return gst_structure_new (
      "stats", "frames", G_TYPE_UINT64, self->frames, "looks", G_TYPE_UINT64, self->looks, "skipped",
      G_TYPE_UINT64, self->skipped, "unusable", G_TYPE_UINT64, self->unusable, "corrupted", G_TYPE_UINT64,
      self->corrupted, "still", G_TYPE_UINT64, self->still, "regions-too-small", G_TYPE_UINT64,
      self->too_small, "regions-left-out", G_TYPE_UINT64, self->left_out, "ms-per-look", G_TYPE_DOUBLE,
      clipmoe_statistics_quantile (self, 0.5), "ms-per-look-p95", G_TYPE_DOUBLE,
      clipmoe_statistics_quantile (self, 0.95), "mode", G_TYPE_STRING, words->mode, "clock", G_TYPE_STRING,
      words->clock, "tier", G_TYPE_STRING, words->tier, "precision", G_TYPE_STRING, words->precision,
      "precision-reason", G_TYPE_STRING, words->reason, "model", G_TYPE_STRING, words->model, "waiting-ms",
      G_TYPE_DOUBLE, engine->waiting_ms, "waiting-ms-p95", G_TYPE_DOUBLE, engine->waiting_ms_p95,
      "batch-share", G_TYPE_DOUBLE, engine->share, NULL);
}

GstStructure *
tag_stats_describe_engine (const TagStatsEngine *stats) {
  double mean = stats->runs ? (double)stats->pictures / (double)stats->runs : 0;
  return gst_structure_new ("engine-stats", "runs", G_TYPE_UINT64, stats->runs, "pictures", G_TYPE_UINT64,
                            stats->pictures, "mean-batch", G_TYPE_DOUBLE, mean, "waiting", G_TYPE_UINT,
                            stats->waiting, "streams", G_TYPE_UINT, stats->streams, "batch-size", G_TYPE_UINT,
                            stats->batch, NULL);
}
