/* Converts JSON to BSON (https://bsonspec.org/spec.html, RFC 8259), as docs/reference/mongodb.md describes. Documents
 * that need special treatment are left to bson_encoder.py, which defines the result;
 * tests/unit/sinks/mongodb/test_bson_encoder.py compares both. The input is valid UTF-8. Only the limited API is used. */

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030b0000
#include <Python.h>
#include <float.h>
#include <stdint.h>
#include <string.h>

#define MOST_LEVELS 100
#define MOST_KEYS 64
#define LONGEST_NUMBER 64
/* The length of a document has 31 bits (int32 of the specification), so nothing in it is longer. */
#define MAX_DOCUMENT_BYTES ((size_t)INT32_MAX)

/* Not inlined: its callers are 8 % faster without it. */
#ifdef __GNUC__
#define RARELY_CALLED __attribute__((noinline, cold))
#else
#define RARELY_CALLED
#endif

enum { DOUBLE = 1, STRING = 2, OBJECT = 3, ARRAY = 4, BOOLEAN = 8, DATE = 9, NOTHING = 10, INT32 = 16, INT64 = 18 };

/* The position of a value in the document: only `@timestamp` and `event.ingested` become dates. */
enum { ELSEWHERE, ROOT, EVENT, TIME };

typedef struct {
    char *data;
    size_t size, room;
    int failed; /* memory is exhausted */
} Out;

typedef struct {
    const char *at, *end;
} In;

/* Small, because the keys of each level of a document are on the stack of the thread. */
typedef struct {
    uint32_t at, size;
} Key;

/* ── out ─────────────────────────────────────────────────────────────────────────────────────────────────────── */

/* Makes room for `more` bytes. Returns 0 if a document would be too long, or if memory is exhausted. Neither `size` nor
 * `room` exceeds the maximum size of a document, so no sum overflows, not even in 32 bits. */
RARELY_CALLED static int reserve(Out *out, size_t more)
{
    if (more > MAX_DOCUMENT_BYTES - out->size)
        return 0;
    size_t needed = out->size + more;
    size_t room = out->room > (MAX_DOCUMENT_BYTES - needed) / 2 ? MAX_DOCUMENT_BYTES : out->room * 2 + needed;
    char *data = PyMem_Realloc(out->data, room);
    if (data == NULL) {
        out->failed = 1;
        return 0;
    }
    out->data = data;
    out->room = room;
    return 1;
}

/* Returns the end of the buffer with space for `more` bytes; NULL if memory is exhausted. */
static char *grown(Out *out, size_t more)
{
    if (more > out->room - out->size && !reserve(out, more))
        return NULL;
    char *place = out->data + out->size;
    out->size += more;
    return place;
}

static int put(Out *out, const void *bytes, size_t size)
{
    char *place = grown(out, size);
    if (place == NULL)
        return 0;
    memcpy(place, bytes, size);
    return 1;
}

static int put_byte(Out *out, char byte)
{
    return put(out, &byte, 1);
}

static void set_number(char *place, uint64_t number, int width)
{
    for (int i = 0; i < width; i++)
        place[i] = (char)(number >> (8 * i));
}

static int put_number(Out *out, uint64_t number, int width)
{
    char *place = grown(out, (size_t)width);
    if (place == NULL)
        return 0;
    set_number(place, number, width);
    return 1;
}

/* Writes the number of bytes from `from` to the end, minus `less`, into the four bytes at `from`. */
static void set_length(Out *out, size_t from, size_t less)
{
    set_number(out->data + from, out->size - from - less, 4);
}

/* ── texts ───────────────────────────────────────────────────────────────────────────────────────────────────── */

static void skip_blanks(In *in)
{
    while (in->at < in->end && (*in->at == ' ' || *in->at == '\t' || *in->at == '\r'))
        in->at++;
}

static int next_is(In *in, char wanted)
{
    skip_blanks(in);
    if (in->at == in->end || *in->at != wanted)
        return 0;
    in->at++;
    return 1;
}

/* The number that four hexadecimal digits are, or -1. */
static int hexadecimal(In *in)
{
    int number = 0;
    if (in->end - in->at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char digit = *in->at++;
        if (digit >= '0' && digit <= '9')
            number = number * 16 + digit - '0';
        else if ((digit | 32) >= 'a' && (digit | 32) <= 'f')
            number = number * 16 + (digit | 32) - 'a' + 10;
        else
            return -1;
    }
    return number;
}

/* Converts the four digits after `\u`. Fails for half a surrogate pair. */
static int put_character(In *in, Out *out)
{
    int code = hexadecimal(in);
    if (code < 0)
        return 0;
    if (code >= 0xd800 && code <= 0xdfff) {
        if (code > 0xdbff || in->end - in->at < 6 || in->at[0] != '\\' || in->at[1] != 'u')
            return 0;
        in->at += 2;
        int low = hexadecimal(in);
        if (low < 0xdc00 || low > 0xdfff)
            return 0;
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    if (code < 0x80)
        return put_byte(out, (char)code);
    int further = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3; /* bytes after the first one */
    static const int first[] = {0, 0xc0, 0xe0, 0xf0};
    char *place = grown(out, (size_t)further + 1);
    if (place == NULL)
        return 0;
    for (int i = further; i > 0; i--, code >>= 6)
        place[i] = (char)(0x80 | (code & 0x3f));
    place[0] = (char)(first[further] | code);
    return 1;
}

static int put_escaped(In *in, Out *out)
{
    if (in->at == in->end)
        return 0;
    switch (*in->at++) {
    case '"': return put_byte(out, '"');
    case '\\': return put_byte(out, '\\');
    case '/': return put_byte(out, '/');
    case 'b': return put_byte(out, '\b');
    case 'f': return put_byte(out, '\f');
    case 'n': return put_byte(out, '\n');
    case 'r': return put_byte(out, '\r');
    case 't': return put_byte(out, '\t');
    case 'u': return put_character(in, out);
    default: return 0;
    }
}

/* Writes a text whose opening quote has been read, and a zero after it. */
static int put_text(In *in, Out *out)
{
    for (;;) {
        const char *from = in->at;
        while (in->at < in->end && *in->at != '"' && *in->at != '\\' && (unsigned char)*in->at >= ' ')
            in->at++;
        if (in->at == in->end || !put(out, from, (size_t)(in->at - from)))
            return 0;
        char stop = *in->at++;
        if (stop == '"')
            return put_byte(out, 0);
        if (stop != '\\' || !put_escaped(in, out))
            return 0;
    }
}

/* ── times ───────────────────────────────────────────────────────────────────────────────────────────────────── */

/* Returns the number in this many digits; -1 if one of them is not a digit. */
static int digits(const char **at, const char *end, int many)
{
    int number = 0;
    if (end - *at < many)
        return -1;
    for (int i = 0; i < many; i++, (*at)++) {
        if (**at < '0' || **at > '9')
            return -1;
        number = number * 10 + **at - '0';
    }
    return number;
}

/* Reads this many digits after the character `before`. */
static int digits_behind(char before, const char **at, const char *end, int many)
{
    if (*at == end || **at != before)
        return -1;
    (*at)++;
    return digits(at, end, many);
}

static int64_t days_since_1970(int year, int month, int day)
{
    int64_t moved = month > 2 ? year : year - 1; /* a year begins in March, so that a leap day is its last */
    return 365 * moved + moved / 4 - moved / 100 + moved / 400 + (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5
           + day - 1 - 719468;
}

static int days_in(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

/* Converts an RFC 3339 time with `Z` or a zone to milliseconds; smaller fractions are cut off. Returns 0 if it fails:
 * Python may still accept the text as a time. */
static int milliseconds(const char *at, const char *end, int64_t *found)
{
    int year = digits(&at, end, 4), month = digits_behind('-', &at, end, 2), day = digits_behind('-', &at, end, 2);
    int hour = digits_behind('T', &at, end, 2), minute = digits_behind(':', &at, end, 2);
    int second = digits_behind(':', &at, end, 2), fraction = 0, offset = 0;
    if (year < 2 || year > 9998 || month < 1 || month > 12 || day < 1 || day > days_in(year, month) || hour < 0
        || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59)
        return 0;
    if (at < end && *at == '.') {
        int many = 0;
        const char *first = ++at;
        for (; at < end && *at >= '0' && *at <= '9'; at++)
            if (many < 3) {
                fraction = fraction * 10 + *at - '0';
                many++;
            }
        if (at == first)
            return 0;
        for (; many < 3; many++)
            fraction *= 10;
    }
    if (end - at == 6 && (*at == '+' || *at == '-')) {
        int sign = *at++ == '+' ? 1 : -1;
        int hours = digits(&at, end, 2), minutes = digits_behind(':', &at, end, 2);
        if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
            return 0;
        offset = sign * (hours * 60 + minutes);
    } else if (end - at != 1 || *at != 'Z') {
        return 0;
    }
    int64_t minutes = (days_since_1970(year, month, day) * 24 + hour) * 60 + minute - offset;
    *found = (minutes * 60 + second) * 1000 + fraction;
    return 1;
}

static int put_date(In *in, Out *out)
{
    int64_t moment;
    const char *from = in->at, *end = memchr(from, '"', (size_t)(in->end - from));
    if (end == NULL || !milliseconds(from, end, &moment))
        return 0;
    in->at = end + 1;
    return put_number(out, (uint64_t)moment, 8);
}

/* ── numbers ─────────────────────────────────────────────────────────────────────────────────────────────────── */

static int is_digit(const In *in)
{
    return in->at < in->end && *in->at >= '0' && *in->at <= '9';
}

/* Reads one or more digits into `number`, which is exact for at most 19 significant digits. `many`: the number of
 * significant digits, at most 20. */
static int more_digits(In *in, uint64_t *number, int *many)
{
    if (!is_digit(in))
        return 0;
    for (; is_digit(in); in->at++) {
        if (*many < 19)
            *number = *number * 10 + (uint64_t)(*in->at - '0');
        *many += *number != 0 && *many < 20;
    }
    return 1;
}

static int put_integer(Out *out, size_t type, int64_t number)
{
    if (number >= INT32_MIN && number <= INT32_MAX) {
        out->data[type] = INT32;
        return put_number(out, (uint64_t)number, 4);
    }
    out->data[type] = INT64;
    return put_number(out, (uint64_t)number, 8);
}

static int put_double(Out *out, size_t type, double number)
{
    uint64_t bits;
    memcpy(&bits, &number, 8);
    out->data[type] = DOUBLE;
    return put_number(out, bits, 8);
}

/* Reads a number as Python does. Fails if the number is too large or has too many characters. */
static int put_read(const char *from, const char *end, Out *out, size_t type)
{
    char text[LONGEST_NUMBER + 1];
    if (end - from > LONGEST_NUMBER)
        return 0;
    memcpy(text, from, (size_t)(end - from));
    text[end - from] = 0;
    double number = PyOS_string_to_double(text, NULL, NULL);
    if (number == -1.0 && PyErr_Occurred()) {
        PyErr_Clear();
        return 0;
    }
    return number >= -DBL_MAX && number <= DBL_MAX && put_double(out, type, number);
}

/* For a number of up to 15 digits without an exponent, a single division by a power of ten that a double represents
 * exactly gives the correct result, if doubles are as exact in memory as in registers. */
static int put_number_of(In *in, Out *out, size_t type)
{
    static const double tens[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    const char *from = in->at;
    int negative = *in->at == '-', many = 0, is_plain = 1;
    uint64_t number = 0;
    in->at += negative;
    if (in->at + 1 < in->end && in->at[0] == '0' && in->at[1] >= '0' && in->at[1] <= '9')
        return 0;
    if (!more_digits(in, &number, &many))
        return 0;
    if (in->at == in->end || (*in->at != '.' && *in->at != 'e' && *in->at != 'E'))
        return many <= 19 && number <= INT64_MAX
               && put_integer(out, type, negative ? -(int64_t)number : (int64_t)number);
    Py_ssize_t places = 0;
    if (*in->at == '.') {
        const char *point = in->at++;
        if (!more_digits(in, &number, &many))
            return 0;
        places = in->at - point - 1;
    }
    if (in->at < in->end && (*in->at == 'e' || *in->at == 'E')) {
        uint64_t exponent = 0;
        int unused = 0;
        is_plain = 0;
        in->at++;
        if (in->at < in->end && (*in->at == '+' || *in->at == '-'))
            in->at++;
        if (!more_digits(in, &exponent, &unused))
            return 0;
    }
    if (FLT_EVAL_METHOD == 0 && is_plain && many <= 15 && places <= 15) {
        double found = (double)number / tens[places];
        return put_double(out, type, negative ? -found : found);
    }
    return put_read(from, in->at, out, type);
}

/* ── values ──────────────────────────────────────────────────────────────────────────────────────────────────── */

static int put_members(In *in, Out *out, int level, int where);
static int put_elements(In *in, Out *out, int level);

static int put_word(In *in, const char *word, size_t size)
{
    if ((size_t)(in->end - in->at) < size || memcmp(in->at, word, size) != 0)
        return 0;
    in->at += size;
    return 1;
}

/* Converts one value, and writes its type to the byte that is reserved for it. */
static int put_value(In *in, Out *out, size_t type, int level, int where)
{
    skip_blanks(in);
    if (in->at == in->end)
        return 0;
    switch (*in->at) {
    case '"': {
        in->at++;
        if (where == TIME) {
            out->data[type] = DATE;
            return put_date(in, out);
        }
        out->data[type] = STRING;
        size_t from = out->size;
        if (grown(out, 4) == NULL || !put_text(in, out))
            return 0;
        set_length(out, from, 4);
        return 1;
    }
    case '{':
        in->at++;
        out->data[type] = OBJECT;
        return put_members(in, out, level + 1, where);
    case '[':
        in->at++;
        out->data[type] = ARRAY;
        return put_elements(in, out, level + 1);
    case 't':
        out->data[type] = BOOLEAN;
        return put_word(in, "true", 4) && put_byte(out, 1);
    case 'f':
        out->data[type] = BOOLEAN;
        return put_word(in, "false", 5) && put_byte(out, 0);
    case 'n':
        out->data[type] = NOTHING;
        return put_word(in, "null", 4);
    default:
        return put_number_of(in, out, type);
    }
}

static int is_key(const Out *out, Key key, const char *name)
{
    return strlen(name) == key.size && memcmp(out->data + key.at, name, key.size) == 0;
}

/* Converts a key. Fails if it contains a NUL byte or is repeated: then the last value counts. */
static int put_key(In *in, Out *out, Key *keys, int many)
{
    Key *key = &keys[many];
    key->at = (uint32_t)out->size;
    if (!put_text(in, out))
        return 0;
    key->size = (uint32_t)out->size - key->at - 1;
    const char *text = out->data + key->at;
    if (memchr(text, 0, key->size) != NULL)
        return 0;
    for (int i = 0; i < many; i++)
        if (keys[i].size == key->size && memcmp(out->data + keys[i].at, text, key->size) == 0)
            return 0;
    return 1;
}

static int where_is(const Out *out, Key key, int where)
{
    if (where == ROOT)
        return is_key(out, key, "@timestamp") ? TIME : is_key(out, key, "event") ? EVENT : ELSEWHERE;
    return where == EVENT && is_key(out, key, "ingested") ? TIME : ELSEWHERE;
}

/* Converts the members of an object up to its closing brace. `from`: where the length of the document is. */
static int put_rest(In *in, Out *out, size_t from, int level, int where)
{
    Key keys[MOST_KEYS];
    int many = 0;
    if (!next_is(in, '}')) {
        do {
            size_t type = out->size;
            if (many == MOST_KEYS || !put_byte(out, 0) || !next_is(in, '"') || !put_key(in, out, keys, many))
                return 0;
            Key key = keys[many++];
            if (where == ROOT && is_key(out, key, "_id"))
                return 0;
            if (!next_is(in, ':') || !put_value(in, out, type, level, where_is(out, key, where)))
                return 0;
        } while (next_is(in, ','));
        if (!next_is(in, '}'))
            return 0;
    }
    if (!put_byte(out, 0))
        return 0;
    set_length(out, from, 0);
    return 1;
}

static int put_members(In *in, Out *out, int level, int where)
{
    size_t from = out->size;
    return level <= MOST_LEVELS && grown(out, 4) != NULL
           && put_rest(in, out, from, level, where == EVENT ? EVENT : ELSEWHERE);
}

static int put_elements(In *in, Out *out, int level)
{
    size_t from = out->size;
    if (level > MOST_LEVELS || grown(out, 4) == NULL)
        return 0;
    if (!next_is(in, ']')) {
        unsigned long index = 0;
        do {
            char name[24];
            size_t type = out->size;
            int size = PyOS_snprintf(name, sizeof name, "%lu", index++);
            if (!put_byte(out, 0) || !put(out, name, (size_t)size + 1) || !put_value(in, out, type, level, ELSEWHERE))
                return 0;
        } while (next_is(in, ','));
        if (!next_is(in, ']'))
            return 0;
    }
    if (!put_byte(out, 0))
        return 0;
    set_length(out, from, 0);
    return 1;
}

/* ── documents ───────────────────────────────────────────────────────────────────────────────────────────────── */

/* Converts one document. Returns 0 if it needs special treatment. */
static int put_document(In name, In *in, Out *out)
{
    static const char id[] = {STRING, '_', 'i', 'd', 0};
    size_t size = (size_t)(name.end - name.at);
    out->size = 0;
    if (size >= MAX_DOCUMENT_BYTES || grown(out, 4) == NULL || !put(out, id, sizeof id) || !put_number(out, size + 1, 4)
        || !put(out, name.at, size) || !put_byte(out, 0) || !next_is(in, '{') || !put_rest(in, out, 0, 1, ROOT))
        return 0;
    skip_blanks(in);
    return in->at == in->end;
}

/* Appends the documents to the list. Returns 0 if the number of lines is odd, or -1 with an exception. */
static int append_documents(const char *at, const char *end, Out *out, PyObject *found)
{
    while (at < end) {
        const char *middle = memchr(at, '\n', (size_t)(end - at));
        const char *stop = middle == NULL ? NULL : memchr(middle + 1, '\n', (size_t)(end - middle - 1));
        if (stop == NULL)
            return 0;
        In name = {at, middle}, in = {middle + 1, stop};
        int done = put_document(name, &in, out);
        if (out->failed) {
            PyErr_NoMemory();
            return -1;
        }
        PyObject *document = done ? PyBytes_FromStringAndSize(out->data, (Py_ssize_t)out->size) : Py_NewRef(Py_None);
        if (document == NULL || PyList_Append(found, document) < 0) {
            Py_XDECREF(document);
            return -1;
        }
        Py_DECREF(document);
        at = stop + 1;
    }
    return 1;
}

static PyObject *mongodb_documents(PyObject *Py_UNUSED(module), PyObject *lines)
{
    Out out = {NULL, 0, 0, 0};
    char *data;
    Py_ssize_t size;
    if (PyBytes_AsStringAndSize(lines, &data, &size) < 0)
        return NULL;
    PyObject *found = PyList_New(0);
    if (found == NULL)
        return NULL;
    int done = append_documents(data, data + size, &out, found);
    PyMem_Free(out.data);
    if (done > 0)
        return found;
    if (done == 0)
        PyErr_SetString(PyExc_ValueError, "an id has no document");
    Py_DECREF(found);
    return NULL;
}

static PyMethodDef methods[] = {
    {"documents", mongodb_documents, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_bson", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__bson(void)
{
    return PyModuleDef_Init(&definition);
}
