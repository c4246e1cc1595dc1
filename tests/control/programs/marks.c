/* Items up to a mark that ends who takes it: marks p|c [each], or both: marks p threads [each]. */
#include "shared.h"

struct ring {
    int data[SLOTS];
    int in, out;
    sem_t mutex, empty, full;
};
static struct ring *r;

static void put(int item)
{
    sem_wait(&r->empty);
    sem_wait(&r->mutex);
    r->data[r->in] = item;
    r->in = (r->in + 1) % SLOTS;
    sem_post(&r->mutex);
    sem_post(&r->full);
}

static void *produce(void *unused)
{
    for (int n = 1; n <= 3; n++)
        put(n);
    put(-1);
    if (has("each"))
        put(-1);
    return unused;
}

static void *consume(void *unused)
{
    int item = 0;
    while (item >= 0) {
        sem_wait(&r->full);
        sem_wait(&r->mutex);
        item = r->data[r->out];
        r->out = (r->out + 1) % SLOTS;
        sem_post(&r->mutex);
        sem_post(&r->empty);
    }
    return unused;
}

int main(int count, char **words)
{
    given = words;
    r = map_shared(sizeof *r);
    if (*words[1] != 'c') {
        sem_init(&r->mutex, 1, 1);
        sem_init(&r->empty, 1, SLOTS);
        sem_init(&r->full, 1, 0);
    }
    if (has("threads")) {
        pthread_t threads[3];
        for (int i = 0; i < 3; i++)
            pthread_create(&threads[i], 0, i ? consume : produce, 0);
        for (int i = 0; i < 3; i++)
            pthread_join(threads[i], 0);
        return 0;
    }
    *words[1] == 'p' ? produce(0) : consume(0);
    return 0;
}
