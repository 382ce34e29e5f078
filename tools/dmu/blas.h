/* Which of its kernels OpenBLAS takes. */
#ifndef DMU_BLAS_H
#define DMU_BLAS_H

/* OpenBLAS chooses by processor model when it is loaded, and takes a newer one than it knows for an old one.
 * Where that is so, this sets OPENBLAS_CORETYPE by what the processor can do and executes the program once
 * more; what the user has set stays. Call it first. */
void dmu_blas_choose (char **argv);
/* One line: which core, and whether it was chosen here. */
const char *dmu_blas_describe (void);

#endif
