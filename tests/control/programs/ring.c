/* A ring of four items and three semaphores: producer or consumer by the first argument. */
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
static int locks, lock_first, waits;

static void enter(sem_t *permits)
{
    if (locks && lock_first)
        sem_wait(&r->mutex);
    if (waits)
        sem_wait(permits);
    if (locks && !lock_first)
        sem_wait(&r->mutex);
}

static void leave(sem_t *permits)
{
    if (locks && !has("unlock-early"))
        sem_post(&r->mutex);
    if (has("mutex-twice"))
        sem_post(&r->mutex);
    if (permits)
        sem_post(permits);
}

static void produce(int rounds)
{
    for (int n = 1; n <= rounds; n++) {
        enter(&r->empty);
        if (has("keep-lock") && n == 3)
            continue;
        if (has("post-first"))
            sem_post(&r->full);
        if (has("by-parts")) {
            r->data[r->in] = 0;
            for (int i = 0; i < n; i++)
                r->data[r->in] += 1;
        } else if (has("reserve")) {
            int slot = r->in;
            r->in = (slot + 1) % SLOTS;
            r->data[slot] = n;
        } else {
            r->data[r->in] = n;
        }
        if (has("address"))
            r->data[r->in] = (ITEM)(long)(has("text") ? "an item" : strdup("an item"));
        if (has("unlock-early"))
            sem_post(&r->mutex);
        if (!has("reserve"))
            r->in = (r->in + 1) % (has("past") ? SLOTS + 9 : SLOTS);
        printf("made %d\n", n);
        int forgets = has("forget-full") && n == 2;
        leave(has("post-first") || forgets || (has("last") && n == rounds) ? 0 : &r->full);
        sleep(1);
    }
}

static void consume(int rounds)
{
    long sum = 0;
    for (int n = 1; n <= rounds; n++) {
        if (has("batch"))
            sem_wait(&r->full);
        enter(&r->full);
        for (int i = 0; has("peek") && i < SLOTS; i++)
            sum += r->data[i];
        if (has("unlock-early"))
            sem_post(&r->mutex);
        for (int i = 0; i <= has("batch"); i++) {
            printf("took %d\n", (int)r->data[r->out]);
            if (has("clear"))
                r->data[r->out] = -1;
            r->out = (r->out + 1) % SLOTS;
        }
        if (has("crash") && n == 2)
            *(volatile int *)8 = 1;
        leave(has("no-post") || (has("forget-empty") && n == 2) ? 0 : has("post-full") ? &r->full : &r->empty);
        if (has("batch"))
            sem_post(&r->empty);
        if (has("again"))
            printf("again %d\n", (int)r->data[(n - 1) % SLOTS]);
        sleep(2);
    }
    exit(sum == 4711);
}

int main(int count, char **words)
{
    given = words;
    locks = !has("no-mutex");
    lock_first = has("lock-first");
    waits = !has("no-waits");
    r = map_shared(sizeof *r);
    struct stat status = {0};
    while (has("status") && !status.st_size)
        stat(name_of_segment(), &status);
    if (words[1][0] == 'p' && !has("no-init") && !has("second")) {
        int shared = !has("private");
        sem_init(&r->mutex, shared, has("mutex-0") ? 0 : has("mutex-2") ? 2 : 1);
        sem_init(&r->empty, shared, has("empty-5") ? 5 : SLOTS);
        sem_init(&r->full, shared, has("full-1") ? 1 : 0);
    }
    if (words[1][0] == 'c' && has("begins-anew"))
        r->in = r->out = 0;
    if (has("leaves"))
        return 0;
    int rounds = has("three") ? 3 : 1000000;
    if (words[1][0] == 'p')
        produce(rounds);
    else
        consume(rounds);
    return 0;
}
