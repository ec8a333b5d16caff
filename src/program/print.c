/* Programs as text: one line per step, as people read them and tests compare them. */
#include <stdio.h>

#include "program/program.h"

static void print_int(TqpInt128 value, TqpString *out) {
    char digits[TQP_INT128_DIGITS + 1];
    tqp_int128_print(value, digits);
    tqp_string_printf(out, "%s", digits);
}

static void print_reg(uint16_t reg, TqpString *out) {
    if (reg == TQP_NO_REG)
        tqp_string_printf(out, "_");
    else
        tqp_string_printf(out, "r%u", reg);
}

static void print_scalar(TqpLane lane, const TqpScalar *s, TqpString *out) {
    switch (lane) {
    case TQP_LANE_F32:
    case TQP_LANE_F64:
        tqp_string_printf(out, "%.17g", s->f);
        break;
    case TQP_LANE_VIEW:
        tqp_string_printf(out, "'%.*s'", (int)s->s.len, s->s.data);
        break;
    case TQP_LANE_I128:
        print_int(s->w, out);
        break;
    default:
        tqp_string_printf(out, "%lld", (long long)s->i);
        break;
    }
}

typedef enum ImmKind { /* how many immediates a step has, and of which lane */
                       IMM_NONE,
                       IMM_LANE,     /* imm[0] of the step's lane */
                       IMM_INTERVAL, /* imm[0] .. imm[1] of the step's lane */
                       IMM_ADD,      /* imm[0].i, shown unless 0 */
                       IMM_INT,      /* imm[0].i */
                       IMM_INT2,
                       IMM_INT3,
                       IMM_FLOAT
} ImmKind;

static const uint8_t imm_kinds[TQP_STEP_COUNT] = {
    [TQP_STEP_EQ_RI] = IMM_LANE,
    [TQP_STEP_NE_RI] = IMM_LANE,
    [TQP_STEP_LT_RI] = IMM_LANE,
    [TQP_STEP_LE_RI] = IMM_LANE,
    [TQP_STEP_GT_RI] = IMM_LANE,
    [TQP_STEP_GE_RI] = IMM_LANE,
    [TQP_STEP_BETWEEN_RI] = IMM_INTERVAL,
    [TQP_STEP_MASK_FILL] = IMM_INT,
    [TQP_STEP_LIKE] = IMM_ADD,
    [TQP_STEP_ADD_RI] = IMM_LANE,
    [TQP_STEP_RSUB_RI] = IMM_LANE,
    [TQP_STEP_MUL_RI] = IMM_LANE,
    [TQP_STEP_DIV_ROUND_RI] = IMM_LANE,
    [TQP_STEP_NUM_DIV] = IMM_INT3,
    [TQP_STEP_NUM_DIV_SCALE] = IMM_INT2,
    [TQP_STEP_RANGE_CHECK] = IMM_INTERVAL,
    [TQP_STEP_TO_U8] = IMM_ADD,
    [TQP_STEP_TO_U16] = IMM_ADD,
    [TQP_STEP_TO_U32] = IMM_ADD,
    [TQP_STEP_TO_I64] = IMM_ADD,
    [TQP_STEP_TO_I128] = IMM_ADD,
    [TQP_STEP_FDIV_RI] = IMM_FLOAT,
    [TQP_STEP_FILL] = IMM_LANE,
    [TQP_STEP_EXTRACT] = IMM_INT2,
    [TQP_STEP_DATE_TRUNC] = IMM_INT,
    [TQP_STEP_ADD_MONTHS] = IMM_INT,
    [TQP_STEP_LENGTH] = IMM_INT,
    [TQP_STEP_SUBSTR] = IMM_INT3,
};

static void print_immediates(const TqpStep *s, TqpString *out) {
    TqpLane lane = (TqpLane)s->lane;
    switch (imm_kinds[s->op]) {
    case IMM_LANE:
        tqp_string_printf(out, " ");
        print_scalar(lane, &s->imm[0], out);
        break;
    case IMM_INTERVAL:
        tqp_string_printf(out, " [");
        print_scalar(lane, &s->imm[0], out);
        tqp_string_printf(out, ", ");
        print_scalar(lane, &s->imm[1], out);
        tqp_string_printf(out, "]");
        break;
    case IMM_ADD:
        if (s->imm[0].i != 0)
            tqp_string_printf(out, " %+lld", (long long)s->imm[0].i);
        break;
    case IMM_INT:
    case IMM_INT2:
    case IMM_INT3:
        for (int i = 0; i <= imm_kinds[s->op] - IMM_INT; i++)
            tqp_string_printf(out, " %lld", (long long)s->imm[i].i);
        break;
    case IMM_FLOAT:
        tqp_string_printf(out, " %.17g", s->imm[0].f);
        break;
    default:
        break;
    }
}

static void print_outs(const TqpStep *s, TqpString *out) {
    print_reg(s->out, out);
    if (s->out2 != TQP_NO_REG) {
        tqp_string_printf(out, ", ");
        print_reg(s->out2, out);
    }
    tqp_string_printf(out, " =");
}

static void print_load(const TqpStep *s, TqpString *out) {
    tqp_string_printf(out, "%s %s ", tqp_step_name((TqpStepOp)s->op),
                      tqp_lane_name((TqpLane)s->lane));
    print_outs(s, out);
    tqp_string_printf(out, " column %u", s->column);
    if (s->imm[0].i != 0)
        tqp_string_printf(out, " bias %lld", (long long)s->imm[0].i);
    if (s->op != TQP_STEP_FETCH)
        return;
    tqp_string_printf(out, " of %lld at r%u", (long long)s->imm[1].i, s->in[0]);
}

static void print_live(const TqpStep *s, TqpString *out) {
    if (s->nlive > 0)
        tqp_string_printf(out, " live");
    for (uint32_t i = 0; i < s->nlive; i++)
        tqp_string_printf(out, " r%u", s->live[i]);
}

static void print_filter(const TqpStep *s, TqpString *out) {
    tqp_string_printf(out, "%s ", tqp_step_name((TqpStepOp)s->op));
    print_reg(s->in[0], out);
    print_live(s, out);
}

static void print_slot(const TqpSlot *s, TqpString *out);

/* probe pairs outer r3, r4 = map of 0 by (r1 i32 u8), (r2 ...) range < (r3 ...) live r5 */
static void print_probe(const TqpStep *s, TqpString *out) {
    static const char *const kinds[] = {"exists", "pairs", "any"};
    static const char *const bounds[] = {"<", "<=", ">", ">="};
    const TqpProbe *p = s->aux;
    tqp_string_printf(out, "probe %s%s%s%s ", kinds[p->kind], p->outer ? " outer" : "",
                      p->single ? " single" : "", p->map->unique ? " unique" : "");
    print_outs(s, out);
    tqp_string_printf(out, " map of %u", p->pipeline);
    for (uint32_t i = 0; i < p->nkeys; i++) {
        tqp_string_printf(out, i == 0 ? " by (" : ", (");
        print_slot(&p->keys[i], out);
        tqp_string_printf(out, ")");
    }
    for (uint32_t i = 0; i < p->nbounds; i++) {
        tqp_string_printf(out, "%s %s (", i == 0 ? " range" : " and", bounds[p->bounds[i]]);
        print_slot(&p->keys[p->nkeys + i], out);
        tqp_string_printf(out, ")");
    }
    print_live(s, out);
}

static void print_match(const TqpStep *s, TqpString *out) {
    tqp_string_printf(out, "match ");
    print_outs(s, out);
    tqp_string_printf(out, " r%u", s->in[1]);
    if (s->in[0] != TQP_NO_REG)
        tqp_string_printf(out, " row r%u", s->in[0]);
    if (s->in[2] != TQP_NO_REG)
        tqp_string_printf(out, " null r%u", s->in[2]);
}

typedef void (*PrintStep)(const TqpStep *s, TqpString *out);

/* Those that the executor performs, from LOAD on. */
static const PrintStep print_special[TQP_STEP_COUNT - TQP_STEP_KERNEL_COUNT] = {
    [TQP_STEP_LOAD - TQP_STEP_KERNEL_COUNT] = print_load,
    [TQP_STEP_FILTER - TQP_STEP_KERNEL_COUNT] = print_filter,
    [TQP_STEP_BOUND - TQP_STEP_KERNEL_COUNT] = print_filter,
    [TQP_STEP_PROBE - TQP_STEP_KERNEL_COUNT] = print_probe,
    [TQP_STEP_MATCH - TQP_STEP_KERNEL_COUNT] = print_match,
    [TQP_STEP_FETCH - TQP_STEP_KERNEL_COUNT] = print_load,
};

void tqp_program_print_step(const TqpPipeline *p, const TqpStep *s, TqpString *out) {
    (void)p;
    if (s->op >= TQP_STEP_KERNEL_COUNT) {
        print_special[s->op - TQP_STEP_KERNEL_COUNT](s, out);
        return;
    }
    tqp_string_printf(out, "%s %s ", tqp_step_name((TqpStepOp)s->op),
                      tqp_lane_name((TqpLane)s->lane));
    if (s->out != TQP_NO_REG) {
        print_reg(s->out, out);
        tqp_string_printf(out, " =");
    }
    for (int i = 0; i < 3 && s->in[i] != TQP_NO_REG; i++) {
        tqp_string_printf(out, i > 0 || s->out != TQP_NO_REG ? " " : "");
        print_reg(s->in[i], out);
    }
    print_immediates(s, out);
    if (s->aux != NULL)
        tqp_string_printf(out, " table(%u)", s->aux_count);
    if (s->guard != TQP_NO_REG) {
        tqp_string_printf(out, " if ");
        print_reg(s->guard, out);
    }
}

static void print_slot(const TqpSlot *s, TqpString *out) {
    char type[32];
    tqp_type_print(s->type, type);
    if (s->reg != TQP_NO_REG)
        tqp_string_printf(out, "r%u ", s->reg);
    tqp_string_printf(out, "%s %s", type, tqp_lane_name(s->lane));
    if (s->bias != 0)
        tqp_string_printf(out, "%+lld", (long long)s->bias);
    if (s->dict != NULL)
        tqp_string_printf(out, " %s(%u)", s->by_rank ? "rank" : "dict", s->dict->count);
    if (s->has_range) {
        tqp_string_printf(out, " [");
        print_int(s->min, out);
        tqp_string_printf(out, ", ");
        print_int(s->max, out);
        tqp_string_printf(out, "]");
    }
    if (s->valid != TQP_NO_REG)
        tqp_string_printf(out, " valid r%u", s->valid);
}

static void print_acc(const TqpAccumulator *acc, TqpString *out) {
    static const char *const names[] = {
        [TQP_ACC_COUNT] = "count",     [TQP_ACC_I64] = "sum i64",
        [TQP_ACC_I128] = "sum i128",   [TQP_ACC_F64] = "sum f64",
        [TQP_ACC_MIN] = "min",         [TQP_ACC_MAX] = "max",
        [TQP_ACC_AND] = "count false", [TQP_ACC_OR] = "count true",
        [TQP_ACC_MOMENTS] = "moments", [TQP_ACC_PAIRS] = "moments of pairs"};
    tqp_string_printf(out, "  %s%s", names[acc->kind], acc->distinct ? " distinct" : "");
    if (acc->arg.reg != TQP_NO_REG) {
        tqp_string_printf(out, " ");
        print_slot(&acc->arg, out);
        if (acc->factor.times != 0)
            tqp_string_printf(out, " * (%d %c r%u)", acc->factor.add,
                              acc->factor.times < 0 ? '-' : '+', acc->factor.reg);
    } else if (acc->arg.valid != TQP_NO_REG) {
        tqp_string_printf(out, " valid r%u", acc->arg.valid);
    }
    if (acc->kind == TQP_ACC_PAIRS)
        tqp_string_printf(out, ", r%u", acc->pair);
    if (acc->kind == TQP_ACC_MOMENTS || acc->kind == TQP_ACC_PAIRS)
        tqp_string_printf(out, " part %u", acc->part);
    if (acc->bounded)
        tqp_string_printf(out, " bounded");
    if (acc->filter != TQP_NO_REG)
        tqp_string_printf(out, " filter r%u", acc->filter);
    tqp_string_printf(out, " -> ");
    print_slot(&acc->result, out);
    tqp_string_printf(out, "%s\n", acc->result_nullable ? " nullable" : "");
}

static void print_aggregate(const TqpSink *s, TqpString *out) {
    tqp_string_printf(out, "aggregate");
    if (s->grouping == TQP_GROUP_DENSE)
        tqp_string_printf(out, " dense r%u of %u", s->group, s->ngroups);
    else if (s->grouping == TQP_GROUP_HASH)
        tqp_string_printf(out, " hash");
    tqp_string_printf(out, "%s\n", s->fixed_order ? " fixed order" : "");
    for (uint32_t i = 0; i < s->nkeys; i++) {
        tqp_string_printf(out, "  key ");
        print_slot(&s->keys[i], out);
        if (s->grouping == TQP_GROUP_DENSE)
            tqp_string_printf(out, " codes %u%s", s->dense[i].cardinality,
                              s->dense[i].nullable ? " nullable" : "");
        tqp_string_printf(out, "\n");
    }
    for (uint32_t i = 0; i < s->naccs; i++)
        print_acc(&s->accs[i], out);
}

/* collect map dense [1, 200] unique of 0 */
static void print_map(const TqpMap *map, TqpString *out) {
    static const char *const kinds[] = {"none", "dense", "hash", "all"};
    tqp_string_printf(out, " map %s", kinds[map->kind]);
    if (map->kind == TQP_MAP_DENSE) {
        tqp_string_printf(out, " [");
        print_int(map->lo, out);
        tqp_string_printf(out, ", ");
        print_int(map->lo + map->span - 1, out);
        tqp_string_printf(out, "]");
    }
    tqp_string_printf(out, "%s%s", map->unique ? " unique" : "", map->exists_only ? " exists" : "");
    for (uint32_t i = 0; i < map->nkeys; i++)
        tqp_string_printf(out, "%s%u%s", i == 0 ? " of " : ", ", map->columns[i],
                          map->null_safe[i] ? " null safe" : "");
    for (uint32_t i = 0; i < map->nranges; i++)
        tqp_string_printf(out, i == 0 ? " range of %u" : ", reach of %u", map->ranges[i]);
}

static void print_collect(const TqpSink *s, TqpString *out) {
    tqp_string_printf(out, "collect");
    if (s->map.kind != TQP_MAP_NONE)
        print_map(&s->map, out);
    if (s->limit >= 0)
        tqp_string_printf(out, " limit %lld", (long long)s->limit);
    if (s->offset > 0)
        tqp_string_printf(out, " offset %lld", (long long)s->offset);
    for (uint32_t i = 0; i < s->nsort; i++)
        tqp_string_printf(out, "%s%u%s%s", i == 0 ? " order by " : ", ", s->sort[i].column,
                          s->sort[i].descending ? " desc" : "",
                          s->sort[i].nulls_first ? " nulls first" : "");
    if (s->numbered)
        tqp_string_printf(out, " numbered for %u", s->npartition);
    for (uint32_t i = 0; i < s->nhosts; i++) {
        tqp_string_printf(out, ", host %u(", s->hosts[i].function);
        for (uint32_t k = 0; k < s->hosts[i].nargs; k++)
            tqp_string_printf(out, "%s%u", k > 0 ? ", " : "", s->hosts[i].args[k]);
        tqp_string_printf(out, ")");
    }
    tqp_string_printf(out, "\n");
    for (uint32_t i = 0; i < s->ncolumns; i++) {
        tqp_string_printf(out, "  %s ", i < s->noutputs ? "output" : "extra");
        print_slot(&s->columns[i], out);
        tqp_string_printf(out, "\n");
    }
}

static void print_pipeline(const TqpPipeline *p, uint32_t number, TqpString *out) {
    static const char *const kinds[] = {"relation", "result", "values"};
    tqp_string_printf(out, "pipeline %u: %s", number, kinds[p->source_kind]);
    for (uint32_t i = 0; i < p->nsources; i++)
        tqp_string_printf(out, " %u", p->sources[i]);
    tqp_string_printf(out, "\n");
    for (uint32_t i = 0; i < p->nprunes; i++) {
        const TqpPrune *prune = &p->prunes[i];
        tqp_string_printf(out, "prune column %u", prune->column);
        if (prune->lo > TQP_INT128_MIN) {
            tqp_string_printf(out, " >= ");
            print_int(prune->lo, out);
        }
        if (prune->hi < TQP_INT128_MAX) {
            tqp_string_printf(out, " <= ");
            print_int(prune->hi, out);
        }
        tqp_string_printf(out, "\n");
    }
    for (uint32_t i = 0; i < p->nsteps; i++) {
        tqp_program_print_step(p, &p->steps[i], out);
        tqp_string_printf(out, "\n");
    }
    if (p->sink.kind == TQP_SINK_AGGREGATE)
        print_aggregate(&p->sink, out);
    else
        print_collect(&p->sink, out);
}

void tqp_program_print(const TqpProgram *program, TqpString *out) {
    for (uint32_t i = 0; i < program->npipelines; i++)
        print_pipeline(&program->pipelines[i], i, out);
}
