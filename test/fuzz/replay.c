/* Runs the inputs named, and those in directories named, through a fuzz target. */
#include <dirent.h>
#include <sys/stat.h>

#include "fuzz/fuzz.h"

static int count;

static void run_file(const char *path) {
    FILE *f = fopen(path, "rb");
    fuzz_require(f != NULL, "cannot open", path);
    size_t cap = 1 << 20, size;
    uint8_t *data = malloc(cap);
    fuzz_require(data != NULL, "no memory", path);
    size = fread(data, 1, cap, f);
    fclose(f);
    /* A block of the exact size, so that a sanitizer sees a byte read too far. */
    uint8_t *exact = malloc(size > 0 ? size : 1);
    fuzz_require(exact != NULL, "no memory", path);
    memcpy(exact, data, size);
    free(data);
    (void)LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    count++;
}

static void run(const char *path) {
    struct stat st;
    fuzz_require(stat(path, &st) == 0, "cannot read", path);
    if (!S_ISDIR(st.st_mode)) {
        run_file(path);
        return;
    }
    DIR *list = opendir(path);
    fuzz_require(list != NULL, "cannot list", path);
    for (struct dirent *e; (e = readdir(list)) != NULL;) {
        char name[4096];
        if (e->d_name[0] == '.')
            continue;
        snprintf(name, sizeof name, "%s/%s", path, e->d_name);
        run(name);
    }
    closedir(list);
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++)
        run(argv[i]);
    printf("%s: %d inputs\n", argv[0], count);
    return count > 0 ? 0 : 1;
}
