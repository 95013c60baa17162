/* How a kernel is called:  int entry(const struct fl_args*).
 * Returns 0, or 1 when memory ran out (outputs are then undefined). Plain C: hosts include it too.
 */
#ifndef FLASHLIGHT_ABI_H
#define FLASHLIGHT_ABI_H

struct fl_args {
  void* const* data;                    /* inputs, then outputs, in the order of the kernel */
  const __INT64_TYPE__* const* strides; /* of each, per dimension, in elements */
  const __INT64_TYPE__* symbols;        /* values of the kernel's symbols, in their order */
};

#endif
