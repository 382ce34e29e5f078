#include "net.h"

#include <string.h>
#include <model/derive.h>
#include <model/model-private.h>
#include <model/residence.h>

static gboolean
fits (guint first, guint last, guint layers, const char *tower, GError **error) {
  if (first <= last && last <= layers)
    return TRUE;
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
               "blocks %u to %u of the %s tower, expected a range within its %u blocks", first, last, tower,
               layers);
  return FALSE;
}

DmuSelection
dmu_selection_all (const ClipmoeModel *model, DmuGroup group) {
  return (DmuSelection){.group = group, .image_last = model->image.layers, .text_last = model->text.layers};
}

/* Registers tensors. Whether one is trained is known at once; its memory only when all are counted. */
typedef struct {
  DmuNet *net;
  GArray *parameters; /* DmuParameter */
  GPtrArray *weights; /* DmuWeight * of each */
  GPtrArray *sources; /* const float * of each */
  gboolean frozen;    /* nothing is to be trained */
} Builder;

static void
add (Builder *b, DmuWeight *weight, char *name, const float *source, gsize n, gboolean trained,
     gboolean decay) {
  DmuParameter p = {.name = name, .n = n, .trained = trained, .decay = decay};
  if (trained) {
    p.offset = b->net->n_trained;
    b->net->n_trained += n;
  }
  g_array_append_val (b->parameters, p);
  g_ptr_array_add (b->weights, weight);
  g_ptr_array_add (b->sources, (gpointer)source);
}

static void
add_pair (Builder *b, DmuPair *pair, const char *prefix, const char *name, const char *joint,
          const float *weight, gsize n_weight, const float *bias, gsize n_bias, gboolean trained) {
  add (b, &pair->weight, g_strconcat (prefix, name, joint, "weight", NULL), weight, n_weight, trained,
       n_weight > n_bias);
  add (b, &pair->bias, g_strconcat (prefix, name, joint, "bias", NULL), bias, n_bias, trained, FALSE);
}

static void
add_block (Builder *b, const DmuTower *t, DmuBlock *block, const ClipmoeBlock *from, guint experts,
           const char *prefix, gboolean inside) {
  gsize d = t->arch.width, f = t->arch.ffn_width;
  DmuGroup group = b->net->selection.group;
  gboolean all = inside && group == DMU_TRAIN_ALL, both = all || (inside && group == DMU_TRAIN_MOE),
           mlp = both || (inside && group == DMU_TRAIN_MLP),
           gate = both || (inside && group == DMU_TRAIN_GATE);
  add_pair (b, &block->ln_1, prefix, "ln_1", ".", from->ln_1_weight, d, from->ln_1_bias, d, all);
  add_pair (b, &block->in_proj, prefix, "attn.in_proj", "_", from->in_proj_weight, 3 * d * d,
            from->in_proj_bias, 3 * d, all);
  add_pair (b, &block->out_proj, prefix, "attn.out_proj", ".", from->out_proj_weight, d * d,
            from->out_proj_bias, d, all);
  add_pair (b, &block->ln_2, prefix, "ln_2", ".", from->ln_2_weight, d, from->ln_2_bias, d, all);
  block->n_experts = experts;
  if (experts)
    add (b, &block->gate, g_strconcat (prefix, "gate.weight", NULL), from->gate_weight, experts * d, gate,
         TRUE);
  guint n = MAX (experts, 1);
  block->ffn = g_new0 (DmuFfn, n);
  for (guint e = 0; e < n; e++) {
    char *p = experts ? g_strdup_printf ("%sexperts.%u.", prefix, e) : g_strconcat (prefix, "mlp.", NULL);
    const ClipmoeFfn *ffn = &from->ffn[e];
    add_pair (b, &block->ffn[e].fc, p, "c_fc", ".", ffn->c_fc_weight, f * d, ffn->c_fc_bias, f, mlp);
    add_pair (b, &block->ffn[e].proj, p, "c_proj", ".", ffn->c_proj_weight, d * f, ffn->c_proj_bias, d, mlp);
    g_free (p);
  }
}

static void
add_blocks (Builder *b, DmuTower *t, const ClipmoeBlock *blocks, const char *prefix, guint first,
            guint last) {
  t->blocks = g_new0 (DmuBlock, t->arch.layers);
  for (guint i = 0; i < t->arch.layers; i++) {
    char *p = g_strdup_printf ("%s%u.", prefix, i);
    add_block (b, t, &t->blocks[i], &blocks[i], t->arch.experts[i], p, i >= first && i < last);
    g_free (p);
  }
}

static gboolean
pair_trained (const DmuPair *p) {
  return p->weight.g || p->bias.g;
}

/* Sets how far down gradients are needed. @below: something before the blocks is trained. */
static void
find_trained (DmuTower *t, gboolean below) {
  for (guint i = 0; i < t->arch.layers; i++) {
    DmuBlock *b = &t->blocks[i];
    b->trained_input = below;
    b->trained_attention =
        below || pair_trained (&b->ln_1) || pair_trained (&b->in_proj) || pair_trained (&b->out_proj);
    b->trained_norm = b->trained_attention || pair_trained (&b->ln_2);
    b->trained = b->trained_norm || b->gate.g;
    for (guint e = 0; e < MAX (b->n_experts, 1); e++)
      b->trained |= pair_trained (&b->ffn[e].fc) || pair_trained (&b->ffn[e].proj);
    below = b->trained;
  }
  t->trained = below || pair_trained (&t->norm) || t->projection.g;
}

/* If most of a model is trained, frozen weights are copied and the model's own values are released, as they
 * would be unused; if little is trained, frozen weights are read from the model. */
static gboolean
should_borrow (const DmuNet *net) {
  gsize all = 0;
  for (guint i = 0; i < net->n_parameters; i++)
    all += net->parameters[i].n;
  return sizeof (Real) == sizeof (float) && net->n_trained <= all / 2;
}

/* Sets every weight's pointer: trained ones in theta, frozen ones in copies or in the model. */
static gboolean
place (Builder *b, GError **error) {
  DmuNet *net = b->net;
  if (!net->n_trained && !b->frozen) {
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_ARGUMENT,
                 "%s: nothing of it would be trained: expected blocks in at least one tower%s",
                 net->model->info.name,
                 net->selection.group == DMU_TRAIN_GATE ? " that are mixtures of experts" : "");
    return FALSE;
  }
  net->theta = g_try_new (Real, MAX (net->n_trained, 1));
  net->grad = g_try_new0 (Real, MAX (net->n_trained, 1));
  gboolean ok = net->theta && net->grad;
  for (guint i = 0; i < net->n_parameters && ok; i++) {
    DmuParameter *p = &net->parameters[i];
    DmuWeight *w = b->weights->pdata[i];
    const float *from = b->sources->pdata[i];
    if (p->trained) {
      w->v = net->theta + p->offset;
      w->g = net->grad + p->offset;
    } else if (!net->borrows) {
      w->v = g_try_new (Real, p->n);
      ok = w->v != NULL;
      g_ptr_array_add (net->copies, w->v);
    } else {
      w->v = (Real *)(gpointer)from; /* never written to */
    }
    for (gsize j = 0; ok && (gconstpointer)w->v != (gconstpointer)from && j < p->n; j++)
      w->v[j] = from[j];
    p->v = w->v;
  }
  if (!ok)
    g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY,
                 "%s: no memory to train %" G_GSIZE_FORMAT " numbers", net->model->info.name, net->n_trained);
  return ok;
}

/* The trainer crops pictures. */
static gboolean
is_cropped (const ClipmoeModel *model, GError **error) {
  if (model->info.geometry == CLIPMOE_GEOMETRY_CROP)
    return TRUE;
  g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_UNSUPPORTED,
               "%s: its pictures are squashed or padded, expected a model whose pictures are cropped",
               model->info.path ? model->info.path : model->info.name);
  return FALSE;
}

DmuNet *
dmu_net_new (ClipmoeModel *model, const DmuSelection *selection, GError **error) {
  const DmuSelection none = {0}, *s = selection ? selection : &none;
  if (!clipmoe_model_check_whole (model, error) || !is_cropped (model, error) ||
      !fits (s->image_first, s->image_last, model->image.layers, "image", error) ||
      !fits (s->text_first, s->text_last, model->text.layers, "text", error))
    return NULL;
  if (!clipmoe_model_hold_weights (model, error))
    return NULL;
  DmuNet *net = g_new0 (DmuNet, 1);
  const ClipmoeModel *m = net->model = clipmoe_model_ref (model);
  net->selection = *s;
  net->copies = g_ptr_array_new_with_free_func (g_free);
  net->image.arch = m->image; /* `experts` is borrowed from the model */
  net->text.arch = m->text;
  gboolean all = s->group == DMU_TRAIN_ALL, image_any = all && s->image_first < s->image_last,
           text_any = all && s->text_first < s->text_last, image_low = image_any && s->image_first == 0,
           image_high = image_any && s->image_last == m->image.layers,
           text_low = text_any && s->text_first == 0, text_high = text_any && s->text_last == m->text.layers;
  gsize dv = net->image.arch.width, dt = net->text.arch.width, embed = net->image.arch.embed;

  Builder b = {net, g_array_new (FALSE, FALSE, sizeof (DmuParameter)), g_ptr_array_new (), g_ptr_array_new (),
               !selection};
  add (&b, &net->conv, g_strdup ("visual.conv1.weight"), m->conv1_weight,
       dv * clipmoe_architecture_patch_length (&m->image), image_low, TRUE);
  if (m->image.has_class)
    add (&b, &net->class_embedding, g_strdup ("visual.class_embedding"), m->class_embedding, dv, image_low,
         FALSE);
  add (&b, &net->image_positions, g_strdup ("visual.positional_embedding"), m->image_positions,
       clipmoe_architecture_tokens (&m->image) * dv, image_low, FALSE);
  add_pair (&b, &net->ln_pre, "visual.", "ln_pre", ".", m->ln_pre_weight, dv, m->ln_pre_bias, dv, image_low);
  add_blocks (&b, &net->image, m->image_blocks, "visual.transformer.resblocks.", s->image_first,
              s->image_last);
  add_pair (&b, &net->image.norm, "visual.", "ln_post", ".", m->ln_post_weight, dv, m->ln_post_bias, dv,
            image_high);
  add (&b, &net->image.projection, g_strdup ("visual.proj"), m->image_projection, dv * embed, image_high,
       TRUE);
  add (&b, &net->tokens, g_strdup ("token_embedding.weight"), m->token_embedding, m->text.vocab * dt,
       text_low, FALSE);
  add (&b, &net->text_positions, g_strdup ("positional_embedding"), m->text_positions, m->text.context * dt,
       text_low, FALSE);
  add_blocks (&b, &net->text, m->text_blocks, "transformer.resblocks.", s->text_first, s->text_last);
  add_pair (&b, &net->text.norm, "", "ln_final", ".", m->ln_final_weight, dt, m->ln_final_bias, dt,
            text_high);
  add (&b, &net->text.projection, g_strdup ("text_projection"), m->text_projection, dt * embed, text_high,
       TRUE);
  add (&b, &net->logit_scale, g_strdup ("logit_scale"), &m->info.logit_scale, 1, s->logit_scale, FALSE);
  net->n_parameters = b.parameters->len;
  net->parameters = (DmuParameter *)(gpointer)g_array_free (b.parameters, FALSE);
  net->borrows = should_borrow (net);
  gboolean ok = place (&b, error);
  if (!net->borrows)
    clipmoe_model_drop_weights (model);
  g_ptr_array_unref (b.weights);
  g_ptr_array_unref (b.sources);
  if (!ok) {
    dmu_net_free (net);
    return NULL;
  }
  find_trained (&net->image, image_low);
  find_trained (&net->text, text_low);
  return net;
}

void
dmu_net_free (DmuNet *self) {
  if (!self)
    return;
  for (guint i = 0; self->image.blocks && i < self->image.arch.layers; i++)
    g_free (self->image.blocks[i].ffn);
  for (guint i = 0; self->text.blocks && i < self->text.arch.layers; i++)
    g_free (self->text.blocks[i].ffn);
  g_free (self->image.blocks);
  g_free (self->text.blocks);
  for (guint i = 0; i < self->n_parameters; i++)
    g_free (self->parameters[i].name);
  g_free (self->parameters);
  g_ptr_array_unref (self->copies);
  g_free (self->theta);
  g_free (self->grad);
  if (self->borrows)
    clipmoe_model_drop_weights (self->model);
  clipmoe_model_unref (self->model);
  g_free (self);
}

void
dmu_net_zero_grad (DmuNet *self) {
  memset (self->grad, 0, self->n_trained * sizeof *self->grad);
}

ClipmoeModel *
dmu_net_to_model (const DmuNet *self, const Real *theta, GError **error) {
  GHashTable *changed = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_free);
  theta = theta ? theta : self->theta;
  gboolean ok = TRUE;
  for (guint i = 0; i < self->n_parameters && ok; i++) {
    const DmuParameter *p = &self->parameters[i];
    if (!p->trained && self->borrows)
      continue;
    const Real *from = p->trained ? theta + p->offset : p->v;
    float *values = g_try_new (float, p->n);
    ok = values != NULL;
    for (gsize j = 0; ok && j < p->n; j++)
      values[j] = (float)from[j];
    if (ok)
      g_hash_table_insert (changed, p->name, values);
    else
      g_set_error (error, CLIPMOE_ERROR, CLIPMOE_ERROR_MEMORY, "%s: tensor \"%s\": no memory",
                   self->model->info.name, p->name);
  }
  ClipmoeModel *model = ok ? clipmoe_model_with_values (self->model, changed, error) : NULL;
  g_hash_table_unref (changed);
  return model;
}
