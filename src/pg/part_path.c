/*
 * A part in PostgreSQL's planner: the last upper relation of a subquery that was lowered gets a
 * custom path, with PostgreSQL's cheapest one below it for the replay.
 */
#include "postgres.h"

#include "nodes/extensible.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/planner.h"

#include "pg/parts.h"
#include "pg/planner.h"
#include "pg/scan_node.h"
#include "pg/tqp_pg.h"

#define FIRST_TAG (-2) /* 0 and more are places in the text, -1 is unknown */

/* What a part is taken to cost of PostgreSQL's own time, besides its rows; measured ratios are
 * higher. */
static const double cost_share = 0.25;

static create_upper_paths_hook_type previous_hook;
static TqpParts *offered;

void tqp_part_tag(Query *query, int number) {
    query->stmt_location = FIRST_TAG - number;
}

const TqpParts *tqp_part_offer(TqpParts *parts) {
    const TqpParts *outer = offered;
    offered = parts;
    return outer;
}

/* Grouping sets make a constant key NULL: the node must read it from the row, not know it. */
static Expr *read_from_row(Expr *expr) {
    return IsA(expr, Const)
               ? (Expr *)makeRelabelType(expr, exprType((Node *)expr), exprTypmod((Node *)expr),
                                         exprCollation((Node *)expr), COERCE_IMPLICIT_CAST)
               : expr;
}

static Plan *plan_part(PlannerInfo *root, RelOptInfo *rel, CustomPath *path, List *tlist,
                       List *clauses, List *custom_plans) {
    CustomScan *scan = makeNode(CustomScan);
    const TqpPart *part = list_nth(offered->parts, intVal(linitial(path->custom_private)));
    ListCell *lc, *labels;
    forboth(lc, tlist, labels, root->processed_tlist) {
        TargetEntry *target = flatCopyTargetEntry(lfirst(lc));
        Node *expr = (Node *)target->expr;
        target->expr = read_from_row(target->expr);
        if (!((TargetEntry *)lfirst(labels))->resjunk)
            scan->custom_scan_tlist = lappend(scan->custom_scan_tlist, flatCopyTargetEntry(target));
        else /* a sort key, which the engine keeps to itself */
            target->expr =
                (Expr *)makeNullConst(exprType(expr), exprTypmod(expr), exprCollation(expr));
        scan->scan.plan.targetlist = lappend(scan->scan.plan.targetlist, target);
    }
    scan->custom_plans = custom_plans;
    scan->custom_private = tqp_plan_pack(&part->plan);
    scan->methods = &tqp_scan_methods;
    offered->nplanned++;
    return &scan->scan.plan;
}

static const CustomPathMethods path_methods = {.CustomName = "TqpScan",
                                               .PlanCustomPath = plan_part};

/* Do the planner's targets have the types that the engine's columns were lowered to? */
static bool has_targets(const PlannerInfo *root, const List *types) {
    int n = 0;
    ListCell *lc;
    foreach (lc, root->processed_tlist) {
        const TargetEntry *target = lfirst(lc);
        if (target->resjunk)
            continue;
        if (n >= list_length(types) || exprType((Node *)target->expr) != list_nth_oid(types, n))
            return false;
        n++;
    }
    return n > 0 && n == list_length(types);
}

/*
 * Conditions of the query around may be in the subquery by now, unless it has a LIMIT or OFFSET
 * (subquery_is_pushdown_safe), or is planned before the FROM of that query is looked at, which is
 * so for WITH and in expressions.
 */
static bool is_as_written(const PlannerInfo *root) {
    return root->parse->limitOffset != NULL || root->parse->limitCount != NULL ||
           root->parent_root->simple_rel_array_size == 0;
}

static const TqpPart *find_part(const PlannerInfo *root, int *number) {
    *number = FIRST_TAG - root->parse->stmt_location;
    if (*number < 0 || *number >= list_length(offered->parts) || !is_as_written(root))
        return NULL;
    const TqpPart *part = list_nth(offered->parts, *number);
    return has_targets(root, part->types) ? part : NULL;
}

static Path *cheapest(const RelOptInfo *rel) {
    Path *best = NULL;
    ListCell *lc;
    foreach (lc, rel->pathlist) {
        Path *path = lfirst(lc);
        if (best == NULL || path->total_cost < best->total_cost)
            best = path;
    }
    return best;
}

/* When few of the rows are fetched, a path that starts soon is better. */
static bool is_best(const PlannerInfo *root, const RelOptInfo *rel, Path *path) {
    double fraction = root->tuple_fraction;
    ListCell *lc;
    if (fraction >= 1.0)
        fraction = path->rows > 0 ? Min(fraction / path->rows, 1.0) : 0;
    foreach (lc, rel->pathlist)
        if (compare_fractional_path_costs(path, lfirst(lc), fraction) > 0)
            return false;
    return true;
}

static void add_part(PlannerInfo *root, RelOptInfo *rel) {
    int number;
    Path *child = cheapest(rel);
    if (child == NULL || child->param_info != NULL || IS_DUMMY_REL(rel) ||
        find_part(root, &number) == NULL || !tqp_planner_costly(child->total_cost))
        return;
    CustomPath *path = makeNode(CustomPath);
    path->path.pathtype = T_CustomScan;
    path->path.parent = rel;
    path->path.pathtarget = child->pathtarget;
    path->path.rows = child->rows;
    path->path.startup_cost = path->path.total_cost =
        child->total_cost * cost_share + child->rows * cpu_tuple_cost;
    path->custom_paths = list_make1(child);
    path->custom_private = list_make1(makeInteger(number));
    path->methods = &path_methods;
    if (tqp_force || is_best(root, rel, &path->path))
        rel->pathlist = list_make1(path); /* add_path would free the child */
}

static void upper_paths(PlannerInfo *root, UpperRelationKind stage, RelOptInfo *input,
                        RelOptInfo *output, void *extra) {
    if (previous_hook != NULL)
        previous_hook(root, stage, input, output, extra);
    if (offered != NULL && stage == UPPERREL_FINAL && root->parent_root != NULL)
        add_part(root, output);
}

void tqp_part_init(void) {
    previous_hook = create_upper_paths_hook;
    create_upper_paths_hook = upper_paths;
}
