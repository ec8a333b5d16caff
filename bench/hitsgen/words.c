/* Words of two scripts, so that characters and bytes differ in number. */
#include "words.h"

#include <stdio.h>
#include <string.h>

#define COUNT(list) ((int)(sizeof(list) / sizeof((list)[0])))

enum { STREAM_SITE = 32, STREAM_PAGE, STREAM_TITLE, STREAM_PHRASE };

static const char *const WORDS[] = {
    "auto",     "avito",     "карта",  "погода",     "купить", "цена",   "онлайн",  "фильм",
    "скачать",  "бесплатно", "news",   "photo",      "video",  "market", "отзывы",  "москва",
    "работа",   "вакансии",  "игры",   "смотреть",   "сериал", "серия",  "рецепт",  "дом",
    "ремонт",   "мебель",    "kino",   "mail",       "forum",  "shop",   "price",   "wiki",
    "туры",     "отель",     "билеты", "расписание", "поезд",  "авиа",   "машина",  "запчасти",
    "телефон",  "samsung",   "nokia",  "iphone",     "обои",   "музыка", "песни",   "текст",
    "перевод",  "словарь",   "книга",  "читать",     "банк",   "кредит", "дача",    "сад",
    "здоровье", "врач",      "тест",   "диета",      "одежда", "обувь",  "детские", "свадьба",
};

static const char *const PATHS[] = {"catalog", "news",  "search", "items",  "user",
                                    "photo",   "forum", "cars",   "realty", "index"};
static const char *const ENDINGS[] = {"ru", "com", "ru", "net", "ua", "ru"};

int64_t random_skewed(Random *random, int64_t count) {
    int bits = 1;
    while (((int64_t)1 << bits) <= count) {
        bits++;
    }
    for (;;) {
        int64_t low = (int64_t)1 << random_between(random, 0, bits - 1);
        int64_t number = random_between(random, low, 2 * low - 1) - 1;
        if (number < count) {
            return number;
        }
    }
}

static void append(Text *text, const char *string) {
    size_t length = strlen(string);
    if (text->length + length <= TEXT_BYTES) {
        memcpy(text->bytes + text->length, string, length);
        text->length += length;
    }
}

static void append_number(Text *text, int64_t number) {
    char digits[24];
    snprintf(digits, sizeof(digits), "%lld", (long long)number);
    append(text, digits);
}

static void append_words(Text *text, Random *random, int count, const char *between) {
    for (int i = 0; i < count; i++) {
        append(text, i ? between : "");
        append(text, WORDS[random_skewed(random, COUNT(WORDS))]);
    }
}

/* One site in 400 is a search engine's; its addresses are looked for by the queries. */
static void append_site(Text *text, int64_t site) {
    Random random = random_stream(STREAM_SITE, (uint64_t)site);
    append(text, random_between(&random, 0, 9) ? "http://" : "https://");
    append(text, random_between(&random, 0, 2) ? "" : "www.");
    if (site % 400 == 37) {
        append(text, site % 800 == 37 ? "images.google." : "googleads.");
    } else {
        static const char letters[] = "bcdfgklmnprstvz";
        static const char vowels[] = "aeiou";
        int syllables = (int)random_between(&random, 2, 4);
        for (int i = 0; i < syllables; i++) {
            char part[] = {letters[random_between(&random, 0, (int)sizeof(letters) - 2)],
                           vowels[random_between(&random, 0, (int)sizeof(vowels) - 2)], 0};
            append(text, part);
        }
        append(text, ".");
    }
    append(text, ENDINGS[random_between(&random, 0, COUNT(ENDINGS) - 1)]);
}

void text_address(Text *text, int64_t site, int64_t page) {
    text->length = 0;
    append_site(text, site);
    append(text, "/");
    if (page == 0) {
        return;
    }
    Random random = random_stream(STREAM_PAGE, (uint64_t)page);
    for (int parts = (int)random_between(&random, 1, 3); parts > 0; parts--) {
        append(text, PATHS[random_between(&random, 0, COUNT(PATHS) - 1)]);
        append(text, "/");
    }
    append_number(text, page);
    for (int i = 0, pairs = (int)random_between(&random, 0, 5); i < pairs; i++) {
        append(text, i ? "&" : "?");
        append(text, PATHS[random_between(&random, 0, COUNT(PATHS) - 1)]);
        append(text, "=");
        append_number(text, random_skewed(&random, 1 << 20));
    }
}

void text_title(Text *text, int64_t number) {
    Random random = random_stream(STREAM_TITLE, (uint64_t)number);
    text->length = 0;
    append_words(text, &random, (int)random_between(&random, 2, 9), " ");
    if (number % 150 == 11) {
        append(text, " - Поиск Google");
    }
    append(text, " | ");
    append_number(text, number);
}

void text_phrase(Text *text, int64_t number) {
    Random random = random_stream(STREAM_PHRASE, (uint64_t)number);
    text->length = 0;
    append_words(text, &random, (int)random_between(&random, 1, 5), " ");
    if (number > 200) {
        append(text, " ");
        append_number(text, number % 5000);
    }
}
