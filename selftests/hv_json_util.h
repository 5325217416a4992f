/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * JSON as RFC 8259 has it, and nothing beyond: what is not, fails the test.
 *
 * A document is parsed into nodes that live until the test ends.  Numbers are
 * kept as text, and read as 64 bits where the test asks for one.
 */
#ifndef SELFTEST_HV_JSON_UTIL_H
#define SELFTEST_HV_JSON_UTIL_H

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "hv_compat_util.h"

#define HV_JSON_MAX_DEPTH	16

enum hv_json_type {
	HV_JSON_NULL,
	HV_JSON_FALSE,
	HV_JSON_TRUE,
	HV_JSON_NUMBER,
	HV_JSON_STRING,
	HV_JSON_ARRAY,
	HV_JSON_OBJECT,
};

struct hv_json {
	enum hv_json_type type;
	/* Of a member of an object */
	char *key;
	/* Of a string or a number */
	char *text;
	/* Of an array or an object */
	struct hv_json *first;
	struct hv_json *next;
};

struct hv_json_parser {
	const char *start;
	const char *at;
	int depth;
};

static inline struct hv_json *hv_json_value(struct hv_json_parser *p);

#define HV_JSON_ASSERT(p, condition, what)					\
	TEST_ASSERT(condition, "JSON, byte %ld: %s, at \"%.40s\" of:\n%s",	\
		    (long)((p)->at - (p)->start), what, (p)->at, (p)->start)

static inline void hv_json_space(struct hv_json_parser *p)
{
	p->at += strspn(p->at, " \t\r\n");
}

static inline void hv_json_expect(struct hv_json_parser *p, const char *text)
{
	HV_JSON_ASSERT(p, !strncmp(p->at, text, strlen(text)), text);
	p->at += strlen(text);
}

static inline bool hv_json_accept(struct hv_json_parser *p, char c)
{
	if (*p->at != c)
		return false;
	p->at++;
	return true;
}

static inline struct hv_json *hv_json_node(enum hv_json_type type)
{
	struct hv_json *node = calloc(1, sizeof(*node));

	TEST_ASSERT(node, "calloc");
	node->type = type;
	return node;
}

static inline size_t hv_json_digits(struct hv_json_parser *p)
{
	size_t n = strspn(p->at, "0123456789");

	HV_JSON_ASSERT(p, n, "a digit");
	p->at += n;
	return n;
}

static inline struct hv_json *hv_json_number(struct hv_json_parser *p)
{
	struct hv_json *node = hv_json_node(HV_JSON_NUMBER);
	const char *start = p->at;

	hv_json_accept(p, '-');
	if (!hv_json_accept(p, '0'))
		hv_json_digits(p);
	if (hv_json_accept(p, '.'))
		hv_json_digits(p);
	if (hv_json_accept(p, 'e') || hv_json_accept(p, 'E')) {
		if (!hv_json_accept(p, '+'))
			hv_json_accept(p, '-');
		hv_json_digits(p);
	}
	node->text = strndup(start, p->at - start);
	return node;
}

/* Only of what ASCII has; others stay as they are written. */
static inline char hv_json_escape(struct hv_json_parser *p)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *found = strchr(from, *p->at);
	unsigned int code;

	HV_JSON_ASSERT(p, *p->at, "an escape");
	if (found) {
		p->at++;
		return to[found - from];
	}
	hv_json_expect(p, "u");
	HV_JSON_ASSERT(p, strspn(p->at, "0123456789abcdefABCDEF") >= 4, "four hex digits");
	HV_JSON_ASSERT(p, sscanf(p->at, "%4x", &code) == 1, "four hex digits");
	p->at += 4;
	return code < 0x80 ? code : '?';
}

static inline void hv_json_utf8(struct hv_json_parser *p, char **to)
{
	const unsigned char c = *p->at;
	int more = c < 0x80 ? 0 : c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;

	HV_JSON_ASSERT(p, c < 0x80 || (c >= 0xc2 && c <= 0xf4), "UTF-8");
	for (*(*to)++ = *p->at++; more; more--) {
		HV_JSON_ASSERT(p, (*p->at & 0xc0) == 0x80, "more of UTF-8");
		*(*to)++ = *p->at++;
	}
}

static inline char *hv_json_text(struct hv_json_parser *p)
{
	char *text, *to;

	hv_json_expect(p, "\"");
	text = malloc(strlen(p->at) + 1);
	TEST_ASSERT(text, "malloc");
	to = text;
	while (*p->at != '"') {
		HV_JSON_ASSERT(p, (unsigned char)*p->at >= 0x20, "a character");
		if (hv_json_accept(p, '\\'))
			*to++ = hv_json_escape(p);
		else
			hv_json_utf8(p, &to);
	}
	p->at++;
	*to = '\0';
	return text;
}

static inline bool hv_json_has_key(const struct hv_json *object, const char *key)
{
	const struct hv_json *member;

	for (member = object->first; member; member = member->next)
		if (!strcmp(member->key, key))
			return true;
	return false;
}

static inline struct hv_json *hv_json_member(struct hv_json_parser *p,
					     const struct hv_json *object)
{
	struct hv_json *member;
	char *key;

	hv_json_space(p);
	key = hv_json_text(p);
	HV_JSON_ASSERT(p, !hv_json_has_key(object, key), "a key that is new");
	hv_json_space(p);
	hv_json_expect(p, ":");
	member = hv_json_value(p);
	member->key = key;
	return member;
}

static inline struct hv_json *hv_json_members(struct hv_json_parser *p,
					      enum hv_json_type type, char end)
{
	struct hv_json *node = hv_json_node(type), **last = &node->first;

	p->at++;
	hv_json_space(p);
	if (hv_json_accept(p, end))
		return node;
	for (;;) {
		*last = type == HV_JSON_OBJECT ? hv_json_member(p, node) : hv_json_value(p);
		last = &(*last)->next;
		if (hv_json_accept(p, end))
			return node;
		hv_json_expect(p, ",");
	}
}

static inline struct hv_json *hv_json_word(struct hv_json_parser *p, const char *word,
					   enum hv_json_type type)
{
	hv_json_expect(p, word);
	return hv_json_node(type);
}

static inline struct hv_json *hv_json_string(struct hv_json_parser *p)
{
	struct hv_json *node = hv_json_node(HV_JSON_STRING);

	node->text = hv_json_text(p);
	return node;
}

static inline struct hv_json *hv_json_any(struct hv_json_parser *p)
{
	switch (*p->at) {
	case '{':
		return hv_json_members(p, HV_JSON_OBJECT, '}');
	case '[':
		return hv_json_members(p, HV_JSON_ARRAY, ']');
	case '"':
		return hv_json_string(p);
	case 'n':
		return hv_json_word(p, "null", HV_JSON_NULL);
	case 'f':
		return hv_json_word(p, "false", HV_JSON_FALSE);
	case 't':
		return hv_json_word(p, "true", HV_JSON_TRUE);
	default:
		return hv_json_number(p);
	}
}

static inline struct hv_json *hv_json_value(struct hv_json_parser *p)
{
	struct hv_json *node;

	HV_JSON_ASSERT(p, p->depth++ < HV_JSON_MAX_DEPTH, "less depth");
	hv_json_space(p);
	node = hv_json_any(p);
	hv_json_space(p);
	p->depth--;
	return node;
}

/* The only document of a text */
static inline struct hv_json *hv_json_parse(const char *text)
{
	struct hv_json_parser p = { .start = text, .at = text };
	struct hv_json *node = hv_json_value(&p);

	HV_JSON_ASSERT(&p, !*p.at, "the end");
	return node;
}

/* What a document says */

static inline struct hv_json *hv_json_get(const struct hv_json *object, const char *key)
{
	struct hv_json *member;

	TEST_ASSERT(object && object->type == HV_JSON_OBJECT, "no object with a \"%s\"", key);
	for (member = object->first; member; member = member->next)
		if (!strcmp(member->key, key))
			return member;
	TEST_FAIL("no \"%s\" in the object", key);
	return NULL;
}

static inline int hv_json_count(const struct hv_json *array)
{
	const struct hv_json *node;
	int count = 0;

	TEST_ASSERT(array->type == HV_JSON_ARRAY, "no array");
	for (node = array->first; node; node = node->next)
		count++;
	return count;
}

static inline struct hv_json *hv_json_at(const struct hv_json *array, int index)
{
	struct hv_json *node = array->first;

	TEST_ASSERT(index < hv_json_count(array), "no element %d", index);
	while (index--)
		node = node->next;
	return node;
}

static inline u64 hv_json_u64(const struct hv_json *node)
{
	char *end;
	u64 value;

	TEST_ASSERT(node->type == HV_JSON_NUMBER, "no number");
	errno = 0;
	value = strtoull(node->text, &end, 10);
	TEST_ASSERT(!errno && !*end && node->text[0] != '-', "%s", node->text);
	return value;
}

static inline u64 hv_json_get_u64(const struct hv_json *object, const char *key)
{
	return hv_json_u64(hv_json_get(object, key));
}

static inline const char *hv_json_get_text(const struct hv_json *object, const char *key)
{
	struct hv_json *node = hv_json_get(object, key);

	TEST_ASSERT(node->type == HV_JSON_STRING, "\"%s\" is no string", key);
	return node->text;
}

static inline bool hv_json_get_bool(const struct hv_json *object, const char *key)
{
	struct hv_json *node = hv_json_get(object, key);

	TEST_ASSERT(node->type == HV_JSON_TRUE || node->type == HV_JSON_FALSE,
		    "\"%s\" is no bool", key);
	return node->type == HV_JSON_TRUE;
}

static inline bool hv_json_get_null(const struct hv_json *object, const char *key)
{
	return hv_json_get(object, key)->type == HV_JSON_NULL;
}

/* The object of an array whose member @key is that number, or NULL */
static inline struct hv_json *hv_json_find(const struct hv_json *array, const char *key,
					   u64 number)
{
	struct hv_json *node;

	TEST_ASSERT(array->type == HV_JSON_ARRAY, "no array");
	for (node = array->first; node; node = node->next)
		if (hv_json_get_u64(node, key) == number)
			return node;
	return NULL;
}

#endif /* SELFTEST_HV_JSON_UTIL_H */
