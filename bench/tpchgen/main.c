/*
 * Writes one table of TPC-H-shaped data as PostgreSQL COPY text:
 *
 *   tpchgen -s SCALE -T TABLE [-o FILE] [-p PART/PARTS] [-v]
 *
 * The same arguments give the same bytes on every machine. The rows, ranges and correlations follow
 * the TPC-H specification; the bytes are not dbgen's. -p writes one of several consecutive parts,
 * so that processes can share the work; -v tells stderr how far it is.
 */
#include <stdlib.h>
#include <unistd.h>

#include "tables.h"
#include "text.h"

typedef struct Options {
    double scale;
    const Table *table;
    const char *file_name;
    int part;
    int parts;
    bool verbose;
} Options;

static _Noreturn void usage(void) {
    fputs("usage: tpchgen -s SCALE -T TABLE [-o FILE|-] [-p PART/PARTS] [-v]\n", stderr);
    exit(2);
}

static const Table *find_table(const char *name) {
    for (int i = 0; i < TABLE_COUNT; i++) {
        if (strcmp(TABLES[i].name, name) == 0) {
            return &TABLES[i];
        }
    }
    fprintf(stderr, "tpchgen: there is no table \"%s\" in TPC-H\n", name);
    exit(2);
}

static Options parse_options(int argc, char **argv) {
    Options options = {.scale = 1, .part = 1, .parts = 1};
    for (int option; (option = getopt(argc, argv, "s:T:o:p:v")) != -1;) {
        char rest;
        switch (option) {
        case 's':
            if (sscanf(optarg, "%lf%c", &options.scale, &rest) != 1 || !(options.scale > 0) ||
                options.scale > 1000) {
                fputs("tpchgen: the scale is a number above 0, at most 1000\n", stderr);
                exit(2);
            }
            break;
        case 'T':
            options.table = find_table(optarg);
            break;
        case 'o':
            options.file_name = strcmp(optarg, "-") == 0 ? NULL : optarg;
            break;
        case 'p':
            if (sscanf(optarg, "%d/%d%c", &options.part, &options.parts, &rest) != 2 ||
                options.part < 1 || options.part > options.parts) {
                fputs("tpchgen: -p takes PART/PARTS, such as 1/4\n", stderr);
                exit(2);
            }
            break;
        case 'v':
            options.verbose = true;
            break;
        default:
            usage();
        }
    }
    if (!options.table || optind != argc) {
        usage();
    }
    return options;
}

static void write_units(const Options *options, const Scale *scale, Out *out) {
    int64_t units = options->table->units(scale);
    int64_t first = units * (options->part - 1) / options->parts + 1;
    int64_t last = units * options->part / options->parts;
    int told = 0;
    for (int64_t unit = first; unit <= last && !out->failed; unit++) {
        options->table->write(scale, unit, out);
        int percent = (int)(100 * (unit - first + 1) / (last - first + 1));
        if (options->verbose && percent >= told + 10) {
            told = percent - percent % 10;
            fprintf(stderr, " %d%%", told);
        }
    }
}

int main(int argc, char **argv) {
    Options options = parse_options(argc, argv);
    char *text = malloc(TEXT_POOL_BYTES);
    Out *out = malloc(sizeof(*out));
    if (!text || !out) {
        fputs("tpchgen: out of memory\n", stderr);
        return 1;
    }
    text_fill_pool(text);
    out->file = options.file_name ? fopen(options.file_name, "w") : stdout;
    out->failed = false;
    out->used = 0;
    if (!out->file) {
        perror(options.file_name);
        return 1;
    }
    Scale scale = scale_make(options.scale, text);
    write_units(&options, &scale, out);
    out_flush(out);
    if (fclose(out->file) != 0 || out->failed) {
        perror("tpchgen: cannot write");
        return 1;
    }
    free(out);
    free(text);
    return 0;
}
