/*
 * Pairs of probe and build rows.  While the tile is one of pairs its live registers, selection and
 * positions lie in memory exchanged with the state of the PROBE step, so that the tile itself stays
 * as it was and the next tile of pairs is gathered from it.  A PROBE further on does the same
 * again.
 */
#include <string.h>

#include "exec/probe.h"
#include "exec/run.h"

#define AHEAD 16u /* rows for which the build rows are fetched ahead */
#define ROUND 8u  /* a row's pairs in the first round of a PROBE_ANY, and how they grow */

static size_t register_bytes(TqpLane lane, uint32_t rows) {
    return (lane == TQP_LANE_MASK ? rows / 8 : (size_t)rows * tqp_lane_bytes(lane)) + 64;
}

static bool reads(const TqpStep *step, uint16_t reg) {
    bool found = step->guard == reg;
    for (int k = 0; k < 3; k++)
        found = found || step->in[k] == reg;
    if (step->op == TQP_STEP_PROBE) {
        const TqpProbe *probe = step->aux;
        for (uint32_t k = 0; k < probe->nkeys + probe->nbounds; k++)
            found = found || probe->keys[k].reg == reg || probe->keys[k].valid == reg;
    }
    return found;
}

/* Below a PROBE_ANY only what its own steps read has to be paired; else everything live. */
static void note_reads(TqpTile *tile, uint32_t s, TqpProbeState *state) {
    const TqpPipeline *pipeline = tile->pipeline;
    const TqpStep *step = &pipeline->steps[s];
    bool any = state->probe->kind == TQP_PROBE_ANY;
    uint32_t end = any ? state->probe->end + 1 : pipeline->nsteps;
    for (uint32_t k = 0; k < step->nlive; k++)
        state->is_read[k] = !any;
    for (uint32_t i = s + 1; i < end; i++) {
        state->reads_positions = state->reads_positions || pipeline->steps[i].op == TQP_STEP_LOAD;
        for (uint32_t k = 0; any && k < step->nlive; k++)
            state->is_read[k] = state->is_read[k] || reads(&pipeline->steps[i], step->live[k]);
    }
}

TqpStatus tqp_pairs_init(TqpTile *tile, uint32_t s) {
    const TqpStep *step = &tile->pipeline->steps[s];
    TqpProbeState *state = tile->probes[s];
    TqpArena *arena = &tile->arena;
    uint32_t tile_rows = tile->run->tile_rows;
    size_t rows = register_bytes(TQP_LANE_U32, tile_rows);
    size_t mask = register_bytes(TQP_LANE_MASK, tile_rows);
    state->pair_rows = tqp_arena_alloc(arena, rows);
    state->build_rows = tqp_arena_alloc(arena, rows);
    state->spare_positions = tqp_arena_alloc(arena, rows);
    state->owners = tqp_arena_alloc(arena, rows);
    state->spare_sel = tqp_arena_zalloc(arena, mask);
    state->any_true = tqp_arena_zalloc(arena, mask);
    state->any_null = tqp_arena_zalloc(arena, mask);
    if (state->probe->kind == TQP_PROBE_ANY && state->probe->single)
        state->any_row = tqp_arena_zalloc(arena, rows);
    state->saved_regs = tqp_arena_zalloc(arena, (step->nlive + 1) * sizeof(void *));
    state->spares = tqp_arena_zalloc(arena, (step->nlive + 1) * sizeof(void *));
    state->is_read = tqp_arena_zalloc(arena, step->nlive + 1);
    if (arena->failed != TQP_OK)
        return arena->failed;
    for (uint32_t k = 0; k < step->nlive; k++) {
        TqpLane lane = (TqpLane)tile->pipeline->reg_lanes[step->live[k]];
        state->spares[k] = tqp_arena_zalloc(arena, register_bytes(lane, tile_rows));
        if (state->spares[k] == NULL)
            return tqp_exec_arena_status(arena);
    }
    note_reads(tile, s, state);
    return TQP_OK;
}

/* ---- into pairs and back ---- */

static void exchange(TqpTile *tile, const TqpStep *step, TqpProbeState *state) {
    uint64_t *sel = tile->sel_buf;
    uint32_t *positions = tile->position_buf;
    tile->sel_buf = state->spare_sel;
    state->spare_sel = sel;
    tile->position_buf = state->spare_positions;
    state->spare_positions = positions;
    for (uint32_t k = 0; k < step->nlive; k++) {
        void *buf = tile->bufs[step->live[k]];
        tile->bufs[step->live[k]] = state->spares[k];
        state->spares[k] = buf;
    }
}

static void enter(TqpTile *tile, const TqpStep *step, TqpProbeState *state) {
    state->saved = (TqpSavedTile){tile->sel,     tile->n,      tile->selected, tile->positions,
                                  tile->repeats, tile->owners, tile->any};
    for (uint32_t k = 0; k < step->nlive; k++)
        state->saved_regs[k] = tile->regs[step->live[k]];
    state->next = state->nleft = 0;
    state->share = ROUND;
    exchange(tile, step, state);
}

static void leave(TqpTile *tile, const TqpStep *step, TqpProbeState *state) {
    const TqpSavedTile *saved = &state->saved;
    exchange(tile, step, state);
    for (uint32_t k = 0; k < step->nlive; k++)
        tile->regs[step->live[k]] = state->saved_regs[k];
    tile->sel = saved->sel;
    tile->n = saved->n;
    tile->selected = saved->selected;
    tile->positions = saved->positions;
    tile->repeats = saved->repeats;
    tile->owners = saved->owners;
    tile->any = saved->any;
}

/* Pairs of the listed row k, at most `most`. */
static uint32_t fill_row(TqpProbeState *state, uint32_t k, uint32_t *build_rows, uint32_t n,
                         uint32_t most) {
    uint32_t at = state->begin[k], left = state->end[k] - at, take = left < most ? left : most;
    for (uint32_t i = 0; i < take; i++) {
        state->pair_rows[n + i] = state->rows[k];
        build_rows[n + i] = state->list != NULL ? state->list[at + i] : at + i;
    }
    state->begin[k] += take;
    return take;
}

/*
 * The next pairs, in the order of probe rows, then of build rows; at most a tile.  A row of an
 * outer join without a match has begin = end and is paired with the empty row of the build.
 */
static uint32_t fill(TqpProbeState *state, uint32_t *build_rows, uint32_t room) {
    uint32_t n = 0;
    for (uint32_t k; n < room && (k = state->next) < state->nrows;) {
        if (state->list != NULL && k + AHEAD < state->nrows)
            __builtin_prefetch(state->list + state->begin[k + AHEAD]);
        if (state->begin[k] == state->end[k]) {
            state->pair_rows[n] = state->rows[k];
            build_rows[n++] = state->build->nrows;
            state->next++;
            continue;
        }
        n += fill_row(state, k, build_rows, n, room - n);
        state->next += state->begin[k] == state->end[k];
    }
    return n;
}

/*
 * The next pairs of a PROBE_ANY, in rounds: each row that is not known to be true gets a few, then
 * those that are left more, so that few are looked at where most rows find one soon.
 */
static uint32_t fill_any(TqpProbeState *state, uint32_t *build_rows, uint32_t room) {
    uint32_t n = 0;
    while (n < room) {
        if (state->next == state->nrows) {
            if (n > 0 || state->nleft == 0)
                break;
            state->nrows = state->nleft;
            state->next = state->nleft = 0;
            state->share = state->share < room / ROUND ? state->share * ROUND : room;
        }
        uint32_t k = state->next++, most = state->share < room - n ? state->share : room - n;
        if (tqp_bitmap_get(state->any_true, state->rows[k]))
            continue;
        n += fill_row(state, k, build_rows, n, most);
        if (state->begin[k] != state->end[k]) {
            uint32_t to = state->nleft++;
            state->rows[to] = state->rows[k];
            state->begin[to] = state->begin[k];
            state->end[to] = state->end[k];
        }
    }
    return n;
}

void tqp_tile_gather_mask(const uint64_t *in, const uint32_t *rows, uint32_t n, uint64_t *out) {
    for (uint32_t i = 0; i < n; i += 64) {
        uint32_t m = n - i < 64 ? n - i : 64;
        uint64_t word = 0;
        for (uint32_t k = 0; k < m; k++)
            word |= (in[rows[i + k] >> 6] >> (rows[i + k] & 63) & 1) << k;
        out[i >> 6] = word;
    }
}

static void gather(TqpTile *tile, TqpLane lane, void *out, const void *in, const uint32_t *rows,
                   uint32_t n) {
    if (lane == TQP_LANE_MASK)
        tqp_tile_gather_mask(in, rows, n, out);
    else
        tqp_tile_kernel(tile, TQP_STEP_GATHER, lane, n, out, in, rows, NULL, (TqpScalar){.i = 0},
                        NULL);
}

static void move_registers(TqpTile *tile, const TqpStep *step, TqpProbeState *state, uint32_t n) {
    for (uint32_t k = 0; k < step->nlive; k++) {
        uint16_t reg = step->live[k];
        tile->regs[reg] = tile->bufs[reg];
        if (state->is_read[k])
            gather(tile, (TqpLane)tile->pipeline->reg_lanes[reg], tile->bufs[reg],
                   state->saved_regs[k], state->pair_rows, n);
    }
}

/* The tile becomes one of the next pairs; false when there are none. */
static bool next_pairs(TqpTile *tile, const TqpStep *step, TqpProbeState *state) {
    const TqpProbe *probe = state->probe;
    const uint32_t *rows = state->pair_rows;
    uint32_t *build_rows = step->out != TQP_NO_REG ? tile->bufs[step->out] : state->build_rows;
    uint32_t room = tile->run->tile_rows;
    uint32_t n = probe->kind == TQP_PROBE_ANY && !probe->single ? fill_any(state, build_rows, room)
                                                                : fill(state, build_rows, room);
    if (n == 0)
        return false;
    tile->n = tile->selected = n;
    tile->sel = NULL;
    move_registers(tile, step, state, n);
    if (step->out != TQP_NO_REG)
        tile->regs[step->out] = build_rows;
    if (probe->kind == TQP_PROBE_PAIRS && probe->outer && step->out2 != TQP_NO_REG) {
        tqp_tile_kernel(tile, TQP_STEP_NE_RI, TQP_LANE_U32, n, tile->bufs[step->out2], build_rows,
                        NULL, NULL, (TqpScalar){.i = state->build->nrows}, NULL);
        tile->regs[step->out2] = tile->bufs[step->out2];
    }
    if (state->reads_positions && state->saved.positions != NULL)
        gather(tile, TQP_LANE_U32, tile->position_buf, state->saved.positions, rows, n);
    else if (state->reads_positions)
        memcpy(tile->position_buf, rows, n * sizeof(uint32_t));
    tile->positions = tile->position_buf;
    tile->repeats = true;
    if (probe->kind == TQP_PROBE_ANY) {
        tile->owners = state->pair_rows;
        tile->any = state;
    } else if (state->saved.owners != NULL) {
        gather(tile, TQP_LANE_U32, state->owners, state->saved.owners, rows, n);
        tile->owners = state->owners;
    }
    return true;
}

/*
 * All tiles of pairs.  Each but the first begins with the question whether to stop, as one probe
 * row may have millions of pairs.
 */
static TqpStatus run_pairs(TqpTile *tile, uint32_t s, uint32_t end, uint64_t before) {
    const TqpStep *step = &tile->pipeline->steps[s];
    TqpProbeState *state = tile->probes[s];
    TqpStepStats *stats = tile->steps != NULL ? &tile->steps[s] : NULL;
    if (stats != NULL)
        stats->rows_in += tile->selected;
    enter(tile, step, state);
    for (uint32_t tiles = 0; next_pairs(tile, step, state); tiles++) {
        if (stats != NULL) {
            stats->rows_out += tile->n;
            stats->ns += tqp_exec_clock_ns() - before;
        }
        if (tiles > 0 && tqp_stop_asked(tile->stop))
            return TQP_CANCELLED;
        TQP_TRY(tqp_tile_steps(tile, s + 1, end));
        if (tile->done || atomic_load_explicit(&tile->run->enough, memory_order_relaxed))
            break;
        before = stats != NULL ? tqp_exec_clock_ns() : 0;
    }
    leave(tile, step, state);
    return TQP_OK;
}

TqpStatus tqp_pairs_run(TqpTile *tile, uint32_t s, uint32_t end, uint64_t before) {
    return run_pairs(tile, s, end, before);
}

/* ---- PROBE_ANY ---- */

/* The one true pair of each row of a single PROBE_ANY. */
static TqpStatus note_rows(TqpTile *tile, const TqpStep *match) {
    TqpProbeState *state = tile->any;
    const uint32_t *build_rows = tile->regs[match->in[0]];
    const uint64_t *mask = tqp_tile_guard(tile, match->in[1], match->guard, tile->guard_buf);
    for (uint32_t i = 0; i < tile->n; i++) {
        if (mask != NULL && !tqp_bitmap_get(mask, i))
            continue;
        uint32_t owner = tile->owners[i];
        if (tqp_bitmap_get(state->any_true, owner))
            return TQP_CARDINALITY;
        tqp_bitmap_set(state->any_true, owner);
        state->any_row[owner] = build_rows[i];
    }
    return TQP_OK;
}

TqpStatus tqp_pairs_note(TqpTile *tile, const TqpStep *match) {
    TqpProbeState *state = tile->any;
    uint64_t *out[2] = {state->any_true, state->any_null};
    uint16_t in[2] = {match->in[1], match->in[2]};
    if (state->probe->single)
        return note_rows(tile, match);
    for (int k = 0; k < 2; k++) {
        if (k == 1 && in[k] == TQP_NO_REG)
            return TQP_OK;
        const uint64_t *mask = tqp_tile_guard(tile, in[k], match->guard, tile->guard_buf);
        for (uint32_t w = 0; w < tqp_bitmap_words(tile->n); w++) {
            uint64_t bits =
                w + 1 == tqp_bitmap_words(tile->n) ? tqp_bitmap_tail(tile->n) : ~UINT64_C(0);
            for (bits &= mask != NULL ? mask[w] : bits; bits != 0; bits &= bits - 1)
                tqp_bitmap_set(out[k], tile->owners[64 * w + (uint32_t)__builtin_ctzll(bits)]);
        }
    }
    return TQP_OK;
}

TqpStatus tqp_pairs_any(TqpTile *tile, uint32_t s, uint64_t before) {
    TqpProbeState *state = tile->probes[s];
    const TqpStep *match = &tile->pipeline->steps[state->probe->end];
    size_t bytes = tqp_bitmap_words(tile->n) * sizeof(uint64_t);
    memset(state->any_true, 0, bytes);
    memset(state->any_null, 0, bytes);
    for (uint32_t i = 0; state->any_row != NULL && i < tile->n; i++)
        state->any_row[i] = state->build->nrows;
    TQP_TRY(run_pairs(tile, s, state->probe->end, before));
    if (match->out != TQP_NO_REG) {
        tile->regs[match->out] = tile->bufs[match->out];
        memcpy(tile->bufs[match->out], state->any_true, bytes);
    }
    if (match->out2 != TQP_NO_REG && state->any_row != NULL) {
        tile->regs[match->out2] = tile->bufs[match->out2];
        memcpy(tile->bufs[match->out2], state->any_row, tile->n * sizeof(uint32_t));
    } else if (match->out2 != TQP_NO_REG) {
        uint64_t *out = tile->bufs[match->out2];
        for (uint32_t w = 0; w < tqp_bitmap_words(tile->n); w++)
            out[w] = state->any_null[w] & ~state->any_true[w];
        tile->regs[match->out2] = out;
    }
    return TQP_OK;
}
