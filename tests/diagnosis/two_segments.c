/* Two processes take the locks of two segments, each in its own order. ONE TWO what: "cross" takes them in
   opposite orders, and each waits for the other; "same" in one order. With a fourth argument the parent
   maps both as well, and unlocks the first in its owner's place on SIGUSR1. -DPTHREAD: pthread mutexes; -DNAMED: named semaphores of those names. */
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>
#if defined PTHREAD
typedef struct { pthread_mutex_t guard; int entries; } Segment;
#define LOCK(s) pthread_mutex_lock(&(s)->guard)
#elif defined NAMED
typedef sem_t Segment;
#define LOCK(s) sem_wait(s)
#else
typedef struct { int data[5]; int in, out; sem_t mutex, empty, full; } Segment;
#define LOCK(s) sem_wait(&(s)->mutex)
#endif
static Segment *made(const char *name) {
#ifdef NAMED
    return sem_open(name, O_CREAT, 0600, 1);
#else
    int fd = shm_open(name, O_CREAT | O_RDWR, 0600);
    if (ftruncate(fd, sizeof(Segment))) exit(1);
    Segment *s = mmap(0, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
#ifdef PTHREAD
    pthread_mutexattr_t a;
    pthread_mutexattr_init(&a);
    pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&s->guard, &a);
#else
    sem_init(&s->mutex, 1, 1); sem_init(&s->empty, 1, 5); sem_init(&s->full, 1, 0);
#endif
    return s;
#endif
}
static volatile sig_atomic_t asked;
static void ask(int number) { asked = 1; }
int main(int argc, char **argv) {
    Segment *one = made(argv[1]), *two = made(argv[2]);
    int cross = !strcmp(argv[3], "cross"), met[2];
    if (pipe(met)) return 1;
    for (int i = 0; i < 2; i++) if (!fork()) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        Segment *first = i && cross ? two : one, *second = i && cross ? one : two;
        LOCK(first);
        char both = 0;
        if (write(met[1], "x", 1) == 1 && cross) while (!both) {   /* until each has one */
            usleep(1000);
            int count = 0;
            extern int ioctl(int, unsigned long, ...);
            both = !ioctl(met[0], 0x541B, &count) && count == 2;   /* FIONREAD */
        }
        LOCK(second);
        for (;;) pause();
    }
#ifndef NAMED
    if (argc < 5) { munmap(one, sizeof *one); munmap(two, sizeof *two); }
#else
    if (argc < 5) { sem_close(one); sem_close(two); }
#endif
    struct sigaction action = {.sa_handler = ask};
    sigaction(SIGUSR1, &action, 0);
    puts("ready");
    fflush(stdout);
    while (!asked) usleep(10000);
#ifdef PTHREAD
    pthread_mutex_unlock(&one->guard);
#endif
    for (;;) pause();
}
