/* ills MODE NAME: sick programs on the exercise's struct, of mistakes that the textbook does not name. They run until
   they are killed; nobody counts their items. */
#include "ring.h"

#include <sys/resource.h>

static void put_any(void) { take(&b->empty); take(&b->mutex); insert(0); give(&b->mutex); give(&b->full); }
static void get_any(void) { take(&b->full); take(&b->mutex); extract(); give(&b->mutex); give(&b->empty); }
static void produce_any(int ms) { for (join();; usleep(1000 * ms)) put_any(); }
static void consume_any(int ms) { for (join();; usleep(1000 * ms)) get_any(); }
static void truncate_to(long size) { int fd = shm_open(name, O_RDWR, 0600); if (ftruncate(fd, size)) _exit(1); close(fd); }
/* Until that many sleep on it: the second word counts them. */
static void until_asleep(sem_t *s, int n) { while (((volatile int *)s)[1] < n) usleep(1000); }
static void sleep_on(void) { for (;;) usleep(100000); }

/* Out of the critical section by a return that posts nothing: it exits, goes on elsewhere, or begins anew. */
static void exit_inside(int n) { join(); while (n--) put_any(); take(&b->empty); take(&b->mutex); exit(0); }
static void exits_inside(void) { spawn("consumer", consume_any, 50); spawn("producer", produce_any, 50); run("producer", exit_inside, 3); }
static void wander_off(int n) { join(); while (n--) put_any(); take(&b->empty); take(&b->mutex); sleep_on(); }
static void wanders_off(void) { spawn("consumer", consume_any, 50); spawn("producer", produce_any, 50); spawn("producer", wander_off, 3); }
static void lock_twice(int n) { join(); while (n--) put_any(); take(&b->empty); take(&b->mutex); take(&b->mutex); }
static void locks_twice(void) { spawn("consumer", consume_any, 50); spawn("producer", lock_twice, 3); }
static void *leave_inside(void *n) { take(&b->empty); take(&b->mutex); return NULL; }
static void thread_leaves(int n) { join(); while (n--) put_any(); pthread_t t; pthread_create(&t, NULL, leave_inside, NULL); for (;;) put_any(); }
static void thread_ends_inside(void) { spawn("consumer", consume_any, 50); spawn("producer", thread_leaves, 3); }
static void become_sleep(int n) { join(); while (n--) put_any(); take(&b->empty); take(&b->mutex); execlp("sleep", "sleep", "1000", (char *)0); }
static void execs_inside(void) { spawn("consumer", consume_any, 50); spawn("producer", produce_any, 50); spawn("producer", become_sleep, 3); }
static void wait_for_child(int n) {
    join();
    take(&b->empty); take(&b->mutex);
    if (!fork()) { prctl(PR_SET_PDEATHSIG, SIGKILL); get_any(); _exit(0); }
    wait(NULL);
    give(&b->mutex);
}
static void waits_for_child(void) { put_any(); spawn("parent", wait_for_child, 0); }
static void stop_inside(int n) { join(); take(&b->empty); take(&b->mutex); raise(SIGSTOP); }
static void stops_inside(void) { spawn("consumer", consume_any, 50); spawn("producer", stop_inside, 0); }
/* Its holder is dead, and who wants it looks again and again without a wait. */
static void spin_for(int n) { for (join();; ) { take(&b->empty); while (sem_trywait(&b->mutex)); insert(0); give(&b->mutex); give(&b->full); } }
static void die_inside(int n) { join(); take(&b->empty); take(&b->mutex); raise(SIGKILL); }
static void spins_for_the_dead(void) { run("victim", die_inside, 0); spawn("producer", spin_for, 0); }

/* Permits: forgotten now and then, posted to the wrong side, more than there are, none, of an old run. */
static void forget(int n) { for (join();; usleep(20000)) { take(&b->empty); take(&b->mutex); insert(0); give(&b->mutex); if (++n % 3) give(&b->full); } }
static void forgets(void) { spawn("producer", forget, 0); spawn("consumer", consume_any, 10); }
static void post_empty(int n) { for (join();; usleep(50000)) { take(&b->empty); take(&b->mutex); insert(0); give(&b->mutex); give(&b->empty); } }
static void posts_the_wrong_one(void) { spawn("producer", post_empty, 0); spawn("consumer", consume_any, 10); }
static void one_slot_more(void) { initialise(1, N + 1, 0); spawn("producer", produce_any, 20); spawn("consumer", consume_any, 400); }
static void no_permits(void) { initialise(1, 0, 0); spawn("producer", produce_any, 50); spawn("consumer", consume_any, 50); }
static void lock_never_given(void) { initialise(0, N, 0); spawn("producer", produce_any, 50); spawn("consumer", consume_any, 50); }
/* Each takes half of what it needs, and waits for the other half. */
static void put_three(int n) { join(); take(&b->empty); take(&b->empty); usleep(300000); take(&b->empty); take(&b->empty); sleep_on(); }
static void halves(void) { spawn("producer", put_three, 0); spawn("producer", put_three, 0); spawn("consumer", consume_any, 10); }
/* The only consumer waits for its input for ever, with a permit in hand. */
static void get_and_read(int n) { join(); while (n--) get_any(); take(&b->full); char c; int ends[2]; if (!pipe(ends)) read(ends[0], &c, 1); }
static void reads_for_ever(void) { spawn("producer", produce_any, 50); spawn("consumer", get_and_read, 3); }

/* The bytes: wiped while they sleep, written over, shrunk, replaced. */
static void wiped(void) { spawn("consumer", consume_any, 50); spawn("consumer", consume_any, 50); until_asleep(&b->full, 2); memset(b, 0, sizeof *b); }
static void overwritten(void) { spawn("producer", produce_any, 50); spawn("consumer", consume_any, 50); usleep(300000); memset(b->data, 0x41, sizeof b->data + 8); }
static void anew(int n) {
    shm_unlink(name);
    b = created(name, sizeof *b);
    initialise(1, N, 0);
    for (;; usleep(50000)) put_any();
}
static void until_replaced(void) {
    for (Buffer seen = {0}; *(int *)&seen.full <= 0; usleep(1000)) {
        int fd = shm_open(name, O_RDONLY, 0);
        if (fd >= 0 && read(fd, &seen, sizeof seen) < (ssize_t)sizeof seen) seen = (Buffer){0};
        close(fd);
    }
}
static void replaced(void) { spawn("consumer", consume_any, 50); until_asleep(&b->full, 1); spawn("producer", anew, 0); until_replaced(); }
static void join_privately(int n) {
    int fd = shm_open(name, O_RDWR, 0600);
    b = mmap(NULL, sizeof *b, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    for (;; usleep(50000)) put_any();
}
static void copied(void) { spawn("producer", join_privately, 0); spawn("consumer", consume_any, 50); }

/* The critical section again: left by a fault, by a cancelled thread, by a child of vfork(2) that never ends; kept by
   one that has let go of the segment; entered by who does not look whether its wait came to an end. */
static void fault_inside(int n) { join(); while (n--) put_any(); take(&b->empty); take(&b->mutex); setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}); *(volatile int *)8 = 1; }
static void faults_inside(void) { spawn("consumer", consume_any, 50); spawn("producer", produce_any, 50); run("producer", fault_inside, 3); }
static void *hold_for_ever(void *n) { take(&b->empty); take(&b->mutex); sleep_on(); return NULL; }
static void cancel_inside(int n) {
    join();
    while (n--) put_any();
    pthread_t t;
    pthread_create(&t, NULL, hold_for_ever, NULL);
    usleep(100000);
    pthread_cancel(t); pthread_join(t, NULL);
    for (;;) put_any();
}
static void cancelled_inside(void) { spawn("consumer", consume_any, 50); spawn("producer", cancel_inside, 3); }
static void vfork_inside(int n) { join(); take(&b->empty); take(&b->mutex); if (!vfork()) { prctl(PR_SET_PDEATHSIG, SIGKILL); sleep_on(); } }
static void vforks_inside(void) { spawn("consumer", consume_any, 50); spawn("producer", vfork_inside, 0); }
static void let_go_inside(int n) { join(); take(&b->empty); take(&b->mutex); leave(); sleep_on(); }
static void lets_go_inside(void) { spawn("consumer", consume_any, 50); spawn("producer", produce_any, 50); spawn("producer", let_go_inside, 0); }
static void fork_inside(int n) {
    for (join();; usleep(50000)) { take(&b->empty); take(&b->mutex); insert(0); if (!fork()) { give(&b->mutex); _exit(0); } wait(NULL); give(&b->mutex); give(&b->full); }
}
static void forks_and_posts_twice(void) { spawn("producer", fork_inside, 0); spawn("consumer", consume_any, 10); }
static void try_in_vain(int n) { for (join();; usleep(20000)) { take(&b->empty); sem_trywait(&b->mutex); insert(0); usleep(10000); give(&b->mutex); give(&b->full); } }
static void ignores_trywait(void) { spawn("producer", try_in_vain, 0); spawn("producer", try_in_vain, 0); spawn("consumer", consume_any, 10); }
static void handle_inside(int n) { take(&b->mutex); insert(0); give(&b->mutex); }
static void lock_in_handler(int n) { join(); signal(SIGALRM, handle_inside); alarm(1); while (n--) put_any(); take(&b->empty); take(&b->mutex); sleep_on(); }
static void handler_locks(void) { spawn("consumer", consume_any, 50); spawn("producer", lock_in_handler, 3); }

/* A wait whose end is not looked at: the time is over, or a signal came, and it goes on without a permit. */
static void get_late(int n) { for (join();;) { struct timespec t = soon(60); sem_timedwait(&b->full, &t); take(&b->mutex); extract(); give(&b->mutex); give(&b->empty); } }
static void ignores_timeout(void) { spawn("producer", produce_any, 300); spawn("consumer", get_late, 0); }
static void nothing(int n) {}
static void get_interrupted(int n) {
    struct sigaction act = {.sa_handler = nothing};
    struct itimerval each = {{0, 70000}, {0, 70000}};
    sigaction(SIGALRM, &act, NULL); setitimer(ITIMER_REAL, &each, NULL);
    for (join();;) { sem_wait(&b->full); while (sem_wait(&b->mutex)); extract(); give(&b->mutex); give(&b->empty); }
}
static void ignores_interruption(void) { spawn("producer", produce_any, 300); spawn("consumer", get_interrupted, 0); }
static void get_unasked(int n) { for (join();; usleep(50000)) { take(&b->mutex); extract(); give(&b->mutex); give(&b->empty); } }
static void never_waits_for_items(void) { spawn("producer", produce_any, 100); spawn("consumer", get_unasked, 0); }
static void put_unasked(int n) { for (join();; usleep(20000)) { take(&b->mutex); insert(0); give(&b->mutex); give(&b->full); } }
static void never_waits_for_room(void) { spawn("producer", put_unasked, 0); spawn("consumer", consume_any, 100); }
static void put_still(int n) { for (join();; usleep(20000)) { take(&b->empty); take(&b->mutex); b->data[b->in] = n++; give(&b->mutex); give(&b->full); } }
static void get_still(int n) { for (join();; usleep(60000)) { take(&b->full); take(&b->mutex); n = b->data[b->out]; give(&b->mutex); give(&b->empty); } }
static void indices_stand_still(void) { spawn("producer", put_still, 0); spawn("consumer", get_still, 0); }
static void one_index_stands_still(void) { spawn("producer", put_still, 0); spawn("consumer", consume_any, 30); }

/* Initialised wrongly, or once more: too many inside, an item that is none, by the second to start, by nobody in time. */
static void two_may_enter(void) { initialise(2, N, 0); for (int i = 0; i < 3; i++) spawn("producer", produce_any, 1); for (int i = 0; i < 3; i++) spawn("consumer", consume_any, 1); }
static void one_item_more(void) { initialise(1, N, 1); spawn("producer", produce_any, 400); spawn("consumer", consume_any, 20); }
static void initialise_again(int n) { usleep(400000); join(); initialise(1, N, 0); for (;; usleep(50000)) get_any(); }
static void second_initialises(void) { spawn("producer", produce_any, 30); spawn("consumer", initialise_again, 0); }
static void initialise_often(int n) { for (join();; usleep(300000)) initialise(1, N, 0); }
static void initialised_in_flight(void) { spawn("producer", produce_any, 10); spawn("consumer", consume_any, 40); spawn("config", initialise_often, 0); }
static void shrunk(void) { spawn("consumer", consume_any, 50); spawn("consumer", consume_any, 50); until_asleep(&b->full, 2); truncate_to(0); }
static void join_copy(int n) {
    int fd = shm_open(name, O_RDWR, 0600);
    b = mmap(NULL, sizeof *b, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    for (;; usleep(50000)) get_any();
}
static void consumer_copied(void) { spawn("producer", produce_any, 50); usleep(100000); spawn("consumer", join_copy, 0); }
static void get_by_looking(int n) { for (join();; extract()) while (*(volatile int *)&b->in == *(volatile int *)&b->out); }
static void spins_on_memory(void) { spawn("consumer", get_by_looking, 0); }
/* No item moves any more, and something else does: a wait in turns, a lock that others take and give back, a try that
   gives way each time. */
static void put_in_turns(int n) { for (join();;) { take_in(&b->empty, 200); take(&b->mutex); insert(0); give(&b->mutex); give(&b->full); } }
static void waits_in_turns(void) { spawn("producer", put_in_turns, 0); until_asleep(&b->empty, 1); }
static void get_for_good(int n) { join(); while (n--) get_any(); for (;;) { take(&b->full); take(&b->mutex); extract(); give(&b->mutex); } }
static void lock_and_unlock(int ms) { for (join();; usleep(1000 * ms)) { take(&b->mutex); usleep(1000 * ms); give(&b->mutex); } }
static void lock_goes_round(void) {
    spawn("producer", produce_any, 1); spawn("consumer", get_for_good, 3);
    until_asleep(&b->empty, 1); until_asleep(&b->full, 1);
    spawn("monitor", lock_and_unlock, 3); spawn("monitor", lock_and_unlock, 2);
}
static void die_with_a_permit(int n) { join(); take(&b->full); raise(SIGKILL); }
static void looked_at(void) { spawn("producer", produce_any, 1); run("consumer", die_with_a_permit, 0); until_asleep(&b->empty, 1); spawn("monitor", lock_and_unlock, 80); }
static void give_way(int n) { for (join();; usleep(30000)) { if (sem_trywait(&b->mutex)) continue; usleep(50000); if (!sem_trywait(&b->full)) put_any(); give(&b->mutex); } }
static void gives_way(void) { spawn("consumer", consume_any, 5); until_asleep(&b->full, 1); spawn("left", give_way, 0); spawn("right", give_way, 0); }
/* The producer went on to a new segment of the name, which lives beside the old one; and both have their peers. */
static void two_generations(void) { spawn("consumer", consume_any, 50); until_asleep(&b->full, 1); spawn("producer", anew, 0); until_replaced(); spawn("consumer", consume_any, 50); }
/* Each waits for more than there ever is, by looking again and again: for a batch of four free slots, or of five items. */
static int held(sem_t *s) { int value; sem_getvalue(s, &value); return value; }
static void put_four(int n) { for (join();; usleep(20000)) { take(&b->mutex); if (held(&b->empty) >= 4) for (n = 4; n--;) { take(&b->empty); insert(0); give(&b->full); } give(&b->mutex); } }
static void get_five(int n) { for (join();; usleep(20000)) { take(&b->mutex); if (held(&b->full) >= 5) for (n = 5; n--;) { take(&b->full); extract(); give(&b->empty); } give(&b->mutex); } }
static void two_batches(void) { spawn("producer", put_four, 0); spawn("consumer", get_five, 0); while (held(&b->full) < 4) usleep(1000); }

#define MODE(mode) {#mode, mode}
static const struct { const char *name; void (*run)(void); } MODES[] = {
    MODE(exits_inside), MODE(wanders_off), MODE(locks_twice), MODE(thread_ends_inside), MODE(execs_inside),
    MODE(waits_for_child), MODE(stops_inside), MODE(spins_for_the_dead), MODE(forgets), MODE(posts_the_wrong_one),
    MODE(one_slot_more), MODE(no_permits), MODE(lock_never_given), MODE(halves),
    MODE(reads_for_ever), MODE(wiped), MODE(overwritten), MODE(replaced), MODE(copied),
    MODE(faults_inside), MODE(cancelled_inside), MODE(vforks_inside), MODE(lets_go_inside), MODE(forks_and_posts_twice),
    MODE(ignores_trywait), MODE(handler_locks), MODE(ignores_timeout), MODE(ignores_interruption),
    MODE(never_waits_for_items), MODE(never_waits_for_room), MODE(indices_stand_still), MODE(one_index_stands_still),
    MODE(two_may_enter), MODE(one_item_more), MODE(second_initialises), MODE(initialised_in_flight), MODE(shrunk),
    MODE(consumer_copied), MODE(spins_on_memory), MODE(two_generations),
    MODE(waits_in_turns), MODE(lock_goes_round), MODE(looked_at), MODE(gives_way), MODE(two_batches),
};

int main(int argc, char **argv) {
    make_buffer(argv[2]);
    for (size_t i = 0; i < sizeof MODES / sizeof MODES[0]; i++) if (!strcmp(argv[1], MODES[i].name)) {
        MODES[i].run();
        let_go();
        usleep(1200000);
        puts("ready");
        for (;;) pause();
    }
    return 2;
}
