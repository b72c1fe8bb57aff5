/* membership.h: who belongs to the ensemble and under which incarnation, as of each entry of the log.
 *
 * INVARIANTS  M1  a membership entry is in force from the moment it is in the log; a TRUNC restores the one before.
 *             M2  at most one change is open: from its READMIT until its CLOSE is committed.
 *             M3  `since` is the entry that named the incarnation: it and all before it never count that member,
 *                 unless it is the founding.
 *             M4  a vacant seat counts for nobody, nor in the total, until the SEAT entry: proposed when the one who is
 *                 to sit there has shown that it knows its readmission to be committed, so that it can vote from that
 *                 entry on. One seat more at a time, so quorums of before and after have a server in common.
 *             M5  a FOUNDING behind others is `zkd recover`'s: it names one seed and leaves all other seats vacant.
 */
#pragma once
#include "server/zab/group.h"
#include "server/zab/zab.h"

struct member_record {
    struct zab_member member;
    uint64_t incarnation; /* 0: none known (an observer, or absent when a quorum founded) */
    uint64_t since;
    bool vacant; /* a participant's seat that nobody sits on */
};

struct membership {
    uint64_t zxid; /* the entry that made it so */
    uint64_t cluster_id;
    uint64_t founding; /* the FOUNDING's zxid: what lies before it belongs to the ensemble that this one came from */
    uint64_t change; /* the open READMIT's zxid, or 0 */
    size_t count;
    struct member_record records[ZAB_MEMBERS_MAX]; /* sorted by id */
};

/* What holds at the commit point first, then what each later membership entry of the log made of it. */
struct membership_stack {
    struct membership *versions;
    size_t count;
    size_t cap;
};

void membership_encode(const struct membership *m, struct zk_buf *out);
ZK_MUST_CHECK bool membership_decode(struct zk_slice bytes, struct membership *ret_membership);
const struct member_record *membership_find(const struct membership *m, uint64_t id);
/* XXH3 of the list as a configuration names it: ids, roles, weights. */
uint64_t membership_hash(const struct zab_member *members, size_t count);

void membership_readmit_encode(struct zk_buf *out, uint64_t id, uint64_t incarnation);
void membership_close_encode(struct zk_buf *out, uint64_t change);
void membership_seat_encode(struct zk_buf *out, uint64_t id);

void membership_fini(struct membership_stack *s);
/* Start from one version (a checkpoint's). */
void membership_reset(struct membership_stack *s, const struct membership *m);
/* An entry joins the log. False: one of zab's that is malformed or impossible. */
ZK_MUST_CHECK bool membership_note(struct membership_stack *s, const struct entry *e);
void membership_truncate(struct membership_stack *s, uint64_t zxid);
void membership_commit(struct membership_stack *s, uint64_t zxid);
/* The newest version, the one at the commit point, the one in force at `zxid`; NULL: none. */
const struct membership *membership_newest(const struct membership_stack *s);
const struct membership *membership_at(const struct membership_stack *s, uint64_t zxid);
