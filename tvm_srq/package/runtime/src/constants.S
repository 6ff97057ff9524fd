/* srq_constant_data: the file constants.bin. */
#if defined(__ELF__)
    .section .rodata, "a", %progbits
    .global srq_constant_data
    .hidden srq_constant_data
    .type srq_constant_data, %object
    .balign 64
srq_constant_data:
    .incbin "constants.bin"
    .size srq_constant_data, . - srq_constant_data
    .section .note.GNU-stack, "", %progbits
#else
#error "constants.S is for ELF targets (Linux, Android)"
#endif
