/* What all programs of the zoo share. The first process, the keeper, makes the segment, starts the
   others, lets go of it and says "ready". On SIGUSR1 everybody hurries: no nap is longer than a
   millisecond. Nobody else catches a signal that its own habit does not need. Once FLOW items more have been taken, or `all` in all, the keeper ends them and exits
   with 0. An item that is lost, doubled or out of order is DAMAGE: it is said, and the exit code is 3. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PRODUCERS 32
#define FLOW 12
#define EACH 60000000 /* more than the fastest makes in a minute */

static struct tally {
    _Atomic int next[PRODUCERS], made[PRODUCERS];
    _Atomic int taken, all, damaged, inside;
} *tally;
static int tally_file;        /* for programs that another one executes */
static int starting_gun[2];   /* a pipe: it can be read from once everybody hurries */
static volatile sig_atomic_t asked_to_hurry;

static void on_hurry(int number) { asked_to_hurry = 1; }
static int waited_for_hurry(long ms) {
    struct pollfd fired = {starting_gun[0], POLLIN, 0};
    return poll(&fired, 1, ms) > 0;
}
static int hurried(void) { return waited_for_hurry(0); }

static void damage(const char *text, ...) {
    va_list values;
    va_start(values, text);
    char line[200] = "DAMAGE: ";
    vsnprintf(line + 8, sizeof line - 10, text, values);
    dprintf(1, "%s\n", line);
    tally->damaged = 1;
    _exit(3);
}

/* The next item of a producer. Called where no other process can put one of the same number. */
static int make(int producer) { return producer * EACH + tally->made[producer]++; }

/* An item was taken out. Called in the order in which the items left the ring. */
static void got(int item) {
    int producer = item / EACH;
    if (item < 0 || producer >= PRODUCERS) damage("%d was never put", item);
    int expected = tally->next[producer]++;
    if (item % EACH != expected) damage("got %d of producer %d, expected %d", item % EACH, producer, expected);
    tally->taken++;
}

/* Where the lock is one: nobody else may be inside meanwhile. */
static int may_be_inside = 1;
static void come_in(void) { if (++tally->inside > may_be_inside) damage("%d are inside", tally->inside); }
static void go_out(void) { tally->inside--; }

static void nap(long ms) {
    if (ms > 1 && waited_for_hurry(ms)) ms = 1;
    if (ms == 1) usleep(1000);
}

/* Sleep without end, until everybody hurries. */
static void rest(void) { while (!hurried()) nap(100000); }

static void take(sem_t *s) { while (sem_wait(s)) if (errno != EINTR) damage("sem_wait: %s", strerror(errno)); }
static void give(sem_t *s) { if (sem_post(s)) damage("sem_post: %s", strerror(errno)); }
static struct timespec soon(long ms) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_nsec += ms % 1000 * 1000000L;
    t.tv_sec += ms / 1000 + t.tv_nsec / 1000000000L;
    t.tv_nsec %= 1000000000L;
    return t;
}

static int take_in(sem_t *s, long ms) {
    for (;;) {
        struct timespec limit = soon(ms);
        if (!sem_timedwait(s, &limit)) return 1;
        if (errno != ETIMEDOUT && errno != EINTR) damage("sem_timedwait: %s", strerror(errno));
    }
}
static void poll_for(sem_t *s) { while (sem_trywait(s)) nap(5); }

/* What the keeper maps; a process that it starts lets go of it and maps for itself. */
static void *kept;
static size_t kept_size;

static void let_go(void) { if (kept) munmap(kept, kept_size); kept = NULL; }

static void *opened(const char *name, size_t size, int protection) {
    int fd = shm_open(name, protection & PROT_WRITE ? O_RDWR : O_RDONLY, 0600);
    if (fd < 0) damage("shm_open %s: %s", name, strerror(errno));
    void *at = mmap(NULL, size, protection, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) damage("mmap: %s", strerror(errno));
    close(fd);
    return at;
}

static void *created(const char *name, size_t size) {
    int fd = shm_open(name, O_CREAT | O_EXCL | O_RDWR, 0600);
    if (fd < 0 || ftruncate(fd, size)) damage("making %s: %s", name, strerror(errno));
    close(fd);
    kept_size = size;
    return kept = opened(name, size, PROT_READ | PROT_WRITE);
}

typedef void Work(int number);

/* A process of that name that does the work, and ends with the keeper. */
static pid_t spawn(const char *comm, Work *work, int number) {
    pid_t pid = fork();
    if (pid) return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, comm);
    let_go();
    work(number);
    _exit(0);
}

/* The same, once it has ended. */
static void run(const char *comm, Work *work, int number) {
    pid_t pid = spawn(comm, work, number);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR);
}

static void hire(Work *producer, int producers, Work *consumer, int consumers) {
    for (int i = 0; i < producers; i++) spawn("producer", producer, i);
    for (int i = 0; i < consumers; i++) spawn("consumer", consumer, i);
}

static void map_tally(void) {
    tally = mmap(NULL, sizeof *tally, PROT_READ | PROT_WRITE, MAP_SHARED, tally_file, 0);
    if (tally == MAP_FAILED) _exit(4);
}

static void start_keeper(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    tally_file = memfd_create("tally", 0);
    if (ftruncate(tally_file, sizeof *tally)) _exit(4);
    map_tally();
    if (pipe(starting_gun)) damage("pipe: %s", strerror(errno));
}

/* Another program takes the place of this process: PROGRAM MODE NAME and the two files. */
static void become(const char *program, const char *mode, const char *name) {
    char files[2][12];
    sprintf(files[0], "%d", tally_file);
    sprintf(files[1], "%d", starting_gun[0]);
    execl(program, program, mode, name, files[0], files[1], (char *)0);
    damage("execl %s: %s", program, strerror(errno));
}
/* What that program begins with. */
static void come_after(char **arguments) {
    tally_file = atoi(arguments[3]);
    starting_gun[0] = atoi(arguments[4]);
    map_tally();
}

/* The keeper's own end. Never returns. */
static void keep(void) {
    struct sigaction hurry = {.sa_handler = on_hurry};
    sigaction(SIGUSR1, &hurry, NULL);
    let_go();
    puts("ready");
    while (!asked_to_hurry && !tally->damaged) usleep(20000);
    int enough = tally->all ? tally->all : tally->taken + FLOW;
    if (write(starting_gun[1], "", 1) != 1) damage("write: %s", strerror(errno));
    while (tally->taken < enough && !tally->damaged) {
        kill(0, SIGCONT);
        usleep(20000);
    }
    signal(SIGTERM, SIG_IGN);
    kill(0, SIGTERM);
    kill(0, SIGCONT);
    while (wait(NULL) > 0);
    if (!tally->damaged) puts("whole");
    exit(tally->damaged ? 3 : 0);
}

typedef struct { const char *name; void (*run)(void); } Mode;
/* Runs the mode of that name, and keeps it until the end. Returns 2 where there is none. */
static int keep_mode(const Mode *modes, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++) if (!strcmp(name, modes[i].name)) {
        modes[i].run();
        keep();
    }
    return 2;
}
