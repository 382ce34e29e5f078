/* The choice of OpenBLAS's kernels. */
#ifndef DMU_BLAS_H
#define DMU_BLAS_H

/* OpenBLAS chooses its kernels by processor model when it is loaded, and treats models newer than itself as
 * old ones. In that case this sets OPENBLAS_CORETYPE by the processor's features and executes the program
 * again; a value set by the user is kept. Call it first in main(). */
void dmu_blas_choose (char **argv);
/* One line: which core, and whether it was chosen here. */
const char *dmu_blas_describe (void);

#endif
