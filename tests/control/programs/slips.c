/* An endless pair over a ring with embedded semaphores; mistakes that show late, or rarely. */
#include "shared.h"

struct ring {
    int data[SLOTS];
    int in, out;
    sem_t mutex, empty, full;
    long total;
};

static struct ring *r;

static void put(int n)
{
    sem_wait(&r->empty);
    sem_wait(&r->mutex);
    int at = r->in;
    if (has("in-out"))
        sem_post(&r->mutex);
    r->data[at] = n;
    r->in = (at + 1) % SLOTS;
    if (!has("in-out"))
        sem_post(&r->mutex);
    if (!has("first-post") || n)
        sem_post(&r->full);
    if (has("tally"))
        r->total = r->total + n;
}

static void take(int n)
{
    sem_wait(&r->full);
    sem_wait(&r->mutex);
    int value = r->data[r->out];
    if (!has("stays"))
        r->out = (r->out + 1) % SLOTS;
    sem_post(&r->mutex);
    sem_post(&r->empty);
    if (has("empty-twice"))
        sem_post(&r->empty);
    printf("%d\n", value);
}

int main(int count, char **words)
{
    given = words;
    int produces = words[1][0] == 'p';
    r = map_shared(sizeof *r);
    if (produces && !has("second")) {
        sem_init(&r->mutex, 1, 1);
        sem_init(&r->empty, 1, SLOTS);
        sem_init(&r->full, 1, 0);
    }
    for (int n = 0;; n++) {
        if (produces)
            put(n);
        else
            take(n);
        usleep(1000);
    }
}
