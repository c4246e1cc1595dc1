/* Threads that meet at a barrier, and processes that end before all of their threads do: gather [MODE]... */
#include "shared.h"
#include <signal.h>

static sem_t begun, left;
static int count;
static pthread_barrier_t gate;

static void *first(void *unused)
{
    sem_wait(&begun);
    count++;
    if (has("exit"))
        exit(0);
    if (has("crash"))
        *(volatile int *)8 = 1;
    sem_post(&left);
    return unused;
}

static void *second(void *unused)
{
    sem_post(&begun);
    sem_wait(&left);
    return unused;
}

/* Who is told to be the last at the barrier is one of them. */
static void *meet(void *unused)
{
    for (int i = 0; i < 2; i++)
        if (pthread_barrier_wait(&gate) == PTHREAD_BARRIER_SERIAL_THREAD)
            count++;
    return unused;
}

int main(int argc, char **words)
{
    pthread_t threads[2];
    given = words;
    if (has("processes")) {
        pthread_barrier_t *shared = mmap(0, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        pthread_barrierattr_t kind;
        pthread_barrierattr_init(&kind);
        if (!has("private"))
            pthread_barrierattr_setpshared(&kind, PTHREAD_PROCESS_SHARED);
        pthread_barrier_init(shared, &kind, 2);
        if (!fork()) {
            if (has("kills"))
                kill(getppid(), SIGKILL);
            pthread_barrier_wait(shared);
            _exit(0);
        }
        pthread_barrier_wait(shared);
        wait(0);
        return 0;
    }
    sem_init(&begun, 0, 0);
    sem_init(&left, 0, 0);
    pthread_barrier_init(&gate, 0, has("more") ? 3 : 2);
    int meets = has("meet");
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], 0, meets ? meet : i ? second : first, 0);
    if (has("return"))
        return 0;
    if (has("leaves"))
        pthread_exit(0);
    pthread_join(threads[0], 0);
    pthread_join(threads[1], 0);
    if (meets && count != 2)
        abort();
    return 0;
}
