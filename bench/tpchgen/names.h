/* Lists of names: those of TPC-H, which SSB took over. */
#ifndef TPCHGEN_NAMES_H
#define TPCHGEN_NAMES_H

static const char *const REGIONS[] = {"AFRICA", "AMERICA", "ASIA", "EUROPE", "MIDDLE EAST"};

static const struct {
    const char *name;
    int region;
} NATIONS[] = {
    {"ALGERIA", 0},       {"ARGENTINA", 1}, {"BRAZIL", 1}, {"CANADA", 1},
    {"EGYPT", 4},         {"ETHIOPIA", 0},  {"FRANCE", 3}, {"GERMANY", 3},
    {"INDIA", 2},         {"INDONESIA", 2}, {"IRAN", 4},   {"IRAQ", 4},
    {"JAPAN", 2},         {"JORDAN", 4},    {"KENYA", 0},  {"MOROCCO", 0},
    {"MOZAMBIQUE", 0},    {"PERU", 1},      {"CHINA", 2},  {"ROMANIA", 3},
    {"SAUDI ARABIA", 4},  {"VIETNAM", 2},   {"RUSSIA", 3}, {"UNITED KINGDOM", 3},
    {"UNITED STATES", 1},
};

static const char *const SEGMENTS[] = {"AUTOMOBILE", "BUILDING", "FURNITURE", "HOUSEHOLD",
                                       "MACHINERY"};
static const char *const TYPE_SIZES[] = {"STANDARD", "SMALL",   "MEDIUM",
                                         "LARGE",    "ECONOMY", "PROMO"};
static const char *const TYPE_FINISHES[] = {"ANODIZED", "BURNISHED", "PLATED", "POLISHED",
                                            "BRUSHED"};
static const char *const TYPE_METALS[] = {"TIN", "NICKEL", "BRASS", "STEEL", "COPPER"};
static const char *const BOX_SIZES[] = {"SM", "LG", "MED", "JUMBO", "WRAP"};
static const char *const BOX_KINDS[] = {"CASE", "BOX", "BAG", "JAR", "PKG", "PACK", "CAN", "DRUM"};

/* 92 of them, so that a part's five are chosen as widely as TPC-H's */
static const char *const COLOURS[] = {
    "almond",   "amber",      "antique",   "aqua",      "azure",   "beige",    "bisque",
    "black",    "blue",       "blush",     "bronze",    "brown",   "burgundy", "burnt",
    "cardinal", "chartreuse", "chocolate", "cobalt",    "copper",  "coral",    "cornsilk",
    "cream",    "crimson",    "cyan",      "dark",      "deep",    "dim",      "dodger",
    "drab",     "ebony",      "emerald",   "firebrick", "floral",  "forest",   "frosted",
    "fuchsia",  "ghost",      "golden",    "green",     "grey",    "honey",    "hot",
    "indian",   "indigo",     "ivory",     "jade",      "khaki",   "lace",     "lavender",
    "lemon",    "light",      "lilac",     "lime",      "linen",   "magenta",  "maroon",
    "medium",   "metallic",   "midnight",  "mint",      "misty",   "moccasin", "navy",
    "olive",    "orange",     "orchid",    "pale",      "peach",   "pink",     "plum",
    "powder",   "puff",       "purple",    "red",       "rose",    "rosy",     "royal",
    "ruby",     "saddle",     "salmon",    "sandy",     "scarlet", "seashell", "sienna",
    "sky",      "slate",      "snow",      "steel",     "tan",     "teal",     "tomato",
    "yellow",
};

static const char *const PRIORITIES[] = {"1-URGENT", "2-HIGH", "3-MEDIUM", "4-NOT SPECIFIED",
                                         "5-LOW"};
static const char *const MODES[] = {"REG AIR", "AIR", "RAIL", "SHIP", "TRUCK", "MAIL", "FOB"};

#endif
