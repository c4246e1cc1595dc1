/* A ring of one mutex and two condition variables, with its own count. NAME what …:
   make [private]; put USEC; get USEC; mute [wait] (takes two without a signal, then sleeps, or waits for another); hold. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <signal.h>
#include <unistd.h>
#define N 4
typedef struct {
    pthread_mutex_t lock;
    pthread_cond_t not_empty, not_full;
    int items[N];
    int in, out, count;
} Queue;
int main(int argc, char **argv) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int fd = shm_open(argv[1], O_CREAT | O_RDWR, 0600);
    if (ftruncate(fd, sizeof(Queue))) return 1;
    Queue *q = mmap(0, sizeof(Queue), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (!strcmp(argv[2], "make")) {
        int shared = argc < 4;
        pthread_mutexattr_t m;
        pthread_condattr_t c;
        pthread_mutexattr_init(&m);
        pthread_condattr_init(&c);
        pthread_mutexattr_setpshared(&m, PTHREAD_PROCESS_SHARED);
        pthread_condattr_setpshared(&c, shared);
        pthread_mutex_init(&q->lock, &m);
        pthread_cond_init(&q->not_empty, &c);
        pthread_cond_init(&q->not_full, &c);
        return 0;
    }
    puts("ready");
    fflush(stdout);
    if (!strcmp(argv[2], "hold")) { pthread_mutex_lock(&q->lock); for (;;) pause(); }
    int puts_ = !strcmp(argv[2], "put"), mute = !strcmp(argv[2], "mute");
    for (int i = 1;; i++) {
        pthread_mutex_lock(&q->lock);
        if (puts_) {
            while (q->count == N) pthread_cond_wait(&q->not_full, &q->lock);
            q->items[q->in] = i; q->in = (q->in + 1) % N; q->count++;
            pthread_cond_signal(&q->not_empty);
        } else {
            while (q->count == 0) pthread_cond_wait(&q->not_empty, &q->lock);
            q->out = (q->out + 1) % N; q->count--;
            if (!mute) pthread_cond_signal(&q->not_full);
        }
        int left = q->count;
        pthread_mutex_unlock(&q->lock);
        if (mute && left == N / 2 && argc < 4) for (;;) pause();
        if (mute && left == N / 2) { pthread_mutex_lock(&q->lock); pthread_cond_wait(&q->not_empty, &q->lock); }
        if (argc > 3) usleep(atoi(argv[3]));
    }
}
