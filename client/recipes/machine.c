#include "client/recipes/machine.h"
#include <stdio.h>
#include <string.h>

void zkr_machine_init(struct zkr_machine *m, struct zk *zk, void (*free)(void *machine))
{
    pthread_mutex_init(&m->lock, NULL);
    pthread_cond_init(&m->called, NULL);
    m->refs = 1;
    m->free = free;
    m->zk = zk;
}

void zkr_machine_fini(struct zkr_machine *m)
{
    pthread_mutex_destroy(&m->lock);
    pthread_cond_destroy(&m->called);
}

void zkr_machine_unref_unlock(void *machine)
{
    struct zkr_machine *m = machine;
    bool last = --m->refs == 0;
    pthread_mutex_unlock(&m->lock);
    if (last)
        m->free(m);
}

int zkr_machine_listen(struct zkr_machine *m, zk_state_fn *on_state)
{
    m->on_state = on_state;
    return zk_state_listen(m->zk, on_state, m);
}

void zkr_machine_unlisten(struct zkr_machine *m)
{
    zk_state_unlisten(m->zk, m->on_state, m);
}

bool zkr_machine_call_begin(struct zkr_machine *m)
{
    if (m->leaving)
        return false;
    m->calling = true;
    m->calling_thread = pthread_self();
    pthread_mutex_unlock(&m->lock);
    return true;
}

void zkr_machine_call_end(struct zkr_machine *m)
{
    pthread_mutex_lock(&m->lock);
    m->calling = false;
    pthread_cond_broadcast(&m->called);
}

void *zkr_machine_come_back(void *machine)
{
    struct zkr_machine *m = machine;
    pthread_mutex_lock(&m->lock);
    m->busy = false;
    return m;
}

void zkr_machine_leave(struct zkr_machine *m)
{
    pthread_mutex_lock(&m->lock);
    bool over = m->over; /* then no further state will be told */
    pthread_mutex_unlock(&m->lock);
    if (!over)
        zkr_machine_unlisten(m);
    pthread_mutex_lock(&m->lock);
    m->leaving = true;
    while (m->calling && !pthread_equal(m->calling_thread, pthread_self()))
        pthread_cond_wait(&m->called, &m->lock);
}

char *zkr_child_path(const char *parent, const char *name)
{
    char *path;
    return asprintf(&path, "%s/%s", strcmp(parent, "/") == 0 ? "" : parent, name) < 0 ? NULL : path;
}
