/* sick: a producer-consumer program with one fault, which it makes when it is told to.

   sick make NAME PAGE              makes the segment and its locks, and ends
   sick init NAME PAGE              the locks alone
   sick work NAME PAGE WHO          one worker: an even WHO produces, an odd one consumes
   sick crew NAME PAGE WHO WHO …    workers as threads of one process; main waits for them
   sick server NAME PAGE SITE WHO … makes all, forks a child a worker, and rests at SITE

   Compiled with -DLOCKS=1: semaphores in the segment, 2: named ones, 3: a pthread_mutex_t and two
   semaphores. PAGE is a file that the test maps too. Every item has a number of its own, and is
   counted there when it is made and when it is taken. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define N 5
#define WORKERS 8
#define ITEMS (1 << 18)

enum fault {
    NONE, HOLDER_ENDS, LOCK_NOT_POSTED, PERMIT_NOT_POSTED, PERMIT_TWICE, LOCK_TWICE, SWAPPED, LEAVES,
};
enum init { RIGHT, NO_INIT, PRIVATE };

/* What the test and the programs share; the test writes the first row. */
struct page {
    atomic_int fault, init, victim, site, held[2], stop, late;
    atomic_int happened, next, made, taken;
    atomic_int hand[WORKERS];                   /* the item in hand + 1 */
    atomic_int at[WORKERS];                     /* its process */
    _Atomic unsigned char count[ITEMS];         /* how often each item was taken */
};

typedef struct {
    int data[N];
    int in, out;
#if LOCKS == 1
    sem_t mutex, empty, full;
#elif LOCKS == 3
    pthread_mutex_t mutex;
    sem_t empty, full;
#endif
} Buffer;

static struct page *page;
static Buffer *b;
static const char *name;
static sem_t *empty, *full;
#if LOCKS == 3
static pthread_mutex_t *mutex;
static void lock(void) { pthread_mutex_lock(mutex); }
static void unlock(void) { pthread_mutex_unlock(mutex); }
#else
static sem_t *mutex;
static void take(sem_t *);
static void lock(void) { take(mutex); }
static void unlock(void) { sem_post(mutex); }
#endif

static void take(sem_t *s) { while (sem_wait(s) && errno == EINTR) continue; }
static void nap(int ms) { struct timespec t = {ms / 1000, ms % 1000 * 1000000L}; nanosleep(&t, NULL); }

static void map(void) {
    int fd = shm_open(name, O_RDWR | O_CREAT, 0600);
    if (fd < 0 || ftruncate(fd, sizeof *b)) _exit(3);
    b = mmap(NULL, sizeof *b, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
#if LOCKS == 2
    char path[250];
    sem_t **all[] = {&mutex, &empty, &full};
    const char *roles[] = {"mutex", "empty", "full"};
    int values[] = {1, N, 0};
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s_%s", name, roles[i]);
        *all[i] = sem_open(path, O_CREAT, 0600, page->init == NO_INIT ? 0 : values[i]);
        if (*all[i] == SEM_FAILED) _exit(3);
    }
#else
    mutex = &b->mutex; empty = &b->empty; full = &b->full;
#endif
}

static void init(void) {
#if LOCKS != 2
    int shared = page->init != PRIVATE;
    if (page->init == NO_INIT) return;
    sem_init(empty, shared, N);
    sem_init(full, shared, 0);
#if LOCKS == 3
    pthread_mutexattr_t a;
    pthread_mutexattr_init(&a);
    pthread_mutexattr_setpshared(&a, shared ? PTHREAD_PROCESS_SHARED : PTHREAD_PROCESS_PRIVATE);
    pthread_mutex_init(mutex, &a);
#else
    sem_init(mutex, shared, 1);
#endif
#endif
}

static int sick(int who) { return page->victim == who + 1; }
static int makes(int who, enum fault fault) { return sick(who) && page->fault == fault; }

/* In a process of several threads the thread ends alone. */
static void end(int who, int threads, int site) {
    if (!makes(who, HOLDER_ENDS) || page->site != site) return;
    page->happened = 1;
    if (threads) syscall(SYS_exit, 0);
    kill(getpid(), SIGKILL);
}

static void work(int who, int threads) {
    int consumes = who % 2;
    sem_t *permit = consumes ? full : empty, *give = consumes ? empty : full;
    page->at[who] = getpid();
    while (!page->stop || consumes) {
        while (page->held[consumes]) nap(10);
        int swapped = makes(who, SWAPPED);
        if (makes(who, LEAVES)) { page->happened = 1; return; }
        if (swapped) { lock(); page->happened = 1; }
        take(permit);
        if (swapped) page->happened = 0;
        else lock();
        int item = consumes ? b->data[b->out] : page->next++ % ITEMS;
        page->hand[who] = item + 1;
        end(who, threads, 0);
        if (!consumes) b->data[b->in] = item;
        end(who, threads, 1);
        if (consumes) b->out = (b->out + 1) % N;
        else b->in = (b->in + 1) % N;
        end(who, threads, 2);
        if (consumes) { page->taken++; page->count[item % ITEMS]++; }
        else page->made++;
        page->hand[who] = 0;
        int once = sick(who) && !page->happened;
        enum fault fault = once ? page->fault : NONE;
        if (fault == PERMIT_NOT_POSTED || fault == PERMIT_TWICE) page->held[1] = 1;
        if (fault == LOCK_TWICE) page->held[0] = page->held[1] = 1;
        if (fault != LOCK_NOT_POSTED) unlock();
        if (fault == LOCK_TWICE) unlock();
        if (fault != PERMIT_NOT_POSTED) sem_post(give);
        if (fault == PERMIT_TWICE) sem_post(give);
        if (fault != NONE) page->happened = 1;
        nap(2);
    }
}

static void *thread(void *who) { work((int)(long)who, 1); return NULL; }

static void crew(int count, char **whos) {
    pthread_t threads[WORKERS];
    for (int i = 0; i < count; i++) pthread_create(&threads[i], NULL, thread, (void *)(long)atoi(whos[i]));
    for (int i = 0; i < count; i++) pthread_join(threads[i], NULL);
}

static void rest(const char *site) {
    int ends[2];
    char byte;
    if (!strcmp(site, "wait")) for (;;) if (wait(NULL) < 0) nap(1000);
    if (!strcmp(site, "pause")) for (;;) pause();
    if (!strcmp(site, "sleep")) for (;;) sleep(1000);
    if (pipe(ends)) _exit(3);
    struct pollfd one = {ends[0], POLLIN, 0};
    if (!strcmp(site, "poll")) for (;;) poll(&one, 1, -1);
    for (;;) if (read(ends[0], &byte, 1) < 0) nap(1000);
}

static void server(const char *site, int count, char **whos) {
    map();
    if (!page->late) init();
    for (int i = 0; i < count; i++)
        if (!fork()) { work(atoi(whos[i]), 0); _exit(0); }
    if (page->late) { while (page->late == 1) nap(1); init(); }
    rest(site);
}

int main(int argc, char **argv) {
    const char *what = argv[1];
    name = argv[2];
    page = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, open(argv[3], O_RDWR), 0);
    if (page == MAP_FAILED) return 3;
    if (!strcmp(what, "server")) server(argv[4], argc - 5, argv + 5);
    map();
    if (!strcmp(what, "make")) { if (!page->late) init(); }
    else if (!strcmp(what, "init")) init();
    else if (!strcmp(what, "work")) work(atoi(argv[4]), 0);
    else crew(argc - 4, argv + 4);
    return 0;
}
