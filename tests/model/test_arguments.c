/* Checks that values outside of an enumeration, and structures without their struct_size, are refused with
 * ARGUMENT, and that whatever returns FALSE sets an error, also a measurement that was stopped. */
#include <clipmoe/clipmoe.h>
#include <stdio.h>

static int passed, failed;

static void
expect (const char *name, gboolean ok, GError *error, ClipmoeError code) {
  gboolean right = !ok && g_error_matches (error, CLIPMOE_ERROR, (gint)code) && *error->message;
  passed += right;
  failed += !right;
  if (!right)
    printf ("FAILED: %s: %s, %s\n", name, ok ? "taken" : "refused", error ? error->message : "no error");
  g_clear_error (&error);
}

int
main (void) {
  char *path = g_build_filename (g_getenv ("CLIPMOE_TEST_MODELS"), "dense77.weights.safetensors", NULL);
  ClipmoeModelOptions options = {.struct_size = sizeof options, .no_vocab = TRUE};
  GError *error = NULL;
  ClipmoeModel *model = clipmoe_model_open (path, &options, &error);
  if (!model) {
    printf ("FAILED: %s\n", error->message);
    return 1;
  }
  static const int wrong[] = {7, 99, -1, G_MAXINT};
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++) {
    ClipmoeEncoderOptions how = {
        .struct_size = sizeof how, .precision = (ClipmoePrecision)wrong[i], .threads = 1};
    ClipmoeEncoder *encoder = clipmoe_encoder_new (model, &how, &error);
    expect ("precision", encoder != NULL, g_steal_pointer (&error), CLIPMOE_ERROR_ARGUMENT);
    clipmoe_encoder_free (encoder);
    options.activation = (ClipmoeActivation)wrong[i];
    ClipmoeModel *other = clipmoe_model_open (path, &options, &error);
    expect ("activation", other != NULL, g_steal_pointer (&error), CLIPMOE_ERROR_ARGUMENT);
    clipmoe_model_unref (other);
    gboolean ok = clipmoe_model_save (model, "/nowhere/x", (ClipmoeLayout)wrong[i], CLIPMOE_STORE_KEEP, FALSE,
                                      NULL, &error);
    expect ("layout", ok, g_steal_pointer (&error), CLIPMOE_ERROR_ARGUMENT);
    ok = clipmoe_model_save (model, "/nowhere/x", CLIPMOE_LAYOUT_CLIPMOE, (ClipmoeSaveAs)wrong[i], FALSE,
                             NULL, &error);
    expect ("store", ok, g_steal_pointer (&error), CLIPMOE_ERROR_ARGUMENT);
  }
  ClipmoeModelOptions no_size = {.no_vocab = TRUE};
  ClipmoeModel *other = clipmoe_model_open (path, &no_size, &error);
  expect ("model options without a size", other != NULL, g_steal_pointer (&error), CLIPMOE_ERROR_ARGUMENT);
  ClipmoeEncoder *encoder = clipmoe_encoder_new (model, &(ClipmoeEncoderOptions){.threads = 1}, &error);
  expect ("encoder options without a size", encoder != NULL, g_steal_pointer (&error),
          CLIPMOE_ERROR_ARGUMENT);
  gint stop = 1;
  gboolean ok = clipmoe_precision_measure (model, &stop, &error) != NULL;
  expect ("a stopped measurement", ok, g_steal_pointer (&error), CLIPMOE_ERROR_STOPPED);
  ok = clipmoe_precision_measure (model, &stop, NULL) != NULL;
  expect ("and for who does not ask", ok,
          g_error_new_literal (CLIPMOE_ERROR, CLIPMOE_ERROR_STOPPED, "nothing was written"),
          CLIPMOE_ERROR_STOPPED);
  clipmoe_model_unref (model);
  g_free (path);
  printf ("%d passed, %d failed, 0 skipped\n", passed, failed);
  return failed > 0;
}
