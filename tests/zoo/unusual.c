/* unusual MODE NAME: healthy programs over the exercise's struct that use its semaphores as no
   textbook does. What comes by seldom stays away until everybody hurries. */
#include "ring.h"
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>

#define LONG 100000

/* The lock is taken by one short command, and posted by another. */
static void lock_command(int number) { join(); lock(); }
static void unlock_command(int number) { join(); unlock(); }
static void script(int number) {
    for (nap(400);; nap(300)) { run("lock", lock_command, 0); nap(LONG); run("unlock", unlock_command, 0); }
}
static void script_lock(void) { pair(); spawn("script", script, 0); }
/* Its holder maps nothing while it is inside. */
static void hold_unmapped(int number) {
    for (nap(400);; nap(300)) { join(); lock(); leave(); nap(LONG); join(); unlock(); leave(); }
}
static void unmap_inside(void) { pair(); spawn("snapshot", hold_unmapped, 0); }
/* A reservation and the lock are kept between two short commands, and nobody else is there. */
static void get_once(int number) { join(); get(); }
static void put_once(int number) { join(); put(0); }
static void begin(int number) { join(); take(&b->empty); lock(); }
static void commit(int number) { join(); insert(make(0)); unlock(); give(&b->full); }
static void transact(int number) {
    for (;;) { run("begin", begin, 0); nap(LONG); run("commit", commit, 0); run("consumer", get_once, 0); }
}
static void transaction(void) { spawn("script", transact, 0); usleep(100000); }
/* Nobody is there between two of them. */
static void put_and_get(int number) {
    for (;; nap(LONG)) { run("producer", put_once, 0); nap(LONG); run("consumer", get_once, 0); }
}
static void oneshot_aside(void) { initialise(1, N - 1, 0); spawn("cron", put_and_get, 0); }
static void oneshot_pool(void) { may_be_inside = 3; initialise(3, N, 0); spawn("cron", put_and_get, 0); }

/* All words are 0 in a first lap: one thread takes all permits, and fills the slots at its leisure. */
static void *put_all(void *number) {
    for (;;) {
        for (int i = 0; i < N; i++) take(&b->empty);
        lock();
        for (int i = 0; i < N; i++) { b->data[(b->in + i) % N] = make(0); nap(30000); }
        unlock();
        for (int i = 0; i < N; i++) give(&b->full);
    }
}
static void batch(int number) {
    pthread_t id;
    join();
    pthread_create(&id, NULL, thread_consume, NULL);
    pthread_create(&id, NULL, put_all, NULL);
    pthread_exit(NULL);
}
static void batch_all_private(void) { private_semaphores(); spawn("app", batch, 0); }
/* A gate: all begin at 0, and somebody who maps nothing yet opens it. */
static void open_gate(int number) {
    rest();
    join();
    for (int i = 0; i < N; i++) give(&b->empty);
    give(&b->mutex);
    leave();
    for (;;) nap(LONG);
}
static void zeroes(void) { initialise(0, 0, 0); hire(produce, 2, consume, 1); spawn("starter", open_gate, 0); }
static void launch(int number) { rest(); join(); give(&b->mutex); leave(); for (;;) nap(LONG); }
static void pass_turnstile(void) { join(); take(&b->mutex); give(&b->mutex); }
static void produce_behind(int number) { pass_turnstile(); produce_unlocked(number); }
static void consume_behind(int number) { pass_turnstile(); consume_unlocked(number); }
static void turnstile(void) { initialise(0, N, 0); hire(produce_behind, 1, consume_behind, 1); spawn("launcher", launch, 0); }
/* The three are the turns of three. */
static void alpha(int number) { for (join();; nap(20)) { take(&b->mutex); give(&b->empty); } }
static void beta(int number) { for (join();; nap(20)) { take(&b->empty); give(&b->full); } }
static void gamma_(int number) {
    for (;;) { join(); take(&b->full); leave(); got(make(0)); nap(LONG); join(); give(&b->mutex); leave(); }
}
static void token_ring(void) { initialise(1, 0, 0); spawn("alpha", alpha, 0); spawn("beta", beta, 0); spawn("gamma", gamma_, 0); }
/* Customers wait for the barber on mutex; barbers come as short commands. */
static void customer(int number) {
    for (join();; nap(700)) { take(&b->empty); give(&b->full); take(&b->mutex); give(&b->empty); }
}
static void barber(int number) { join(); take(&b->full); got(make(0)); give(&b->mutex); leave(); }
static void send_barbers(int number) { for (nap(LONG);; nap(LONG)) for (int i = 0; i < 3; i++) run("barber", barber, 0); }
static void barber_cron(void) {
    initialise(0, N, 0);
    for (int i = 0; i < 3; i++) spawn("customer", customer, 0);
    spawn("cron", send_barbers, 0);
}
/* A clock that maps the segment posts mutex now and then. */
static void tick(int number) { for (join();; give(&b->mutex)) nap(LONG); }
static void produce_gated(int number) {
    for (join(), nap(400);;) { take(&b->empty); take(&b->mutex); insert(make(number)); give(&b->full); }
}
static void consume_gated(int number) {
    for (join();;) { take(&b->full); take(&b->mutex); got(extract()); give(&b->empty); }
}
static void rate_gate(void) { spawn("clock", tick, 0); hire(produce_gated, 1, consume_gated, 1); }
/* Readers and writers: mutex guards their count in `in`, empty is the room; the writer maps only to come and go. */
static void read_room(int number) {
    for (join();; nap(50)) {
        lock(); if (++b->in == 1) take(&b->empty); unlock();
        nap(3000);
        lock(); if (--b->in == 0) give(&b->empty); unlock();
    }
}
static void write_room(int number) {
    for (;; nap(500)) { join(); take(&b->empty); leave(); got(make(0)); nap(LONG); join(); give(&b->empty); leave(); }
}
static void readers_writer_unmapped(void) {
    initialise(1, 1, 0);
    spawn("writer", write_room, 0);
    usleep(50000);
    for (int i = 0; i < 3; i++) spawn("reader", read_room, 0);
}
/* The consumers' own lock, held while they work; the one producer needs none. */
static void produce_two_first(int number) {
    join();
    put_unlocked(0); put_unlocked(0);
    for (nap(1500);; nap(700)) put_unlocked(0);
}
static void work_locked(int number) {
    for (join();; nap(500)) { take(&b->full); lock(); got(extract()); nap(30000); unlock(); give(&b->empty); }
}
static void work_inside(void) { hire(produce_two_first, 1, work_locked, 2); }

/* They look again and again until somebody who maps it later initialises it. */
static long patience(void) { return hurried() ? 20 : 3000; }
static void put_patiently(int number) {
    for (join();; nap(300)) {
        take_in(&b->empty, patience()); take_in(&b->mutex, patience());
        insert(make(number));
        give(&b->mutex); give(&b->full);
    }
}
static void get_patiently(int number) {
    for (join();; nap(500)) {
        take_in(&b->full, patience()); take_in(&b->mutex, patience());
        got(extract());
        give(&b->mutex); give(&b->empty);
    }
}
static void configure(int after_ms) { nap(after_ms); join(); initialise(1, N, 0); leave(); for (;;) nap(LONG); }
static void timed_init_after(int ms) {
    memset(b, 0, sizeof *b);
    hire(put_patiently, 1, get_patiently, 1);
    spawn("config", configure, ms);
}
static void timed_init(void) { timed_init_after(LONG); }
static void timed_init_soon(void) { timed_init_after(2000); }
/* The same where an alarm ends each wait, which begins anew: once sem_init has run, on the right word. */
static void nothing(int number) { (void)number; }
static void every(long ms, void (*handler)(int)) {
    struct sigaction action = {.sa_handler = handler};
    struct itimerval interval = {{ms / 1000, ms % 1000 * 1000}, {ms / 1000, ms % 1000 * 1000}};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &interval, NULL);
}
static void put_alarmed(int number) { every(1000, nothing); produce(number); }
static void get_alarmed(int number) { every(1000, nothing); consume(number); }
static void alarm_init(void) {
    memset(b, 0, sizeof *b);
    hire(put_alarmed, 1, get_alarmed, 1);
    spawn("config", configure, LONG);
}
/* All is 0 and private, and a handler of the one that waits posts. Who sends it signals maps nothing. */
static void post_full(int number) { sem_post(&b->full); }
static void wait_for_signals(int number) {
    struct sigaction action = {.sa_handler = post_full};
    join();
    sigaction(SIGUSR2, &action, NULL);
    for (;;) { take(&b->full); got(make(0)); }
}
static void send_signals(int number) {
    pid_t waiter = spawn("waiter", wait_for_signals, 0);
    for (rest();; usleep(2000)) kill(waiter, SIGUSR2);
}
static void handler_event(void) { memset(b, 0, sizeof *b); spawn("clock", send_signals, 0); }
/* A server of threads with semaphores for itself, which is started again and again. */
static void *thread_put_any(void *ms) { for (;; usleep(100000)) { take(&b->empty); take(&b->mutex); insert(0); give(&b->mutex); give(&b->full); } }
static void *thread_get_any(void *ms) { for (;;) { take(&b->full); take(&b->mutex); extract(); tally->taken++; give(&b->mutex); give(&b->empty); } }
static void serve(int number) {
    join();
    private_semaphores();
    b->in = b->out = 0;
    pthread_t id;
    pthread_create(&id, NULL, thread_put_any, NULL);
    pthread_create(&id, NULL, thread_get_any, NULL);
    nap(3500);
}
static void restart(int number) { for (;; nap(100)) run("server", serve, 0); }
static void restart_private(void) { memset(b, 0, sizeof *b); spawn("init", restart, 0); }

/* Processes of one address space: what is private to it wakes them all. */
static char stacks[2][1 << 16];
static int as_process(void *role) {
    prctl(PR_SET_NAME, role ? "consumer" : "producer");
    for (;; nap(role ? 20 : 3000)) if (role) get(); else put(0);
}
static void share_space(int number) {
    join();
    for (long role = 0; role < 2; role++)
        clone(as_process, stacks[role] + sizeof stacks[role], CLONE_VM | CLONE_FS | CLONE_FILES | SIGCHLD, (void *)role);
    for (;;) pause();
}
static void clone_vm(void) { private_semaphores(); spawn("app", share_space, 0); }
/* A consumer that waits on the semaphore's word by itself, and is counted nowhere. */
static void futex(int operation, int value) { syscall(SYS_futex, &b->full, operation, value, NULL, NULL, 0); }
static void wait_by_itself(int number) {
    for (join();;) {
        while (sem_trywait(&b->full)) futex(FUTEX_WAIT, 0);
        lock(); got(extract()); unlock();
        give(&b->empty);
    }
}
static void wake_by_itself(int number) { for (join();; nap(3000)) { put(0); futex(FUTEX_WAKE, 1); } }
static void raw_wait(void) { hire(wake_by_itself, 1, wait_by_itself, 1); }

/* Statistics of the size of the ring, which is another segment: NAME_ring. */
typedef struct { char host[20]; int jobs_in, jobs_out; char rest[4]; int load[24]; } Statistics;
static Statistics *statistics;
static void join_both(void) {
    char path[250];
    snprintf(path, sizeof path, "%s_ring", name);
    statistics = opened(name, sizeof *statistics, PROT_READ | PROT_WRITE);
    b = opened(path, sizeof *b, PROT_READ | PROT_WRITE);
}
static void put_counted(int number) {
    for (join_both();; nap(300)) {
        put(0);
        int i = statistics->jobs_in++;
        statistics->load[0] = i % 3; statistics->load[8] = 1; statistics->load[16] = 2;
    }
}
static void get_counted(int number) { for (join_both();; nap(400)) { get(); statistics->jobs_out++; } }
static void keep_statistics(int in, int out) {
    char path[250];
    snprintf(path, sizeof path, "%s_ring", name);
    statistics = (Statistics *)b;
    memset(statistics, 0, sizeof *statistics);
    strcpy(statistics->host, "vm");
    statistics->jobs_in = in; statistics->jobs_out = out;
    let_go();
    b = created(path, sizeof *b);
    initialise(1, N, 0);
    hire(put_counted, 1, get_counted, 1);
}
static void stats_small(void) { keep_statistics(0, 0); }
static void stats_big(void) { keep_statistics(4711, 4700); }

/* Semaphores of its own over futex(2), of sem_t's size and place, which begin at 0: who comes late
   gives the credits. */
static void own_down(sem_t *s) {
    _Atomic int *value = (void *)s;
    for (int now = *value;; now = *value) {
        if (now && atomic_compare_exchange_strong(value, &now, now - 1)) return;
        if (!now) syscall(SYS_futex, value, FUTEX_WAIT, 0, NULL, NULL, 0);
    }
}
static void own_up(sem_t *s) { ++*(_Atomic int *)s; syscall(SYS_futex, s, FUTEX_WAKE, 1, NULL, NULL, 0); }
static void put_on_credit(int number) { for (join();; nap(20)) { own_down(&b->empty); insert(make(number)); own_up(&b->full); } }
static void give_credits(int number) {
    rest();
    join();
    for (int i = 0; i < N; i++) own_up(&b->empty);
    for (;; nap(20)) { own_down(&b->full); got(extract()); own_up(&b->empty); }
}
static void own_credits(void) { memset(&b->mutex, 0, 3 * sizeof(sem_t)); hire(put_on_credit, 1, give_credits, 1); }

/* The exercise's two, and an event of its own in the place of full: it counts its posts, and tells that it is closed. */
static void own_wait(sem_t *s) { if (((_Atomic int *)s)[2]) damage("closed"); own_down(s); }
static void own_post(sem_t *s) { ++((_Atomic int *)s)[1]; own_up(s); }
static void put_with_event(int number) { rest(); for (join();; nap(20)) { take(&b->empty); lock(); insert(make(number)); unlock(); own_post(&b->full); } }
static void get_on_event(int number) { for (join();; nap(20)) { own_wait(&b->full); lock(); got(extract()); unlock(); give(&b->empty); } }
static void own_event(void) { memset(&b->full, 0, sizeof b->full); hire(put_with_event, 1, get_on_event, 2); }

/* A lock that survives its holder: who waits for it looks after a while whether the owner is dead,
   takes back what that one has begun, and has the lock. The owner stands in an item of no use. */
#define OWNER (*(volatile int *)&b->data[N - 1])
static void survive(void) {
    for (;;) {
        struct timespec limit = soon(12000);
        if (!sem_timedwait(&b->mutex, &limit)) break;
        if (errno == ETIMEDOUT && OWNER && kill(OWNER, 0) && errno == ESRCH) { give(&b->empty); break; }
    }
    if (OWNER && OWNER != getpid() && kill(OWNER, 0) && errno == ESRCH && tally->inside) go_out();
    come_in();
    OWNER = getpid();
}
static void release(void) { OWNER = 0; unlock(); }
static void put_low(int number) {
    for (join();; nap(20)) { take(&b->empty); survive(); b->data[b->in] = make(number); b->in = (b->in + 1) % (N - 1); release(); give(&b->full); }
}
static void get_low(int number) {
    for (join();; nap(20)) { take(&b->full); survive(); got(b->data[b->out]); b->out = (b->out + 1) % (N - 1); release(); give(&b->empty); }
}
static void die_inside(int number) { join(); usleep(1200000); take(&b->empty); survive(); raise(SIGKILL); }
static void see_it_die(int number) { run("victim", die_inside, 0); rest(); for (;;) pause(); }
static void takes_over(void) { initialise(1, N - 1, 0); hire(put_low, 1, get_low, 1); spawn("starter", see_it_die, 0); }

/* It counts itself as glibc does, and sleeps by futex_waitv(2), as for several words at once. */
static void wait_for_several(int number) {
    for (join();;) {
        struct { unsigned long value, address; unsigned flags, zero; } one = {0, (unsigned long)&b->full, 2, 0};
        while (sem_trywait(&b->full)) {
            ++((_Atomic int *)&b->full)[1];
            syscall(449, &one, 1, 0, NULL, 0);
            --((_Atomic int *)&b->full)[1];
        }
        lock(); got(extract()); unlock();
        give(&b->empty);
    }
}
static void put_seldom(int number) { for (join();; nap(LONG)) put(number); }
static void waits_for_several(void) { hire(put_seldom, 1, wait_for_several, 1); }

/* mutex is a token, which a short command posts now and then; one slot is kept free. */
static void token(int number) { join(); give(&b->mutex); }
static void send_tokens(int number) { for (;;) { nap(LONG); run("token", token, 0); } }
static void cron_gate(void) {
    initialise(0, N - 1, 0);
    hire(produce_gated, 1, consume_unlocked, 1);
    spawn("cron", send_tokens, 0);
}
/* A command takes a permit and the lock, and ends; who started it posts both a while later. */
static void take_baton(int number) { join(); take(&b->empty); lock(); insert(make(0)); }
static void pass_baton(int number) {
    for (;;) { run("taker", take_baton, 0); nap(LONG); join(); unlock(); give(&b->full); leave(); }
}
static void baton(void) { spawn("consumer", consume, 0); spawn("runner", pass_baton, 0); }

#define MODE(mode) {#mode, mode}
static const Mode MODES[] = {
    MODE(script_lock), MODE(unmap_inside), MODE(transaction), MODE(oneshot_aside), MODE(oneshot_pool),
    MODE(batch_all_private), MODE(zeroes), MODE(turnstile), MODE(token_ring), MODE(barber_cron),
    MODE(rate_gate), MODE(readers_writer_unmapped), MODE(work_inside), MODE(timed_init),
    MODE(timed_init_soon), MODE(alarm_init), MODE(handler_event), MODE(restart_private), MODE(clone_vm), MODE(raw_wait),
    MODE(own_credits), MODE(own_event), MODE(takes_over), MODE(waits_for_several), MODE(cron_gate), MODE(baton),
    MODE(stats_small), MODE(stats_big),
};

int main(int argc, char **argv) {
    make_buffer(argv[2]);
    return keep_mode(MODES, sizeof MODES / sizeof MODES[0], argv[1]);
}
