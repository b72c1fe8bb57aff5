/* `zkd --check`: zoo.cfg in sentences. */
#include "server/settings.h"

static void describe_server(const struct settings *s, const struct settings_server *server, struct zk_buf *out)
{
    bool is_v6 = strchr(server->host, ':') != NULL;
    zk_buf_printf(out, "  server %lu  %s%s%s:%u  %s", (unsigned long)server->id, is_v6 ? "[" : "", server->host,
                  is_v6 ? "]" : "", server->peer_port, server->is_observer ? "observer" : "participant");
    if (server->client_port)
        zk_buf_printf(out, ", clients at port %u", server->client_port);
    zk_buf_printf(out, "%s\n", server->id == s->self ? "  <- this one" : "");
}

static void put_host(struct zk_buf *out, const char *host)
{
    bool is_v6 = strchr(host, ':') != NULL;
    zk_buf_printf(out, "%s%s%s", is_v6 ? "[" : "", host, is_v6 ? "]" : "");
}

/* Apache's server shows the client address only where it stands in the server line, and an absent one as 0.0.0.0. */
void settings_ensemble(const struct settings *s, struct zk_buf *out)
{
    if (settings_is_standalone(s))
        return;
    for (size_t i = 0; i < s->server_count; i++) {
        const struct settings_server *server = &s->servers[i];
        zk_buf_printf(out, "server.%lu=", (unsigned long)server->id);
        put_host(out, server->host);
        zk_buf_printf(out, ":%u:%u:%s", server->peer_port, server->election_port,
                      server->is_observer ? "observer" : "participant");
        if (server->client_port != 0) {
            zk_buf_append_byte(out, ';');
            put_host(out, server->client_host[0] ? server->client_host : "0.0.0.0");
            zk_buf_printf(out, ":%u", server->client_port);
        }
        zk_buf_append_byte(out, '\n');
    }
}

static void describe_members(const struct settings *s, struct zk_buf *out)
{
    size_t voters = 0;
    for (size_t i = 0; i < s->server_count; i++)
        voters += !s->servers[i].is_observer;
    if (settings_is_standalone(s)) {
        zk_buf_printf(out, "A single server, without others to agree with (id %lu).\n", (unsigned long)s->self);
        return;
    }
    const struct settings_server *own = settings_own_server(s);
    zk_buf_printf(out, "%s %lu of an ensemble: %zu voters, %zu observers; %zu voters must be up.\n",
                  own && own->is_observer ? "Observer" : "Server", (unsigned long)s->self, voters,
                  s->server_count - voters, voters / 2 + 1);
    for (size_t i = 0; i < s->server_count; i++)
        describe_server(s, &s->servers[i], out);
    zk_buf_printf(out, "Servers prove who they are by %s.\n",
                  s->peer_secret_file[0] ? "a shared secret" : "their address alone (no peer.secretFile)");
    zk_buf_printf(out, "A follower has %ld ms to be brought level and may be silent for %ld ms (tick %d ms).\n",
                  (long)s->tick_ms * s->init_limit, (long)s->tick_ms * s->sync_limit, s->tick_ms);
}

/* ",srvr,ruok," as "srvr ruok". */
static void describe_words(const struct settings *s, struct zk_buf *out)
{
    zk_buf_printf(out, "4-letter words answered:");
    if (strstr(s->words, ",*,"))
        zk_buf_printf(out, " all");
    else
        for (const char *word = s->words + 1; *word != '\0'; word += 5)
            zk_buf_printf(out, " %.4s", word);
    zk_buf_printf(out, ".\n");
}

/* Only what makes a difference to who may do what. */
static void describe_auth(const struct settings *s, struct zk_buf *out)
{
    if (s->auth.skip_acl)
        zk_buf_printf(out, "ACLs are not checked: everybody may do everything.\n");
    if (s->auth.super_digest[0])
        zk_buf_printf(out, "There is a super user, %.*s.\n", (int)strcspn(s->auth.super_digest, ":"), s->auth.super_digest);
    if (s->auth.enforced[0])
        zk_buf_printf(out, "Clients must authenticate by one of: %.*s.\n", (int)strlen(s->auth.enforced) - 2,
                      s->auth.enforced + 1);
}

void settings_describe(const struct settings *s, struct zk_buf *out)
{
    describe_members(s, out);
    zk_buf_printf(out, "Clients connect to port %d at %s%s", s->client_port,
                  s->client_host[0] ? "address " : "every address", s->client_host);
    if (s->max_client_cnxns)
        zk_buf_printf(out, ", at most %d from one address.\n", s->max_client_cnxns);
    else
        zk_buf_printf(out, ".\n");
    zk_buf_printf(out, "Sessions time out after %d to %d ms; a request is at most %d bytes.\n",
                  s->min_session_timeout_ms, s->max_session_timeout_ms, s->jute_max_buffer);
    describe_auth(s, out);
    zk_buf_printf(out, "Nodes with a time to live are %s.\n", s->extended_types ? "allowed" : "refused");
    describe_words(s, out);
    zk_buf_printf(out, "Data in %s", s->data_dir);
    if (s->data_log_dir[0])
        zk_buf_printf(out, ", its write-ahead log in %s", s->data_log_dir);
    zk_buf_printf(out, ".\n");
}
