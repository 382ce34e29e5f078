/* The weight products of an image tower by themselves: the same packed weights, numbers of rows and order as
 * when pictures are encoded, and nothing between them. What these lack to the processor's limit is the
 * kernels' own. */
#ifndef CLIPMOE_PRODUCTS_H
#define CLIPMOE_PRODUCTS_H

#include <clipmoe/encoder.h>

typedef struct _ClipmoeProducts ClipmoeProducts;

/* Those of one run of the tower when @n pictures are encoded, which may be fewer. In a mixture tokens are
 * spread evenly over the experts. The encoder must outlive it and not run meanwhile. ARGUMENT when @n is 0;
 * MEMORY when there is none. */
ClipmoeProducts *clipmoe_products_new (ClipmoeEncoder *encoder, guint n, GError **error);
void clipmoe_products_free (ClipmoeProducts *self);
void clipmoe_products_run (ClipmoeProducts *self);
/* Billions of operations of one run, a multiply-add being two: those that are done. */
double clipmoe_products_get_gflop (const ClipmoeProducts *self);
/* Milliseconds that a run would take if every product went at the limit of the instructions it is made of,
 * which is measured now; 0: not known for this tier. */
double clipmoe_products_measure_best (const ClipmoeProducts *self);

#endif
