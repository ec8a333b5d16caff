/*
 * Fuzzing of the IR's text form: parse, optimise, print, parse again, compare.  With libFuzzer:
 *
 *   clang -fsanitize=fuzzer,address,undefined -g -std=gnu11 -D_GNU_SOURCE -Isrc \
 *       test/fuzz/fuzz_ir.c src/base/[a-z]*.c src/tensor/[a-z]*.c src/ir/[a-z]*.c src/opt/[a-z]*.c
 *
 * Without it, -DTQP_FUZZ_REPLAY gives a main that runs the files named, or standard input.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "opt/opt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok, const char *what, const TqpError *err) {
    if (ok)
        return;
    fprintf(stderr, "fuzz_ir: %s: %s\n", what, err->message);
    abort();
}

/* Printed and parsed, the plan is the same. */
static void round_trip(TqpArena *a, const TqpNode *node, const char *what) {
    TqpString text = {0}, tree = {0};
    TqpError err = {0};
    const TqpNode *again = NULL;
    tqp_ir_print(node, &text);
    tqp_ir_print_tree(node, &tree);
    require(!text.failed && tree.len > 0, what, &err);
    require(tqp_ir_parse(a, text.data, &again, &err) == TQP_OK, what, &err);
    require(tqp_ir_node_equal(node, again), what, &err);
    tqp_string_free(&text);
    tqp_string_free(&tree);
}

static void optimise(TqpArena *a, const TqpNode *node) {
    TqpError err = {0};
    TqpScanColumns columns[4] = {{0}};
    TqpOptOptions options = {.nrelations = 4, .scan_columns = columns};
    const TqpNode *out = NULL, *scan = node;
    while (scan->kind != TQP_NODE_SCAN)
        scan = scan->inputs[0];
    if (scan->scan.relation >= options.nrelations)
        options.scan_columns = NULL;
    require(tqp_opt_run(a, node, &options, &out, &err) == TQP_OK, "optimise", &err);
    require(out->noutputs == node->noutputs, "outputs", &err);
    for (uint32_t i = 0; i < out->noutputs; i++)
        require(tqp_type_equal(out->types[i], node->types[i]), "types", &err);
    round_trip(a, out, "optimised");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    TqpArena a = {0};
    TqpError err = {0};
    const TqpNode *node;
    char *text = malloc(size + 1);
    if (text == NULL)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = 0;
    if (tqp_ir_parse(&a, text, &node, &err) == TQP_OK) {
        round_trip(&a, node, "parsed");
        optimise(&a, node);
    } else {
        require(err.status == TQP_INVALID && err.message[0] != 0, "refusal", &err);
    }
    free(text);
    tqp_arena_free(&a);
    return 0;
}

#ifdef TQP_FUZZ_REPLAY
static void replay(FILE *f) {
    TqpString s = {0};
    char buf[4096];
    for (size_t n; (n = fread(buf, 1, sizeof(buf), f)) > 0;)
        tqp_string_append(&s, buf, n);
    (void)LLVMFuzzerTestOneInput((const uint8_t *)s.data, s.len);
    tqp_string_free(&s);
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        FILE *f = fopen(argv[i], "rb");
        if (f == NULL) {
            perror(argv[i]);
            return 1;
        }
        replay(f);
        fclose(f);
    }
    if (argc == 1)
        replay(stdin);
    printf("fuzz_ir: %d inputs\n", argc == 1 ? 1 : argc - 1);
    return 0;
}
#endif
