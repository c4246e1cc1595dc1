/* A producer that has its items from a file, which it has opened before it meets others. With "early" the consumer
   ends as soon as the producer has, whatever is left; else a mark among the items tells it. */
#include "shared.h"

struct shared {
    int data[SLOTS], in, out, over;
    sem_t mutex, empty, full;
};

static void produce(struct shared *s, FILE *file)
{
    int item = 0;
    do {
        if (fscanf(file, "%d", &item) != 1)
            item = -1;
        if (item < 0 && has("early")) {
            sem_wait(&s->mutex);
            s->over = 1;
            sem_post(&s->mutex);
            sem_post(&s->full);
            return;
        }
        sem_wait(&s->empty);
        sem_wait(&s->mutex);
        s->data[s->in] = item;
        s->in = (s->in + 1) % SLOTS;
        sem_post(&s->mutex);
        sem_post(&s->full);
    } while (item >= 0);
}

static void consume(struct shared *s)
{
    int item, sum = 0;
    do {
        sem_wait(&s->full);
        sem_wait(&s->mutex);
        if (s->over) {
            sem_post(&s->mutex);
            return;
        }
        item = s->data[s->out];
        s->out = (s->out + 1) % SLOTS;
        sem_post(&s->mutex);
        sem_post(&s->empty);
        sum += item;
    } while (item >= 0);
    if (sum != 1 + 2 + 3 - 1)
        abort();
}

int main(int count, char **words)
{
    given = words;
    FILE *file = count > 1 ? fopen(words[1], "r") : 0;
    struct shared *s = map_shared(sizeof *s);
    if (!file) {
        consume(s);
        return 0;
    }
    sem_init(&s->mutex, 1, 1);
    sem_init(&s->empty, 1, SLOTS);
    sem_init(&s->full, 1, 0);
    produce(s, file);
    return 0;
}
