/*
 * What a hit is made of. A row belongs to a counter (a web site that is measured), a day and a
 * user; what belongs to a user's machine follows from the user. Rows come in RUNS parts, each in
 * order of counter and day, as the benchmark's file does.
 */
#include "hits.h"

#include "words.h"

#define COUNT(list) ((int)(sizeof(list) / sizeof((list)[0])))

enum { STREAM_HIT = 48, STREAM_USER, STREAM_HASH };
enum { RUNS = 4, DAYS = 31, DAY_SECONDS = 86400, TAIL_COUNTERS = 6000 };

/* Constants that queries compare with. */
static const int64_t KNOWN_USER = 435090932899640449;
static const int64_t KNOWN_URL_HASH = 2868770270353813622;
static const int64_t KNOWN_REFERER_HASH = 3594120000172545465;

/* Counters with a large share, in thousandths; the others share what is left. */
static const struct {
    int share;
    int counter;
} LARGE_COUNTERS[] = {{170, 62}, {40, 138}, {130, 3922}, {110, 23938}};
enum { LARGE_SHARE = 450, KNOWN_COUNTER = 62 };

static const char *const MODELS[] = {"iPad",      "iPhone",    "A500",    "N8-00",    "iPho",
                                     "ONE TOUCH", "GT-P7300B", "3110000", "GT-I9500", "eagle75"};
static const char *const LANGUAGES[] = {"S0", "ru", "en", "uk", "tr"};
static const char *const COUNTRIES[] = {"\xD0\xA0", "RU", "US", "h1", "nD"};
static const int SCREENS[][2] = {{1366, 768},  {1920, 1080}, {1280, 1024}, {1024, 768},
                                 {1638, 1658}, {1996, 1666}, {1440, 900},  {0, 0}};

typedef struct User {
    int64_t id;
    int64_t fuid;
    int64_t ip;
    int64_t region;
    int os, agent, agent_major, width, height, mobile, phone, zone, age, sex, income;
    const char *model;
} User;

typedef struct Hit {
    Random random;
    User user;
    int64_t watch;
    int64_t counter;
    int day, second;
    int64_t site, page;           /* page of the address, 0 the site's first */
    int64_t from_site, from_page; /* of the referring address, -1 for none */
    int64_t phrase;               /* -1 for none */
    bool refresh;
} Hit;

static int64_t hash(int64_t number) {
    Random random = random_stream(STREAM_HASH, (uint64_t)number);
    return (int64_t)(random_next(&random) >> 2);
}

static bool chance(Random *random, int per_mille) {
    return random_between(random, 0, 999) < per_mille;
}

static User make_user(int64_t number) {
    Random random = random_stream(STREAM_USER, (uint64_t)number);
    User user = {.id = number == 5000 ? KNOWN_USER : hash(number), .model = ""};
    user.fuid = chance(&random, 300) ? 0 : hash(number + ((int64_t)1 << 40));
    user.ip = random_between(&random, -2000000000, 2000000000);
    user.region = chance(&random, 250) ? 229 : 1 + random_skewed(&random, 5000);
    user.os = (int)random_skewed(&random, 90);
    user.agent = (int)random_skewed(&random, 80);
    user.agent_major = (int)random_skewed(&random, 50);
    int screen = (int)random_skewed(&random, COUNT(SCREENS));
    user.width = SCREENS[screen][0];
    user.height = SCREENS[screen][1];
    user.mobile = chance(&random, 60);
    user.zone = chance(&random, 700) ? 135 : (int)random_between(&random, -12, 12);
    user.age = chance(&random, 500) ? 0 : (int)random_between(&random, 13, 60);
    user.sex = user.age ? (int)random_between(&random, 1, 2) : 0;
    user.income = user.age ? (int)random_between(&random, 0, 4) : 0;
    if (user.mobile) {
        user.phone = (int)random_skewed(&random, 70);
        user.model = chance(&random, 100) ? "" : MODELS[random_skewed(&random, COUNT(MODELS))];
    }
    return user;
}

/* place: thousandths of millionths of the way through a run; stores how far through the counter's
 * own rows that is, in the same unit. */
static int64_t counter_at(int64_t place, int64_t *within) {
    const int64_t unit = 1000000;
    int64_t from = 0;
    for (int i = 0; i < COUNT(LARGE_COUNTERS); i++) {
        int64_t size = LARGE_COUNTERS[i].share * unit;
        if (place < from + size) {
            *within = (place - from) * 1000 / LARGE_COUNTERS[i].share;
            return LARGE_COUNTERS[i].counter;
        }
        from += size;
    }
    /* Density falls with the square root. */
    int64_t tail = (1000 - LARGE_SHARE) * unit;
    int64_t scaled = (place - from) * 1000000 / tail;
    int64_t index = scaled * scaled / 1000000 * TAIL_COUNTERS / 1000000;
    *within = place % unit * 1000;
    return 30000 + index * 7;
}

static void choose_address(Hit *hit, int64_t pages) {
    Random *random = &hit->random;
    hit->site = hit->counter * 11 % 5003;
    if (hit->counter == KNOWN_COUNTER && chance(random, 280)) {
        hit->page = 0;
    } else {
        hit->page = random_skewed(random, pages) + (chance(random, 400) ? hit->counter << 24 : 0);
    }
    if (chance(random, 15)) {
        hit->site = 37 + 400 * random_skewed(random, 12);
    }
    hit->from_site = hit->from_page = -1;
    if (hit->counter == KNOWN_COUNTER && chance(random, 80)) {
        hit->from_site = hit->from_page = 1;
    } else if (chance(random, 810)) {
        hit->from_site =
            chance(random, 450) ? random_between(random, 1, 3) : random_skewed(random, 20000);
        hit->from_page = random_skewed(random, pages);
    }
}

static Hit make_hit(int64_t row, int64_t rows) {
    Hit hit = {.random = random_stream(STREAM_HIT, (uint64_t)row)};
    int64_t run_rows = (rows + RUNS - 1) / RUNS;
    int64_t within;
    hit.counter = counter_at((row % run_rows) * 1000 * 1000000 / run_rows, &within);
    hit.day = (int)(within * DAYS / 1000000000);
    hit.second = (int)random_between(&hit.random, 0, DAY_SECONDS - 1);
    hit.watch = hash(row + ((int64_t)1 << 50));
    hit.user = make_user(random_skewed(&hit.random, rows / 4 + 6000));
    choose_address(&hit, rows / 3 + 1);
    hit.phrase = chance(&hit.random, 130) ? random_skewed(&hit.random, rows / 15 + 100) : -1;
    hit.refresh = chance(&hit.random, 110);
    return hit;
}

static void out_signed(Out *out, int64_t value) {
    char text[24];
    char *start = format_number(text + sizeof(text), value < 0 ? -value : value, 1);
    if (value < 0) {
        *--start = '-';
    }
    out_bytes(out, start, (size_t)(text + sizeof(text) - start));
}

static void out_text(Out *out, const Text *text) {
    out_bytes(out, text->bytes, text->length);
}

static void out_zeros(Out *out, int count) {
    for (int i = 0; i < count; i++) {
        out_number(out, 0);
    }
}

static void out_empty(Out *out, int count) {
    for (int i = 0; i < count; i++) {
        out_string(out, "");
    }
}

static void out_day(Out *out, int day) {
    char text[16];
    out_bytes(out, text, (size_t)snprintf(text, sizeof(text), "2013-07-%02d", day + 1));
}

static void out_time(Out *out, int day, int second) {
    char text[32];
    out_bytes(out, text,
              (size_t)snprintf(text, sizeof(text), "2013-07-%02d %02d:%02d:%02d", day + 1,
                               second / 3600, second / 60 % 60, second % 60));
}

static void out_address(Out *out, int64_t site, int64_t page) {
    Text text = {.length = 0};
    if (site >= 0) {
        text_address(&text, site, page);
    }
    out_text(out, &text);
}

/* WatchID to URLRegionID */
static void write_visit(Hit *hit, Out *out) {
    Random *random = &hit->random;
    Text title = {.length = 0};
    out_number(out, hit->watch);
    out_number(out, chance(random, 850));
    if (!chance(random, 100)) {
        text_title(&title, hit->page % 1000003);
    }
    out_text(out, &title);
    out_number(out, 1);
    out_time(out, hit->day, hit->second);
    out_day(out, hit->day);
    out_number(out, hit->counter);
    out_signed(out, hit->user.ip);
    out_number(out, hit->user.region);
    out_number(out, hit->user.id);
    out_number(out, hit->counter % 7 == 0);
    out_number(out, hit->user.os);
    out_number(out, hit->user.agent);
    out_address(out, hit->site, hit->page);
    out_address(out, hit->from_site, hit->from_page);
    out_number(out, hit->refresh);
    out_number(out, chance(random, 600) ? 0 : random_skewed(random, 16000));
    out_number(out, random_skewed(random, 1000));
    out_number(out, chance(random, 600) ? 0 : random_skewed(random, 16000));
    out_number(out, random_skewed(random, 1000));
}

/* ResolutionWidth to IPNetworkID */
static void write_machine(Hit *hit, Out *out) {
    Random *random = &hit->random;
    out_number(out, hit->user.width);
    out_number(out, hit->user.height);
    out_number(out, hit->user.width ? 37 : 0);
    out_number(out, hit->user.mobile ? 0 : 15);
    out_number(out, hit->user.mobile ? 0 : 7);
    out_string(out, hit->user.mobile ? "" : "700");
    out_zeros(out, 2);
    out_number(out, hit->user.agent_major);
    out_string(out, hit->user.agent_major % 3 ? "D\xD0\x9B" : "0");
    out_number(out, 1);
    out_number(out, 1);
    out_number(out, hit->user.mobile);
    out_number(out, hit->user.phone);
    out_string(out, hit->user.model);
    out_empty(out, 1);
    out_number(out, 1000 + random_skewed(random, 4000000));
}

/* TraficSourceID to PageCharset */
static void write_source(Hit *hit, Out *out) {
    static const int sources[] = {0, -1, 6, 1, 2, 3, 5, 9};
    Random *random = &hit->random;
    Text phrase = {.length = 0};
    if (hit->phrase >= 0) {
        text_phrase(&phrase, hit->phrase);
    }
    out_signed(out, hit->phrase >= 0 ? 2 : sources[random_skewed(random, COUNT(sources))]);
    out_number(out, hit->phrase >= 0 ? 1 + random_skewed(random, 60) : 0);
    out_text(out, &phrase);
    out_number(out, chance(random, 994) ? 0 : 1 + random_skewed(random, 40));
    out_number(out, chance(random, 20));
    out_number(out, hit->user.width ? random_between(random, 300, 1900) : 0);
    out_number(out, hit->user.height ? random_between(random, 200, 1000) : 0);
    out_signed(out, hit->user.zone);
    out_time(out, hit->day, (hit->second + (int)random_between(random, 0, 9999)) % DAY_SECONDS);
    out_number(out, hit->user.mobile ? 0 : 5);
    out_number(out, hit->user.mobile ? 0 : 1);
    out_number(out, hit->user.mobile ? 0 : 19832);
    out_zeros(out, 1);
    out_string(out, chance(random, 700) ? "windows-1251;charset" : "utf-8");
}

/* CodeVersion to OpenerName */
static void write_flags(Hit *hit, Out *out) {
    Random *random = &hit->random;
    out_number(out, chance(random, 800) ? 1601 : random_between(random, 1, 400));
    out_number(out, chance(random, 90));
    out_number(out, chance(random, 15));
    out_number(out, chance(random, 150));
    out_number(out, hit->user.fuid);
    if (chance(random, 50)) {
        out_address(out, hit->site, hit->page + 1);
    } else {
        out_empty(out, 1);
    }
    out_number(out, random_between(random, 1, 1000000000));
    out_zeros(out, 2);
    out_number(out, chance(random, 10));
    out_number(out, chance(random, 60));
    out_number(out, chance(random, 100));
    out_string(out, chance(random, 900) ? "5" : "g");
    out_time(out, hit->day, hit->second);
    out_number(out, hit->user.age);
    out_number(out, hit->user.sex);
    out_number(out, hit->user.income);
    out_number(out, chance(random, 500) ? 0 : random_skewed(random, 20000));
    out_number(out, chance(random, 50) ? random_between(random, 1, 60) : 0);
    out_signed(out, hit->user.ip ^ (int64_t)random_between(random, 0, 255));
    out_signed(out, chance(random, 500) ? -1 : random_between(random, 0, 100000));
    out_signed(out, chance(random, 500) ? -1 : random_between(random, 0, 100000));
}

/* HistoryLength to ParamCurrencyID */
static void write_timings(Hit *hit, Out *out) {
    Random *random = &hit->random;
    out_signed(out, random_skewed(random, 300) - 1);
    out_string(out, LANGUAGES[random_skewed(random, COUNT(LANGUAGES))]);
    out_string(out, COUNTRIES[random_skewed(random, COUNT(COUNTRIES))]);
    out_empty(out, 2);
    out_number(out, chance(random, 995) ? 0 : 404);
    for (int i = 0; i < 6; i++) {
        out_number(out, chance(random, 600) ? 0 : random_skewed(random, 60000));
    }
    out_zeros(out, 1);
    out_empty(out, 1);
    out_zeros(out, 1);
    out_empty(out, 1);
    out_string(out, "NH\x1C");
    out_zeros(out, 1);
}

/* OpenstatServiceName to CLID */
static void write_campaign(Hit *hit, Out *out) {
    Random *random = &hit->random;
    bool campaign = chance(random, 30);
    out_empty(out, 4);
    out_string(out, campaign ? "yandex" : "");
    out_string(out, campaign ? "cpc" : "");
    out_string(out, campaign ? "summer" : "");
    out_empty(out, 3);
    out_number(out, chance(random, 10));
    bool known_referer = hit->from_site == 1 && hit->from_page == 1;
    bool known_page = hit->counter == KNOWN_COUNTER && hit->page == 0;
    out_number(out, known_referer ? KNOWN_REFERER_HASH
                                  : hash(hit->from_site * 1000003 + hit->from_page));
    out_signed(out, known_page ? KNOWN_URL_HASH
                               : hash(hit->site * 1000003 + hit->page) - ((int64_t)1 << 60));
    out_zeros(out, 1);
}

void hits_write(int64_t row, int64_t rows, Out *out) {
    Hit hit = make_hit(row, rows);
    write_visit(&hit, out);
    write_machine(&hit, out);
    write_source(&hit, out);
    write_flags(&hit, out);
    write_timings(&hit, out);
    write_campaign(&hit, out);
    out_end_row(out);
}
