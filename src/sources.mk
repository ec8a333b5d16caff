# The sources of the engine and of the extension, and the instruction sets; the only such lists.
# Rooms, from the bottom up: an arrow never points the other way (test/check_layers.sh).

ENGINE_ROOMS = base tensor ir opt program backend store comm exec
ENGINE_SRCS = $(sort $(foreach room,$(ENGINE_ROOMS),$(wildcard src/$(room)/*.c)))
PG_SRCS = $(sort $(wildcard src/pg/*.c))

# One kernel source becomes one object per instruction set (src/backend/README.md).
CPU_SRCS = $(sort $(wildcard src/backend/cpu/*.c))
include src/backend/isa.mk
