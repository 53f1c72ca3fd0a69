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

typedef struct {
    const char *text;
    Py_ssize_t size;
} Name;

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
static void note_member(const Name *name, MemberSpan *span, const char *key, Py_ssize_t size, MemberSpan found)
{
    if (size < name->size || memcmp(key, name->text, (size_t)name->size) != 0)
        return;
    if (size == name->size)
        *span = span->start == ABSENT ? found : (MemberSpan){UNDECIDED, UNDECIDED, UNDECIDED};
    else if (key[name->size] == '.')
        *span = (MemberSpan){UNDECIDED, UNDECIDED, UNDECIDED};
}

/* Fills the span of each name. Returns 0 if the text is not a list of members, or a key contains an escape. */
static int locate_in(const char *data, Py_ssize_t size, const Name *names, Py_ssize_t many, MemberSpan *spans)
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
static int locate_row(PyObject *text, Py_ssize_t row, const Name *names, Py_ssize_t many, PyObject **columns)
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

static int read_names(PyObject *given, Name *names)
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
    Name names[MAX_NAMES];
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

static PyMethodDef methods[] = {
    {"split_lines", native_split_lines, METH_VARARGS, NULL},
    {"strip_braces", native_strip_braces, METH_VARARGS, NULL},
    {"join_columns", native_join_columns, METH_VARARGS, NULL},
    {"contains", native_contains, METH_VARARGS, NULL},
    {"are_ipv4", native_are_ipv4, METH_VARARGS, NULL},
    {"count_byte", native_count_byte, METH_VARARGS, NULL},
    {"needs_no_escaping", native_needs_no_escaping, METH_VARARGS, NULL},
    {"locate_members", native_locate_members, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_native", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__native(void)
{
    return PyModuleDef_Init(&definition);
}
