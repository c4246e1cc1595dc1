/* A mutex and two conditions; producer and consumer are threads, or a parent and its child. */
#include "shared.h"

struct monitor {
    int data[SLOTS];
    int in, out, count;
    pthread_mutex_t lock;
    pthread_cond_t room, items;
};
static struct monitor *m;

static void *produce(void *unused)
{
    for (int n = 1; n <= 2; n++) {
        pthread_mutex_lock(&m->lock);
        while (m->count == SLOTS)
            pthread_cond_wait(&m->room, &m->lock);
        m->data[m->in] = n;
        m->in = (m->in + 1) % SLOTS;
        m->count++;
        if (!has("no-signal"))
            pthread_cond_signal(&m->items);
        pthread_mutex_unlock(&m->lock);
    }
    return unused;
}

static void *consume(void *unused)
{
    for (int n = 1; n <= 2; n++) {
        pthread_mutex_lock(&m->lock);
        while (m->count == 0)
            pthread_cond_wait(&m->items, &m->lock);
        printf("%d\n", m->data[m->out]);
        m->out = (m->out + 1) % SLOTS;
        m->count--;
        pthread_cond_signal(&m->room);
        pthread_mutex_unlock(&m->lock);
    }
    return unused;
}

int main(int count, char **words)
{
    given = words;
    m = mmap(0, sizeof *m, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutexattr_t lock;
    pthread_condattr_t condition;
    pthread_mutexattr_init(&lock);
    pthread_condattr_init(&condition);
    if (!has("private")) {
        pthread_mutexattr_setpshared(&lock, PTHREAD_PROCESS_SHARED);
        pthread_condattr_setpshared(&condition, PTHREAD_PROCESS_SHARED);
    }
    if (has("robust"))
        pthread_mutexattr_setrobust(&lock, PTHREAD_MUTEX_ROBUST);
    if (has("inherits"))
        pthread_mutexattr_setprotocol(&lock, PTHREAD_PRIO_INHERIT);
    if (has("checks"))
        pthread_mutexattr_settype(&lock, PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutex_init(&m->lock, &lock);
    pthread_cond_init(&m->room, &condition);
    pthread_cond_init(&m->items, &condition);
    if (has("threads")) {
        pthread_t one, two;
        pthread_create(&one, 0, produce, 0);
        pthread_create(&two, 0, consume, 0);
        pthread_join(one, 0);
        pthread_join(two, 0);
        return 0;
    }
    if (!fork()) {
        consume(0);
        exit(0);
    }
    produce(0);
    wait(0);
    return 0;
}
