/* Two who meet in few orders only; what one has read meanwhile stands in one place alone, by the second argument. */
#include "shared.h"
#include <signal.h>
#include <sys/ioctl.h>

struct shared {
    pthread_mutex_t locks[2];
    sem_t ready, once[3], permits, never;
    int value, sum;
};
static struct shared *s;
static int is_second;

static void initialise(void)
{
    pthread_mutexattr_t shared;
    pthread_mutexattr_init(&shared);
    pthread_mutexattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&s->locks[0], &shared);
    pthread_mutex_init(&s->locks[1], &shared);
    sem_init(&s->ready, 1, 0);
    for (int i = 0; i < 3; i++)
        sem_init(&s->once[i], 1, 1);
    sem_init(&s->permits, 1, 2);
    sem_init(&s->never, 1, 0);
}

/* Two locks, or two permits of two, one after the other. */
static void take_both(int crossed)
{
    pthread_mutex_lock(&s->locks[crossed && is_second]);
    pthread_mutex_lock(&s->locks[!(crossed && is_second)]);
    s->sum++;
    pthread_mutex_unlock(&s->locks[0]);
    pthread_mutex_unlock(&s->locks[1]);
}

static void take_two(void)
{
    sem_wait(&s->permits);
    sem_wait(&s->permits);
    s->sum++;
    sem_post(&s->permits);
    sem_post(&s->permits);
}

/* The value is 1 for a while only. */
static void set(int value)
{
    sem_wait(&s->once[2]);
    s->value = value;
    sem_post(&s->once[2]);
}

static int get(void)
{
    sem_wait(&s->once[2]);
    int value = s->value;
    sem_post(&s->once[2]);
    return value;
}

static void pass(void)
{
    sem_wait(&s->once[2]);
    sem_post(&s->once[2]);
}

__attribute__((noinline)) static int try_at_once(void)
{
    int value = get();
    return sem_trywait(&s->once[value]);
}

/* A number from 0 to 1 that the kernel keeps. */
static int ends[2], file;

static void prepare_kernel(void)
{
    if (has("pipe") || has("all-orders"))
        pipe(ends);
    if (has("offset"))
        file = fileno(tmpfile());
}

__attribute__((noinline)) static void keep_in_kernel(int value)
{
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, SIGUSR1);
    if (has("mask") && value)
        sigprocmask(SIG_BLOCK, &one, 0);
    if (has("pipe") && value)
        write(ends[1], "1", 1);
    if (has("offset"))
        lseek(file, value, SEEK_SET);
}

__attribute__((noinline)) static int kept_in_kernel(void)
{
    sigset_t blocked;
    int unread = 0;
    if (has("pipe")) {
        ioctl(ends[0], FIONREAD, &unread);
        return unread;
    }
    if (has("offset"))
        return lseek(file, 0, SEEK_CUR);
    sigprocmask(SIG_BLOCK, 0, &blocked);
    return sigismember(&blocked, SIGUSR1);
}

int main(int count, char **words)
{
    given = words + 1;
    is_second = has("consume");
    s = map_shared(sizeof *s);
    if (!is_second)
        initialise();
    if (has("crossed") || has("straight")) {
        take_both(has("crossed"));
        take_both(has("crossed"));
    } else if (has("pairs")) {
        take_two();
        take_two();
    } else if (is_second) {
        int failed;
        volatile int own = 0, *kept = &own;
        if (has("read-only"))
            kept = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        prepare_kernel();
        sem_wait(&s->ready);
        if (has("argument")) {
            failed = try_at_once();
        } else if (has("mask") || has("pipe") || has("offset")) {
            keep_in_kernel(get());
            pass();
            failed = sem_trywait(&s->once[kept_in_kernel()]);
        } else {
            *kept = get();
            if (has("read-only"))
                mprotect((void *)kept, 4096, PROT_READ);
            pass();
            failed = sem_trywait(&s->once[*kept]);
        }
        if (failed)
            sem_wait(&s->never);
    } else {
        sem_post(&s->ready);
        set(1);
        set(0);
        sem_trywait(&s->once[1]);
    }
    return 0;
}
