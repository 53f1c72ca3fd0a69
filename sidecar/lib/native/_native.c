/* The functions of fallback.py, compiled. fallback.py documents each function, and tests/unit/lib/test_native.py compares both.
 * Only the limited API is used, so one build works with every CPython from 3.11 on. */

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030b0000
#include <Python.h>
#include <limits.h>
#include <string.h>

/* ── split_lines ─────────────────────────────────────────────────────────────────────────────────────────────── */

static Py_ssize_t count_lines(const char *at, const char *end)
{
    Py_ssize_t lines = 0;
    while (at < end && (at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        lines++;
        at++;
    }
    return lines;
}

/* Fills `texts` and `starts`; every start fits a long long. Returns 1 on success, 0 if a line is empty or not UTF-8, -1
 * with an exception. */
static int fill_lines(const char *data, Py_ssize_t size, long long offset, PyObject *texts, PyObject *starts)
{
    const char *at = data, *end = data + size;
    for (Py_ssize_t i = 0; at < end; i++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (stop == at)
            return 0;
        PyObject *text = PyUnicode_DecodeUTF8(at, stop - at, NULL);
        if (text == NULL && PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) {
            PyErr_Clear();
            return 0;
        }
        if (text == NULL || PyList_SetItem(texts, i, text) < 0)
            return -1;
        PyObject *start = PyLong_FromLongLong(offset + (at - data));
        if (start == NULL || PyList_SetItem(starts, i, start) < 0)
            return -1;
        at = stop + 1;
    }
    return 1;
}

static PyObject *native_split_lines(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *bytes;
    char *data;
    Py_ssize_t size;
    long long offset;
    if (!PyArg_ParseTuple(args, "SL:split_lines", &bytes, &offset) || PyBytes_AsStringAndSize(bytes, &data, &size) < 0)
        return NULL;
    if (offset > LLONG_MAX - size) {
        PyErr_SetString(PyExc_OverflowError, "the offset of the last line exceeds 63 bits");
        return NULL;
    }
    if (size == 0 || data[size - 1] != '\n')
        Py_RETURN_NONE;
    Py_ssize_t many = count_lines(data, data + size);
    PyObject *texts = PyList_New(many), *starts = PyList_New(many), *found = NULL;
    if (texts != NULL && starts != NULL) {
        int whole = fill_lines(data, size, offset, texts, starts);
        if (whole > 0)
            found = PyTuple_Pack(2, texts, starts);
        else if (whole == 0)
            found = Py_NewRef(Py_None);
    }
    Py_XDECREF(texts);
    Py_XDECREF(starts);
    return found;
}

/* ── strip_braces ────────────────────────────────────────────────────────────────────────────────────────────── */

/* Returns 1 if the text has at least two characters and begins and ends with these, 0 if not, -1 with an exception. */
static int is_wrapped(PyObject *text, Py_UCS4 first, Py_UCS4 last)
{
    Py_ssize_t length = PyUnicode_GetLength(text);
    if (length < 2)
        return length < 0 ? -1 : 0;
    return PyUnicode_ReadChar(text, 0) == first && PyUnicode_ReadChar(text, length - 1) == last;
}

static PyObject *native_strip_braces(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *texts;
    int first, last;
    if (!PyArg_ParseTuple(args, "O!CC:strip_braces", &PyList_Type, &texts, &first, &last))
        return NULL;
    Py_ssize_t many = PyList_Size(texts);
    PyObject *found = PyList_New(many);
    for (Py_ssize_t i = 0; found != NULL && i < many; i++) {
        PyObject *text = PyList_GetItem(texts, i); /* borrowed */
        int wrapped = text == NULL ? -1 : is_wrapped(text, (Py_UCS4)first, (Py_UCS4)last);
        if (wrapped == 0) {
            Py_DECREF(found);
            Py_RETURN_NONE;
        }
        PyObject *inner = wrapped < 0 ? NULL : PyUnicode_Substring(text, 1, PyUnicode_GetLength(text) - 1);
        if (inner == NULL || PyList_SetItem(found, i, inner) < 0)
            Py_CLEAR(found);
    }
    return found;
}

/* ── join_columns ────────────────────────────────────────────────────────────────────────────────────────────── */

#define MAX_COLUMNS 16
#define MAX_DIGITS 19

typedef struct {
    PyObject *list;   /* strings or numbers, one for each row; NULL if the text is constant */
    int is_numeric;
    const char *text; /* of a constant column */
    Py_ssize_t size;
} Column;

static int digits_of(unsigned long long number)
{
    int digits = 1;
    while (number >= 10) {
        number /= 10;
        digits++;
    }
    return digits;
}

/* Returns the number in this row, or -1 with an exception. Accepts exact ints only, so that no Python code can run. */
static long long number_at(PyObject *list, Py_ssize_t row)
{
    PyObject *item = PyList_GetItem(list, row);
    if (item == NULL)
        return -1;
    if (!PyLong_CheckExact(item)) {
        PyErr_SetString(PyExc_TypeError, "a column of numbers holds another type");
        return -1;
    }
    long long number = PyLong_AsLongLong(item);
    if (number < 0 && !PyErr_Occurred())
        PyErr_SetString(PyExc_ValueError, "a number must not be negative");
    return number;
}

static const char *text_at(PyObject *list, Py_ssize_t row, Py_ssize_t *size)
{
    PyObject *item = PyList_GetItem(list, row);
    return item == NULL ? NULL : PyUnicode_AsUTF8AndSize(item, size);
}

/* Returns the sum, or -1 with an exception on overflow. Neither argument is negative. */
static Py_ssize_t add_sizes(Py_ssize_t one, Py_ssize_t other)
{
    if (one <= PY_SSIZE_T_MAX - other)
        return one + other;
    PyErr_SetString(PyExc_OverflowError, "the rows exceed the largest possible size");
    return -1;
}

/* Returns the product, or -1 with an exception on overflow. Neither argument is negative. */
static Py_ssize_t multiply_size(Py_ssize_t size, Py_ssize_t rows)
{
    if (rows == 0 || size <= PY_SSIZE_T_MAX / rows)
        return size * rows;
    PyErr_SetString(PyExc_OverflowError, "the rows exceed the largest possible size");
    return -1;
}

/* Returns the bytes of one column in all rows, or -1 with an exception. */
static Py_ssize_t size_of(const Column *column, Py_ssize_t rows)
{
    if (column->list == NULL)
        return multiply_size(column->size, rows);
    Py_ssize_t total = 0;
    for (Py_ssize_t row = 0; total >= 0 && row < rows; row++) {
        Py_ssize_t size;
        if (column->is_numeric) {
            long long number = number_at(column->list, row);
            if (number < 0)
                return -1;
            size = digits_of((unsigned long long)number);
        } else if (text_at(column->list, row, &size) == NULL) {
            return -1;
        }
        total = add_sizes(total, size);
    }
    return total;
}

/* The free part of the output buffer. */
typedef struct {
    char *at, *end;
} Buffer;

/* Returns 0 if the text does not fit. */
static int write_text(Buffer *buffer, const char *text, Py_ssize_t size)
{
    if (size > buffer->end - buffer->at)
        return 0;
    memcpy(buffer->at, text, (size_t)size);
    buffer->at += size;
    return 1;
}

static int write_number(Buffer *buffer, unsigned long long number)
{
    char digits[MAX_DIGITS + 1];
    int at = MAX_DIGITS + 1;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    return write_text(buffer, digits + at, MAX_DIGITS + 1 - at);
}

static int write_cell(Buffer *buffer, const Column *column, Py_ssize_t row)
{
    if (column->list == NULL)
        return write_text(buffer, column->text, column->size);
    if (column->is_numeric) {
        long long number = number_at(column->list, row);
        return number >= 0 && write_number(buffer, (unsigned long long)number);
    }
    Py_ssize_t size;
    const char *text = text_at(column->list, row, &size);
    return text != NULL && write_text(buffer, text, size);
}

/* Fills the buffer with all rows. Returns 0, possibly with an exception, if they do not have exactly its length. */
static int write_rows(Buffer buffer, const Column *columns, Py_ssize_t many, Py_ssize_t rows)
{
    /* Rows without bytes are skipped, because there may be any number of them. */
    for (Py_ssize_t row = 0; row < rows && buffer.at < buffer.end; row++)
        for (Py_ssize_t i = 0; i < many; i++)
            if (!write_cell(&buffer, &columns[i], row))
                return 0;
    return buffer.at == buffer.end;
}

/* Reads one column. Without rows a constant text is not encoded, so it may hold a lone surrogate. */
static int read_column(PyObject *given, Py_ssize_t rows, Column *column)
{
    *column = (Column){NULL, 0, "", 0};
    if (PyUnicode_Check(given)) {
        if (rows > 0)
            column->text = PyUnicode_AsUTF8AndSize(given, &column->size);
        return column->text == NULL ? -1 : 0;
    }
    if (!PyList_Check(given) || PyList_Size(given) != rows) {
        PyErr_SetString(PyExc_ValueError, "a column must be one text, or a list with an item for each row");
        return -1;
    }
    column->list = given;
    column->is_numeric = rows > 0 && PyLong_CheckExact(PyList_GetItem(given, 0));
    return 0;
}

/* Reads all columns. Returns their bytes in all rows, or -1 with an exception. */
static Py_ssize_t read_columns(PyObject *given, Py_ssize_t rows, Column *columns, Py_ssize_t many)
{
    Py_ssize_t total = 0;
    for (Py_ssize_t i = 0; total >= 0 && i < many; i++) {
        if (read_column(PyTuple_GetItem(given, i), rows, &columns[i]) < 0)
            return -1;
        Py_ssize_t size = size_of(&columns[i], rows);
        if (size < 0)
            return -1;
        total = add_sizes(total, size);
    }
    return total;
}

static PyObject *native_join_columns(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *given;
    Py_ssize_t rows;
    Column columns[MAX_COLUMNS];
    if (!PyArg_ParseTuple(args, "nO!:join_columns", &rows, &PyTuple_Type, &given))
        return NULL;
    Py_ssize_t many = PyTuple_Size(given);
    if (many > MAX_COLUMNS || rows < 0) {
        PyErr_SetString(PyExc_ValueError, "too many columns, or a negative number of rows");
        return NULL;
    }
    Py_ssize_t total = read_columns(given, rows, columns, many);
    PyObject *found = total < 0 ? NULL : PyBytes_FromStringAndSize(NULL, total);
    if (found == NULL)
        return NULL;
    char *begin = PyBytes_AsString(found);
    if (!write_rows((Buffer){begin, begin + total}, columns, many, rows)) {
        Py_DECREF(found);
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_RuntimeError, "a column changed during the call");
        return NULL;
    }
    return found;
}

typedef struct {
    const char *text;
    Py_ssize_t size;
} Text;

/* ── searches ──────────────────────────────────────────────────────────────────────────────────────────────────── */

/* Bytes per loop without a branch, so that the compiler vectorizes the loop. */
#define BLOCK_BYTES 64

/* Returns whether the text begins at one of the first `places` bytes. */
static int begins_within(const char *data, Py_ssize_t places, const char *text, Py_ssize_t width)
{
    for (Py_ssize_t at = 0; at < places; at++)
        if (data[at] == text[0] && memcmp(data + at, text, (size_t)width) == 0)
            return 1;
    return 0;
}

/* Compares the first byte and the last two of the text at each place of a block; only blocks with a hit are searched. */
static PyObject *native_contains(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *bytes, *wanted;
    char *data, *text;
    Py_ssize_t size, width, at = 0;
    if (!PyArg_ParseTuple(args, "SS:contains", &bytes, &wanted) || PyBytes_AsStringAndSize(bytes, &data, &size) < 0
        || PyBytes_AsStringAndSize(wanted, &text, &width) < 0)
        return NULL;
    if (width < 2) {
        PyErr_SetString(PyExc_ValueError, "the text to search for must have at least two bytes");
        return NULL;
    }
    const Py_ssize_t last = width - 1, places = size - last;
    for (; places - at >= BLOCK_BYTES; at += BLOCK_BYTES) {
        unsigned char found = 0;
        for (int i = 0; i < BLOCK_BYTES; i++)
            found |= (unsigned char)((data[at + i] == text[0]) & (data[at + i + last - 1] == text[last - 1]) &
                                     (data[at + i + last] == text[last]));
        if (found && begins_within(data + at, BLOCK_BYTES, text, width))
            Py_RETURN_TRUE;
    }
    return PyBool_FromLong(begins_within(data + at, places - at, text, width));
}

/* Returns whether one of the texts that end with this byte is in the data. */
static int contains_ending(const char *data, const char *end, const Text *texts, Py_ssize_t many, char last)
{
    unsigned char is_before[256] = {0}; /* by byte before the last one: whether it can be that of a text */
    for (Py_ssize_t i = 0; i < many; i++)
        if (texts[i].text[texts[i].size - 1] == last)
            is_before[(unsigned char)texts[i].text[texts[i].size - 2]] = 1;
    const char *at = data;
    while (at < end && (at = memchr(at, last, (size_t)(end - at))) != NULL) {
        if (at++ == data || !is_before[(unsigned char)at[-2]])
            continue;
        for (Py_ssize_t i = 0; i < many; i++)
            if (texts[i].size <= at - data && memcmp(at - texts[i].size, texts[i].text, (size_t)texts[i].size) == 0)
                return 1;
    }
    return 0;
}

/* Fills the texts. Returns -1 with an exception. */
static int read_texts(PyObject *given, Text *texts, Py_ssize_t many)
{
    for (Py_ssize_t i = 0; i < many; i++) {
        char *text;
        if (PyBytes_AsStringAndSize(PyTuple_GetItem(given, i), &text, &texts[i].size) < 0)
            return -1;
        texts[i].text = text;
        if (texts[i].size < 2) {
            PyErr_SetString(PyExc_ValueError, "a text to search for must have at least two bytes");
            return -1;
        }
    }
    return 0;
}

static PyObject *native_contains_any(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *bytes, *given;
    char *data;
    Py_ssize_t size;
    if (!PyArg_ParseTuple(args, "SO!:contains_any", &bytes, &PyTuple_Type, &given)
        || PyBytes_AsStringAndSize(bytes, &data, &size) < 0)
        return NULL;
    const Py_ssize_t many = PyTuple_Size(given);
    Text *texts = PyMem_Calloc((size_t)many, sizeof(Text));
    if (texts == NULL)
        return PyErr_NoMemory();
    int found = read_texts(given, texts, many);
    unsigned char is_searched[256] = {0}; /* by last byte of a text */
    for (Py_ssize_t i = 0; found == 0 && i < many; i++) {
        const char last = texts[i].text[texts[i].size - 1];
        if (!is_searched[(unsigned char)last])
            found = contains_ending(data, data + size, texts, many, last);
        is_searched[(unsigned char)last] = 1;
    }
    PyMem_Free(texts);
    return found < 0 ? NULL : PyBool_FromLong(found);
}

static PyObject *native_count_byte(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *bytes;
    char *data, byte;
    Py_ssize_t size, at = 0, many = 0;
    if (!PyArg_ParseTuple(args, "Sc:count_byte", &bytes, &byte) || PyBytes_AsStringAndSize(bytes, &data, &size) < 0)
        return NULL;
    for (; size - at >= BLOCK_BYTES; at += BLOCK_BYTES) {
        unsigned char found = 0;
        for (int i = 0; i < BLOCK_BYTES; i++)
            found = (unsigned char)(found + (data[at + i] == byte));
        many += found;
    }
    for (; at < size; at++)
        many += data[at] == byte;
    return PyLong_FromSsize_t(many);
}

static PyObject *native_needs_no_escaping(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *bytes;
    char *data;
    Py_ssize_t size, at = 0;
    if (!PyArg_ParseTuple(args, "S:needs_no_escaping", &bytes) || PyBytes_AsStringAndSize(bytes, &data, &size) < 0)
        return NULL;
    unsigned char found = 0;
    for (; size - at >= BLOCK_BYTES && !found; at += BLOCK_BYTES)
        for (int i = 0; i < BLOCK_BYTES; i++) {
            unsigned char byte = (unsigned char)data[at + i];
            found |= (unsigned char)((byte == '\\') | ((byte < ' ') & (byte != '\n')));
        }
    for (; at < size && !found; at++) {
        unsigned char byte = (unsigned char)data[at];
        found |= (unsigned char)((byte == '\\') | ((byte < ' ') & (byte != '\n')));
    }
    return PyBool_FromLong(!found);
}

/* ── are_ipv4 ────────────────────────────────────────────────────────────────────────────────────────────────── */

#define IPV4_PARTS 4
#define MAX_PART 255

/* Returns the end of a number from 0 to 255 without leading zeros, or NULL. */
static const char *skip_part(const char *at, const char *end)
{
    const char *begin = at;
    int number = 0;
    while (at < end && *at >= '0' && *at <= '9' && number <= MAX_PART)
        number = number * 10 + (*at++ - '0');
    return at == begin || number > MAX_PART || (*begin == '0' && at - begin > 1) ? NULL : at;
}

static int is_ipv4(const char *at, const char *end)
{
    for (int part = 0; part < IPV4_PARTS; part++) {
        if (part > 0 && (at == end || *at++ != '.'))
            return 0;
        if ((at = skip_part(at, end)) == NULL)
            return 0;
    }
    return at == end;
}

static PyObject *native_are_ipv4(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *texts;
    if (!PyArg_ParseTuple(args, "O!:are_ipv4", &PyList_Type, &texts))
        return NULL;
    Py_ssize_t many = PyList_Size(texts);
    for (Py_ssize_t i = 0; i < many; i++) {
        Py_ssize_t size;
        const char *text = text_at(texts, i, &size);
        if (text == NULL && !PyErr_ExceptionMatches(PyExc_UnicodeEncodeError))
            return NULL;
        PyErr_Clear(); /* a lone surrogate */
        if (text == NULL || !is_ipv4(text, text + size))
            Py_RETURN_FALSE;
    }
    Py_RETURN_TRUE;
}

/* ── locate_members ──────────────────────────────────────────────────────────────────────────────────────────── */

#define MAX_NAMES 16
#define ABSENT (-1)
#define UNDECIDED (-2)

/* The bytes of a member: start of the key, start and end of the value. */
typedef struct {
    Py_ssize_t start, value, end;
} MemberSpan;

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n'))
        at++;
    return at;
}

/* Returns the place after the closing quote of the string whose opening quote is at `at`, or NULL. */
static const char *skip_string(const char *at, const char *end)
{
    const char *begin = ++at;
    while (at < end && (at = memchr(at, '"', (size_t)(end - at))) != NULL) {
        const char *before = at;
        while (before > begin && before[-1] == '\\')
            before--;
        at++;
        if ((at - 1 - before) % 2 == 0)
            return at;
    }
    return NULL;
}

/* Returns the place after the value at `at`, or NULL. Brackets are counted, not compared. */
static const char *skip_value(const char *at, const char *end)
{
    const char *begin = at;
    if (at < end && *at == '"')
        return skip_string(at, end);
    if (at < end && (*at == '{' || *at == '[')) {
        Py_ssize_t depth = 0;
        while (at != NULL && at < end) {
            if (*at == '"') {
                at = skip_string(at, end);
                continue;
            }
            depth += (*at == '{' || *at == '[') - (*at == '}' || *at == ']');
            at++;
            if (depth == 0)
                return at;
        }
        return NULL;
    }
    while (at < end && memchr(" \t\r\n,:\"[]{}", *at, 11) == NULL)
        at++;
    return at > begin ? at : NULL;
}

/* Compares the key, without its quotes, with one name. */
static void note_member(const Text *name, MemberSpan *span, const char *key, Py_ssize_t size, MemberSpan found)
{
    if (size < name->size || memcmp(key, name->text, (size_t)name->size) != 0)
        return;
    if (size == name->size)
        *span = span->start == ABSENT ? found : (MemberSpan){UNDECIDED, UNDECIDED, UNDECIDED};
    else if (key[name->size] == '.')
        *span = (MemberSpan){UNDECIDED, UNDECIDED, UNDECIDED};
}

/* Fills the span of each name. Returns 0 if the text is not a list of members, or a key contains an escape. */
static int locate_in(const char *data, Py_ssize_t size, const Text *names, Py_ssize_t many, MemberSpan *spans)
{
    const char *end = data + size, *at = skip_blanks(data, end);
    for (Py_ssize_t i = 0; i < many; i++)
        spans[i] = (MemberSpan){ABSENT, ABSENT, ABSENT};
    while (at < end) {
        const char *key = at, *after_key = *at == '"' ? skip_string(at, end) : NULL;
        if (after_key == NULL || memchr(key, '\\', (size_t)(after_key - key)) != NULL)
            return 0;
        at = skip_blanks(after_key, end);
        if (at == end || *at != ':')
            return 0;
        const char *value = skip_blanks(at + 1, end), *after = skip_value(value, end);
        if (after == NULL)
            return 0;
        for (Py_ssize_t i = 0; i < many; i++)
            note_member(&names[i], &spans[i], key + 1, after_key - key - 2,
                        (MemberSpan){key - data, value - data, after - data});
        at = skip_blanks(after, end);
        if (at == end)
            return 1;
        if (*at != ',' || (at = skip_blanks(at + 1, end)) == end)
            return 0;
    }
    return 1;
}

static Py_ssize_t count_characters(const char *data, Py_ssize_t bytes)
{
    Py_ssize_t many = 0;
    for (Py_ssize_t i = 0; i < bytes; i++)
        many += ((unsigned char)data[i] & 0xC0) != 0x80;
    return many;
}

static int set_number(PyObject *list, Py_ssize_t row, Py_ssize_t number)
{
    PyObject *item = PyLong_FromSsize_t(number);
    return item == NULL ? -1 : PyList_SetItem(list, row, item);
}

/* Locates the names in one text and writes a row of the columns, three for each name. */
static int locate_row(PyObject *text, Py_ssize_t row, const Text *names, Py_ssize_t many, PyObject **columns)
{
    MemberSpan spans[MAX_NAMES];
    Py_ssize_t size = 0;
    if (text == NULL || !PyUnicode_Check(text)) {
        PyErr_SetString(PyExc_TypeError, "a text must be a string");
        return -1;
    }
    const char *data = PyUnicode_AsUTF8AndSize(text, &size);
    if (data == NULL && !PyErr_ExceptionMatches(PyExc_UnicodeEncodeError))
        return -1;
    PyErr_Clear(); /* a lone surrogate */
    int is_valid = data != NULL && locate_in(data, size, names, many, spans);
    int is_ascii = is_valid && PyUnicode_GetLength(text) == size;
    for (Py_ssize_t i = 0; i < many; i++) {
        MemberSpan span = is_valid ? spans[i] : (MemberSpan){UNDECIDED, UNDECIDED, UNDECIDED};
        if (!is_ascii && span.start >= 0)
            span = (MemberSpan){count_characters(data, span.start), count_characters(data, span.value),
                                count_characters(data, span.end)};
        if (set_number(columns[3 * i], row, span.start) < 0 || set_number(columns[3 * i + 1], row, span.value) < 0
            || set_number(columns[3 * i + 2], row, span.end) < 0)
            return -1;
    }
    return 0;
}

static int read_names(PyObject *given, Text *names)
{
    Py_ssize_t many = PyTuple_Size(given);
    if (many > MAX_NAMES) {
        PyErr_SetString(PyExc_ValueError, "too many names");
        return -1;
    }
    for (Py_ssize_t i = 0; i < many; i++) {
        PyObject *name = PyTuple_GetItem(given, i);
        names[i].text = name == NULL ? NULL : PyUnicode_AsUTF8AndSize(name, &names[i].size);
        if (names[i].text == NULL)
            return -1;
    }
    return 0;
}

static PyObject *native_locate_members(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *texts, *given, *columns[3 * MAX_NAMES];
    Text names[MAX_NAMES];
    if (!PyArg_ParseTuple(args, "O!O!:locate_members", &PyList_Type, &texts, &PyTuple_Type, &given)
        || read_names(given, names) < 0)
        return NULL;
    const Py_ssize_t many = PyTuple_Size(given), rows = PyList_Size(texts);
    PyObject *found = PyList_New(3 * many);
    for (Py_ssize_t i = 0; found != NULL && i < 3 * many; i++) {
        columns[i] = PyList_New(rows);
        if (columns[i] == NULL || PyList_SetItem(found, i, columns[i]) < 0)
            Py_CLEAR(found);
    }
    for (Py_ssize_t row = 0; found != NULL && row < rows; row++)
        if (locate_row(PyList_GetItem(texts, row), row, names, many, columns) < 0)
            Py_CLEAR(found);
    return found;
}

/* ── encode_pairs ────────────────────────────────────────────────────────────────────────────────────────────── */

#define MAX_PAIRS 128
#define MAX_DOTS 16
#define KEY_SLOTS 256

#define BLANK 1   /* white space within a line */
#define EQUALS 2
#define QUOTE 4
#define BACKSLASH 8
#define CONTROL 16 /* needs an escape in JSON */
#define DOT 32

static const unsigned char kinds[256] = {
    CONTROL, CONTROL, CONTROL, CONTROL, CONTROL, CONTROL, CONTROL, CONTROL, CONTROL, CONTROL | BLANK, CONTROL,
    CONTROL | BLANK, CONTROL | BLANK, CONTROL, CONTROL, CONTROL, CONTROL, CONTROL, CONTROL, CONTROL, CONTROL,
    CONTROL, CONTROL, CONTROL, CONTROL, CONTROL, CONTROL, CONTROL, CONTROL, CONTROL, CONTROL, CONTROL, [' '] = BLANK,
    ['"'] = QUOTE, ['.'] = DOT, ['='] = EQUALS, ['\\'] = BACKSLASH,
};

typedef struct {
    const char *key, *value;
    Py_ssize_t key_size, value_size;
    int has_value, has_escapes, dots; /* points in the key */
} Pair;

/* A key of an earlier line, and its index among the wanted names, or ABSENT. Free if `size` is 0. */
typedef struct {
    const char *text;
    Py_ssize_t size, column;
} KeySlot;

typedef struct {
    PyObject *names;                /* set of the root names of all keys */
    PyObject *columns[MAX_NAMES];   /* values of the wanted names; NULL if no line has one */
    PyObject *values[MAX_NAMES];    /* borrowed: JSON to write instead of the values; NULL: write the values */
    Text wanted[MAX_NAMES];
    Py_ssize_t wanted_count, rows;
    KeySlot slots[KEY_SLOTS];
    char *buffer;
    Py_ssize_t capacity;
} PairEncoder;

static const char *skip_line_blanks(const char *at, const char *end)
{
    while (at < end && (kinds[(unsigned char)*at] & BLANK))
        at++;
    return at;
}

/* Returns the place of the first byte of one of the kinds `stop`, or `end`; adds the kinds of all bytes before to `seen`. */
static const char *skip_until(const char *at, const char *end, int stop, int *seen)
{
    int all = 0, kind;
    while (at < end && !((kind = kinds[(unsigned char)*at]) & stop)) {
        all |= kind;
        at++;
    }
    *seen |= all;
    return at;
}

/* Returns the place of the closing quote of the text that begins at `at`, or NULL if it has an escape that JSON would
 * write differently, or no end. */
static const char *find_closing_quote(const char *at, const char *end, int *has_escapes)
{
    int seen = 0;
    while ((at = skip_until(at, end, QUOTE | BACKSLASH, &seen)) < end && *at == '\\') {
        if (end - at < 2 || at[1] == '\0' || strchr("\"\\bfnrt", at[1]) == NULL)
            return NULL;
        *has_escapes = 1;
        at += 2;
    }
    return at < end && !(seen & CONTROL) ? at : NULL;
}

/* Returns the number of points in a key, or -1 if a name between them is empty, or the line is undecided for another
 * reason. The sidecar sorts the fields below `log`. */
static int count_dots(const char *key, Py_ssize_t size)
{
    int dots = 0;
    if (key[0] == '.' || key[size - 1] == '.' || (size > 4 && memcmp(key, "log.", 4) == 0))
        return -1;
    for (Py_ssize_t i = 0; i < size; i++)
        if (key[i] == '.' && (++dots > MAX_DOTS || key[i - 1] == '.'))
            return -1;
    return dots;
}

/* Reads the pair at `at`, which is no blank. Returns the place after it, or NULL if its line is undecided. */
static const char *read_pair(const char *at, const char *end, Pair *pair)
{
    int seen = 0;
    pair->key = at;
    at = skip_until(at, end, BLANK | EQUALS | QUOTE, &seen);
    pair->key_size = at - pair->key;
    pair->has_value = at < end && *at == '=';
    pair->has_escapes = pair->dots = 0;
    pair->value = NULL;
    pair->value_size = 0;
    if (pair->key_size == 0 || (seen & (CONTROL | BACKSLASH)) || (at < end && *at == '"'))
        return NULL;
    if ((seen & DOT) && (pair->dots = count_dots(pair->key, pair->key_size)) < 0)
        return NULL;
    if (!pair->has_value)
        return at;
    pair->value = ++at;
    if (at < end && *at == '"') {
        pair->value = ++at;
        if ((at = find_closing_quote(at, end, &pair->has_escapes)) == NULL)
            return NULL;
        pair->value_size = at++ - pair->value;
        return at == end || (kinds[(unsigned char)*at] & BLANK) ? at : NULL;
    }
    at = skip_until(at, end, BLANK | QUOTE, &seen);
    pair->value_size = at - pair->value;
    return (seen & (CONTROL | BACKSLASH)) || (at < end && *at == '"') ? NULL : at;
}

static int is_same_key(const Pair *one, const Pair *other)
{
    return one->key_size == other->key_size && memcmp(one->key, other->key, (size_t)one->key_size) == 0;
}

static unsigned hash_key(const Pair *pair)
{
    const unsigned char *key = (const unsigned char *)pair->key;
    return (unsigned)pair->key_size * 67 + key[0] * 7u + key[pair->key_size - 1] * 13u + key[pair->key_size / 2];
}

/* Returns the size of the part of both keys that names the same objects: up to a point, and with it. Returns -1 if one
 * key names an object that contains the other. */
static Py_ssize_t common_objects(const Pair *one, const Pair *other)
{
    const Py_ssize_t size = one->key_size < other->key_size ? one->key_size : other->key_size;
    Py_ssize_t at = 0, common = 0;
    for (; at < size && one->key[at] == other->key[at]; at++)
        if (one->key[at] == '.')
            common = at + 1;
    if (at == size && ((size < one->key_size && one->key[size] == '.')
                       || (size < other->key_size && other->key[size] == '.')))
        return -1;
    return common;
}

/* Returns whether the members of each object are adjacent, and no key has a value and members. */
static int are_nested(const Pair *pairs, Py_ssize_t many)
{
    for (Py_ssize_t i = 1; i < many; i++) {
        const Py_ssize_t open = common_objects(&pairs[i - 1], &pairs[i]);
        if (open < 0)
            return 0;
        for (Py_ssize_t j = 0; j < i - 1; j++) {
            if (pairs[j].dots == 0 && pairs[i].dots == 0)
                continue;
            const Py_ssize_t common = common_objects(&pairs[j], &pairs[i]);
            if (common < 0 || common > open)
                return 0;
        }
    }
    return 1;
}

/* Reads all pairs of a line. Returns their number, or 0 if the line is undecided. */
static Py_ssize_t read_pairs(const char *at, const char *end, Pair *pairs)
{
    Py_ssize_t many = 0;
    unsigned long long hashes = 0;
    int has_dots = 0;
    while ((at = skip_line_blanks(at, end)) < end) {
        if (many == MAX_PAIRS || (at = read_pair(at, end, &pairs[many])) == NULL)
            return 0;
        const unsigned long long hash = 1ull << (hash_key(&pairs[many]) % 64);
        if (hashes & hash)
            for (Py_ssize_t i = 0; i < many; i++)
                if (is_same_key(&pairs[i], &pairs[many]))
                    return 0;
        hashes |= hash;
        has_dots |= pairs[many++].dots;
    }
    return many > 0 && pairs[0].has_value && (!has_dots || are_nested(pairs, many)) ? many : 0;
}

/* Finds the index of the key among the wanted names, or ABSENT. Adds a new root name. Returns -1 with an exception. */
static int find_column(PairEncoder *encoder, const Pair *pair, Py_ssize_t *column)
{
    KeySlot *slot = &encoder->slots[hash_key(pair) % KEY_SLOTS];
    if (slot->size != pair->key_size || memcmp(slot->text, pair->key, (size_t)pair->key_size) != 0) {
        const char *dot = pair->dots == 0 ? NULL : memchr(pair->key, '.', (size_t)pair->key_size);
        PyObject *name = PyUnicode_DecodeUTF8(pair->key, dot == NULL ? pair->key_size : dot - pair->key, NULL);
        int status = name == NULL ? -1 : PySet_Add(encoder->names, name);
        Py_XDECREF(name);
        if (status < 0)
            return -1;
        *slot = (KeySlot){pair->key, pair->key_size, ABSENT};
        for (Py_ssize_t i = encoder->wanted_count - 1; i >= 0; i--)
            if (encoder->wanted[i].size == pair->key_size
                && memcmp(encoder->wanted[i].text, pair->key, (size_t)pair->key_size) == 0)
                slot->column = i;
    }
    *column = slot->column;
    return 0;
}

static PyObject *new_empty_column(Py_ssize_t rows)
{
    PyObject *column = PyList_New(rows), *empty = PyUnicode_FromStringAndSize("", 0);
    for (Py_ssize_t row = 0; column != NULL && row < rows; row++)
        if (empty == NULL || PyList_SetItem(column, row, Py_NewRef(empty)) < 0)
            Py_CLEAR(column);
    Py_XDECREF(empty);
    return column;
}

static int set_value(PairEncoder *encoder, Py_ssize_t column, Py_ssize_t row, const Pair *pair)
{
    if (encoder->columns[column] == NULL && (encoder->columns[column] = new_empty_column(encoder->rows)) == NULL)
        return -1;
    PyObject *value = PyUnicode_DecodeUTF8(pair->value, pair->value_size, NULL);
    return value == NULL ? -1 : PyList_SetItem(encoder->columns[column], row, value);
}

/* Makes room for this many bytes. Returns the buffer, or NULL with an exception. */
static char *reserve(PairEncoder *encoder, Py_ssize_t size)
{
    if (size > encoder->capacity) {
        char *buffer = PyMem_Realloc(encoder->buffer, (size_t)size);
        if (buffer == NULL) {
            PyErr_NoMemory();
            return NULL;
        }
        encoder->buffer = buffer;
        encoder->capacity = size;
    }
    return encoder->buffer;
}

/* The bytes around a key and its value: two quotes for each, colon and comma; or two quotes, colon, `true` and comma. */
#define MEMBER_BYTES 8
/* The bytes for a point in a key, which are `":{"` and `}`, without the point. */
#define DOT_BYTES 4

/* Writes the key without the first `open` bytes, which name objects that are open already. Returns 0 if it does not fit. */
static int write_key(Buffer *out, const Pair *pair, Py_ssize_t open)
{
    const char *at = pair->key + open, *end = pair->key + pair->key_size, *dot;
    while (pair->dots > 0 && (dot = memchr(at, '.', (size_t)(end - at))) != NULL) {
        if (!write_text(out, "\"", 1) || !write_text(out, at, dot - at) || !write_text(out, "\":{", 3))
            return 0;
        at = dot + 1;
    }
    return write_text(out, "\"", 1) && write_text(out, at, end - at) && write_text(out, "\":", 2);
}

/* Closes the objects of the previous key that are not objects of this key. Returns the size of the part of the key that
 * names objects which stay open, or -1 if the text does not fit. */
static Py_ssize_t close_objects(Buffer *out, const Pair *previous, const Pair *pair)
{
    const Py_ssize_t open = previous->dots == 0 ? 0 : common_objects(previous, pair);
    for (Py_ssize_t i = open; previous->dots > 0 && i < previous->key_size; i++)
        if (previous->key[i] == '.' && !write_text(out, "}", 1))
            return -1;
    return write_text(out, ",", 1) ? open : -1;
}

/* Writes a value, or the JSON that replaces it if this is not NULL. Returns 0 if it does not fit. */
static int write_value(Buffer *out, const Pair *pair, const char *json, Py_ssize_t size)
{
    if (!pair->has_value)
        return write_text(out, "true", 4);
    if (json != NULL)
        return write_text(out, json, size);
    return write_text(out, "\"", 1) && write_text(out, pair->value, pair->value_size) && write_text(out, "\"", 1);
}

/* A value that is replaced: JSON text. */
typedef struct {
    const char *json;
    Py_ssize_t size;
} Replacement;

/* Returns the body of the object with these members, or NULL with an exception. */
static PyObject *write_members(PairEncoder *encoder, const Pair *pairs, const Replacement *replaced, Py_ssize_t many)
{
    Py_ssize_t capacity = 0;
    for (Py_ssize_t i = 0; capacity >= 0 && i < many; i++) {
        capacity = add_sizes(capacity, pairs[i].key_size + pairs[i].dots * DOT_BYTES + MEMBER_BYTES);
        if (capacity >= 0)
            capacity = add_sizes(capacity, replaced[i].json == NULL ? pairs[i].value_size : replaced[i].size);
    }
    char *begin = capacity < 0 ? NULL : reserve(encoder, capacity);
    if (begin == NULL)
        return NULL;
    Buffer out = {begin, begin + capacity};
    int fits = 1;
    for (Py_ssize_t i = 0; fits && i < many; i++) {
        const Py_ssize_t open = i == 0 ? 0 : close_objects(&out, &pairs[i - 1], &pairs[i]);
        fits = open >= 0 && write_key(&out, &pairs[i], open)
               && write_value(&out, &pairs[i], replaced[i].json, replaced[i].size);
    }
    for (int i = 0; fits && i < pairs[many - 1].dots; i++)
        fits = write_text(&out, "}", 1);
    if (!fits) {
        PyErr_SetString(PyExc_RuntimeError, "the members of a line exceed their buffer");
        return NULL;
    }
    return PyUnicode_DecodeUTF8(begin, out.at - begin, NULL);
}

/* Returns a new reference to the body of a line, or to None if it is undecided; NULL with an exception. */
static PyObject *encode_line(PairEncoder *encoder, Py_ssize_t row, const char *at, const char *end)
{
    Pair pairs[MAX_PAIRS];
    Replacement replaced[MAX_PAIRS];
    Py_ssize_t columns[MAX_PAIRS];
    const Py_ssize_t many = read_pairs(at, end, pairs);
    int is_decided = many > 0;
    for (Py_ssize_t i = 0; i < many; i++) {
        if (find_column(encoder, &pairs[i], &columns[i]) < 0)
            return NULL;
        if (columns[i] != ABSENT && pairs[i].has_escapes)
            is_decided = 0;
    }
    if (!is_decided)
        return Py_NewRef(Py_None);
    for (Py_ssize_t i = 0; i < many; i++) {
        PyObject *values = columns[i] == ABSENT || !pairs[i].has_value ? NULL : encoder->values[columns[i]];
        replaced[i] = (Replacement){NULL, 0};
        if (columns[i] != ABSENT && pairs[i].has_value && set_value(encoder, columns[i], row, &pairs[i]) < 0)
            return NULL;
        if (values != NULL && (replaced[i].json = text_at(values, row, &replaced[i].size)) == NULL)
            return NULL;
    }
    return write_members(encoder, pairs, replaced, many);
}

static PyObject *encode_lines(PairEncoder *encoder, const char *at, const char *end)
{
    PyObject *bodies = PyList_New(encoder->rows);
    for (Py_ssize_t row = 0; bodies != NULL && row < encoder->rows; row++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        PyObject *body = encode_line(encoder, row, at, stop == NULL ? end : stop);
        if (body == NULL || PyList_SetItem(bodies, row, body) < 0)
            Py_CLEAR(bodies);
        at = stop == NULL ? end : stop + 1;
    }
    return bodies;
}

static PyObject *columns_of(const PairEncoder *encoder)
{
    PyObject *found = PyList_New(encoder->wanted_count);
    for (Py_ssize_t i = 0; found != NULL && i < encoder->wanted_count; i++)
        if (PyList_SetItem(found, i, Py_NewRef(encoder->columns[i] == NULL ? Py_None : encoder->columns[i])) < 0)
            Py_CLEAR(found);
    return found;
}

/* Reads the lists of JSON that replace the values of the wanted names. Returns -1 with an exception. */
static int read_replacements(PairEncoder *encoder, PyObject *given)
{
    if (!PyList_Check(given) || PyList_Size(given) != encoder->wanted_count) {
        PyErr_SetString(PyExc_ValueError, "there must be a list of values, or None, for each wanted name");
        return -1;
    }
    for (Py_ssize_t i = 0; i < encoder->wanted_count; i++) {
        PyObject *values = PyList_GetItem(given, i);
        if (values == Py_None)
            continue;
        if (!PyList_Check(values) || PyList_Size(values) != encoder->rows) {
            PyErr_SetString(PyExc_ValueError, "values must be a list with an item for each line");
            return -1;
        }
        encoder->values[i] = values;
    }
    return 0;
}

static PyObject *native_encode_pairs(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *text, *wanted, *values = Py_None, *found = NULL;
    PairEncoder encoder = {0};
    if (!PyArg_ParseTuple(args, "UO!|O:encode_pairs", &text, &PyTuple_Type, &wanted, &values)
        || read_names(wanted, encoder.wanted) < 0)
        return NULL;
    Py_ssize_t size;
    const char *data = PyUnicode_AsUTF8AndSize(text, &size);
    if (data == NULL)
        return NULL;
    encoder.wanted_count = PyTuple_Size(wanted);
    encoder.rows = count_lines(data, data + size) + (size > 0 && data[size - 1] != '\n');
    if (values != Py_None && read_replacements(&encoder, values) < 0)
        return NULL;
    encoder.names = PySet_New(NULL);
    PyObject *bodies = encoder.names == NULL ? NULL : encode_lines(&encoder, data, data + size);
    PyObject *columns = bodies == NULL ? NULL : columns_of(&encoder);
    if (columns != NULL)
        found = PyTuple_Pack(3, bodies, encoder.names, columns);
    Py_XDECREF(columns);
    Py_XDECREF(bodies);
    Py_XDECREF(encoder.names);
    for (Py_ssize_t i = 0; i < encoder.wanted_count; i++)
        Py_XDECREF(encoder.columns[i]);
    PyMem_Free(encoder.buffer);
    return found;
}

/* ── mask_ipv4, mask_email ───────────────────────────────────────────────────────────────────────────────────── */

#define MAX_LOCAL_BYTES 64
#define MAX_LABEL_BYTES 63

/* The parts of a text to replace: starts and ends in turn. */
typedef struct {
    Py_ssize_t *bounds;
    Py_ssize_t count, capacity;
} Parts;

/* Returns 1 on success, -1 with an exception. */
static int add_part(Parts *parts, Py_ssize_t start, Py_ssize_t end)
{
    if (parts->count + 2 > parts->capacity) {
        const Py_ssize_t capacity = parts->capacity == 0 ? 64 : multiply_size(parts->capacity, 2);
        const Py_ssize_t size = capacity < 0 ? -1 : multiply_size(capacity, (Py_ssize_t)sizeof(Py_ssize_t));
        Py_ssize_t *bounds = size < 0 ? NULL : PyMem_Realloc(parts->bounds, (size_t)size);
        if (bounds == NULL) {
            if (!PyErr_Occurred())
                PyErr_NoMemory();
            return -1;
        }
        parts->bounds = bounds;
        parts->capacity = capacity;
    }
    parts->bounds[parts->count++] = start;
    parts->bounds[parts->count++] = end;
    return 1;
}

static int is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static int is_alphanumeric(char byte)
{
    return is_digit(byte) || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

static int is_beyond_ascii(char byte)
{
    return ((unsigned char)byte & 0x80) != 0;
}

/* Returns the start of the last number of the address whose first point is at `dot`, and sets its end; else NULL. */
static const char *last_number(const char *data, const char *dot, const char *end, const char **number_end)
{
    const char *first = dot, *at = dot, *start = NULL;
    while (first > data && dot - first < 3 && is_digit(first[-1]))
        first--;
    if (first == dot || skip_part(first, dot) != dot)
        return NULL;
    if (first > data && (is_alphanumeric(first[-1]) || first[-1] == '_' || first[-1] == '.' || first[-1] == ':'))
        return NULL;
    for (int part = 1; part < IPV4_PARTS; part++) {
        if (at == end || *at != '.' || (start = at + 1, at = skip_part(start, end)) == NULL)
            return NULL;
    }
    if (at < end && (is_alphanumeric(*at) || *at == '_' || (*at == '.' && end - at > 1 && is_digit(at[1]))))
        return NULL;
    *number_end = at;
    return start;
}

/* Finds the last number of each address. Returns 1 on success, 0 if undecided, -1 with an exception. */
static int find_ipv4(const char *data, const char *end, Parts *parts)
{
    const char *at = data, *number_end = NULL;
    while (at < end && (at = memchr(at, '.', (size_t)(end - at))) != NULL) {
        const char *dot = at++;
        if (dot == data || at == end || !is_digit(dot[-1]) || !is_digit(*at))
            continue;
        const char *number = last_number(data, dot, end, &number_end);
        if (number == NULL)
            continue;
        const char *first = dot;
        while (first > data && is_digit(first[-1]))
            first--;
        if ((first > data && is_beyond_ascii(first[-1])) || (number_end < end && is_beyond_ascii(*number_end))
            || (end - number_end > 1 && *number_end == '.' && is_beyond_ascii(number_end[1])))
            return 0;
        if (add_part(parts, number - data, number_end - data) < 0)
            return -1;
        at = number_end;
    }
    return 1;
}

static const char *skip_label(const char *at, const char *end)
{
    const char *begin = at;
    while (at < end && at - begin < MAX_LABEL_BYTES && (is_alphanumeric(*at) || *at == '-'))
        at++;
    return at;
}

/* Returns the end of the domain name that begins at `at` and has at least two labels; else NULL. */
static const char *skip_domain(const char *at, const char *end)
{
    const char *label = skip_label(at, end), *last = NULL;
    if (label == at)
        return NULL;
    at = label;
    while (at < end && *at == '.' && (label = skip_label(at + 1, end)) > at + 1)
        last = at = label;
    return last;
}

/* Finds each email address. Returns 1 on success, -1 with an exception. */
static int find_email(const char *data, const char *end, Parts *parts)
{
    const char *at = data, *last = data;
    while (at < end && (at = memchr(at, '@', (size_t)(end - at))) != NULL) {
        const char *sign = at++, *domain_end = skip_domain(sign + 1, end), *start = sign;
        if (domain_end == NULL)
            continue;
        at = domain_end;
        while (start > last && sign - start < MAX_LOCAL_BYTES
               && (is_alphanumeric(start[-1]) || strchr("._%+-", start[-1]) != NULL) && start[-1] != '\0')
            start--;
        if (start == sign)
            continue;
        if (add_part(parts, start - data, domain_end - data) < 0)
            return -1;
        last = domain_end;
    }
    return 1;
}

/* Returns the text with the replacement in place of each part, or NULL with an exception. */
static PyObject *replace_parts(const char *data, Py_ssize_t size, const Parts *parts, const char *text, Py_ssize_t width)
{
    const Py_ssize_t added = multiply_size(width, parts->count / 2);
    const Py_ssize_t capacity = added < 0 ? -1 : add_sizes(size, added);
    char *begin = capacity < 0 ? NULL : PyMem_Malloc((size_t)capacity);
    if (begin == NULL)
        return capacity < 0 ? NULL : PyErr_NoMemory();
    Buffer out = {begin, begin + capacity};
    Py_ssize_t at = 0;
    int fits = 1;
    for (Py_ssize_t i = 0; fits && i < parts->count; i += 2) {
        fits = write_text(&out, data + at, parts->bounds[i] - at) && write_text(&out, text, width);
        at = parts->bounds[i + 1];
    }
    PyObject *found = NULL;
    if (fits && write_text(&out, data + at, size - at))
        found = PyUnicode_DecodeUTF8(begin, out.at - begin, NULL);
    else
        PyErr_SetString(PyExc_RuntimeError, "the text exceeds its buffer");
    PyMem_Free(begin);
    return found;
}

static PyObject *mask_parts(PyObject *text, PyObject *replacement, int (*find)(const char *, const char *, Parts *))
{
    Py_ssize_t size, width;
    const char *data = PyUnicode_AsUTF8AndSize(text, &size);
    const char *mask = data == NULL ? NULL : PyUnicode_AsUTF8AndSize(replacement, &width);
    if (data == NULL && PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) { /* a lone surrogate */
        PyErr_Clear();
        Py_RETURN_NONE;
    }
    if (data == NULL || mask == NULL)
        return NULL;
    Parts parts = {NULL, 0, 0};
    PyObject *found = NULL;
    const int status = find(data, data + size, &parts);
    if (status == 0)
        found = Py_NewRef(Py_None);
    else if (status > 0)
        found = parts.count == 0 ? Py_NewRef(text) : replace_parts(data, size, &parts, mask, width);
    PyMem_Free(parts.bounds);
    return found;
}

static PyObject *native_mask_ipv4(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *text, *replacement;
    if (!PyArg_ParseTuple(args, "UU:mask_ipv4", &text, &replacement))
        return NULL;
    return mask_parts(text, replacement, find_ipv4);
}

static PyObject *native_mask_email(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *text, *replacement;
    if (!PyArg_ParseTuple(args, "UU:mask_email", &text, &replacement))
        return NULL;
    return mask_parts(text, replacement, find_email);
}

static PyMethodDef methods[] = {
    {"split_lines", native_split_lines, METH_VARARGS, NULL},
    {"strip_braces", native_strip_braces, METH_VARARGS, NULL},
    {"join_columns", native_join_columns, METH_VARARGS, NULL},
    {"contains", native_contains, METH_VARARGS, NULL},
    {"contains_any", native_contains_any, METH_VARARGS, NULL},
    {"are_ipv4", native_are_ipv4, METH_VARARGS, NULL},
    {"count_byte", native_count_byte, METH_VARARGS, NULL},
    {"needs_no_escaping", native_needs_no_escaping, METH_VARARGS, NULL},
    {"locate_members", native_locate_members, METH_VARARGS, NULL},
    {"encode_pairs", native_encode_pairs, METH_VARARGS, NULL},
    {"mask_ipv4", native_mask_ipv4, METH_VARARGS, NULL},
    {"mask_email", native_mask_email, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_native", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__native(void)
{
    return PyModuleDef_Init(&definition);
}
