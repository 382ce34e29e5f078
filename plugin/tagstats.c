#include "tagstats.h"

GstStructure *
tag_stats_describe (const ClipmoeStatistics *self, const TagStatsWords *words) {
  return gst_structure_new ("stats", "frames", G_TYPE_UINT64, self->frames, "looks", G_TYPE_UINT64,
                            self->looks, "skipped", G_TYPE_UINT64, self->skipped, "unusable", G_TYPE_UINT64,
                            self->unusable, "corrupted", G_TYPE_UINT64, self->corrupted, "ms-per-look",
                            G_TYPE_DOUBLE, clipmoe_statistics_quantile (self, 0.5), "ms-per-look-p95",
                            G_TYPE_DOUBLE, clipmoe_statistics_quantile (self, 0.95), "mode", G_TYPE_STRING,
                            words->mode, "clock", G_TYPE_STRING, words->clock, "tier", G_TYPE_STRING,
                            words->tier, "precision", G_TYPE_STRING, words->precision, "precision-reason",
                            G_TYPE_STRING, words->reason, "model", G_TYPE_STRING, words->model, NULL);
}
