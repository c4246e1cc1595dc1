/* The exercise of a ring in shared memory, as students hand it in; with mistakes by macros. */
#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SLOTS 4

struct exchange {
    int data[SLOTS];
    int in, out;
    sem_t mutex, empty, full;
};

/* Whoever comes first makes it; the others find it initialised. */
static struct exchange *join_exchange(void)
{
#ifdef OPEN_ONLY
    int created = -1;
#else
    int created = shm_open("/exchange", O_CREAT | O_EXCL | O_RDWR, 0600);
#endif
    int file = created >= 0 ? created : shm_open("/exchange", O_RDWR, 0600);
    if (file < 0 || (created >= 0 && ftruncate(file, sizeof(struct exchange))))
        return NULL;
    struct exchange *e =
        mmap(NULL, sizeof *e, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
#ifdef INITIALISES_AGAIN
    created = 0;
#endif
    if (created >= 0) {
        sem_init(&e->mutex, 1, 1);
        sem_init(&e->empty, 1, SLOTS);
        sem_init(&e->full, 1, 0);
    }
    return e;
}

static void enter(struct exchange *e, sem_t *permits)
{
#ifdef LOCK_FIRST
    sem_wait(&e->mutex);
    sem_wait(permits);
#else
    sem_wait(permits);
#ifndef NO_MUTEX
    sem_wait(&e->mutex);
#endif
#endif
}

static void leave(struct exchange *e, sem_t *permits)
{
#ifndef NO_MUTEX
    sem_post(&e->mutex);
#endif
    sem_post(permits);
}
