/* fallback.py, compiled: it says what each function means, and tests/test_columns.py compares the two. Only the limited
 * API is used, so that one build serves every CPython from 3.11 on. */

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030b0000
#include <Python.h>
#include <limits.h>
#include <string.h>

/* ── lines ───────────────────────────────────────────────────────────────────────────────────────────────────── */

static Py_ssize_t count_lines(const char *at, const char *end)
{
    Py_ssize_t lines = 0;
    while (at < end && (at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        lines++;
        at++;
    }
    return lines;
}

/* Fills `texts` and `starts`; no start exceeds a long long. Returns 1, 0 if a line is empty or no UTF-8, or -1 with an exception. */
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

static PyObject *native_lines(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *bytes;
    char *data;
    Py_ssize_t size;
    long long offset;
    if (!PyArg_ParseTuple(args, "SL:lines", &bytes, &offset) || PyBytes_AsStringAndSize(bytes, &data, &size) < 0)
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

/* ── unwrapped ───────────────────────────────────────────────────────────────────────────────────────────────── */

/* Whether the text has at least two characters and these two at its ends; -1 with an exception. */
static int is_wrapped(PyObject *text, Py_UCS4 first, Py_UCS4 last)
{
    Py_ssize_t length = PyUnicode_GetLength(text);
    if (length < 2)
        return length < 0 ? -1 : 0;
    return PyUnicode_ReadChar(text, 0) == first && PyUnicode_ReadChar(text, length - 1) == last;
}

static PyObject *native_unwrapped(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *texts;
    int first, last;
    if (!PyArg_ParseTuple(args, "O!CC:unwrapped", &PyList_Type, &texts, &first, &last))
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

/* ── rendered ────────────────────────────────────────────────────────────────────────────────────────────────── */

#define MOST_COLUMNS 16
#define MOST_DIGITS 19

typedef struct {
    PyObject *list;   /* of strings or of numbers, one for each row; NULL: the same text in each */
    int is_numbers;
    const char *text; /* of a column that is the same in each row */
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

/* The number in this row, or -1 with an exception. Only an int itself is asked, so that no Python code runs meanwhile. */
static long long number_at(PyObject *list, Py_ssize_t row)
{
    PyObject *item = PyList_GetItem(list, row);
    if (item == NULL)
        return -1;
    if (!PyLong_CheckExact(item)) {
        PyErr_SetString(PyExc_TypeError, "a column of numbers holds something else");
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

/* The sum, or -1 with an exception if there is no such size. Neither is negative. */
static Py_ssize_t add_sizes(Py_ssize_t one, Py_ssize_t other)
{
    if (one <= PY_SSIZE_T_MAX - other)
        return one + other;
    PyErr_SetString(PyExc_OverflowError, "the rows are larger than memory can be");
    return -1;
}

/* The product, or -1 with an exception if there is no such size. Neither is negative. */
static Py_ssize_t multiply_size(Py_ssize_t size, Py_ssize_t rows)
{
    if (rows == 0 || size <= PY_SSIZE_T_MAX / rows)
        return size * rows;
    PyErr_SetString(PyExc_OverflowError, "the rows are larger than memory can be");
    return -1;
}

/* The bytes of one column in all rows, or -1 with an exception. */
static Py_ssize_t size_of(const Column *column, Py_ssize_t rows)
{
    if (column->list == NULL)
        return multiply_size(column->size, rows);
    Py_ssize_t total = 0;
    for (Py_ssize_t row = 0; total >= 0 && row < rows; row++) {
        Py_ssize_t size;
        if (column->is_numbers) {
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

/* Where rows are written to, and where the room for them ends. */
typedef struct {
    char *at, *end;
} Room;

/* Zero if there is no room for it. */
static int write_text(Room *room, const char *text, Py_ssize_t size)
{
    if (size > room->end - room->at)
        return 0;
    memcpy(room->at, text, (size_t)size);
    room->at += size;
    return 1;
}

static int write_number(Room *room, unsigned long long number)
{
    char digits[MOST_DIGITS + 1];
    int at = MOST_DIGITS + 1;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    return write_text(room, digits + at, MOST_DIGITS + 1 - at);
}

static int write_cell(Room *room, const Column *column, Py_ssize_t row)
{
    if (column->list == NULL)
        return write_text(room, column->text, column->size);
    if (column->is_numbers) {
        long long number = number_at(column->list, row);
        return number >= 0 && write_number(room, (unsigned long long)number);
    }
    Py_ssize_t size;
    const char *text = text_at(column->list, row, &size);
    return text != NULL && write_text(room, text, size);
}

/* Fills the room with all rows, of which it is known how long they are. Zero, perhaps with an exception, if they are not
 * so long. */
static int write_rows(Room room, const Column *columns, Py_ssize_t many, Py_ssize_t rows)
{
    /* Rows of no bytes at all are not counted out: there may be any number of them. */
    for (Py_ssize_t row = 0; row < rows && room.at < room.end; row++)
        for (Py_ssize_t i = 0; i < many; i++)
            if (!write_cell(&room, &columns[i], row))
                return 0;
    return room.at == room.end;
}

/* A text that is in no row may hold anything. */
static int read_column(PyObject *given, Py_ssize_t rows, Column *column)
{
    *column = (Column){NULL, 0, "", 0};
    if (PyUnicode_Check(given)) {
        if (rows > 0)
            column->text = PyUnicode_AsUTF8AndSize(given, &column->size);
        return column->text == NULL ? -1 : 0;
    }
    if (!PyList_Check(given) || PyList_Size(given) != rows) {
        PyErr_SetString(PyExc_ValueError, "a column is one text, or a list with an item for each row");
        return -1;
    }
    column->list = given;
    column->is_numbers = rows > 0 && PyLong_CheckExact(PyList_GetItem(given, 0));
    return 0;
}

/* The bytes of all columns in all rows, or -1 with an exception. */
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

static PyObject *native_rendered(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *given;
    Py_ssize_t rows;
    Column columns[MOST_COLUMNS];
    if (!PyArg_ParseTuple(args, "nO!:rendered", &rows, &PyTuple_Type, &given))
        return NULL;
    Py_ssize_t many = PyTuple_Size(given);
    if (many > MOST_COLUMNS || rows < 0) {
        PyErr_SetString(PyExc_ValueError, "too many columns, or fewer than no rows");
        return NULL;
    }
    Py_ssize_t total = read_columns(given, rows, columns, many);
    PyObject *found = total < 0 ? NULL : PyBytes_FromStringAndSize(NULL, total);
    if (found == NULL)
        return NULL;
    char *begin = PyBytes_AsString(found);
    if (!write_rows((Room){begin, begin + total}, columns, many, rows)) {
        Py_DECREF(found);
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_RuntimeError, "a column has changed meanwhile");
        return NULL;
    }
    return found;
}

/* ── looked for in all bytes at once ─────────────────────────────────────────────────────────────────────────────── */

/* So many bytes are looked at without a way out of the loop between them, so that the compiler makes vectors of it. */
#define BLOCK 64

/* Whether the text begins anywhere in these places. */
static int begins_within(const char *data, Py_ssize_t places, const char *text, Py_ssize_t width)
{
    for (Py_ssize_t at = 0; at < places; at++)
        if (data[at] == text[0] && memcmp(data + at, text, (size_t)width) == 0)
            return 1;
    return 0;
}

/* A block in which its first byte and its last two stand as far apart as in the text is looked at again. */
static PyObject *native_holds(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *bytes, *wanted;
    char *data, *text;
    Py_ssize_t size, width, at = 0;
    if (!PyArg_ParseTuple(args, "SS:holds", &bytes, &wanted) || PyBytes_AsStringAndSize(bytes, &data, &size) < 0
        || PyBytes_AsStringAndSize(wanted, &text, &width) < 0)
        return NULL;
    if (width < 2) {
        PyErr_SetString(PyExc_ValueError, "at least two bytes are looked for");
        return NULL;
    }
    const Py_ssize_t last = width - 1, places = size - last;
    for (; places - at >= BLOCK; at += BLOCK) {
        unsigned char found = 0;
        for (int i = 0; i < BLOCK; i++)
            found |= (unsigned char)((data[at + i] == text[0]) & (data[at + i + last - 1] == text[last - 1]) &
                                     (data[at + i + last] == text[last]));
        if (found && begins_within(data + at, BLOCK, text, width))
            Py_RETURN_TRUE;
    }
    return PyBool_FromLong(begins_within(data + at, places - at, text, width));
}

static PyObject *native_counted(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *bytes;
    char *data, byte;
    Py_ssize_t size, at = 0, many = 0;
    if (!PyArg_ParseTuple(args, "Sc:counted", &bytes, &byte) || PyBytes_AsStringAndSize(bytes, &data, &size) < 0)
        return NULL;
    for (; size - at >= BLOCK; at += BLOCK) {
        unsigned char found = 0;
        for (int i = 0; i < BLOCK; i++)
            found = (unsigned char)(found + (data[at + i] == byte));
        many += found;
    }
    for (; at < size; at++)
        many += data[at] == byte;
    return PyLong_FromSsize_t(many);
}

static PyObject *native_is_unescaped(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *bytes;
    char *data;
    Py_ssize_t size, at = 0;
    if (!PyArg_ParseTuple(args, "S:is_unescaped", &bytes) || PyBytes_AsStringAndSize(bytes, &data, &size) < 0)
        return NULL;
    unsigned char found = 0;
    for (; size - at >= BLOCK && !found; at += BLOCK)
        for (int i = 0; i < BLOCK; i++) {
            unsigned char byte = (unsigned char)data[at + i];
            found |= (unsigned char)((byte == '\\') | ((byte < ' ') & (byte != '\n')));
        }
    for (; at < size && !found; at++) {
        unsigned char byte = (unsigned char)data[at];
        found |= (unsigned char)((byte == '\\') | ((byte < ' ') & (byte != '\n')));
    }
    return PyBool_FromLong(!found);
}

static PyMethodDef methods[] = {
    {"lines", native_lines, METH_VARARGS, NULL},
    {"unwrapped", native_unwrapped, METH_VARARGS, NULL},
    {"rendered", native_rendered, METH_VARARGS, NULL},
    {"holds", native_holds, METH_VARARGS, NULL},
    {"counted", native_counted, METH_VARARGS, NULL},
    {"is_unescaped", native_is_unescaped, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_native", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__native(void)
{
    return PyModuleDef_Init(&definition);
}
