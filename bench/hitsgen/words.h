/* Addresses, titles and search phrases: each is a function of a number, so that those with small
 * numbers, which are drawn most often, repeat. */
#ifndef HITSGEN_WORDS_H
#define HITSGEN_WORDS_H

#include <stddef.h>
#include <stdint.h>

#include "random.h"

enum { TEXT_BYTES = 1024 };

typedef struct Text {
    size_t length;
    char bytes[TEXT_BYTES];
} Text;

/* In [0, count): each power of two of numbers is as probable as the next, much as by Zipf's law.
 * Integers only, so that it is the same on every machine. */
int64_t random_skewed(Random *random, int64_t count);

void text_address(Text *text, int64_t site, int64_t page);
void text_title(Text *text, int64_t number);
void text_phrase(Text *text, int64_t number);

#endif
