/* RFC 3339 and microseconds since the Unix epoch, UTC, for years 1 to 9999, the range of Firestore's timestamps. */

#include "internal.h"

#define MICROS_PER_SECOND INT64_C(1000000)
#define SECONDS_PER_DAY INT64_C(86400)
#define MICROS_PER_DAY (SECONDS_PER_DAY * MICROS_PER_SECOND)
/* 0001-01-01T00:00:00Z and 9999-12-31T23:59:59.999999Z. */
#define MIN_MICROS (INT64_C(-62135596800) * MICROS_PER_SECOND)
#define MAX_MICROS (INT64_C(253402300800) * MICROS_PER_SECOND - 1)

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

/* Year 0 as well: an instant of year 1 may have it with an offset. */
static bool days_of_date(int64_t year, int64_t month, int64_t day, int64_t *days) {
    static const int8_t last[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (year < 0 || year > 9999 || month < 1 || month > 12)
        return false;
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (day < 1 || day > last[month - 1] + (month == 2 && leap))
        return false;
    /* Years begin on 1 March here, so that the leap day is the last of its year. */
    month -= 3;
    if (month < 0) {
        month += 12;
        year -= 1;
    }
    int64_t leap_days = floor_div(year, 4) - floor_div(year, 100) + floor_div(year, 400);
    *days = year * 365 + leap_days + (153 * month + 2) / 5 + day - 1 - 719468;
    return true;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* Takes so many digits from the front. */
static bool number(gm_string *text, size_t digits, int64_t *value) {
    if (text->len < digits)
        return false;
    *value = 0;
    for (size_t i = 0; i < digits; i++) {
        if (!is_digit(text->data[i]))
            return false;
        *value = *value * 10 + (text->data[i] - '0');
    }
    text->data += digits;
    text->len -= digits;
    return true;
}

/* Takes a character from the front; 0 where there is none. */
static char next(gm_string *text) {
    if (text->len == 0)
        return 0;
    text->len -= 1;
    return *text->data++;
}

bool gm_parse_timestamp(gm_string text, gm_timestamp *timestamp) {
    int64_t year, month, day, hour, minute, second, micros = 0, offset = 0, days;
    if (!number(&text, 4, &year) || next(&text) != '-' || !number(&text, 2, &month) || next(&text) != '-' ||
        !number(&text, 2, &day))
        return false;
    char between = next(&text);
    if (between != 'T' && between != 't' && between != ' ')
        return false;
    if (!number(&text, 2, &hour) || next(&text) != ':' || !number(&text, 2, &minute) || next(&text) != ':' ||
        !number(&text, 2, &second))
        return false;
    if (hour > 23 || minute > 59 || second > 59)
        return false;

    char end = next(&text);
    if (end == '.') {
        int64_t place = MICROS_PER_SECOND / 10;
        bool any = false;
        for (end = next(&text); is_digit(end); end = next(&text)) {
            any = true;
            micros += place * (end - '0');
            place /= 10;
        }
        if (!any)
            return false;
    }
    if (end == '+' || end == '-') {
        int64_t hours, minutes;
        if (!number(&text, 2, &hours) || next(&text) != ':' || !number(&text, 2, &minutes) || hours > 23 || minutes > 59)
            return false;
        offset = (hours * 3600 + minutes * 60) * (end == '-' ? -1 : 1);
    } else if (end != 'Z' && end != 'z') {
        return false;
    }
    if (text.len != 0 || !days_of_date(year, month, day, &days))
        return false;
    int64_t seconds = days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second - offset;
    int64_t all = seconds * MICROS_PER_SECOND + micros;
    if (all < MIN_MICROS || all > MAX_MICROS)
        return false;
    timestamp->micros = all;
    return true;
}

static char *put(char *to, int64_t value, int digits) {
    for (int i = digits - 1; i >= 0; i--) {
        to[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return to + digits;
}

gm_string gm_format_timestamp(gm_timestamp timestamp) {
    int64_t days = floor_div(timestamp.micros, MICROS_PER_DAY);
    int64_t rest = timestamp.micros - days * MICROS_PER_DAY;
    /* The date of a day, by eras of 400 years that begin on 1 March. */
    int64_t day = days + 719468;
    int64_t era = floor_div(day, 146097);
    int64_t of_era = day - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153;
    int64_t of_month = of_year - (153 * month + 2) / 5 + 1;
    year += era * 400 + (month >= 10);
    month += month < 10 ? 3 : -9;

    char *text = gm__alloc(28, 1);
    char *end = put(text, year, 4);
    *end++ = '-';
    end = put(end, month, 2);
    *end++ = '-';
    end = put(end, of_month, 2);
    *end++ = 'T';
    end = put(end, rest / (3600 * MICROS_PER_SECOND), 2);
    *end++ = ':';
    end = put(end, rest / (60 * MICROS_PER_SECOND) % 60, 2);
    *end++ = ':';
    end = put(end, rest / MICROS_PER_SECOND % 60, 2);
    *end++ = '.';
    end = put(end, rest % MICROS_PER_SECOND, 6);
    *end++ = 'Z';
    *end = 0;
    return (gm_string){text, (size_t)(end - text)};
}

gm_date gm_date_of(gm_timestamp timestamp) { return (gm_date){(int32_t)floor_div(timestamp.micros, MICROS_PER_DAY)}; }

bool gm_date_from_ymd(int32_t year, int32_t month, int32_t day, gm_date *date) {
    int64_t days;
    if (!days_of_date(year, month, day, &days))
        return false;
    date->days = (int32_t)days;
    return true;
}
