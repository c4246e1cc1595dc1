/* A ring of semaphores within one family: producer and consumer are threads, or a child and its parent. */
#include "shared.h"

#ifndef ITEM
#define ITEM int
#endif

struct ring {
    ITEM data[SLOTS];
    int in, out;
    sem_t mutex, empty, full;
};
static struct ring *r;

static void *produce(void *unused)
{
    for (int n = 1; n <= 3; n++) {
        if (has("lock-first"))
            sem_wait(&r->mutex);
        sem_wait(&r->empty);
        if (!has("lock-first") && !has("no-mutex"))
            sem_wait(&r->mutex);
        r->data[r->in] = n;
        if (has("address"))
            r->data[r->in] = (ITEM)(long)(has("text") ? "an item" : strdup("an item"));
        r->in = (r->in + 1) % SLOTS;
        if (!has("no-mutex"))
            sem_post(&r->mutex);
        if (!has("last") || n < 3)
            sem_post(&r->full);
    }
    return unused;
}

static void *consume(void *unused)
{
    for (int n = 1; has("endless") || n <= (has("two") ? 6 : 3); n++) {
        if (has("lock-first"))
            sem_wait(&r->mutex);
        sem_wait(&r->full);
        if (!has("lock-first") && !has("no-mutex"))
            sem_wait(&r->mutex);
        printf("%d\n", (int)r->data[r->out]);
        r->out = (r->out + 1) % SLOTS;
        if (!has("no-mutex"))
            sem_post(&r->mutex);
        sem_post(&r->empty);
    }
    return unused;
}

int main(int count, char **words)
{
    given = words;
    int shared = !has("private");
    int kept = has("copied") ? MAP_PRIVATE : MAP_SHARED;
    r = mmap(0, sizeof *r, PROT_READ | PROT_WRITE, kept | MAP_ANONYMOUS, -1, 0);
    sem_init(&r->mutex, shared, 1);
    sem_init(&r->empty, shared, SLOTS);
    sem_init(&r->full, shared, 0);
    if (has("threads")) {
        pthread_t threads[3];
        pthread_create(&threads[0], 0, produce, 0);
        pthread_create(&threads[1], 0, consume, 0);
        if (has("two"))
            pthread_create(&threads[2], 0, produce, 0);
        for (int i = 0; i < 2 + has("two"); i++)
            pthread_join(threads[i], 0);
        return 0;
    }
    pid_t child = 0;
    for (int i = 0; i < 1 + has("two"); i++)
        if (!(child = fork())) {
            produce(0);
            exit(0);
        }
    if (has("apart") && !fork()) {
        consume(0);
        exit(0);
    }
    if (!has("apart"))
        consume(0);
    while ((has("by-number") ? waitpid(child, 0, 0) : wait(0)) > 0)
        ;
    return 0;
}
