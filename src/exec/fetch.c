/* FETCH: values of a build's column at row numbers.  Row nrows holds zeros (map.h). */
#include "exec/run.h"

static void gather(TqpTile *tile, TqpLane lane, const void *values, const uint32_t *rows,
                   void *out) {
    tqp_tile_kernel(tile, TQP_STEP_GATHER, lane, tile->n, out, values, rows, NULL,
                    (TqpScalar){.i = 0}, NULL);
}

/* One byte per row becomes one bit. */
static void gather_bits(TqpTile *tile, const void *bytes, const uint32_t *rows, uint16_t reg) {
    gather(tile, TQP_LANE_U8, bytes, rows, tile->scratch);
    tqp_tile_kernel(tile, TQP_STEP_U8_TO_MASK, TQP_LANE_U8, tile->n, tile->bufs[reg], tile->scratch,
                    NULL, NULL, (TqpScalar){.i = 0}, NULL);
    tile->regs[reg] = tile->bufs[reg];
}

void tqp_tile_fetch(TqpTile *tile, const TqpStep *step) {
    const TqpBuild *build = &tile->run->builds[step->imm[1].i];
    const TqpColumn *column = &build->columns[step->column];
    const uint32_t *rows = tile->regs[step->in[0]];
    TqpLane lane = column->slot.lane;
    /* Validity first: `out` may be the register of the row numbers. */
    if (step->out2 != TQP_NO_REG && column->valid.data != NULL) {
        gather_bits(tile, column->valid.data, rows, step->out2);
    } else if (step->out2 != TQP_NO_REG) {
        tqp_bitmap_fill(tile->bufs[step->out2], tile->n);
        tile->regs[step->out2] = tile->bufs[step->out2];
    }
    if (step->out == TQP_NO_REG)
        return;
    if (lane == TQP_LANE_MASK) {
        gather_bits(tile, column->values.data, rows, step->out);
    } else {
        gather(tile, lane, column->values.data, rows, tile->bufs[step->out]);
        tile->regs[step->out] = tile->bufs[step->out];
    }
}
