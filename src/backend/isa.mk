# Instruction sets the CPU kernels are compiled for, lowest first, with their compiler flags.
ifneq ($(filter x86_64 amd64,$(shell uname -m)),)
ISAS = scalar avx2 avx512
else
ISAS = scalar
endif
ISA_FLAGS_scalar =
ISA_FLAGS_avx2 = -mavx2 -mbmi -mbmi2 -mfma -mpopcnt -mlzcnt
ISA_FLAGS_avx512 = $(ISA_FLAGS_avx2) -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vbmi \
	-mavx512vbmi2 -mavx512vnni -mprefer-vector-width=512
