/* named MODE NAME: healthy programs over named semaphores NAME_mutex, NAME_empty and NAME_full. */
#include "zoo.h"

#define N 5
typedef struct { int data[N]; int in; int out; } Buffer;

static Buffer *b;
static const char *name;
static sem_t *mutex, *empty, *full;
static long produce_ms = 20, consume_ms = 30;

static sem_t *semaphore(const char *role, int flags, int value) {
    char path[250];
    snprintf(path, sizeof path, "%s_%s", name, role);
    sem_t *s = sem_open(path, flags, 0600, value);
    if (s == SEM_FAILED) damage("sem_open %s: %s", path, strerror(errno));
    return s;
}
static void find_semaphores(int flags) {
    mutex = semaphore("mutex", flags, 1); empty = semaphore("empty", flags, N); full = semaphore("full", flags, 0);
}
static void set_semaphores(int m, int e, int f) {
    for (sem_t *s[] = {mutex, empty, full}, **at = s; at < s + 3; at++) while (!sem_trywait(*at));
    while (m-- > 0) give(mutex);
    while (e-- > 0) give(empty);
    while (f-- > 0) give(full);
}
static void forget_semaphores(void) { sem_close(mutex); sem_close(empty); sem_close(full); }

static void join(void) { b = opened(name, sizeof *b, PROT_READ | PROT_WRITE); find_semaphores(0); }
static void leave(void) { munmap(b, sizeof *b); forget_semaphores(); }
static void lock(void) { take(mutex); come_in(); }
static void unlock(void) { go_out(); give(mutex); }
static void produce(int number) {
    for (join();; nap(produce_ms)) {
        take(empty); lock();
        b->data[b->in] = make(number); b->in = (b->in + 1) % N;
        unlock(); give(full);
    }
}
static void consume(int number) {
    for (join();; nap(consume_ms)) {
        take(full); lock();
        got(b->data[b->out]); b->out = (b->out + 1) % N;
        unlock(); give(empty);
    }
}
/* A third program has the lock alone open, and holds it for a while. */
static void rotate(int number) { for (mutex = semaphore("mutex", 0, 0);; nap(300)) { take(mutex); nap(3000); give(mutex); } }
/* One that reads and writes the file, and maps none of it. */
static int file(void) {
    int fd = shm_open(name, O_RDWR, 0600);
    if (fd < 0) damage("shm_open: %s", strerror(errno));
    return fd;
}
static int word(int fd, size_t at) { int value; if (pread(fd, &value, 4, at) != 4) damage("pread"); return value; }
static void set_word(int fd, size_t at, int value) { if (pwrite(fd, &value, 4, at) != 4) damage("pwrite"); }
static void produce_in_file(int number) {
    int fd = file();
    for (find_semaphores(0);; nap(produce_ms)) {
        take(empty); take(mutex);
        int in = word(fd, offsetof(Buffer, in));
        set_word(fd, 4 * in, make(number));
        nap(number ? 2500 : 0);
        set_word(fd, offsetof(Buffer, in), (in + 1) % N);
        give(mutex); give(full);
    }
}
static void consume_from_file(int number) {
    int fd = file();
    for (find_semaphores(0);; nap(consume_ms)) {
        take(full); take(mutex);
        int out = word(fd, offsetof(Buffer, out));
        got(word(fd, 4 * out));
        set_word(fd, offsetof(Buffer, out), (out + 1) % N);
        give(mutex); give(empty);
    }
}
static void consume_later(int number) { rest(); consume(number); }
/* The holder has none of it open while it is inside: one process, or a short command to take the lock and another to post it. */
static void hold_closed(int number) {
    for (nap(400);; nap(300)) { join(); lock(); leave(); nap(100000); join(); unlock(); leave(); }
}
static void lock_command(int number) { join(); lock(); }
static void unlock_command(int number) { join(); unlock(); }
static void script(int number) {
    for (nap(400);; nap(300)) { run("semlock", lock_command, 0); nap(100000); run("semunlock", unlock_command, 0); }
}
/* All begin at 0, and somebody who has none of them open yet posts them. */
static void open_gate(int number) {
    rest();
    join();
    for (int i = 0; i < N; i++) give(empty);
    give(mutex);
    leave();
    for (;;) nap(100000);
}

static void pair(void) { hire(produce, 1, consume, 1); }
static void third(void) { pair(); spawn("rotator", rotate, 0); }
static void third_alone(void) { produce_ms = 100000; third(); }
static void by_file(void) { hire(produce_in_file, 2, consume_from_file, 1); }
static void one_by_file(void) { spawn("producer", produce_in_file, 1); hire(produce, 1, consume, 1); }
static void named_close(void) { pair(); spawn("maintainer", hold_closed, 0); }
static void named_script(void) { pair(); spawn("script", script, 0); }
static void named_gate(void) {
    join();
    set_semaphores(0, 0, 0);
    leave();
    hire(produce, 1, consume, 2);
    spawn("starter", open_gate, 0);
}
static void full_ring(void) { hire(produce, 1, consume_later, 1); }

#define MODE(mode) {#mode, mode}
static const Mode MODES[] = {
    MODE(pair), MODE(third), MODE(third_alone), MODE(by_file), MODE(one_by_file), MODE(full_ring),
    MODE(named_close), MODE(named_script), MODE(named_gate),
};

int main(int argc, char **argv) {
    start_keeper();
    name = argv[2];
    b = created(name, sizeof *b);
    find_semaphores(O_CREAT | O_EXCL);
    forget_semaphores();
    return keep_mode(MODES, sizeof MODES / sizeof MODES[0], argv[1]);
}
