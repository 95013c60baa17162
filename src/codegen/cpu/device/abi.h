/* How a kernel is called:  int entry(const struct fl_args*).
 * Returns 0; 1 when memory ran out; 2 when an index from memory was out of range (in both cases the
 * outputs are undefined). Plain C: hosts include it too. */
#ifndef FLASHLIGHT_ABI_H
#define FLASHLIGHT_ABI_H

struct fl_fault {
  int taken;     /* there is one: the first that a thread saw */
  int dimension; /* counted through the shapes of all inputs, one after the other */
  __INT64_TYPE__ index;
};

struct fl_args {
  void* const* data;                    /* inputs, then outputs, in the order of the kernel */
  const __INT64_TYPE__* const* strides; /* of each, per dimension, in elements */
  const __INT64_TYPE__* symbols;        /* values of the kernel's symbols, in their order */
  struct fl_fault* fault;               /* says more about a 2; may be null */
};

#endif
