/* A ring of a pthread mutex and two conditions, for a producer or a consumer by the first argument. */
#include "shared.h"
#include <time.h>

struct queue {
    int data[SLOTS];
    int in, out, count;
    pthread_mutex_t lock, other;
    pthread_cond_t room, items;
    int ready;
};
static struct queue *q;

static pthread_cond_t *items(void)
{
    return has("one-condition") ? &q->room : &q->items;
}

static void initialise(void)
{
    pthread_mutexattr_t mutex;
    pthread_condattr_t condition;
    pthread_mutexattr_init(&mutex);
    pthread_condattr_init(&condition);
    if (!has("private")) {
        pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED);
        pthread_condattr_setpshared(&condition, PTHREAD_PROCESS_SHARED);
    }
    pthread_mutex_init(&q->lock, &mutex);
    pthread_mutex_init(&q->other, &mutex);
    pthread_cond_init(&q->room, &condition);
    pthread_cond_init(&q->items, &condition);
    q->ready = 1;
}

static void produce(int n)
{
    if (has("two-locks"))
        pthread_mutex_lock(&q->other);
    if (has("signal-first"))
        pthread_cond_signal(&q->items);
    if (!has("no-lock"))
        pthread_mutex_lock(&q->lock);
    if (has("twice"))
        pthread_mutex_lock(&q->lock);
    while (q->count == SLOTS)
        pthread_cond_wait(&q->room, &q->lock);
    q->data[q->in] = n;
    q->in = (q->in + 1) % SLOTS;
    q->count++;
    if (!has("no-signal") && !has("signal-first"))
        pthread_cond_signal(items());
    if (!has("no-lock") && !(has("keep") && n == 2))
        pthread_mutex_unlock(&q->lock);
    if (has("two-locks"))
        pthread_mutex_unlock(&q->other);
}

static void consume(void)
{
    if (has("early-look")) {
        int empty = q->count == 0;
        pthread_mutex_lock(&q->lock);
        if (empty)
            pthread_cond_wait(&q->items, &q->lock);
    } else {
        struct timespec soon = {1, 0};
        while (has("timed-lock") && pthread_mutex_timedlock(&q->lock, &soon))
            ;
        if (!has("timed-lock"))
            pthread_mutex_lock(&q->lock);
        if (has("two-locks"))
            pthread_mutex_lock(&q->other);
        if (has("if") && q->count == 0)
            pthread_cond_wait(&q->items, &q->lock);
        while (!has("if") && !has("timed") && q->count == 0)
            pthread_cond_wait(items(), &q->lock);
        struct timespec limit = {0, 0};
        clock_gettime(CLOCK_REALTIME, &limit);
        limit.tv_sec++;
        while (has("timed") && q->count == 0)
            pthread_cond_timedwait(&q->items, &q->lock, &limit);
    }
    printf("%d\n", q->data[q->out]);
    q->out = (q->out + 1) % SLOTS;
    q->count--;
    pthread_cond_signal(&q->room);
    if (has("two-locks"))
        pthread_mutex_unlock(&q->other);
    pthread_mutex_unlock(&q->lock);
}

int main(int count, char **words)
{
    given = words;
    q = map_shared(sizeof *q);
    if (!q->ready)
        initialise();
    for (int n = 1; n <= 2; n++)
        if (words[1][0] == 'p')
            produce(n);
        else
            consume();
    return 0;
}
