/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "migration-pop3-match.h"

/* If one list is longer, sizes that fit may do so by accident: so many must
   fit, and of a list that is not longer than this the headers are asked for. */
#define MATCH_SIZES_MIN 10
#define MATCH_HEADERS_MAX 1000
/* Of the shorter list so many hundredths must have a size that the other one
   has as well, if there is nothing better than sizes. */
#define MATCH_SIZES_MIN_PERCENT 90
/* Between two places, so that messages can come between them later. */
#define MATCH_ORDER_STEP 16

typedef struct migration_pop3_mail *match_mail_t;
ARRAY_DEFINE_TYPE(match_mails, match_mail_t);
typedef int match_cmp_t(const match_mail_t *a, const match_mail_t *b);

/* Messages of both lists that have the same key. */
struct match_groups {
	ARRAY_TYPE(match_mails) pop3, imap;
	match_cmp_t *key_cmp;

	const match_mail_t *pop3_mails, *imap_mails;
	unsigned int pop3_count, imap_count;
	unsigned int pop3_next, imap_next;
};

static int match_size_cmp(const match_mail_t *a, const match_mail_t *b)
{
	if ((*a)->size == (*b)->size)
		return 0;
	return (*a)->size < (*b)->size ? -1 : 1;
}

static int match_hash_cmp(const match_mail_t *a, const match_mail_t *b)
{
	return memcmp((*a)->hash, (*b)->hash, sizeof((*a)->hash));
}

static int match_size_hash_cmp(const match_mail_t *a, const match_mail_t *b)
{
	int ret = match_size_cmp(a, b);

	return ret != 0 ? ret : match_hash_cmp(a, b);
}

/* The same, and the order of the list for what is equal. */
static int match_size_sort_cmp(const match_mail_t *a, const match_mail_t *b)
{
	int ret = match_size_cmp(a, b);

	if (ret != 0)
		return ret;
	return *a == *b ? 0 : (*a < *b ? -1 : 1);
}

static int match_hash_sort_cmp(const match_mail_t *a, const match_mail_t *b)
{
	int ret = match_hash_cmp(a, b);

	return ret != 0 ? ret : match_size_sort_cmp(a, b);
}

static int
match_size_hash_sort_cmp(const match_mail_t *a, const match_mail_t *b)
{
	int ret = match_size_hash_cmp(a, b);

	return ret != 0 ? ret : match_size_sort_cmp(a, b);
}

static void
match_collect(ARRAY_TYPE(migration_pop3_mail) *mails, bool hashed,
	      match_cmp_t *sort_cmp, ARRAY_TYPE(match_mails) *collected)
{
	struct migration_pop3_mail *mail;

	i_array_init(collected, 128);
	array_foreach_modifiable(mails, mail) {
		if (mail->match == 0 && (!hashed || mail->has_hash))
			array_push_back(collected, &mail);
	}
	array_sort(collected, *sort_cmp);
}

static void match_groups_init(struct match_groups *groups,
			      struct migration_pop3_match *match, bool hashed,
			      match_cmp_t *sort_cmp, match_cmp_t *key_cmp)
{
	i_zero(groups);
	match_collect(&match->pop3, hashed, sort_cmp, &groups->pop3);
	match_collect(&match->imap, hashed, sort_cmp, &groups->imap);
	groups->key_cmp = key_cmp;
}

static void match_groups_deinit(struct match_groups *groups)
{
	array_free(&groups->pop3);
	array_free(&groups->imap);
}

/* How many from idx on have the same key. */
static unsigned int
match_count_same(const struct match_groups *groups,
		 const ARRAY_TYPE(match_mails) *mails, unsigned int idx)
{
	unsigned int i, count;
	const match_mail_t *mail = array_get(mails, &count);

	for (i = idx + 1; i < count; i++) {
		if (groups->key_cmp(&mail[idx], &mail[i]) != 0)
			break;
	}
	return i - idx;
}

/* The next key that both lists have. */
static bool match_groups_next(struct match_groups *groups)
{
	unsigned int pop3_count, imap_count;
	const match_mail_t *pop3 = array_get(&groups->pop3, &pop3_count);
	const match_mail_t *imap = array_get(&groups->imap, &imap_count);
	int ret;

	while (groups->pop3_next < pop3_count &&
	       groups->imap_next < imap_count) {
		ret = groups->key_cmp(&pop3[groups->pop3_next],
				      &imap[groups->imap_next]);
		if (ret < 0) {
			groups->pop3_next++;
		} else if (ret > 0) {
			groups->imap_next++;
		} else {
			groups->pop3_mails = &pop3[groups->pop3_next];
			groups->imap_mails = &imap[groups->imap_next];
			groups->pop3_count =
				match_count_same(groups, &groups->pop3,
						 groups->pop3_next);
			groups->imap_count =
				match_count_same(groups, &groups->imap,
						 groups->imap_next);
			groups->pop3_next += groups->pop3_count;
			groups->imap_next += groups->imap_count;
			return TRUE;
		}
	}
	return FALSE;
}

static void match_groups_rewind(struct match_groups *groups)
{
	groups->pop3_next = groups->imap_next = 0;
}

static bool match_group_is_sure(const struct match_groups *groups)
{
	return groups->pop3_count == 1 && groups->imap_count == 1;
}

static bool match_group_has_fresh(const struct match_groups *groups)
{
	unsigned int i;

	for (i = 0; i < groups->imap_count; i++) {
		if (groups->imap_mails[i]->fresh)
			return TRUE;
	}
	return FALSE;
}

/* One by one, in the order of the lists. */
static void match_group_pair(struct migration_pop3_match *match,
			     const struct match_groups *groups)
{
	struct migration_pop3_mail *pop3, *imap;
	unsigned int i;

	i_assert(groups->pop3_count == groups->imap_count);

	for (i = 0; i < groups->pop3_count; i++) {
		pop3 = groups->pop3_mails[i];
		imap = groups->imap_mails[i];
		pop3->match = array_ptr_to_idx(&match->imap, imap) + 1;
		imap->match = array_ptr_to_idx(&match->pop3, pop3) + 1;
	}
}

static void match_group_want(const struct match_groups *groups)
{
	unsigned int i;

	for (i = 0; i < groups->pop3_count; i++)
		groups->pop3_mails[i]->want_hash = TRUE;
	for (i = 0; i < groups->imap_count; i++)
		groups->imap_mails[i]->want_hash = TRUE;
}

/* Everybody that has no match. Returns TRUE if it is needed. */
static bool match_want_all(struct match_groups *groups)
{
	match_mail_t mail;
	bool fresh = FALSE;

	array_foreach_elem(&groups->imap, mail)
		fresh = fresh || mail->fresh;
	if (!fresh || array_count(&groups->pop3) == 0)
		return FALSE;
	array_foreach_elem(&groups->pop3, mail)
		mail->want_hash = TRUE;
	array_foreach_elem(&groups->imap, mail)
		mail->want_hash = TRUE;
	return TRUE;
}

/* Messages that may be the same by their sizes. */
static unsigned int match_count_common(struct match_groups *groups)
{
	unsigned int common = 0;

	while (match_groups_next(groups)) {
		if (groups->pop3_mails[0]->size != UOFF_T_MAX) {
			common += I_MIN(groups->pop3_count, groups->imap_count);
		}
	}
	match_groups_rewind(groups);
	return common;
}

/* The provider's POP3 order is that of the UIDs, as far as is known. */
static bool match_is_in_order(const struct migration_pop3_match *match)
{
	const struct migration_pop3_mail *mail;
	unsigned int last = 0;

	array_foreach(&match->pop3, mail) {
		if (mail->match == 0)
			continue;
		if (mail->match < last)
			return FALSE;
		last = mail->match;
	}
	return TRUE;
}

/* Each size that is there once decides. Returns TRUE if headers are wanted for
   others. */
static bool match_by_size(struct migration_pop3_match *match,
			  struct match_groups *groups, bool have_headers)
{
	bool want = FALSE;

	while (match_groups_next(groups)) {
		if (groups->pop3_mails[0]->size == UOFF_T_MAX)
			continue;
		if (match_group_is_sure(groups)) {
			match_group_pair(match, groups);
		} else if (have_headers && match_group_has_fresh(groups)) {
			match_group_want(groups);
			want = TRUE;
		}
	}
	return want;
}

static struct migration_pop3_mail *
match_next_open(ARRAY_TYPE(migration_pop3_mail) *mails, unsigned int *idx)
{
	struct migration_pop3_mail *mail;

	while (*idx < array_count(mails)) {
		mail = array_idx_modifiable(mails, (*idx)++);
		if (mail->match == 0)
			return mail;
	}
	return NULL;
}

/* Both lists have the same sizes in the same order. */
static bool match_is_same_list(struct migration_pop3_match *match)
{
	const struct migration_pop3_mail *pop3, *imap;
	unsigned int pop3_next = 0, imap_next = 0;

	if (!match_is_in_order(match))
		return FALSE;
	do {
		pop3 = match_next_open(&match->pop3, &pop3_next);
		imap = match_next_open(&match->imap, &imap_next);
		if (pop3 == NULL || imap == NULL)
			return pop3 == imap;
	} while (pop3->size == imap->size && pop3->size != UOFF_T_MAX);
	return FALSE;
}

static void match_by_place(struct migration_pop3_match *match)
{
	struct migration_pop3_mail *pop3, *imap;
	unsigned int pop3_next = 0, imap_next = 0;

	while ((pop3 = match_next_open(&match->pop3, &pop3_next)) != NULL) {
		imap = match_next_open(&match->imap, &imap_next);
		pop3->match = imap_next;
		imap->match = pop3_next;
	}
}

/* Whether both sides count in the same way. */
static bool match_sizes_agree(unsigned int common, unsigned int shorter,
			      unsigned int longer)
{
	return common == shorter &&
	       (shorter == longer || shorter >= MATCH_SIZES_MIN ||
		longer > MATCH_HEADERS_MAX);
}

bool migration_pop3_match_sizes(struct migration_pop3_match *match,
				bool have_headers)
{
	struct match_groups groups;
	unsigned int common, shorter, longer;
	bool want = FALSE;

	match_groups_init(&groups, match, FALSE, match_size_sort_cmp,
			  match_size_cmp);
	common = match_count_common(&groups);
	shorter = I_MIN(array_count(&groups.pop3), array_count(&groups.imap));
	longer = I_MAX(array_count(&groups.pop3), array_count(&groups.imap));
	match->sizes_agree = match_sizes_agree(common, shorter, longer);
	if (!have_headers && match_is_same_list(match)) {
		match_by_place(match);
	} else if (match->sizes_agree) {
		want = match_by_size(match, &groups, have_headers);
	} else if (have_headers) {
		want = match_want_all(&groups);
	} else if (shorter >= MATCH_SIZES_MIN &&
		   (uint64_t)common * 100 >=
			   (uint64_t)shorter * MATCH_SIZES_MIN_PERCENT) {
		(void)match_by_size(match, &groups, FALSE);
	}
	match_groups_deinit(&groups);
	return want;
}

void migration_pop3_match_hashes(struct migration_pop3_match *match)
{
	struct match_groups groups;

	if (match->sizes_agree) {
		match_groups_init(&groups, match, TRUE,
				  match_size_hash_sort_cmp,
				  match_size_hash_cmp);
	} else {
		match_groups_init(&groups, match, TRUE, match_hash_sort_cmp,
				  match_hash_cmp);
	}
	/* what is equal in all is as good as the same */
	while (match_groups_next(&groups)) {
		if (groups.pop3_count == groups.imap_count)
			match_group_pair(match, &groups);
	}
	match_groups_deinit(&groups);
}

/* Whether those that are fresh need a place: what has none comes behind all
   others, in the order of the UIDs. */
static bool match_needs_order(const struct migration_pop3_match *match)
{
	const struct migration_pop3_mail *pop3;
	bool have_orders = FALSE;

	array_foreach(&match->pop3, pop3) {
		if (!pop3->here)
			continue;
		/* nobody can come behind it */
		if (pop3->order == 0)
			return FALSE;
		have_orders = TRUE;
	}
	return have_orders || !match_is_in_order(match);
}

static bool match_is_fresh(const struct migration_pop3_match *match,
			   const struct migration_pop3_mail *pop3)
{
	const struct migration_pop3_mail *imap;

	if (pop3->match == 0)
		return FALSE;
	imap = array_idx(&match->imap, pop3->match - 1);
	return imap->fresh;
}

/* The distance of places behind low, for those that are fresh from idx on up to
   the next one that has a place. */
static uint32_t match_order_step(const struct migration_pop3_match *match,
				 unsigned int idx, uint32_t low)
{
	const struct migration_pop3_mail *pop3;
	unsigned int count, fresh = 0;

	pop3 = array_get(&match->pop3, &count);
	for (; idx < count; idx++) {
		if (pop3[idx].here) {
			return pop3[idx].order <= low ?
				       0 :
				       (pop3[idx].order - low) / (fresh + 1);
		}
		if (match_is_fresh(match, &pop3[idx]))
			fresh++;
	}
	return MATCH_ORDER_STEP;
}

void migration_pop3_match_order(struct migration_pop3_match *match)
{
	struct migration_pop3_mail *mail;
	uint32_t low = 0, step = 0;
	bool step_known = FALSE;

	if (!match_needs_order(match))
		return;
	array_foreach_modifiable(&match->pop3, mail) {
		if (mail->here) {
			low = I_MAX(low, mail->order);
			step_known = FALSE;
		} else if (match_is_fresh(match, mail)) {
			if (!step_known) {
				step = match_order_step(
					match,
					array_ptr_to_idx(&match->pop3, mail),
					low);
				step_known = TRUE;
			}
			low = I_MAX(low + step, 1);
			mail->order = low;
		}
	}
}
