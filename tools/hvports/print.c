// SPDX-License-Identifier: GPL-2.0-only
/*
 * Objects as tables for people, or as JSON
 */
#include <ctype.h>
#include <stdlib.h>

#include "hvports.h"

/**
 * grow - make room for one more
 * @array: of malloc()
 * @nr: how many are in it
 * @size: of one
 *
 * Return: the array, which may have moved.
 */
void *grow(void *array, size_t nr, size_t size)
{
	/* It has room for a power of two; a full one is doubled. */
	if (nr & (nr - 1))
		return array;

	array = realloc(array, (nr ? 2 * nr : 1) * size);
	if (!array)
		die(STATUS_FAILED, "%s", strerror(ENOMEM));
	return array;
}

static struct cell *add_cell(struct table *t, enum cell_kind kind)
{
	struct cell *cell;

	t->cells = grow(t->cells, t->nr_cells, sizeof(*t->cells));
	cell = &t->cells[t->nr_cells++];
	*cell = (struct cell) { .kind = kind };
	return cell;
}

/**
 * add_number - add the next value
 * @t: to the table
 * @kind: CELL_NUMBER, CELL_HEX, CELL_PARTITION or CELL_BOOL
 * @number: the value
 */
void add_number(struct table *t, enum cell_kind kind, uint64_t number)
{
	add_cell(t, kind)->number = number;
}

/**
 * add_text - add the next value
 * @t: to the table
 * @kind: CELL_TEXT, CELL_WORDS or CELL_NULL
 * @text: the value
 */
void add_text(struct table *t, enum cell_kind kind, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		die(STATUS_FAILED, "%s", strerror(ENOMEM));
	add_cell(t, kind)->text = copy;
}

/**
 * table_free - forget all values
 * @t: the table, which can be filled again
 */
void table_free(struct table *t)
{
	size_t i;

	for (i = 0; i < t->nr_cells; i++)
		free(t->cells[i].text);
	free(t->cells);
	t->cells = NULL;
	t->nr_cells = 0;
}

/* For people */

#define CELL_SIZE	64
#define MAX_COLUMNS	16

/* What a terminal would obey is not shown to it. */
static const char *cell_text(const struct cell *cell, char text[CELL_SIZE])
{
	unsigned char *c;

	switch (cell->kind) {
	case CELL_NUMBER:
		snprintf(text, CELL_SIZE, "%llu", (unsigned long long)cell->number);
		break;
	case CELL_HEX:
		snprintf(text, CELL_SIZE, "0x%llx", (unsigned long long)cell->number);
		break;
	case CELL_PARTITION:
		partition_label(cell->number, text);
		break;
	case CELL_BOOL:
		snprintf(text, CELL_SIZE, "%s", cell->number ? "yes" : "no");
		break;
	default:
		snprintf(text, CELL_SIZE, "%s", cell->text[0] ? cell->text : "-");
	}
	for (c = (unsigned char *)text; *c; c++)
		if (iscntrl(*c))
			*c = '?';
	return text;
}

static bool is_listed(const struct column *column)
{
	return column->title && !column->detail;
}

/* UTF-8 is taken for characters of one column each. */
static size_t text_width(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += (*text & 0xc0) != 0x80;
	return width;
}

/**
 * struct layout - how a column is printed
 * @width: of the widest cell
 * @right: it has numbers, which end below each other
 */
struct layout {
	size_t width;
	bool right;
};

static struct layout column_layout(const struct table *t, size_t column)
{
	struct layout layout = { .width = text_width(t->columns[column].title) };
	char text[CELL_SIZE];
	size_t i, width;

	for (i = column; i < t->nr_cells; i += t->nr_columns) {
		width = text_width(cell_text(&t->cells[i], text));
		if (width > layout.width)
			layout.width = width;
		layout.right |= t->cells[i].kind == CELL_NUMBER ||
				t->cells[i].kind == CELL_HEX;
	}
	return layout;
}

static bool is_last_listed(const struct table *t, size_t column)
{
	while (++column < t->nr_columns)
		if (is_listed(&t->columns[column]))
			return false;
	return true;
}

/* With nothing behind the last word of the line */
static void print_padded(const struct table *t, size_t column, struct layout layout,
			 const char *text)
{
	const int padding = layout.width - text_width(text);
	const char *gap = column ? "  " : "";

	if (layout.right)
		printf("%s%*s%s", gap, padding, "", text);
	else if (is_last_listed(t, column))
		printf("%s%s", gap, text);
	else
		printf("%s%s%*s", gap, text, padding, "");
}

static void print_table(const struct table *t)
{
	char text[CELL_SIZE];
	struct layout layout[MAX_COLUMNS];
	size_t i, row;

	for (i = 0; i < t->nr_columns; i++) {
		if (!is_listed(&t->columns[i]))
			continue;
		layout[i] = column_layout(t, i);
		print_padded(t, i, layout[i], t->columns[i].title);
	}
	putchar('\n');

	for (row = 0; row < t->nr_cells; row += t->nr_columns) {
		for (i = 0; i < t->nr_columns; i++)
			if (is_listed(&t->columns[i]))
				print_padded(t, i, layout[i],
					     cell_text(&t->cells[row + i], text));
		putchar('\n');
	}
}

static void print_lines(const struct table *t)
{
	char text[CELL_SIZE];
	size_t i;

	for (i = 0; i < t->nr_columns; i++)
		if (t->columns[i].title)
			printf("%-16s %s\n", t->columns[i].title,
			       cell_text(&t->cells[i], text));
}

/* JSON */

/* How many bytes the UTF-8 sequence has that starts here; 0 if it is none. */
static int utf8_length(const unsigned char *c)
{
	static const unsigned char least[] = { 0, 0, 0xc2, 0xe0, 0xf0 };
	int i, length = c[0] >= 0xf0 ? 4 : c[0] >= 0xe0 ? 3 : 2;

	if (c[0] < least[length] || c[0] > 0xf4)
		return 0;
	for (i = 1; i < length; i++)
		if ((c[i] & 0xc0) != 0x80)
			return 0;
	/* Longer than need be, a surrogate, or too large */
	if ((c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] > 0x9f) ||
	    (c[0] == 0xf0 && c[1] < 0x90) || (c[0] == 0xf4 && c[1] > 0x8f))
		return 0;
	return length;
}

static const unsigned char *json_character(const unsigned char *c)
{
	int length = *c < 0x80 ? 1 : utf8_length(c);

	if (*c == '"' || *c == '\\')
		printf("\\%c", *c);
	else if (*c < 0x20 || *c == 0x7f)
		printf("\\u%04x", *c);
	else if (!length)
		fputs("\\ufffd", stdout);
	else
		printf("%.*s", length, c);
	return c + (length ?: 1);
}

static void json_string(const char *text, size_t length)
{
	const unsigned char *c = (const unsigned char *)text;

	putchar('"');
	while (c < (const unsigned char *)text + length)
		c = json_character(c);
	putchar('"');
}

static void json_words(const char *words)
{
	size_t length;

	putchar('[');
	while (*words) {
		length = strcspn(words, ",");
		json_string(words, length);
		words += length;
		if (*words)
			putchar(*words++);
	}
	putchar(']');
}

static void json_cell(const struct cell *cell)
{
	switch (cell->kind) {
	case CELL_BOOL:
		fputs(cell->number ? "true" : "false", stdout);
		break;
	case CELL_TEXT:
		json_string(cell->text, strlen(cell->text));
		break;
	case CELL_WORDS:
		json_words(cell->text);
		break;
	case CELL_NULL:
		fputs("null", stdout);
		break;
	default:
		printf("%llu", (unsigned long long)cell->number);
	}
}

static void json_row(const struct table *t, const struct cell *row)
{
	size_t i;

	for (i = 0; i < t->nr_columns; i++) {
		printf(i ? ", \"%s\": " : "{\"%s\": ", t->columns[i].key);
		json_cell(&row[i]);
	}
	putchar('}');
}

/**
 * table_json - all objects, as part of a JSON document
 * @t: the table
 */
void table_json(const struct table *t)
{
	size_t i;

	putchar('[');
	for (i = 0; i < t->nr_cells; i += t->nr_columns) {
		fputs(i ? ",\n " : "\n ", stdout);
		json_row(t, &t->cells[i]);
	}
	fputs(t->nr_cells ? "\n]" : "]", stdout);
}

/**
 * table_print - all objects
 * @t: the table
 * @json: as JSON
 */
void table_print(const struct table *t, bool json)
{
	if (!json) {
		print_table(t);
		return;
	}
	table_json(t);
	putchar('\n');
}

/**
 * table_print_one - the only object
 * @t: the table
 * @json: as JSON
 */
void table_print_one(const struct table *t, bool json)
{
	if (!json) {
		print_lines(t);
		return;
	}
	json_row(t, t->cells);
	putchar('\n');
}
