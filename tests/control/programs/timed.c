/* Threads that wait for a condition for a time: timed [more] [gives-up] */
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

int main(int argc, char **words)
{
    pthread_t one, two;
    given = words;
    pthread_create(&one, 0, produce, 0);
    pthread_create(&two, 0, consume, 0);
    pthread_join(one, 0);
    pthread_join(two, 0);
    return 0;
}
