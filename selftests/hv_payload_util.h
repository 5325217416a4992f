/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Messages that say who sent them, which of his it is, and whether they are
 * whole.  Sizes vary.
 */
#ifndef SELFTEST_HV_PAYLOAD_UTIL_H
#define SELFTEST_HV_PAYLOAD_UTIL_H

#include "hv_case_util.h"

struct hv_payload {
	u32 stream;
	u32 seq;
	u64 checksum;
	u64 words[28];
};

#define HV_PAYLOAD_MIN	offsetof(struct hv_payload, words)

/* Guest */

static inline u32 hv_payload_words(u32 seq)
{
	return seq * 5 % (ARRAY_SIZE(((struct hv_payload *)NULL)->words) + 1);
}

static inline u32 hv_payload_size(u32 seq)
{
	return HV_PAYLOAD_MIN + 8 * hv_payload_words(seq);
}

static inline u64 hv_payload_checksum(const struct hv_payload *p)
{
	u64 sum = p->stream * 0x1234567ULL + p->seq;
	u32 i;

	for (i = 0; i < hv_payload_words(p->seq); i++)
		sum = (sum << 5 | sum >> 59) + p->words[i];
	return sum;
}

static inline void hv_payload_fill(struct hv_payload *p, u32 stream, u32 seq)
{
	u32 i;

	p->stream = stream;
	p->seq = seq;
	for (i = 0; i < ARRAY_SIZE(p->words); i++)
		p->words[i] = (((u64)seq << 32 | stream) + i) * 0x9e3779b97f4a7c15ULL;
	p->checksum = hv_payload_checksum(p);
}

/* The one in the slot, which must be whole */
static inline void hv_payload_read(struct hv_test_vp *vp, u32 sint, struct hv_payload *p)
{
	memcpy(p, (void *)hv_slot(vp, sint)->payload, sizeof(*p));
	GUEST_ASSERT_EQ(hv_slot(vp, sint)->payload_size, hv_payload_size(p->seq));
	GUEST_ASSERT_EQ(p->checksum, hv_payload_checksum(p));
}

#endif /* SELFTEST_HV_PAYLOAD_UTIL_H */
