/*
 * Sentences of a small grammar in the manner of TPC-H's (specification 4.2.2.14): noun phrase, verb
 * phrase, perhaps a prepositional phrase, and an end. The words are weighted by their place:
 * earlier ones are more frequent, so that patterns like '%special%requests%' are neither everywhere
 * nor nowhere.
 */
#include "text.h"

#include <string.h>

#define COUNT(list) ((int)(sizeof(list) / sizeof((list)[0])))

static const char *const NOUNS[] = {
    "packages", "requests",  "accounts",   "deposits", "foxes",    "ideas",    "theodolites",
    "beans",    "platelets", "excuses",    "courts",   "dolphins", "warthogs", "dependencies",
    "patterns", "orbits",    "sentiments", "pearls",   "realms",   "tithes",   "gifts",
    "braids",   "waters",    "epitaphs",   "sheaves",  "depths",   "decoys",   "instructions",
};
static const char *const VERBS[] = {
    "sleep",     "wake",   "haggle", "nag",  "use",     "boost",  "affix",  "detect",
    "integrate", "cajole", "solve",  "grow", "doze",    "run",    "print",  "engage",
    "unwind",    "hinder", "thrash", "lose", "impress", "kindle", "dazzle", "maintain",
};
static const char *const ADJECTIVES[] = {
    "regular", "pending", "unusual", "express", "final",    "special",   "furious",  "even",
    "ironic",  "silent",  "bold",    "quick",   "careful",  "blithe",    "ruthless", "thin",
    "close",   "dogged",  "daring",  "brave",   "stealthy", "permanent", "idle",     "busy",
};
static const char *const ADVERBS[] = {
    "furiously",  "slyly",  "carefully", "blithely", "quickly",  "fluffily", "slowly", "quietly",
    "ruthlessly", "thinly", "closely",   "doggedly", "daringly", "bravely",  "never",  "always",
};
static const char *const PREPOSITIONS[] = {
    "about",  "above", "according to", "across", "after",   "against", "along",   "among",
    "around", "at",    "before",       "behind", "beneath", "beside",  "between", "by",
};
static const char *const AUXILIARIES[] = {
    "may", "might", "shall", "will", "can", "could", "should", "must", "need to", "try to",
};
static const char *const ENDS[] = {".", ".", ".", ".", ";", "?", "!", "--"};

typedef struct Writer {
    char *at;
    char *end;
    Random random;
} Writer;

static void put(Writer *writer, const char *word) {
    size_t length = strlen(word);
    size_t room = (size_t)(writer->end - writer->at);
    if (length > room) {
        length = room;
    }
    memcpy(writer->at, word, length);
    writer->at += length;
}

/* Squaring a uniform number favours the front of the list. */
static const char *pick(Writer *writer, const char *const *list, int count) {
    int64_t scale = 1 << 16;
    int64_t uniform = random_between(&writer->random, 0, scale - 1);
    return list[uniform * uniform / scale * count / scale];
}

static void put_noun_phrase(Writer *writer) {
    int64_t form = random_between(&writer->random, 0, 99);
    if (form >= 70) {
        put(writer, pick(writer, ADVERBS, COUNT(ADVERBS)));
        put(writer, " ");
    }
    if (form >= 20) {
        put(writer, pick(writer, ADJECTIVES, COUNT(ADJECTIVES)));
        put(writer, form < 30 ? ", " : " ");
    }
    if (form >= 20 && form < 30) {
        put(writer, pick(writer, ADJECTIVES, COUNT(ADJECTIVES)));
        put(writer, " ");
    }
    put(writer, pick(writer, NOUNS, COUNT(NOUNS)));
}

static void put_verb_phrase(Writer *writer) {
    int64_t form = random_between(&writer->random, 0, 3);
    if (form & 1) {
        put(writer, pick(writer, AUXILIARIES, COUNT(AUXILIARIES)));
        put(writer, " ");
    }
    put(writer, pick(writer, VERBS, COUNT(VERBS)));
    if (form & 2) {
        put(writer, " ");
        put(writer, pick(writer, ADVERBS, COUNT(ADVERBS)));
    }
}

static void put_prepositional_phrase(Writer *writer) {
    put(writer, " ");
    put(writer, pick(writer, PREPOSITIONS, COUNT(PREPOSITIONS)));
    put(writer, " the ");
    put_noun_phrase(writer);
}

static void put_sentence(Writer *writer) {
    int64_t form = random_between(&writer->random, 0, 3);
    put_noun_phrase(writer);
    if (form == 3) {
        put_prepositional_phrase(writer);
    }
    put(writer, " ");
    put_verb_phrase(writer);
    if (form == 1) {
        put_prepositional_phrase(writer);
    } else if (form == 2) {
        put(writer, " ");
        put_noun_phrase(writer);
    }
    put(writer, ENDS[random_between(&writer->random, 0, COUNT(ENDS) - 1)]);
    put(writer, " ");
}

void text_fill_pool(char *pool) {
    Writer writer = {.at = pool, .end = pool + TEXT_POOL_BYTES, .random = random_stream(255, 0)};
    while (writer.at < writer.end) {
        put_sentence(&writer);
    }
}
