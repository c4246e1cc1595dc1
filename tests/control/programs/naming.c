/* A pair whose segment or semaphores come to their names in ways of their own: naming p|c|both [WAY]... */
#include "shared.h"

struct ring {
    int data[SLOTS];
    int in, out;
    pthread_mutex_t lock;
    pthread_cond_t room, items;
    int count;
};
static struct ring *r;
static sem_t *mutex, *empty, *full;
static char path[64], other[64];

static void initialise(void)
{
    pthread_mutexattr_t lock;
    pthread_condattr_t condition;
    pthread_mutexattr_init(&lock);
    pthread_mutexattr_setpshared(&lock, PTHREAD_PROCESS_SHARED);
    pthread_condattr_init(&condition);
    if (!has("private"))
        pthread_condattr_setpshared(&condition, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&r->lock, &lock);
    pthread_cond_init(&r->room, &condition);
    pthread_cond_init(&r->items, &condition);
}

static void transfer(int produces, int n)
{
    sem_wait(produces ? empty : full);
    sem_wait(mutex);
    if (produces)
        r->data[r->in] = n, r->in = (r->in + 1) % SLOTS;
    else
        printf("%d\n", r->data[r->out]), r->out = (r->out + 1) % SLOTS;
    sem_post(mutex);
    sem_post(produces ? full : empty);
}

static void transfer_in_monitor(int produces, int n)
{
    pthread_mutex_lock(&r->lock);
    while (r->count == (produces ? SLOTS : 0))
        pthread_cond_wait(produces ? &r->room : &r->items, &r->lock);
    if (produces)
        r->data[r->in] = n, r->in = (r->in + 1) % SLOTS;
    else
        printf("%d\n", r->data[r->out]), r->out = (r->out + 1) % SLOTS;
    r->count += produces ? 1 : -1;
    pthread_cond_signal(produces ? &r->items : &r->room);
    pthread_mutex_unlock(&r->lock);
}

static sem_t *named(const char *suffix, int value)
{
    snprintf(other, sizeof other, "%s_%s", getenv("EXPLORED"), suffix);
    sem_t *found = sem_open(other, O_CREAT, 0600, value);
    if (has("unlinked"))
        sem_unlink(other);
    return found;
}

int main(int count, char **words)
{
    given = words;
    int produces = words[1][0] == 'p', file;
    snprintf(path, sizeof path, "%s", name_of_segment());
    if (has("renamed") && produces) {
        snprintf(other, sizeof other, "%s_new", getenv("EXPLORED"));
        file = shm_open(other, O_CREAT | O_RDWR, 0600);
        ftruncate(file, sizeof *r);
        r = mmap(0, sizeof *r, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        initialise();
        snprintf(other, sizeof other, "/dev/shm%s_new", getenv("EXPLORED"));
        rename(other, path);
    } else {
        while (has("renamed") && access(path, F_OK))
            usleep(1000);
        file = shm_open(getenv("EXPLORED"), O_CREAT | O_RDWR, 0600);
        ftruncate(file, sizeof *r);
        int apart = produces && has("apart");
        r = mmap(0, sizeof *r, PROT_READ | PROT_WRITE, apart ? MAP_PRIVATE : MAP_SHARED, file, 0);
    }
    int monitor = has("renamed");
    if (!monitor) {
        mutex = named("mutex", 1);
        empty = named("empty", SLOTS);
        full = named("full", 0);
    }
    if (words[1][0] == 'b')
        produces = !!fork();
    char ready[80];
    snprintf(ready, sizeof ready, "%s_ready", path);
    while (has("polls") && !produces && access(ready, F_OK))
        usleep(1000);
    for (int n = 1; words[1][0] != 'b' || n <= 3; n++) {
        if (monitor)
            transfer_in_monitor(produces, n);
        else
            transfer(produces, n);
        if (has("polls") && produces && n == 1)
            close(open(ready, O_CREAT | O_WRONLY, 0600));
        usleep(1000);
    }
    if (produces)
        wait(0);
    return 0;
}
