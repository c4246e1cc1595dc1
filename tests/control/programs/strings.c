/* A ring of strings that are copied by the functions of the C library, which look at bytes behind a string, too: one lock
   for the producers and one for the consumers. Or the producer's children put in several at a time. */
#include "shared.h"

struct ring {
#ifdef ROWS
    char rows[SLOTS][32];
    int takes, puts;
#define TEXT(at) r->rows[at]
#define in puts
#define out takes
#define strcpy(to, from) strncpy(to, from, 23)
#else
    int in, out;
    struct {
        char text[24];
    } data[SLOTS];
#define TEXT(at) r->data[at].text
#endif
    sem_t put, get, empty, full;
};
static struct ring *r;

static void put(int n, int many)
{
    char line[24];
    snprintf(line, sizeof line, "message %d", n);
    for (int i = 0; i < many; i++)
        sem_wait(&r->empty);
    sem_wait(&r->put);
    for (int i = 0; i < many; i++) {
        strcpy(TEXT(r->in), line);
        r->in = (r->in + 1) % SLOTS;
    }
    sem_post(&r->put);
    for (int i = 0; i < many; i++)
        sem_post(&r->full);
}

static void get(void)
{
    char line[24] = "";
    sem_wait(&r->full);
    sem_wait(&r->get);
    int at = r->out;
    if (has("move-first"))
        r->out = (at + 1) % SLOTS;
    strcpy(line, TEXT(at));
    if (!has("move-first"))
        r->out = (at + 1) % SLOTS;
    sem_post(&r->get);
    sem_post(&r->empty);
    puts(line);
}

int main(int count, char **words)
{
    given = words;
    int file = shm_open(getenv("EXPLORED"), O_CREAT | O_EXCL | O_RDWR, 0600);
    r = map_shared(sizeof *r);
    if (file >= 0) {
        sem_init(&r->put, 1, 1);
        sem_init(&r->get, 1, 1);
        sem_init(&r->empty, 1, SLOTS);
        sem_init(&r->full, 1, 0);
    }
    if (words[1][0] == 'c') {
        for (int n = 0; n < 6; n++)
            get();
    } else if (has("children")) {
        for (int child = 0; child < 2; child++)
            if (!fork()) {
                for (int n = 0; n < 3; n++)
                    put(n, 1);
                exit(0);
            }
        while (wait(0) > 0)
            ;
    } else {
        for (int n = 0; n < 6; n += 1 + 2 * has("three"))
            put(n, 1 + 2 * has("three"));
    }
    return 0;
}
