/* What pipelines read, and how long it is kept. */
#ifndef TQP_EXEC_SOURCE_H
#define TQP_EXEC_SOURCE_H

#include "exec/run.h"

/*
 * The relation that pipeline number p reads.  Results of several pipelines are one after another in
 * *joined, whose row groups lie in the arena.
 */
TqpStatus tqp_source_open(const TqpProgram *program, uint32_t p, const TqpRelation *const *rels,
                          uint32_t nrels, const TqpResult *results, TqpArena *arena,
                          TqpRelation *joined, const TqpRelation **source) TQP_NODISCARD;

/*
 * last[p]: the pipeline after which what p made is not needed any more.  Strings of a build are not
 * copied, so what its pipeline read lives as long as the build.  passes[p]: in how many it is made
 * (passes.h); what its pipeline reads is read in each of them.
 */
void tqp_source_lifetimes(const TqpProgram *program, const uint32_t *passes, uint32_t *last);

/* needed[p]: it, or a pipeline from `first` on that is to run, reads what p made or will make. */
void tqp_source_needed(const TqpProgram *program, uint32_t first, const bool *made, bool *needed);

#endif
