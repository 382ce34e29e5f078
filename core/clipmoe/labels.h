/* Labels: lists of them, ClipmoeLabels (their vectors for one model), and the scores of a picture against
 * them. Since: 0.1
 *
 * A label is encoded as a text: its own prompt, or the mean over templates such as "a photo of a {}." that it
 * is filled into; or it is shown by pictures. Negatives are labels that compete with the others and are never
 * reported. */
#ifndef CLIPMOE_LABELS_H
#define CLIPMOE_LABELS_H

#include <math.h>
#include <clipmoe/encoder.h>

G_BEGIN_DECLS

/**
 * ClipmoeLabel:
 * @name: what is reported
 * @prompt: (nullable): the text that is encoded; NULL = the templates, or nothing where it has pictures
 * @threshold: the score from which on it counts; NAN = the caller's
 * @group: (nullable): the group of labels that exclude each other to which it belongs
 * @pictures: (nullable) (array zero-terminated=1): paths of the pictures that show it
 * @place: (nullable): "FILE:LINE" where the pictures are named, for messages
 * @shown: (nullable): float32 [n_shown]: the mean of the pictures' unit vectors, of length one; NULL until
 *   clipmoe_label_list_encode_pictures()
 * @n_shown: ClipmoeModelInfo.embed of that model
 *
 * One label of a list. Made by the library: clipmoe_label_new().
 */
typedef struct {
  const char *name;
  const char *prompt;
  double threshold;
  const char *group;
  const char *const *pictures;
  const char *place;
  const float *shown;
  guint n_shown;
} ClipmoeLabel;

/**
 * clipmoe_label_new:
 * @name: UTF-8, copied
 * @prompt: (nullable): UTF-8, copied
 * @threshold: or NAN
 *
 * Any thread.
 *
 * Returns: (transfer full): free with clipmoe_label_free()
 */
CLIPMOE_API ClipmoeLabel *clipmoe_label_new (const char *name, const char *prompt, double threshold);
CLIPMOE_API void clipmoe_label_free (ClipmoeLabel *self);
/**
 * clipmoe_label_set_group:
 * @group: (nullable): UTF-8, copied
 *
 * One caller at a time, before the label is used.
 */
CLIPMOE_API void clipmoe_label_set_group (ClipmoeLabel *self, const char *group);
/**
 * clipmoe_label_set_pictures:
 * @paths: (nullable) (array zero-terminated=1): copied; NULL = none
 * @place: (nullable): copied: what messages about them begin with
 *
 * They have no vector yet. One caller at a time, before the label is used.
 */
CLIPMOE_API void clipmoe_label_set_pictures (ClipmoeLabel *self, const char *const *paths, const char *place);

/**
 * clipmoe_label_list_parse:
 * @text: names, separated by `;` if one occurs, else by `,`; empty ones are dropped
 * @error: (nullable): FORMAT: a name stands there twice, or is not UTF-8, or has pictures (`= @`), which only
 *   a file may name; LIMIT: more than 100,000 labels, or one of more than 8 KiB
 *
 * Names and nothing else, so that a text from a stranger opens no file. Any thread.
 *
 * Returns: (transfer full) (element-type ClipmoeLabel): a list that frees its labels; NULL on error
 */
CLIPMOE_API GPtrArray *clipmoe_label_list_parse (const char *text, GError **error);
/**
 * clipmoe_label_list_load:
 * @path_or_name: a text file, or the name of an installed list ("everyday")
 * @error: (nullable): IO; FORMAT: as above, a line that is none of these, or no label at all; LIMIT: as
 * above, a file of more than 16 MiB, more than 256 pictures for a label or 10,000 for all
 *
 * A line is `label [= prompt] [@ threshold]`. `#` at its start makes it a remark, the last ` @ number`
 * counts, and `\=` and `\@` are the characters themselves. A prompt that begins with `@` names pictures,
 * separated by `;`, their paths relative to the file: `@open1.jpg;open2.jpg`; ` + ` behind them begins words
 * that count as much as all of them together. In their names `\;` and `\+` are the characters, too. The line
 * `[group NAME]` begins a group of two or more labels that exclude each other, `[]` or another group ends it;
 * `\[` is the character itself. No label of a group is called "unknown", since that is what a group is when
 * none of its labels is there. Any thread.
 *
 * Returns: (transfer full) (element-type ClipmoeLabel): a list that frees its labels; NULL on error
 */
CLIPMOE_API GPtrArray *clipmoe_label_list_load (const char *path_or_name, GError **error);

/**
 * clipmoe_label_list_rewrite:
 * @path_or_name: as clipmoe_label_list_load()
 * @labels: (element-type ClipmoeLabel): those whose threshold is no NAN get it
 * @error: (nullable): as clipmoe_label_list_load(); ARGUMENT: one of them is not in the file
 *
 * The text of the file with other thresholds. All else stays as it is, byte for byte: remarks, white space,
 * line ends, the labels that are not in @labels or have that threshold already. Writes no file. Any thread.
 *
 * Returns: (transfer full): free with g_free(); NULL on error
 */
CLIPMOE_API char *clipmoe_label_list_rewrite (const char *path_or_name, GPtrArray *labels, GError **error);

/**
 * ClipmoePictureReader:
 * @path: one of ClipmoeLabel.pictures
 * @image: (out): a view of the picture, upright
 * @pixels: (out) (transfer full): what @image is a view of; freed with g_free()
 * @data: the caller's
 * @error: what is wrong with it, with its path
 *
 * Decodes a picture, which this library does not.
 *
 * Returns: whether @image and @pixels are written
 */
typedef gboolean (*ClipmoePictureReader) (const char *path, ClipmoeImage *image, gpointer *pixels,
                                          gpointer data, GError **error);
/**
 * clipmoe_label_list_encode_pictures:
 * @labels: (element-type ClipmoeLabel): those that have pictures get their vector; no other is touched
 * @encoder: encodes them; this is its picture caller
 * @geometry: how a picture becomes a square: as that of the pictures that will be compared with the labels
 * @reader: called in this thread, once for each picture
 * @data: for @reader
 * @error: (nullable): as @reader and clipmoe_encoder_encode_images(), with file, line and label in front
 *
 * Makes the vectors that clipmoe_labels_new() needs of labels with pictures; one look for each picture.
 *
 * Returns: whether all labels with pictures have a vector
 */
CLIPMOE_API gboolean clipmoe_label_list_encode_pictures (GPtrArray *labels, ClipmoeEncoder *encoder,
                                                         ClipmoeGeometry geometry,
                                                         ClipmoePictureReader reader, gpointer data,
                                                         GError **error);

/**
 * clipmoe_templates_parse:
 * @text: (nullable): templates separated by `;`, or `@` and a file or an installed set's name (one a line,
 * `#` as above), or `none`, which gives "{}"; NULL = "a photo of a {}."
 * @error: (nullable): IO; FORMAT: a template without `{}`; LIMIT
 *
 * Any thread.
 *
 * Returns: (transfer full) (array zero-terminated=1): one or more, free with g_strfreev(); NULL on error
 */
CLIPMOE_API char **clipmoe_templates_parse (const char *text, GError **error);

typedef struct _ClipmoeLabels ClipmoeLabels;

/**
 * clipmoe_labels_new:
 * @encoder: encodes the texts; it is not kept, and this is its text caller
 * @labels: (nullable) (element-type ClipmoeLabel): copied; NULL = none
 * @negatives: (nullable) (element-type ClipmoeLabel): copied; NULL = none
 * @templates: (array zero-terminated=1): one or more, for each label that has no prompt of its own
 * @error: (nullable): as clipmoe_encoder_encode_texts(); MEMORY; ARGUMENT: a label has pictures and no vector
 *   of this model of them
 *
 * Encodes every label with every template: the time grows with both. A label with pictures is their vector;
 * one that has a prompt, too, is the mean of both vectors.
 *
 * Returns: (transfer full): immutable and reference counted: any thread; free with clipmoe_labels_unref();
 * NULL on error
 */
CLIPMOE_API ClipmoeLabels *clipmoe_labels_new (ClipmoeEncoder *encoder, GPtrArray *labels,
                                               GPtrArray *negatives, const char *const *templates,
                                               GError **error);
/**
 * clipmoe_labels_ref:
 *
 * Returns: (transfer full): @self
 */
CLIPMOE_API ClipmoeLabels *clipmoe_labels_ref (ClipmoeLabels *self);
CLIPMOE_API void clipmoe_labels_unref (ClipmoeLabels *self);
/**
 * clipmoe_labels_get_n:
 *
 * Returns: how many labels, negatives not counted
 */
CLIPMOE_API guint clipmoe_labels_get_n (const ClipmoeLabels *self);
/**
 * clipmoe_labels_get_n_negatives:
 *
 * Returns: how many negatives
 */
CLIPMOE_API guint clipmoe_labels_get_n_negatives (const ClipmoeLabels *self);
/**
 * clipmoe_labels_get:
 *
 * Returns: (transfer none): label @i; from get_n() on, the negatives
 */
CLIPMOE_API const ClipmoeLabel *clipmoe_labels_get (const ClipmoeLabels *self, guint i);
/**
 * clipmoe_labels_get_n_groups:
 *
 * Returns: how many groups the labels have
 */
CLIPMOE_API guint clipmoe_labels_get_n_groups (const ClipmoeLabels *self);
/**
 * clipmoe_labels_get_group:
 * @i: a label, no negative
 *
 * Returns: the number of its group, from 0 on in the order of the list; -1 = it is in none
 */
CLIPMOE_API gint clipmoe_labels_get_group (const ClipmoeLabels *self, guint i);
/**
 * clipmoe_labels_get_vector:
 *
 * Returns: (transfer none): float32 [embed], the unit vector of row @i
 */
CLIPMOE_API const float *clipmoe_labels_get_vector (const ClipmoeLabels *self, guint i);
/**
 * clipmoe_labels_get_n_rows:
 *
 * Returns: how many vectors: of the labels, then of the negatives, then one of the background, which is the
 * templates filled with nothing ("a photo.")
 */
CLIPMOE_API guint clipmoe_labels_get_n_rows (const ClipmoeLabels *self);
/**
 * clipmoe_labels_get_n_truncated:
 *
 * Returns: how many texts were longer than the model's context
 */
CLIPMOE_API guint clipmoe_labels_get_n_truncated (const ClipmoeLabels *self);

/**
 * ClipmoeScore:
 * @CLIPMOE_SCORE_SOFTMAX: e^(s c) over the sum of that of all labels and negatives
 * @CLIPMOE_SCORE_SIGMOID: each label alone against the background b: e^(s c) / (e^(s c) + e^(s b)), where
 *   e^(s b) is the mean over the negatives, if there are any
 * @CLIPMOE_SCORE_COSINE: c as it is
 *
 * How a score is made of a cosine c; s = exp (ClipmoeModelInfo.logit_scale). With softmax and sigmoid, the
 * labels of a group have the softmax over the group and the negatives, and no other label's score depends on
 * them.
 */
typedef enum { CLIPMOE_SCORE_SOFTMAX, CLIPMOE_SCORE_SIGMOID, CLIPMOE_SCORE_COSINE } ClipmoeScore;

/**
 * clipmoe_scorer_cosines:
 * @embedding: float32 [embed], a unit vector of the same model
 * @cosines: (out caller-allocates): [clipmoe_labels_get_n_rows()]
 *
 * The cosine of a picture with every row. Any thread.
 */
CLIPMOE_API void clipmoe_scorer_cosines (const ClipmoeLabels *self, const float *embedding, float *cosines);
/**
 * clipmoe_scorer_scores:
 * @cosines: [clipmoe_labels_get_n_rows()]
 * @scores: (out caller-allocates): [clipmoe_labels_get_n()]
 *
 * The scores of the labels. Any thread.
 */
CLIPMOE_API void clipmoe_scorer_scores (const ClipmoeLabels *self, ClipmoeScore kind, const float *cosines,
                                        double *scores);
/**
 * clipmoe_scorer_default_threshold:
 *
 * Any thread.
 *
 * Returns: softmax 0.1, sigmoid 0.5, cosine minus infinity: of a label that is in no group
 */
CLIPMOE_API double clipmoe_scorer_default_threshold (ClipmoeScore kind);
/**
 * clipmoe_scorer_threshold:
 * @i: a label
 * @threshold: for labels without one of their own; NAN = the default: that of @kind; of a label in a group
 * 0.5, and with cosine minus infinity
 *
 * Any thread.
 *
 * Returns: the score from which on label @i counts
 */
CLIPMOE_API double clipmoe_scorer_threshold (const ClipmoeLabels *self, ClipmoeScore kind, double threshold,
                                             guint i);
/**
 * clipmoe_scorer_best:
 * @scores: [clipmoe_labels_get_n()]
 * @best: (out caller-allocates): [clipmoe_labels_get_n_groups()]
 *
 * The label with the highest score of each group, the first of equal ones. Any thread.
 */
CLIPMOE_API void clipmoe_scorer_best (const ClipmoeLabels *self, const double *scores, guint *best);
/**
 * clipmoe_scorer_top:
 * @scores: [clipmoe_labels_get_n()]
 * @threshold: as of clipmoe_scorer_threshold()
 * @k: the most labels that are wanted
 * @indices: (out caller-allocates): room for @k of them, or for all labels if these are fewer
 *
 * Which labels are at or above their threshold, best first; equal ones by index. Of a group this is the best
 * one at most. Any thread.
 *
 * Returns: how many indices were written
 */
CLIPMOE_API guint clipmoe_scorer_top (const ClipmoeLabels *self, ClipmoeScore kind, const double *scores,
                                      double threshold, guint k, guint *indices);
/**
 * clipmoe_scorer_smooth:
 * @state: (inout): [n]: the mean until now; it need hold nothing with the first look, whose @tau is 0
 * @cosines: [n], of the new look
 * @dt: seconds since the last look
 * @tau: seconds: state += (1 - exp (-dt / tau)) (cosines - state); 0 = a copy of @cosines
 *
 * An exponential mean of cosines over time. Any thread, one at a time for a @state.
 */
CLIPMOE_API void clipmoe_scorer_smooth (float *state, const float *cosines, guint n, double dt, double tau);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipmoeLabel, clipmoe_label_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipmoeLabels, clipmoe_labels_unref)

G_END_DECLS

#endif
