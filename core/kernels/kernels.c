typedef int clipmoe_kernels_empty;
