/* Threads over memory that main has allocated: heap [array|argument] [MISTAKE]... */
#include "shared.h"

struct ring {
    int slots[SLOTS], in, out;
    sem_t mutex, empty, full;
};
struct indices {
    int in, out;
    sem_t mutex, empty, full;
};
static struct ring *ring;
static struct indices indices;
static int *buffer;

static void enter(sem_t *permits, sem_t *mutex)
{
    sem_wait(permits);
    if (!has("no-mutex"))
        sem_wait(mutex);
}

static void leave(sem_t *mutex, sem_t *permits)
{
    if (!has("no-mutex"))
        sem_post(mutex);
    sem_post(permits);
}

static void *produce(void *argument)
{
    struct ring *r = argument ? argument : ring;
    for (int n = 1; n <= 3; n++) {
        if (buffer) {
            enter(&indices.empty, &indices.mutex);
            buffer[indices.in] = n;
            indices.in = (indices.in + 1) % SLOTS;
            leave(&indices.mutex, &indices.full);
        } else {
            enter(&r->empty, &r->mutex);
            r->slots[r->in] = n;
            r->in = (r->in + 1) % SLOTS;
            leave(&r->mutex, &r->full);
        }
        printf("put %d\n", n);
    }
    return 0;
}

static void *consume(void *argument)
{
    struct ring *r = argument ? argument : ring;
    for (int n = 1; n <= 3; n++) {
        int item;
        if (buffer) {
            enter(&indices.full, &indices.mutex);
            item = buffer[indices.out];
            indices.out = (indices.out + 1) % SLOTS;
            leave(&indices.mutex, &indices.empty);
        } else {
            enter(&r->full, &r->mutex);
            item = r->slots[r->out];
            r->out = (r->out + 1) % SLOTS;
            leave(&r->mutex, &r->empty);
        }
        char *text = malloc(32); /* Where a freed block was, perhaps. */
        sprintf(text, "took %d", item);
        puts(text);
        free(text);
    }
    return 0;
}

static void initialise(sem_t *mutex, sem_t *empty, sem_t *full)
{
    sem_init(mutex, 0, 1);
    sem_init(empty, 0, has("room") ? SLOTS + 1 : SLOTS);
    sem_init(full, 0, 0);
}

int main(int count, char **words)
{
    given = words;
    pthread_t *threads = malloc(3 * sizeof *threads);
    char *name = realloc(0, 32);
    free(name);
    struct ring *own = 0;
    if (has("array")) {
        buffer = calloc(SLOTS, sizeof *buffer);
        initialise(&indices.mutex, &indices.empty, &indices.full);
    } else {
        own = calloc(1, sizeof *own);
        initialise(&own->mutex, &own->empty, &own->full);
        if (!has("argument"))
            ring = own;
    }
    void *argument = has("argument") ? own : 0;
    pthread_create(&threads[0], 0, produce, argument);
    pthread_create(&threads[1], 0, consume, argument);
    if (has("no-mutex"))
        pthread_create(&threads[2], 0, produce, argument);
    for (int n = 0; n < 2 + has("no-mutex"); n++)
        pthread_join(threads[n], 0);
    free(own);
    free(buffer);
    free(threads);
    return 0;
}
