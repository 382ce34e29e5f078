/* Generated pictures and texts, the same ones everywhere: what calibration and verdict run a model on. */
#ifndef CLIPMOE_SAMPLES_H
#define CLIPMOE_SAMPLES_H

#include "../clipmoe/model.h"

/* Tokens of a text at most. */
#define CLIPMOE_SAMPLE_TOKENS 48

/* For the calibration, [3][side][side] floats: waves, an edge and noise in each channel. What is packed to
 * int8 depends on every bit of it. */
void clipmoe_sample_waves (guint side, float *pixels);
/* For the calibration: one long text, with its end token. Returns its length. */
guint clipmoe_sample_words (const ClipmoeModelInfo *info, guint32 ids[CLIPMOE_SAMPLE_TOKENS]);

/* Number @which of pictures as a camera might give them, [3][side][side] floats: a background that changes
 * slowly, discs and bars with edges, texture, noise; normalised as the model's pictures are. */
void clipmoe_sample_scene (const ClipmoeModelInfo *info, guint which, float *pixels);
/* @n texts of any words, of up to @most tokens each with the end token, one after the other: @ids has room
 * for n * most, *lengths is their number each. */
void clipmoe_sample_texts (const ClipmoeModelInfo *info, guint n, guint most, guint32 *ids, guint *lengths);

#endif
