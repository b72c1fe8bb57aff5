#include "client/multi.h"
#include <openssl/evp.h>
#include <stdio.h>

enum { SHA1_BYTES = 20, SHA1_BASE64_BYTES = 28 };

static const char perm_letters[] = "rwcda"; /* by bit */

void zk_acl_list_encode(struct zk_buf *out, const struct zk_acl_list *acl)
{
    zk_jute_put_int(out, (int32_t)acl->count);
    for (size_t i = 0; i < acl->count; i++) {
        const struct zk_acl_entry *entry = &acl->entries[i];
        zk_acl_encode(out, &(struct zk_acl){entry->perms, zk_slice_str(entry->scheme), zk_slice_str(entry->id)});
    }
}

const struct zk_acl_list *zk_acl_open(void)
{
    static const struct zk_acl_entry entry = {ZK_CAN_ALL, "world", "anyone"};
    static const struct zk_acl_list list = {&entry, 1};
    return &list;
}

const struct zk_acl_list *zk_acl_read(void)
{
    static const struct zk_acl_entry entry = {ZK_CAN_READ, "world", "anyone"};
    static const struct zk_acl_list list = {&entry, 1};
    return &list;
}

const struct zk_acl_list *zk_acl_creator(void)
{
    static const struct zk_acl_entry entry = {ZK_CAN_ALL, "auth", ""};
    static const struct zk_acl_list list = {&entry, 1};
    return &list;
}

int zk_acl_digest_id(const char *user_password, char *text, size_t size)
{
    const char *colon = strchr(user_password, ':');
    if (colon == NULL || size < (size_t)(colon - user_password) + 1 + SHA1_BASE64_BYTES + 1)
        return ZK_BAD_ARGUMENTS;
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned char base64[SHA1_BASE64_BYTES + 1];
    if (EVP_Digest(user_password, strlen(user_password), hash, NULL, EVP_sha1(), NULL) != 1)
        return ZK_SYSTEM_ERROR;
    EVP_EncodeBlock(base64, hash, SHA1_BYTES);
    snprintf(text, size, "%.*s:%s", (int)(colon - user_password), user_password, (const char *)base64);
    return ZK_OK;
}

/* --- text --- */

void zk_acl_perms_format(int32_t perms, char *text)
{
    static const char order[] = "cdrwa";
    for (const char *letter = order; *letter != '\0'; letter++)
        if (perms & 1 << (strchr(perm_letters, *letter) - perm_letters))
            *text++ = *letter;
    *text = '\0';
}

static bool parse_perms(const char *text, int32_t *ret_perms)
{
    int32_t perms = 0;
    for (; *text != '\0'; text++) {
        const char *letter = strchr(perm_letters, *text);
        if (letter == NULL)
            return false;
        perms |= 1 << (letter - perm_letters);
    }
    *ret_perms = perms;
    return true;
}

/* "scheme:id:perms"; the id may have colons of its own. Cuts `text` up. */
static bool parse_entry(char *text, struct zk_acl_entry *ret)
{
    char *id = strchr(text, ':');
    char *perms = strrchr(text, ':');
    if (id == NULL || perms == id || id == text)
        return false;
    *id = *perms = '\0';
    ret->scheme = text;
    ret->id = id + 1;
    return parse_perms(perms + 1, &ret->perms);
}

int zk_acl_parse(const char *text, struct zk_acl_list **ret_acl)
{
    size_t count = 1;
    for (const char *at = text; *at != '\0'; at++)
        count += *at == ',';
    /* One block: the list, its entries, and the text they point into. */
    size_t text_size = strlen(text) + 1;
    struct zk_acl_list *list = calloc(1, sizeof *list + count * sizeof(struct zk_acl_entry) + text_size);
    if (list == NULL)
        return ZK_SYSTEM_ERROR;
    struct zk_acl_entry *entries = (struct zk_acl_entry *)(void *)(list + 1);
    char *copy = (char *)(entries + count);
    memcpy(copy, text, text_size);
    list->entries = entries;
    list->count = count;
    for (size_t i = 0; i < count; i++) {
        char *comma = strchr(copy, ',');
        if (comma != NULL)
            *comma = '\0';
        if (!parse_entry(copy, &entries[i])) {
            free(list);
            return ZK_BAD_ARGUMENTS;
        }
        copy = comma ? comma + 1 : copy;
    }
    *ret_acl = list;
    return ZK_OK;
}

void zk_acl_free(struct zk_acl_list *acl)
{
    free(acl);
}
