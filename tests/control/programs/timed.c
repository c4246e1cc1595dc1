/* Threads that wait for a condition for a time: timed [more] [gives-up], or until */
#include "shared.h"
#include <time.h>

static int queue[2], first, last, count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t room = PTHREAD_COND_INITIALIZER, items = PTHREAD_COND_INITIALIZER;

/* Whether it may go on: a wait that lasts for too long is given up, or begun anew. */
static int sleep_on(pthread_cond_t *condition, time_t begin)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    if (has("gives-up") && until.tv_sec > begin + 60)
        return 0;
    until.tv_sec += 2;
    pthread_cond_timedwait(condition, &lock, &until);
    return 1;
}

static void *produce(void *unused)
{
    for (int n = 1; n <= 3; n++) {
        pthread_mutex_lock(&lock);
        while (count == 2 && sleep_on(&room, time(0)))
            ;
        queue[last] = n;
        last = (last + 1) % 2;
        count++;
        pthread_cond_signal(&items);
        pthread_mutex_unlock(&lock);
    }
    return unused;
}

static void *consume(void *unused)
{
    for (int n = 1; n <= 3 + has("more"); n++) {
        pthread_mutex_lock(&lock);
        time_t begin = time(0);
        while (count == 0)
            if (!sleep_on(&items, begin)) {
                pthread_mutex_unlock(&lock);
                return unused;
            }
        printf("%d\n", queue[first]);
        first = (first + 1) % 2;
        count--;
        pthread_cond_signal(&room);
        pthread_mutex_unlock(&lock);
    }
    return unused;
}

/* Sleeps up to a time; what it has slept is told in seconds. */
static int until(void)
{
    struct timespec at, now;
    sem_t *done = mmap(0, sizeof *done, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    sem_init(done, 1, 3);
    clock_gettime(CLOCK_MONOTONIC, &at);
    time_t begin = at.tv_sec;
    while (!sem_trywait(done)) {
        at.tv_sec += 2;
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, 0);
    }
    clock_gettime(CLOCK_MONOTONIC, &now);
    printf("slept %ld\n", (long)(now.tv_sec - begin));
    return now.tv_sec - begin;
}

int main(int argc, char **words)
{
    pthread_t one, two;
    given = words;
    if (has("until"))
        return until();
    pthread_create(&one, 0, produce, 0);
    pthread_create(&two, 0, consume, 0);
    pthread_join(one, 0);
    pthread_join(two, 0);
    return 0;
}
