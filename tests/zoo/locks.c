/* locks MODE NAME: programs over pthread objects, and none of them over counting semaphores. They are
   healthy but for those that are called sick there. */
#include "zoo.h"
#include <sys/syscall.h>

#define N 8
typedef struct {
    pthread_mutex_t lock;
    pthread_cond_t not_full, not_empty;
    pthread_rwlock_t table;
    pthread_barrier_t start;
    pthread_spinlock_t spin;
    int count, in, out;
    int data[N];
} Queue;

static Queue *q;
static const char *name;
static long produce_ms = 20, consume_ms = 30;

static void check(int error) { if (error) damage("%s", strerror(error)); }
static void join(void) { q = opened(name, sizeof *q, PROT_READ | PROT_WRITE); }
static void prepare(int robust, int type) {
    pthread_mutexattr_t m; pthread_condattr_t c; pthread_rwlockattr_t r; pthread_barrierattr_t b;
    pthread_mutexattr_init(&m); pthread_mutexattr_setpshared(&m, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&m, robust); pthread_mutexattr_settype(&m, type);
    pthread_condattr_init(&c); pthread_condattr_setpshared(&c, PTHREAD_PROCESS_SHARED);
    pthread_rwlockattr_init(&r); pthread_rwlockattr_setpshared(&r, PTHREAD_PROCESS_SHARED);
    /* Else two readers that overlap keep the writers out for ever. */
    pthread_rwlockattr_setkind_np(&r, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_barrierattr_init(&b); pthread_barrierattr_setpshared(&b, PTHREAD_PROCESS_SHARED);
    check(pthread_mutex_init(&q->lock, &m));
    check(pthread_cond_init(&q->not_full, &c)); check(pthread_cond_init(&q->not_empty, &c));
    check(pthread_rwlock_init(&q->table, &r));
    check(pthread_barrier_init(&q->start, &b, 2));
    check(pthread_spin_init(&q->spin, PTHREAD_PROCESS_SHARED));
}
static void lock(void) {
    int error = pthread_mutex_lock(&q->lock);
    if (error == EOWNERDEAD) error = pthread_mutex_consistent(&q->lock);
    check(error);
}
static void insert(int item) { q->data[q->in] = item; q->in = (q->in + 1) % N; q->count++; }
static int extract(void) { int item = q->data[q->out]; q->out = (q->out + 1) % N; q->count--; return item; }
static void put(int number, long inside_ms) {
    lock();
    while (q->count == N) check(pthread_cond_wait(&q->not_full, &q->lock));
    nap(inside_ms);
    insert(make(number));
    pthread_cond_signal(&q->not_empty);
    check(pthread_mutex_unlock(&q->lock));
}
static void get(void) {
    lock();
    while (q->count == 0) check(pthread_cond_wait(&q->not_empty, &q->lock));
    got(extract());
    pthread_cond_signal(&q->not_full);
    check(pthread_mutex_unlock(&q->lock));
}
static void produce(int number) { for (join();; nap(produce_ms)) put(number, 0); }
static void consume(int number) { for (join();; nap(consume_ms)) get(); }
static void produce_inside(int number) { for (join();; nap(produce_ms)) put(number, 5000); }
static void consume_later(int number) { rest(); consume(number); }
static void produce_later(int number) { rest(); produce(number); }
static void die_holding(int number) { join(); lock(); _exit(0); }
/* The rwlock is held for reading most of the time; the writer puts, the one who takes writes too. */
static void read_table(int number) { for (join();; nap(50)) { pthread_rwlock_rdlock(&q->table); nap(2000); pthread_rwlock_unlock(&q->table); } }
static void locked_put(int number) {
    for (join();; nap(produce_ms)) {
        pthread_rwlock_wrlock(&q->table);
        if (q->count < N) insert(make(number));
        pthread_rwlock_unlock(&q->table);
    }
}
static void locked_get(int number) {
    for (join();; nap(consume_ms)) {
        pthread_rwlock_wrlock(&q->table);
        if (q->count) got(extract());
        pthread_rwlock_unlock(&q->table);
    }
}
/* In step: each round begins when both are there, and one of them is slow. */
static void step_put(int number) { for (join();; nap(1500)) { put(number, 0); pthread_barrier_wait(&q->start); } }
static void step_get(int number) { for (join();;) { pthread_barrier_wait(&q->start); get(); } }
static void spin_put(int number) {
    for (join();; nap(produce_ms)) { pthread_spin_lock(&q->spin); if (q->count < N) insert(make(number)); pthread_spin_unlock(&q->spin); }
}
static void spin_get(int number) {
    for (join();; nap(consume_ms)) { pthread_spin_lock(&q->spin); if (q->count) got(extract()); pthread_spin_unlock(&q->spin); }
}
/* Who posts the lock is not the thread whose number is in it: a child of the one that took it, another
   process, the same one after an exec, a child that glibc was not told of. */
#define LONG 100000
static const char *program;
static void post_late(int number) {
    nap(LONG);
    check(pthread_mutex_unlock(&q->lock));
    for (;; nap(produce_ms)) put(number, 0);
}
static void become_daemon(int number) { nap(400); join(); lock(); if (!fork()) post_late(1); }
static void lock_once(int number) { join(); lock(); }
static void post_for_another(int number) { join(); post_late(1); }
static void *lock_and_exec(void *number) { lock(); become(program, "post", name); return NULL; }
static void exec_in_thread(int number) {
    pthread_t id;
    nap(400);
    join();
    pthread_create(&id, NULL, lock_and_exec, NULL);
    for (;;) pause();
}
static void lock_as_raw_child(int number) {
    nap(400);
    join();
    if (syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)) return;
    prctl(PR_SET_NAME, "sandboxed");
    for (;; nap(300)) { lock(); nap(LONG); check(pthread_mutex_unlock(&q->lock)); }
}

static void cond(void) { hire(produce, 2, consume, 2); }
static void cond_empty(void) { hire(produce_later, 1, consume, 2); }
static void cond_full(void) { hire(produce, 1, consume_later, 1); }
static void cond_held(void) { hire(produce_inside, 1, consume, 1); spawn("producer", produce, 1); }
static void robust(void) { waitpid(spawn("victim", die_holding, 0), NULL, 0); hire(produce, 2, consume, 1); }
static void robust_at_rest(void) { waitpid(spawn("victim", die_holding, 0), NULL, 0); hire(produce_later, 1, consume_later, 1); spawn("owner", read_table, 0); }
static void rwlock(void) { hire(locked_put, 1, locked_get, 1); spawn("reader", read_table, 0); spawn("reader", read_table, 1); }
static void barrier(void) { hire(step_put, 1, step_get, 1); }
static void spin(void) { hire(spin_put, 1, spin_get, 1); }
static void daemon_mutex(void) { hire(produce, 1, consume, 1); run("daemon", become_daemon, 0); }
static void handover_mutex(void) { run("init", lock_once, 0); hire(produce, 1, consume, 1); spawn("config", post_for_another, 0); }
static void exec_mutex(void) { hire(produce, 1, consume, 1); spawn("execer", exec_in_thread, 0); usleep(600000); }
static void raw_clone(void) { hire(produce, 1, consume, 1); run("runtime", lock_as_raw_child, 0); usleep(100000); }

/* Sick ones. A robust lock that nobody can have any more, or whose next owner has to mend what it
   guards; one that the kernel does not pass on, since its owner had let go of the segment; a lock for
   reading that its owner died with. */
static void unlock_unmended(int number) { join(); pthread_mutex_lock(&q->lock); pthread_mutex_unlock(&q->lock); }
static void die_holding_elsewhere(int number) { join(); lock(); munmap(q, sizeof *q); raise(SIGKILL); }
static void die_reading(int number) { join(); pthread_rwlock_rdlock(&q->table); raise(SIGKILL); }
static void idle(int number) { join(); rest(); }
static void wait_anyhow(int number) { join(); if (pthread_mutex_lock(&q->lock)) rest(); rest(); }
static void robust_lost(void) { run("victim", die_holding, 0); run("next", unlock_unmended, 0); spawn("producer", wait_anyhow, 0); }
static void robust_pending(void) { run("victim", die_holding, 0); spawn("idler", idle, 0); }
static void robust_unmapped(void) { run("victim", die_holding_elsewhere, 0); spawn("producer", wait_anyhow, 0); }
static void dead_reader(void) { run("victim", die_reading, 0); spawn("idler", idle, 0); }
static void dead_reader_waited(void) { run("victim", die_reading, 0); spawn("writer", locked_put, 0); }

/* One waits at the barrier for another that never comes; for a spin lock whose holder is dead; for a
   condition that was signalled before, or another than that which is signalled. */
static void meet(int number) { join(); pthread_barrier_wait(&q->start); rest(); }
static void die_spinning(int number) { join(); pthread_spin_lock(&q->spin); raise(SIGKILL); }
static void wait_blindly(int number) { join(); lock(); pthread_cond_wait(&q->not_empty, &q->lock); rest(); }
static void put_and_signal_wrong(int number) { join(); lock(); insert(0); pthread_cond_signal(&q->not_full); pthread_mutex_unlock(&q->lock); rest(); }
static void barrier_alone(void) { spawn("early", meet, 0); }
static void spin_dead(void) { run("victim", die_spinning, 0); spawn("spinner", spin_put, 0); }
static void signal_lost(void) { spawn("producer", put_and_signal_wrong, 0); usleep(200000); spawn("consumer", wait_blindly, 0); }
static void signal_wrong(void) { spawn("consumer", wait_blindly, 0); usleep(200000); spawn("producer", put_and_signal_wrong, 0); }

/* Nobody is left to take items, and the producer waits for room in turns of a short time. */
static void put_in_turns(int number) {
    for (join();;) {
        lock();
        while (q->count == N) { struct timespec end = soon(150); pthread_cond_timedwait(&q->not_full, &q->lock, &end); }
        insert(make(number));
        check(pthread_mutex_unlock(&q->lock));
    }
}
static void full_alone(void) { spawn("producer", put_in_turns, 0); while (*(volatile int *)&q->count < N) usleep(1000); }
/* The count says one item less than the indices; and each side waits for a count that never comes. */
static void put_if(int most) { for (join();; usleep(20000)) { lock(); if (q->count < most) insert(0); check(pthread_mutex_unlock(&q->lock)); } }
static void get_if(int least) { for (join();; usleep(20000)) { lock(); if (q->count > least) extract(); check(pthread_mutex_unlock(&q->lock)); } }
static void count_out_of_step(void) { q->in = 1; spawn("producer", put_if, N); spawn("consumer", get_if, 0); }
static void two_counts(void) { spawn("producer", put_if, 3); spawn("consumer", get_if, 3); while (*(volatile int *)&q->count < 3) usleep(1000); }

/* Deadlocks of a thread with itself, and of two in opposite order over two locks. */
static void lock_anew(int number) { join(); put(0, 0); lock(); pthread_mutex_lock(&q->lock); }
static void *lock_in_thread(void *number) { lock(); return NULL; }
static void leave_to_thread(int number) { pthread_t t; join(); lock(); pthread_create(&t, NULL, lock_in_thread, NULL); pthread_join(t, NULL); }
static void lock_then_table(int number) { join(); lock(); usleep(300000); pthread_rwlock_wrlock(&q->table); }
static void table_then_lock(int number) { join(); pthread_rwlock_wrlock(&q->table); usleep(300000); lock(); }
static void locks_twice(void) { spawn("producer", lock_anew, 0); }
static void locks_twice_waited(void) { spawn("producer", lock_anew, 0); usleep(200000); spawn("consumer", consume, 0); }
static void joins_inside(void) { spawn("producer", leave_to_thread, 0); }
static void opposite_orders(void) { spawn("first", lock_then_table, 0); spawn("second", table_then_lock, 0); usleep(500000); }

#define MODE(mode, robust, type) {#mode, mode, robust, type}
static const struct { const char *name; void (*run)(void); int robust, type; } MODES[] = {
    MODE(cond, 0, PTHREAD_MUTEX_NORMAL), MODE(cond_empty, 0, PTHREAD_MUTEX_ERRORCHECK),
    MODE(cond_full, 0, PTHREAD_MUTEX_RECURSIVE), MODE(cond_held, 0, PTHREAD_MUTEX_NORMAL),
    MODE(robust, 1, PTHREAD_MUTEX_NORMAL), MODE(robust_at_rest, 1, PTHREAD_MUTEX_NORMAL),
    MODE(rwlock, 0, PTHREAD_MUTEX_NORMAL), MODE(barrier, 0, PTHREAD_MUTEX_NORMAL),
    MODE(spin, 0, PTHREAD_MUTEX_NORMAL), MODE(daemon_mutex, 0, PTHREAD_MUTEX_NORMAL),
    MODE(handover_mutex, 0, PTHREAD_MUTEX_NORMAL), MODE(exec_mutex, 0, PTHREAD_MUTEX_NORMAL),
    MODE(raw_clone, 0, PTHREAD_MUTEX_NORMAL), MODE(robust_lost, 1, PTHREAD_MUTEX_NORMAL),
    MODE(robust_pending, 1, PTHREAD_MUTEX_NORMAL), MODE(robust_unmapped, 1, PTHREAD_MUTEX_NORMAL),
    MODE(dead_reader, 0, PTHREAD_MUTEX_NORMAL), MODE(dead_reader_waited, 0, PTHREAD_MUTEX_NORMAL),
    MODE(barrier_alone, 0, PTHREAD_MUTEX_NORMAL), MODE(spin_dead, 0, PTHREAD_MUTEX_NORMAL),
    MODE(signal_lost, 0, PTHREAD_MUTEX_NORMAL), MODE(signal_wrong, 0, PTHREAD_MUTEX_NORMAL),
    MODE(locks_twice, 0, PTHREAD_MUTEX_NORMAL), MODE(locks_twice_waited, 0, PTHREAD_MUTEX_NORMAL),
    MODE(joins_inside, 0, PTHREAD_MUTEX_NORMAL), MODE(opposite_orders, 0, PTHREAD_MUTEX_NORMAL),
    MODE(full_alone, 0, PTHREAD_MUTEX_NORMAL), MODE(count_out_of_step, 0, PTHREAD_MUTEX_NORMAL),
    MODE(two_counts, 0, PTHREAD_MUTEX_NORMAL),
};

int main(int argc, char **argv) {
    program = argv[0];
    name = argv[2];
    if (!strcmp(argv[1], "post")) { come_after(argv); post_for_another(1); }
    start_keeper();
    q = created(name, sizeof *q);
    for (size_t i = 0; i < sizeof MODES / sizeof MODES[0]; i++) if (!strcmp(argv[1], MODES[i].name)) {
        prepare(MODES[i].robust, MODES[i].type);
        MODES[i].run();
        keep();
    }
    return 2;
}
