#include "tests/unit/store_conformance.h"
#include "common/jute.h"
#include "common/zxid.h"
#include "server/zab/group.h"
#include <stdio.h>

/* The medium under test; a Check suite has no argument of its own. */
static const struct store_medium *medium;

#define CHECK_TEXT(call, want)                                                                                         \
    do {                                                                                                               \
        char *got_ = (call);                                                                                           \
        ck_assert_str_eq(got_, want);                                                                                  \
        free(got_);                                                                                                    \
    } while (0)

static void trunc_to(struct rig *r, uint64_t zxid, uint64_t hash)
{
    rig_op(r, (struct storage_op){.kind = STORAGE_TRUNC, .zxid = zxid, .hash = hash});
}

static void commit(struct rig *r, uint64_t zxid)
{
    rig_op(r, (struct storage_op){.kind = STORAGE_COMMIT, .zxid = zxid});
}

/* --- opening --- */

START_TEST(a_new_store_is_blank_and_then_sound)
{
    struct rig r;
    rig_init(&r, medium);
    const struct storage_image *image = rig_image(&r);
    ck_assert_int_eq(image->verdict, STORAGE_BLANK);
    ck_assert_uint_ne(image->incarnation, 0);
    ck_assert_uint_eq(image->start_count, 1);
    ck_assert_uint_eq(image->last_zxid, 0);
    ck_assert_uint_eq(image->epoch_count, 0);
    ck_assert_uint_eq(image->checkpoint_zxid, 0);
    uint64_t incarnation = image->incarnation;
    rig_reopen(&r);
    image = rig_image(&r);
    ck_assert_int_eq(image->verdict, STORAGE_SOUND);
    ck_assert_uint_eq(image->incarnation, incarnation);
    ck_assert_uint_eq(image->start_count, 2);
    rig_crash(&r);
    ck_assert_int_eq(rig_image(&r)->verdict, STORAGE_SOUND);
    ck_assert_uint_eq(rig_image(&r)->start_count, 3);
    rig_fini(&r);
}
END_TEST

/* Whatever way a store ends (a clean stop, a crash), what was reported durable is there. */
START_TEST(what_was_durable_is_there_again)
{
    struct rig r;
    rig_init(&r, medium);
    rig_append(&r, 3);
    rig_append(&r, 1);
    rig_epoch(&r, 2);
    rig_append(&r, 2);
    rig_settle(&r);
    uint64_t zxid = r.zxid, hash = r.hash;
    if (_i == 0)
        rig_reopen(&r);
    else
        rig_crash(&r);
    const struct storage_image *image = rig_image(&r);
    ck_assert_int_eq(image->verdict, STORAGE_SOUND);
    ck_assert_uint_eq(image->last_zxid, zxid);
    ck_assert_uint_eq(image->last_hash, hash);
    CHECK_TEXT(rig_log(&r, 0), "1-3 4-4 200000000-200000001");
    CHECK_TEXT(rig_log(&r, 2), "1-3 4-4 200000000-200000001");
    CHECK_TEXT(rig_log(&r, 3), "4-4 200000000-200000001");
    CHECK_TEXT(rig_log(&r, zxid), "");
    rig_fini(&r);
}
END_TEST

START_TEST(the_summary_names_the_end_of_each_epoch)
{
    struct rig r;
    rig_init(&r, medium);
    rig_append(&r, 3);
    uint64_t hash0 = r.hash;
    rig_epoch(&r, 2);
    rig_append(&r, 1);
    rig_append(&r, 2);
    uint64_t hash2 = r.hash;
    rig_epoch(&r, 5);
    rig_append(&r, 1);
    rig_settle(&r);
    rig_reopen(&r);
    const struct storage_image *image = rig_image(&r);
    ck_assert_uint_eq(image->epoch_count, 3);
    ck_assert_uint_eq(image->epochs[0].last_zxid, 3);
    ck_assert_uint_eq(image->epochs[0].last_hash, hash0);
    ck_assert_uint_eq(image->epochs[1].last_zxid, zxid_make(2, 2));
    ck_assert_uint_eq(image->epochs[1].last_hash, hash2);
    ck_assert_uint_eq(image->epochs[2].last_zxid, zxid_make(5, 0));
    rig_fini(&r);
}
END_TEST

START_TEST(a_promise_is_kept_and_never_goes_back)
{
    struct rig r;
    rig_init(&r, medium);
    rig_op(&r, (struct storage_op){.kind = STORAGE_PROMISE, .epoch = 7});
    rig_op(&r, (struct storage_op){.kind = STORAGE_PROMISE, .epoch = 5});
    rig_settle(&r);
    rig_crash(&r);
    ck_assert_uint_eq(rig_image(&r)->promised, 7);
    rig_fini(&r);
}
END_TEST

START_TEST(the_commit_point_is_remembered)
{
    struct rig r;
    rig_init(&r, medium);
    rig_append(&r, 5);
    commit(&r, 3);
    rig_settle(&r);
    rig_crash(&r);
    ck_assert_uint_eq(rig_image(&r)->commit, 3);
    commit(&r, 4); /* alone: may wait for company, but not for ever */
    rig_settle(&r);
    rig_crash(&r);
    ck_assert_uint_eq(rig_image(&r)->commit, 4);
    rig_fini(&r);
}
END_TEST

static void see(struct rig *r, struct storage_witness seen)
{
    rig_op(r, (struct storage_op){.kind = STORAGE_WITNESS, .witness = seen});
}

START_TEST(each_incarnation_of_a_server_is_remembered)
{
    struct rig r;
    rig_init(&r, medium);
    /* server, incarnation, zxid, promised, start count */
    struct storage_witness seen[] = {{3, 34, 6, 2, 2}, {1, 11, 4, 2, 9}, {3, 33, 5, 1, 1}, {3, 34, 7, 2, 2}};
    for (size_t i = 0; i < ZK_COUNT_OF(seen); i++)
        see(&r, seen[i]);
    rig_settle(&r);
    rig_crash(&r);
    const struct storage_image *image = rig_image(&r);
    ck_assert_uint_eq(image->witness_count, 3);
    ck_assert_mem_eq(&image->witnesses[0], &seen[1], sizeof seen[1]);
    ck_assert_mem_eq(&image->witnesses[1], &seen[2], sizeof seen[2]);
    ck_assert_mem_eq(&image->witnesses[2], &seen[3], sizeof seen[3]);
    rig_fini(&r);
}
END_TEST

/* A server comes back with a new name again and again: the name that vouched for most is kept, and the newest. */
START_TEST(the_incarnation_that_vouches_for_least_makes_room)
{
    struct rig r;
    rig_init(&r, medium);
    see(&r, (struct storage_witness){2, 50, 0, 0, 1});
    see(&r, (struct storage_witness){3, 70, 90, 8, 3});
    for (uint64_t i = 0; i < 20; i++) {
        see(&r, (struct storage_witness){3, 100 - i, i, i / 4, 1});
        if (i % 7 == 6) {
            rig_settle(&r);
            rig_crash(&r); /* what is kept must not hang on what is in memory only */
        }
    }
    see(&r, (struct storage_witness){3, 60, 0, 0, 1});
    rig_settle(&r);
    rig_crash(&r);
    const struct storage_image *image = rig_image(&r);
    const uint64_t kept[] = {50, 60, 82, 81, 70};
    ck_assert_uint_eq(image->witness_count, ZK_COUNT_OF(kept));
    for (size_t i = 0; i < ZK_COUNT_OF(kept); i++)
        ck_assert_uint_eq(image->witnesses[i].incarnation, kept[i]);
    rig_fini(&r);
}
END_TEST

START_TEST(a_renamed_store_keeps_its_data_and_its_new_name)
{
    struct rig r;
    rig_init(&r, medium);
    rig_append(&r, 2);
    rig_op(&r, (struct storage_op){.kind = STORAGE_RENAME, .witness.incarnation = 4711});
    rig_settle(&r);
    rig_crash(&r);
    ck_assert_int_eq(rig_image(&r)->verdict, STORAGE_SOUND);
    ck_assert_uint_eq(rig_image(&r)->incarnation, 4711);
    ck_assert_uint_eq(rig_image(&r)->last_zxid, 2);
    rig_fini(&r);
}
END_TEST

/* --- cutting the log --- */

START_TEST(trunc_cuts_between_and_inside_groups)
{
    struct rig r;
    rig_init(&r, medium);
    uint64_t hashes[8] = {0};
    for (int i = 0; i < 2; i++)
        hashes[rig_append(&r, 3)] = r.hash;
    /* Where a cut inside a group falls is only known by hash: take it from a second chain of the same entries. */
    struct rig twin;
    rig_init(&twin, medium);
    for (int i = 1; i <= 6; i++)
        hashes[rig_append(&twin, 1)] = twin.hash;
    rig_fini(&twin);
    rig_settle(&r);
    trunc_to(&r, 5, hashes[5]);
    rig_settle(&r);
    rig_crash(&r);
    ck_assert_int_eq(rig_image(&r)->verdict, STORAGE_SOUND);
    ck_assert_uint_eq(rig_image(&r)->last_zxid, 5);
    ck_assert_uint_eq(rig_image(&r)->last_hash, hashes[5]);
    CHECK_TEXT(rig_log(&r, 0), "1-3 4-5");
    trunc_to(&r, 3, hashes[3]);
    rig_append(&r, 1);
    rig_settle(&r);
    rig_crash(&r);
    CHECK_TEXT(rig_log(&r, 0), "1-3 4-4");
    ck_assert_uint_eq(rig_image(&r)->last_hash, hashes[4]);
    trunc_to(&r, 0, 0);
    rig_epoch(&r, 1);
    rig_append(&r, 1);
    rig_settle(&r);
    rig_crash(&r);
    ck_assert_int_eq(rig_image(&r)->verdict, STORAGE_SOUND);
    CHECK_TEXT(rig_log(&r, 0), "100000000-100000000");
    rig_fini(&r);
}
END_TEST

START_TEST(appends_and_truncs_of_one_batch_apply_in_order)
{
    struct rig r;
    rig_init(&r, medium);
    rig_append(&r, 2);
    uint64_t hash2 = r.hash;
    rig_append(&r, 2);
    trunc_to(&r, 2, hash2);
    rig_epoch(&r, 1);
    rig_append(&r, 3);
    uint64_t hash = r.hash;
    rig_append(&r, 3);
    trunc_to(&r, zxid_make(1, 2), hash);
    trunc_to(&r, 2, hash2);
    rig_epoch(&r, 3);
    rig_append(&r, 1);
    rig_settle(&r);
    ck_assert(!r.failed);
    rig_crash(&r);
    ck_assert_int_eq(rig_image(&r)->verdict, STORAGE_SOUND);
    CHECK_TEXT(rig_log(&r, 0), "1-2 300000000-300000000");
    rig_fini(&r);
}
END_TEST

START_TEST(cutting_off_what_is_committed_stops_the_store)
{
    struct rig r;
    rig_init(&r, medium);
    rig_append(&r, 1);
    uint64_t hash1 = r.hash;
    rig_append(&r, 1);
    commit(&r, 2);
    rig_settle(&r);
    trunc_to(&r, 1, hash1);
    rig_settle(&r);
    ck_assert(r.failed);
    ck_assert_ptr_nonnull(strstr(r.why, "committed"));
    rig_crash(&r);
    ck_assert_uint_eq(rig_image(&r)->last_zxid, 2);
    rig_fini(&r);
}
END_TEST

START_TEST(cutting_after_an_entry_that_is_another_stops_the_store)
{
    struct rig r;
    rig_init(&r, medium);
    rig_append(&r, 3);
    rig_settle(&r);
    trunc_to(&r, 2, 12345);
    rig_settle(&r);
    ck_assert(r.failed);
    rig_fini(&r);
}
END_TEST

/* --- snapshots received --- */

enum { SNAP_STEPS = 6 };

/* Does the first `steps` of receiving a snapshot at 3:5 with two groups behind it; LIVE is the last. */
static void receive_snapshot(struct rig *r, int steps)
{
    struct zk_buf packed = rig_rows("/b=new /c=new");
    struct zk_buf more = rig_rows("/d=new");
    uint64_t zxid = zxid_make(3, 5);
    struct storage_op ops[SNAP_STEPS] = {
        {.kind = STORAGE_SNAP_BEGIN, .zxid = zxid, .hash = 77, .digest = 88, .bytes = zk_slice_str("snap members")},
        {.kind = STORAGE_SNAP_ROWS, .bytes = zk_buf_slice(&packed)},
        {.kind = STORAGE_SNAP_ROWS, .bytes = zk_buf_slice(&more)},
    };
    struct zk_buf groups[2] = {{0}, {0}};
    uint64_t hash = 77;
    for (int i = 0; i < 2; i++) {
        group_begin(&groups[i], hash);
        hash = group_add(&groups[i], hash, ++zxid, ENTRY_COMMAND, zk_slice_str("after"));
        group_end(&groups[i], 1);
        ops[3 + i] = (struct storage_op){.kind = STORAGE_SNAP_GROUP,
                                         .first_zxid = zxid,
                                         .zxid = zxid,
                                         .hash = hash,
                                         .bytes = zk_buf_slice(&groups[i])};
    }
    ops[5] = (struct storage_op){.kind = STORAGE_SNAP_LIVE, .zxid = zxid, .commit = zxid - 1};
    for (int i = 0; i < steps; i++)
        rig_op(r, ops[i]);
    if (steps == SNAP_STEPS) {
        r->zxid = zxid;
        r->hash = hash;
    }
    zk_buf_fini(&packed);
    zk_buf_fini(&more);
    for (int i = 0; i < 2; i++)
        zk_buf_fini(&groups[i]);
}

START_TEST(a_snapshot_interrupted_anywhere_leaves_the_old_state)
{
    struct rig r;
    rig_init(&r, medium);
    rig_append(&r, 2);
    rig_checkpoint(&r, "/a=old /b=old");
    receive_snapshot(&r, _i);
    rig_settle(&r);
    rig_crash(&r);
    ck_assert_int_eq(rig_image(&r)->verdict, STORAGE_SOUND);
    ck_assert_uint_eq(rig_image(&r)->last_zxid, 2);
    ck_assert_uint_eq(rig_image(&r)->checkpoint_zxid, 2);
    CHECK_TEXT(rig_tree(&r), "/a=old /b=old");
    CHECK_TEXT(rig_log(&r, 0), "1-2");
    receive_snapshot(&r, SNAP_STEPS); /* what was left does not get into the next one */
    rig_settle(&r);
    rig_crash(&r);
    CHECK_TEXT(rig_tree(&r), "/b=new /c=new /d=new");
    rig_fini(&r);
}
END_TEST

START_TEST(a_live_snapshot_is_the_new_tree_log_base_and_checkpoint)
{
    struct rig r;
    rig_init(&r, medium);
    rig_append(&r, 2);
    rig_checkpoint(&r, "/a=old /b=old");
    receive_snapshot(&r, SNAP_STEPS);
    rig_append(&r, 1);
    rig_settle(&r);
    ck_assert_msg(!r.failed, "%s", r.why);
    rig_crash(&r);
    const struct storage_image *image = rig_image(&r);
    ck_assert_int_eq(image->verdict, STORAGE_SOUND);
    ck_assert_uint_eq(image->base_zxid, zxid_make(3, 5));
    ck_assert_uint_eq(image->base_hash, 77);
    ck_assert_uint_eq(image->commit, zxid_make(3, 6));
    ck_assert_uint_eq(image->last_zxid, zxid_make(3, 8));
    ck_assert_uint_eq(image->checkpoint_zxid, zxid_make(3, 5));
    ck_assert_uint_eq(image->checkpoint_hash, 77);
    ck_assert_uint_eq(image->checkpoint_digest, 88);
    ck_assert(zk_slice_eq(image->checkpoint_members, zk_slice_str("snap members")));
    ck_assert_uint_eq(image->epoch_count, 1);
    CHECK_TEXT(rig_tree(&r), "/b=new /c=new /d=new");
    CHECK_TEXT(rig_log(&r, 0), "300000006-300000006 300000007-300000007 300000008-300000008");
    rig_checkpoint(&r, "/b- /e=next");
    rig_crash(&r);
    CHECK_TEXT(rig_tree(&r), "/c=new /d=new /e=next");
    rig_fini(&r);
}
END_TEST

START_TEST(a_snapshot_can_be_dropped_and_another_begun)
{
    struct rig r;
    rig_init(&r, medium);
    receive_snapshot(&r, 4);
    rig_op(&r, (struct storage_op){.kind = STORAGE_SNAP_DROP});
    receive_snapshot(&r, 2);
    receive_snapshot(&r, SNAP_STEPS);
    rig_settle(&r);
    ck_assert_msg(!r.failed, "%s", r.why);
    rig_crash(&r);
    CHECK_TEXT(rig_tree(&r), "/b=new /c=new /d=new");
    CHECK_TEXT(rig_log(&r, 0), "300000006-300000006 300000007-300000007");
    rig_fini(&r);
}
END_TEST

START_TEST(keeping_evidence_changes_nothing)
{
    struct rig r;
    rig_init(&r, medium);
    rig_append(&r, 2);
    rig_checkpoint(&r, "/a=old /b=old");
    rig_op(&r, (struct storage_op){.kind = STORAGE_KEEP, .bytes = zk_slice_str("a reason")});
    receive_snapshot(&r, SNAP_STEPS);
    rig_settle(&r);
    ck_assert_msg(!r.failed, "%s", r.why);
    rig_crash(&r);
    CHECK_TEXT(rig_tree(&r), "/b=new /c=new /d=new");
    rig_fini(&r);
}
END_TEST

START_TEST(a_snapshot_below_the_commit_point_stops_the_store)
{
    struct rig r;
    rig_init(&r, medium);
    rig_epoch(&r, 4);
    rig_append(&r, 1);
    commit(&r, r.zxid);
    rig_settle(&r);
    receive_snapshot(&r, SNAP_STEPS);
    rig_settle(&r);
    ck_assert(r.failed);
    rig_crash(&r);
    ck_assert_uint_eq(rig_image(&r)->last_zxid, zxid_make(4, 0));
    rig_fini(&r);
}
END_TEST

/* A TRUNC or snapshot that makes the log shorter also lowers the mark: what is left is not taken for a loss. */
START_TEST(a_snapshot_that_ends_lower_is_no_damage)
{
    struct rig r;
    rig_init(&r, medium);
    rig_epoch(&r, 4);
    rig_append(&r, 3);
    rig_op(&r, (struct storage_op){.kind = STORAGE_SYNC_MARK});
    receive_snapshot(&r, SNAP_STEPS);
    rig_settle(&r);
    ck_assert_msg(!r.failed, "%s", r.why);
    rig_crash(&r);
    ck_assert_int_eq(rig_image(&r)->verdict, STORAGE_SOUND);
    ck_assert_uint_eq(rig_image(&r)->last_zxid, zxid_make(3, 7));
    rig_fini(&r);
}
END_TEST

/* --- checkpoints --- */

START_TEST(checkpoints_lay_changes_over_the_tree)
{
    struct rig r;
    rig_init(&r, medium);
    rig_append(&r, 2);
    rig_checkpoint(&r, "/a=1 /b=1 /c=1");
    rig_append(&r, 1);
    rig_checkpoint(&r, "/a=2 /b- /d=");
    rig_crash(&r);
    CHECK_TEXT(rig_tree(&r), "/a=2 /c=1 /d=");
    const struct storage_image *image = rig_image(&r);
    ck_assert_uint_eq(image->checkpoint_zxid, 3);
    ck_assert_uint_eq(image->checkpoint_hash, r.hash);
    ck_assert_uint_eq(image->checkpoint_digest, 9);
    ck_assert(zk_slice_eq(image->checkpoint_members, zk_slice_str("members")));
    rig_append(&r, 1);
    rig_checkpoint(&r, ""); /* nothing changed but the position */
    rig_reopen(&r);
    CHECK_TEXT(rig_tree(&r), "/a=2 /c=1 /d=");
    ck_assert_uint_eq(rig_image(&r)->checkpoint_zxid, 4);
    rig_fini(&r);
}
END_TEST

START_TEST(a_checkpoint_interrupted_leaves_the_one_before)
{
    struct rig r;
    rig_init(&r, medium);
    rig_append(&r, 1);
    rig_checkpoint(&r, "/a=1");
    rig_append(&r, 1);
    struct zk_buf packed = rig_rows("/a=2 /b=2");
    struct storage_op ops[] = {
        {.kind = STORAGE_CHECKPOINT_BEGIN, .zxid = 2, .hash = r.hash, .bytes = zk_slice_str("m")},
        {.kind = STORAGE_CHECKPOINT_ROWS, .bytes = zk_buf_slice(&packed)},
        {.kind = STORAGE_CHECKPOINT_END}, /* its entry is not committed, so it must wait */
    };
    for (int i = 0; i <= _i; i++)
        rig_op(&r, ops[i]);
    rig_settle(&r);
    rig_crash(&r);
    ck_assert_int_eq(rig_image(&r)->verdict, STORAGE_SOUND);
    ck_assert_uint_eq(rig_image(&r)->checkpoint_zxid, 1);
    CHECK_TEXT(rig_tree(&r), "/a=1");
    rig_checkpoint(&r, "/c=3");
    rig_crash(&r);
    CHECK_TEXT(rig_tree(&r), "/a=1 /c=3");
    zk_buf_fini(&packed);
    rig_fini(&r);
}
END_TEST

START_TEST(a_checkpoint_begun_again_forgets_the_first_attempt)
{
    struct rig r;
    rig_init(&r, medium);
    rig_append(&r, 1);
    struct zk_buf packed = rig_rows("/gone=1");
    rig_op(&r, (struct storage_op){.kind = STORAGE_CHECKPOINT_BEGIN, .zxid = 1, .hash = r.hash});
    rig_op(&r, (struct storage_op){.kind = STORAGE_CHECKPOINT_ROWS, .bytes = zk_buf_slice(&packed)});
    zk_buf_fini(&packed);
    rig_checkpoint(&r, "/a=1");
    rig_reopen(&r);
    CHECK_TEXT(rig_tree(&r), "/a=1");
    rig_fini(&r);
}
END_TEST

START_TEST(a_snapshot_forgets_the_checkpoint_under_way)
{
    struct rig r;
    rig_init(&r, medium);
    rig_append(&r, 1);
    struct zk_buf packed = rig_rows("/gone=1");
    rig_op(&r, (struct storage_op){.kind = STORAGE_CHECKPOINT_BEGIN, .zxid = 1, .hash = r.hash});
    rig_op(&r, (struct storage_op){.kind = STORAGE_CHECKPOINT_ROWS, .bytes = zk_buf_slice(&packed)});
    rig_op(&r, (struct storage_op){.kind = STORAGE_CHECKPOINT_END});
    receive_snapshot(&r, SNAP_STEPS);
    rig_settle(&r);
    rig_checkpoint(&r, "/e=1");
    rig_crash(&r);
    CHECK_TEXT(rig_tree(&r), "/b=new /c=new /d=new /e=1");
    zk_buf_fini(&packed);
    rig_fini(&r);
}
END_TEST

/* --- purging --- */

static void purge_to(struct rig *r, uint64_t zxid)
{
    rig_op(r, (struct storage_op){.kind = STORAGE_PURGE, .zxid = zxid});
    rig_settle(r);
    ck_assert_msg(!r->failed, "%s", r->why);
}

START_TEST(purge_drops_whole_groups_and_moves_the_base)
{
    struct rig r;
    rig_init(&r, medium);
    rig_append(&r, 2);
    rig_epoch(&r, 1);
    rig_append(&r, 2);
    uint64_t hash = r.hash;
    rig_append(&r, 3);
    rig_append(&r, 1);
    rig_checkpoint(&r, "/a=1");
    purge_to(&r, zxid_make(1, 3)); /* in the middle of the third group */
    rig_crash(&r);
    const struct storage_image *image = rig_image(&r);
    ck_assert_int_eq(image->verdict, STORAGE_SOUND);
    ck_assert_uint_eq(image->base_zxid, zxid_make(1, 1));
    ck_assert_uint_eq(image->base_hash, hash);
    ck_assert_uint_eq(image->epoch_count, 1);
    ck_assert_uint_eq(image->epochs[0].last_zxid, zxid_make(1, 5));
    CHECK_TEXT(rig_log(&r, 0), "100000002-100000004 100000005-100000005");
    purge_to(&r, zxid_make(1, 5)); /* everything */
    rig_crash(&r);
    image = rig_image(&r);
    ck_assert_int_eq(image->verdict, STORAGE_SOUND);
    ck_assert_uint_eq(image->base_zxid, zxid_make(1, 5));
    ck_assert_uint_eq(image->last_zxid, zxid_make(1, 5));
    ck_assert_uint_eq(image->last_hash, r.hash);
    ck_assert_uint_eq(image->epoch_count, 1);
    CHECK_TEXT(rig_log(&r, 0), "");
    rig_append(&r, 1);
    rig_settle(&r);
    rig_crash(&r);
    CHECK_TEXT(rig_log(&r, 0), "100000006-100000006");
    rig_fini(&r);
}
END_TEST

START_TEST(purge_stops_at_the_checkpoint)
{
    struct rig r;
    rig_init(&r, medium);
    rig_append(&r, 1);
    purge_to(&r, 1);
    rig_append(&r, 1);
    rig_checkpoint(&r, "/a=1");
    rig_append(&r, 1);
    purge_to(&r, 3);
    rig_crash(&r);
    ck_assert_uint_eq(rig_image(&r)->base_zxid, 2);
    CHECK_TEXT(rig_log(&r, 0), "3-3");
    rig_fini(&r);
}
END_TEST

/* --- reading the log --- */

static void read_log(struct rig *r, uint64_t after_zxid, size_t max_bytes)
{
    r->s.ops->read_log(r->s.self, ++r->token, after_zxid, max_bytes);
    rig_await(r);
    ck_assert_int_eq(r->answer.kind, STORAGE_LOG);
}

/* The answer's groups as rig_log writes them. */
static char *answered_groups(struct rig *r)
{
    struct zk_buf text = {0};
    struct zk_jute in = zk_jute(zk_buf_slice(&r->bytes));
    uint64_t prev_hash = 0;
    for (uint32_t i = 0; i < r->answer.group_count; i++) {
        struct zk_slice bytes = zk_jute_buffer(&in);
        uint64_t first, last, hash;
        struct group g;
        ck_assert(group_check(bytes, &first, &last, &hash));
        ck_assert(group_open(bytes, &g));
        ck_assert(i == 0 || g.prev_hash == prev_hash);
        ck_assert(i > 0 || r->answer.zxid == first);
        prev_hash = hash;
        zk_buf_printf(&text, "%s%lx-%lx", text.len ? " " : "", (unsigned long)first, (unsigned long)last);
    }
    ck_assert(!in.bad);
    ck_assert_uint_eq(zk_jute_left(&in), 0);
    zk_buf_append_byte(&text, 0);
    return (char *)text.ptr;
}

START_TEST(reading_the_log_goes_on_where_one_is)
{
    struct rig r;
    rig_init(&r, medium);
    rig_append(&r, 2);
    rig_settle(&r);
    rig_append(&r, 3);
    rig_epoch(&r, 1);
    rig_append(&r, 1);
    rig_settle(&r);
    read_log(&r, 0, 1 << 20);
    ck_assert(!r.answer.gone);
    CHECK_TEXT(answered_groups(&r), "1-2 3-5 100000000-100000000");
    read_log(&r, 1, 1 << 20);
    CHECK_TEXT(answered_groups(&r), "1-2 3-5 100000000-100000000");
    read_log(&r, 2, 1 << 20);
    CHECK_TEXT(answered_groups(&r), "3-5 100000000-100000000");
    read_log(&r, 2, 1);
    CHECK_TEXT(answered_groups(&r), "3-5");
    read_log(&r, 5, 1);
    CHECK_TEXT(answered_groups(&r), "100000000-100000000");
    read_log(&r, zxid_make(1, 0), 1);
    ck_assert(!r.answer.gone);
    CHECK_TEXT(answered_groups(&r), "");
    rig_fini(&r);
}
END_TEST

START_TEST(reading_after_what_is_not_in_the_log_says_so)
{
    struct rig r;
    rig_init(&r, medium);
    rig_append(&r, 2);
    rig_epoch(&r, 1);
    rig_append(&r, 2);
    rig_append(&r, 2);
    rig_checkpoint(&r, "/a=1");
    uint64_t unknown[] = {3, zxid_make(0, 99), zxid_make(1, 4), zxid_make(2, 0)};
    for (size_t i = 0; i < ZK_COUNT_OF(unknown); i++) {
        read_log(&r, unknown[i], 1 << 20);
        ck_assert(r.answer.gone);
        ck_assert_uint_eq(r.answer.group_count, 0);
    }
    purge_to(&r, zxid_make(1, 1));
    read_log(&r, 2, 1 << 20);
    ck_assert(r.answer.gone);
    read_log(&r, 0, 1 << 20);
    ck_assert(r.answer.gone);
    read_log(&r, zxid_make(1, 1), 1 << 20);
    ck_assert(!r.answer.gone);
    CHECK_TEXT(answered_groups(&r), "100000002-100000003");
    rig_fini(&r);
}
END_TEST

/* --- snapshots sent --- */

static void snap_open(struct rig *r)
{
    r->s.ops->snap_open(r->s.self, ++r->token);
    rig_await(r);
    ck_assert_int_eq(r->answer.kind, STORAGE_SNAP_OPENED);
}

/* The next chunk's rows, as rig_tree writes them. */
static char *snap_chunk(struct rig *r, size_t max_bytes)
{
    r->s.ops->snap_read(r->s.self, r->token, max_bytes);
    rig_await(r);
    ck_assert_int_eq(r->answer.kind, STORAGE_SNAP_CHUNK);
    struct zk_buf text = {0};
    struct zk_slice rows = zk_buf_slice(&r->bytes), key, value;
    bool bad = false;
    while (storage_rows_next(&rows, &key, &value, &bad))
        zk_buf_printf(&text, "%s%.*s=%.*s", text.len ? " " : "", (int)key.len, key.ptr, (int)value.len, value.ptr);
    ck_assert(!bad);
    zk_buf_append_byte(&text, 0);
    return (char *)text.ptr;
}

START_TEST(without_a_checkpoint_there_is_no_snapshot)
{
    struct rig r;
    rig_init(&r, medium);
    rig_append(&r, 1);
    snap_open(&r);
    ck_assert(r.answer.gone);
    rig_fini(&r);
}
END_TEST

START_TEST(a_snapshot_is_one_picture_while_checkpoints_go_on)
{
    struct rig r;
    rig_init(&r, medium);
    rig_append(&r, 1);
    rig_checkpoint(&r, "/a=1 /b=1 /c=1");
    uint64_t hash = r.hash;
    snap_open(&r);
    ck_assert(!r.answer.gone);
    ck_assert_uint_eq(r.answer.zxid, 1);
    ck_assert_uint_eq(r.answer.hash, hash);
    ck_assert_uint_eq(r.answer.digest, 3);
    ck_assert(zk_slice_eq(zk_buf_slice(&r.bytes), zk_slice_str("members")));
    CHECK_TEXT(snap_chunk(&r, 1), "/a=1");
    ck_assert(!r.answer.last);
    rig_append(&r, 1);
    rig_checkpoint(&r, "/a=2 /b- /bb=2 /c=2");
    purge_to(&r, 2);
    CHECK_TEXT(snap_chunk(&r, 1), "/b=1");
    CHECK_TEXT(snap_chunk(&r, 1000), "/c=1");
    ck_assert(r.answer.last);
    read_log(&r, 1, 1000); /* purge has waited for the snapshot */
    ck_assert(!r.answer.gone);
    CHECK_TEXT(answered_groups(&r), "2-2");
    rig_fini(&r);
}
END_TEST

START_TEST(purge_goes_on_when_the_snapshot_is_closed)
{
    struct rig r;
    rig_init(&r, medium);
    rig_append(&r, 1);
    rig_checkpoint(&r, "/a=1");
    snap_open(&r);
    rig_append(&r, 1);
    rig_checkpoint(&r, "/a=2");
    purge_to(&r, 2);
    r.s.ops->snap_close(r.s.self, r.token);
    rig_append(&r, 1);
    rig_settle(&r);
    purge_to(&r, 2);
    read_log(&r, 1, 1000);
    ck_assert(r.answer.gone);
    r.s.ops->snap_read(r.s.self, ++r.token, 1000);
    rig_await(&r);
    ck_assert(r.answer.gone);
    rig_fini(&r);
}
END_TEST

START_TEST(a_snapshot_outlives_the_tree_it_came_from)
{
    struct rig r;
    rig_init(&r, medium);
    rig_append(&r, 1);
    rig_checkpoint(&r, "/a=1 /b=1");
    snap_open(&r);
    receive_snapshot(&r, SNAP_STEPS);
    rig_settle(&r);
    CHECK_TEXT(snap_chunk(&r, 1000), "/a=1 /b=1");
    rig_append(&r, 1);
    rig_settle(&r);
    rig_reopen(&r);
    CHECK_TEXT(rig_tree(&r), "/b=new /c=new /d=new");
    rig_fini(&r);
}
END_TEST

Suite *store_conformance(const struct store_medium *which)
{
    medium = which;
    Suite *suite = suite_create(which->name);
    TCase *tc = tcase_create("conformance");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, a_new_store_is_blank_and_then_sound);
    tcase_add_loop_test(tc, what_was_durable_is_there_again, 0, 2);
    tcase_add_test(tc, the_summary_names_the_end_of_each_epoch);
    tcase_add_test(tc, a_promise_is_kept_and_never_goes_back);
    tcase_add_test(tc, the_commit_point_is_remembered);
    tcase_add_test(tc, each_incarnation_of_a_server_is_remembered);
    tcase_add_test(tc, the_incarnation_that_vouches_for_least_makes_room);
    tcase_add_test(tc, a_renamed_store_keeps_its_data_and_its_new_name);
    tcase_add_test(tc, trunc_cuts_between_and_inside_groups);
    tcase_add_test(tc, appends_and_truncs_of_one_batch_apply_in_order);
    tcase_add_test(tc, cutting_off_what_is_committed_stops_the_store);
    tcase_add_test(tc, cutting_after_an_entry_that_is_another_stops_the_store);
    tcase_add_loop_test(tc, a_snapshot_interrupted_anywhere_leaves_the_old_state, 1, SNAP_STEPS);
    tcase_add_test(tc, a_live_snapshot_is_the_new_tree_log_base_and_checkpoint);
    tcase_add_test(tc, a_snapshot_can_be_dropped_and_another_begun);
    tcase_add_test(tc, keeping_evidence_changes_nothing);
    tcase_add_test(tc, a_snapshot_below_the_commit_point_stops_the_store);
    tcase_add_test(tc, a_snapshot_that_ends_lower_is_no_damage);
    tcase_add_test(tc, checkpoints_lay_changes_over_the_tree);
    tcase_add_loop_test(tc, a_checkpoint_interrupted_leaves_the_one_before, 0, 3);
    tcase_add_test(tc, a_checkpoint_begun_again_forgets_the_first_attempt);
    tcase_add_test(tc, a_snapshot_forgets_the_checkpoint_under_way);
    tcase_add_test(tc, purge_drops_whole_groups_and_moves_the_base);
    tcase_add_test(tc, purge_stops_at_the_checkpoint);
    tcase_add_test(tc, reading_the_log_goes_on_where_one_is);
    tcase_add_test(tc, reading_after_what_is_not_in_the_log_says_so);
    tcase_add_test(tc, without_a_checkpoint_there_is_no_snapshot);
    tcase_add_test(tc, a_snapshot_is_one_picture_while_checkpoints_go_on);
    tcase_add_test(tc, purge_goes_on_when_the_snapshot_is_closed);
    tcase_add_test(tc, a_snapshot_outlives_the_tree_it_came_from);
    suite_add_tcase(suite, tc);
    return suite;
}
